#include "env/reward.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "env/row_record.h"

namespace hotlap {
namespace {

constexpr float kTickSeconds = 0.01f;
constexpr float kMaxWeight = 1e6f;
constexpr float kMaxOffCentre = 2;

struct NamedTerm {
  const char* name;
  const char* unit;
};
constexpr std::array<NamedTerm, kNumRewardTerms> kTerms = {{{"progress", "m"},
                                                            {"time", "s"},
                                                            {"speed", "m"},
                                                            {"finish", "1"},
                                                            {"checkpoint", "1"},
                                                            {"wall_contact", "s"},
                                                            {"off_centre", "s"},
                                                            {"failure", "1"}}};

float OffCentre(const RowView& row) {
  const float lateral = row.record.place.lateral_m;
  const float half_width = lateral > 0 ? row.here.half_width_left_m : row.here.half_width_right_m;
  return std::min(std::abs(lateral) / std::max(half_width, 0.1f), kMaxOffCentre);
}

}  // namespace

RewardWeights ReadRewardWeights(const ConfigMap& config, const RewardWeights& base) {
  RewardWeights weights = base;
  for (std::size_t i = 0; i < kNumRewardTerms; ++i) {
    weights.weight[i] = config.Float(kTerms[i].name, -kMaxWeight, kMaxWeight, weights.weight[i]);
  }
  return weights;
}

std::vector<RewardTermSpec> SpecOf(const RewardWeights& weights) {
  std::vector<RewardTermSpec> spec;
  for (std::size_t i = 0; i < kNumRewardTerms; ++i) {
    spec.push_back({kTerms[i].name, weights.weight[i], kTerms[i].unit});
  }
  return spec;
}

RewardByTerm Rewards(const RewardWeights& weights, const StepOutcome& outcome, const RowView& row) {
  const float seconds = static_cast<float>(outcome.ticks) * kTickSeconds;
  const auto flag = [](bool value) { return value ? 1.0f : 0.0f; };
  const RewardByTerm& weight = weights.weight;
  return {outcome.progress_m * weight[0],
          seconds * weight[1],
          Dot(row.state.velocity_mps, row.state.rotation.Column(2)) * seconds * weight[2],
          flag(outcome.finished) * weight[3],
          static_cast<float>(outcome.checkpoints) * weight[4],
          flag(row.state.has_lateral_contact) * seconds * weight[5],
          OffCentre(row) * seconds * weight[6],
          flag(outcome.failed) * weight[7]};
}

}  // namespace hotlap
