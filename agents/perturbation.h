// What makes the episodes of an evaluation differ: docs/evaluation.md is the normative text.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "env/spec.h"

namespace hotlap::agents {

enum class PerturbationKind : std::uint8_t { kNone, kIdleStart, kObservationNoise, kStartOffset };
const char* PerturbationName(PerturbationKind kind);    // "none", "idle_start", ...
std::span<const std::string_view> PerturbationNames();  // in the order of the kinds
inline constexpr int kMostIdleTicks = 20;               // of kIdleStart, in whole steps

// How much of it there is, of those that can have more or less of it.
struct PerturbationSizes {
  double deviation = 0.005;  // kObservationNoise: standard deviation, in units of the scaled column
  double offset_m = 1;       // kStartOffset: to either side of the start, at most
};

struct Perturbation {
  PerturbationKind kind = PerturbationKind::kNone;
  int most_ticks = 0;        // kIdleStart: without input at the start, a multiple of a step's
  double deviation = 0;      // kObservationNoise: in units of the scaled column, in (0, 1]
  double most_offset_m = 0;  // kStartOffset: to either side, in [0.001, kMaxStartOffsetM]
};

// As it is in this environment. Throws std::invalid_argument when the name is none of those, its
// size is out of its range, or the environment cannot have it: an idle start with steps of more
// than 20 ticks or keys without the action `none`; a start offset where it draws one itself.
Perturbation MakePerturbation(std::string_view name, const PerturbationSizes& sizes,
                              const EnvironmentSpec& spec);

// The action without input: of keys its number; 0 of steer and gas, as of keys without `none`.
std::int32_t NeutralAction(const ActionSpec& action);

// What a policy is shown in place of an observation: its measured columns, those whose unit is not
// "1", with noise on them, within their bounds. A function of the episode's base seed and its ticks
// so far.
class ObservationNoise {
 public:
  ObservationNoise(const EnvironmentSpec& spec, double deviation);
  void Disturb(std::uint64_t seed, std::int64_t ticks, std::span<float> row) const;

 private:
  struct Column {
    std::size_t index;
    float low, high;
  };
  std::vector<Column> columns_;
  float deviation_;
};

}  // namespace hotlap::agents
