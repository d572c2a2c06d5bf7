#include "agents/random_policy.h"

#include <stdexcept>

namespace hotlap::agents {

RandomPolicy::RandomPolicy(const EnvironmentSpec& spec, std::uint64_t seed)
    : action_(spec.action), seed_(seed) {
  if (action_.size() == 0) throw std::invalid_argument("random needs a set of at least one action");
}

RandomPolicy::Episode RandomPolicy::EpisodeOf(std::size_t row) const {
  if (row < episodes_.size()) return episodes_[row];
  return {RandomStream(seed_, row, RandomPurpose::kPolicy), 0};
}

void RandomPolicy::BeginEpisode(int row, std::uint64_t seed) {
  const auto place = static_cast<std::size_t>(row);
  while (episodes_.size() <= place) episodes_.push_back(EpisodeOf(episodes_.size()));
  episodes_[place] = {RandomStream(seed_, seed, RandomPurpose::kPolicy), calls_};
}

void RandomPolicy::Act(std::span<const float>, ActionBuffer& actions) {
  const auto size = static_cast<std::size_t>(action_.size());
  for (std::size_t row = 0; row < actions.discrete.size(); ++row) {
    const Episode episode = EpisodeOf(row);
    const std::uint64_t bits = episode.stream.Bits(calls_ - episode.first_call);
    // The upper half times the size, upper half again: even to within size / 2^32.
    actions.discrete[row] = static_cast<std::int32_t>(((bits >> 32) * size) >> 32);
  }
  for (std::size_t row = 0; row < actions.continuous.size() / size; ++row) {
    const Episode episode = EpisodeOf(row);
    const std::uint64_t first_draw = (calls_ - episode.first_call) * size;
    for (std::size_t component = 0; component < size; ++component) {
      const float low = action_.low[component];
      const float high = action_.high[component];
      actions.continuous[row * size + component] =
          low + (high - low) * episode.stream.Unit(first_draw + component);
    }
  }
  ++calls_;
}

}  // namespace hotlap::agents
