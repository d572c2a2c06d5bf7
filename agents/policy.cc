#include "agents/policy.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "agents/mlp_policy.h"
#include "agents/pursuit_policy.h"
#include "agents/random_policy.h"
#include "agents/script_policy.h"
#include "agents/weights_file.h"

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

std::unique_ptr<Policy> MakePolicy(std::string_view name, const EnvironmentSpec& spec,
                                   std::uint64_t seed, bool draws) {
  if (IsWeightsFile(name)) {
    WeightsFile file = ReadWeights(name, spec);
    return std::make_unique<MlpPolicy>(ActorCritic(spec, file.network), std::move(file.weights),
                                       draws ? std::optional(seed) : std::nullopt);
  }
  if (draws) {
    throw std::invalid_argument("only weights can draw their actions, " + std::string(name) +
                                " cannot");
  }
  if (name == "random") return std::make_unique<RandomPolicy>(spec, seed);
  if (name == "pursuit") return std::make_unique<PursuitPolicy>(spec);
  if (IsScriptFile(name)) return ReadScriptPolicy(name, spec);
  throw std::invalid_argument("unknown policy '" + std::string(name) +
                              "'; allowed: random, pursuit, and files: *.weights, *.txt, an input "
                              "script, and *.csv, a recorded run");
}

}  // namespace hotlap::agents
