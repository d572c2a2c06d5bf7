// Reward terms: the reward of a step is the sum of weight times value over them.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "env/config.h"
#include "env/spec.h"

namespace hotlap {

struct RowView;

inline constexpr std::size_t kNumRewardTerms = 8;
enum class RewardTerm : std::size_t {
  kProgress,     // metres along the line since the last step, signed; unwrapped
  kTime,         // seconds that ran
  kSpeed,        // speed along the car's nose (m/s, negative backwards) times seconds that ran
  kFinish,       // 1 on the finish
  kCheckpoint,   // checkpoints passed, the finish not counted
  kWallContact,  // seconds that ran, when the car's side touches something
  kOffCentre,    // |lateral offset| / half width there, at most 2, times seconds that ran
  kFailure,      // 1 when the episode ends by no_progress, off_road, fall or roof
};

using RewardByTerm = std::array<float, kNumRewardTerms>;

struct RewardWeights {
  RewardByTerm weight{0.02f, -0.05f, 0, 0, 0, 0, 0, -1};
};

// What happened in a step, beside the state it led to.
struct StepOutcome {
  int ticks = 0;  // that ran
  float progress_m = 0;
  int checkpoints = 0;  // passed, the finish not counted
  bool finished = false;
  bool failed = false;
};

// What is left out is that of `base`.
RewardWeights ReadRewardWeights(const ConfigMap& config, const RewardWeights& base = {});
std::vector<RewardTermSpec> SpecOf(const RewardWeights& weights);
RewardByTerm Rewards(const RewardWeights& weights, const StepOutcome& outcome, const RowView& row);

}  // namespace hotlap
