#include "agents/policy.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace hotlap::agents {
namespace {

constexpr std::array<std::string_view, 2> kPolicyNames = {"random", "pursuit"};

auto Find(const EnvironmentSpec& spec, std::string_view column) {
  return std::ranges::find(spec.observation, column, &ObservationColumn::name);
}

}  // namespace

ColumnReader FindColumn(const EnvironmentSpec& spec, std::string_view column,
                        std::string_view wanted_by) {
  const auto found = Find(spec, column);
  if (found == spec.observation.end()) {
    throw std::invalid_argument(std::string(wanted_by) + " needs the observation column '" +
                                std::string(column) + "', which this environment lacks");
  }
  return {static_cast<int>(found - spec.observation.begin()), 1.0f / found->scale};
}

bool HasColumn(const EnvironmentSpec& spec, std::string_view column) {
  return Find(spec, column) != spec.observation.end();
}

ActionBuffer::ActionBuffer(const ActionSpec& spec, int rows) {
  const auto n = static_cast<std::size_t>(rows);
  if (spec.kind == ActionKind::kDiscrete) {
    discrete.assign(n, 0);
  } else {
    continuous.assign(n * static_cast<std::size_t>(spec.size()), 0.0f);
  }
}

std::span<const std::string_view> PolicyNames() { return kPolicyNames; }

}  // namespace hotlap::agents
