#include "transport/row_steps.h"

#include <numeric>
#include <string>
#include <vector>

namespace hotlap::transport {
namespace {

std::size_t Size(int count) { return static_cast<std::size_t>(count); }

tl::unexpected<Refusal> RefuseRow(std::int32_t row, const std::string& why) {
  return Refuse(Status::kBadArgument, "array 'rows' has row " + std::to_string(row) + why);
}

}  // namespace

tl::expected<void, Refusal> CheckRows(std::span<const std::int32_t> rows, int num_rows) {
  std::vector<bool> is_named(Size(num_rows));
  for (const std::int32_t row : rows) {
    if (row < 0 || row >= num_rows) {
      return RefuseRow(row, ", must be at least 0 and less than " + std::to_string(num_rows));
    }
    if (is_named[Size(row)]) return RefuseRow(row, " twice");
    is_named[Size(row)] = true;
  }
  return {};
}

tl::expected<BatchResult, Refusal> StepRows(VectorEnvironment& environment,
                                            std::span<const std::int32_t> rows,
                                            const ActionView& actions, const BatchView& out) {
  if (rows.empty()) return environment.Step(actions, out);
  return CheckRows(rows, environment.num_rows()).map([&] {
    return environment.Step(rows, actions, out);
  });
}

tl::expected<void, Refusal> SendRows(VectorEnvironment& environment,
                                     std::span<const std::int32_t> rows,
                                     const ActionView& actions) {
  std::vector<std::int32_t> all;
  if (rows.empty()) {
    all.resize(Size(environment.num_rows()));
    std::iota(all.begin(), all.end(), 0);
    rows = all;
  }
  if (auto good = CheckRows(rows, environment.num_rows()); !good) return good;
  for (const std::int32_t row : rows) {
    if (environment.is_under_way(row)) return RefuseRow(row, ", which is under way already");
  }
  environment.Send(rows, actions);
  return {};
}

}  // namespace hotlap::transport
