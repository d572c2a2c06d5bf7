#include "agents/perturbation.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "env/random.h"
#include "env/randomisation.h"

namespace hotlap::agents {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"none", "idle_start", "observation_noise",
                                                    "start_offset"};
constexpr double kLeastOffsetM = 0.001;

}  // namespace

const char* PerturbationName(PerturbationKind kind) {
  return kNames[static_cast<std::size_t>(kind)].data();
}

std::span<const std::string_view> PerturbationNames() { return kNames; }

Perturbation MakePerturbation(std::string_view name, const PerturbationSizes& sizes,
                              const EnvironmentSpec& spec) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    throw std::invalid_argument("perturbation is '" + std::string(name) +
                                "', must be none, idle_start, observation_noise or start_offset");
  }
  Perturbation perturbation;
  perturbation.kind = static_cast<PerturbationKind>(found - kNames.begin());
  if (perturbation.kind == PerturbationKind::kObservationNoise) {
    if (!(sizes.deviation > 0 && sizes.deviation <= 1)) {
      throw std::invalid_argument("deviation is " + std::to_string(sizes.deviation) +
                                  ", must be above 0 and at most 1");
    }
    perturbation.deviation = sizes.deviation;
  }
  if (perturbation.kind == PerturbationKind::kStartOffset) {
    if (!(sizes.offset_m >= kLeastOffsetM && sizes.offset_m <= double{kMaxStartOffsetM})) {
      throw std::invalid_argument("offset is " + std::to_string(sizes.offset_m) +
                                  " m, must be from 0.001 to 4");
    }
    const auto drawn =
        std::ranges::find(spec.randomisation, "start_offset_m", &RandomisedParameterSpec::name);
    if (drawn != spec.randomisation.end()) {
      throw std::invalid_argument(
          "start_offset wants an environment that does not draw start_offset_m itself");
    }
    perturbation.most_offset_m = sizes.offset_m;
  }
  if (perturbation.kind == PerturbationKind::kIdleStart) {
    const int ticks = spec.ticks_per_step;
    if (ticks > kMostIdleTicks) {
      throw std::invalid_argument("idle_start wants steps of at most " +
                                  std::to_string(kMostIdleTicks) + " ticks, they have " +
                                  std::to_string(ticks));
    }
    if (spec.action.kind == ActionKind::kDiscrete &&
        std::ranges::find(spec.action.names, "none") == spec.action.names.end()) {
      throw std::invalid_argument("idle_start wants the action 'none', which this set lacks");
    }
    perturbation.most_ticks = kMostIdleTicks - kMostIdleTicks % ticks;
  }
  return perturbation;
}

std::int32_t NeutralAction(const ActionSpec& action) {
  if (action.kind != ActionKind::kDiscrete) return 0;
  const auto found = std::ranges::find(action.names, "none");
  return found == action.names.end() ? 0 : static_cast<std::int32_t>(found - action.names.begin());
}

ObservationNoise::ObservationNoise(const EnvironmentSpec& spec, double deviation)
    : deviation_(static_cast<float>(deviation)) {
  for (std::size_t i = 0; i < spec.observation.size(); ++i) {
    const ObservationColumn& column = spec.observation[i];
    if (column.unit != "1") columns_.push_back({i, column.low, column.high});
  }
}

void ObservationNoise::Disturb(std::uint64_t seed, std::int64_t ticks, std::span<float> row) const {
  const RandomStream stream(seed, 0, RandomPurpose::kEvaluationNoise);
  const std::uint64_t first_draw = static_cast<std::uint64_t>(ticks) * row.size();
  for (const Column& column : columns_) {
    const float noise = deviation_ * stream.Bell(first_draw + column.index);
    row[column.index] = std::clamp(row[column.index] + noise, column.low, column.high);
  }
}

}  // namespace hotlap::agents
