#include "env/environment.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace hotlap {
namespace {

// With every info column.
VectorEnvironmentConfig OneRow(const EnvironmentConfig& config) {
  VectorEnvironmentConfig result;
  result.environment = config;
  result.autoreset = Autoreset::kDisabled;
  for (const InfoColumn& column : MakeSpec(config).info) {
    result.info_columns.push_back(column.name);
  }
  return result;
}

std::vector<std::unique_ptr<GameGroup>> Alone(std::unique_ptr<GameGroup> game) {
  std::vector<std::unique_ptr<GameGroup>> groups;
  groups.push_back(std::move(game));
  return groups;
}

}  // namespace

Environment::Environment(const EnvironmentConfig& config, std::unique_ptr<GameGroup> game,
                         RowConfig row)
    : rows_(OneRow(config), Alone(std::move(game)), {std::move(row)}), batch_(rows_) {}

RowStatus Environment::Reset(std::optional<std::uint64_t> seed,
                             std::span<const std::byte> snapshot) {
  ResetOptions options;
  const std::uint64_t seeds[] = {seed.value_or(0)};
  if (seed) options.seeds = seeds;
  options.snapshots = {&snapshot, 1};
  rows_.Reset(options, batch_.view());
  return status();
}

RowStatus Environment::Step(std::int32_t action) {
  rows_.Step({.discrete = {&action, 1}, .continuous = {}}, batch_.view());
  return status();
}

RowStatus Environment::Step(std::span<const float> action) {
  rows_.Step({.discrete = {}, .continuous = action}, batch_.view());
  return status();
}

double Environment::info(std::string_view column) const {
  const auto columns = rows_.info_columns();
  const auto found = std::ranges::find(columns, column, &InfoColumn::name);
  if (found == columns.end()) {
    throw std::invalid_argument("info column '" + std::string(column) + "' is unknown");
  }
  const std::byte* const value =
      &batch_.info[static_cast<std::size_t>(found - columns.begin()) * 4];
  if (found->type == InfoType::kFloat32) {
    float number = 0;
    std::memcpy(&number, value, sizeof number);
    return static_cast<double>(number);
  }
  std::int32_t number = 0;
  std::memcpy(&number, value, sizeof number);
  return number;
}

tl::expected<void, std::string> Environment::Restore(std::span<const std::byte> snapshot) {
  return rows_.Restore(0, snapshot, batch_.view());
}

}  // namespace hotlap
