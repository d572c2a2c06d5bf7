#include "agents/mlp_policy.h"

#include <cassert>
#include <utility>

namespace hotlap::agents {

MlpPolicy::MlpPolicy(ActorCritic network, Weights weights, int rows,
                     std::optional<std::uint64_t> sampling_seed)
    : network_(std::move(network)),
      weights_(std::move(weights)),
      sampling_seed_(sampling_seed),
      rows_(rows),
      memory_(network_.MakeMemory(rows, false)),
      actions_(static_cast<std::size_t>(rows * network_.head().action_size())),
      log_probabilities_(static_cast<std::size_t>(rows)),
      places_(static_cast<std::size_t>(rows)) {
  assert(weights_.parameters.size() == network_.num_parameters());
  random_.reserve(places_.size());
  for (int row = 0; row < rows; ++row) BeginEpisode(row, 0);
}

void MlpPolicy::BeginEpisode(int row, std::uint64_t seed) {
  // Two seeds, one key: a sum of them would give neighbours' episodes the same draws.
  const RandomStream keys(sampling_seed_.value_or(0), seed, RandomPurpose::kPolicy);
  places_[static_cast<std::size_t>(row)] = {keys.Bits(0), 0};
}

void MlpPolicy::Act(std::span<const float> observations, ActionBuffer& actions) {
  const std::span<const float> all(weights_.parameters);
  const auto columns = static_cast<std::size_t>(network_.observation_size());
  assert(observations.size() == static_cast<std::size_t>(rows_) * columns);
  weights_.scale.Apply(observations, memory_.scaled);
  const auto outputs = network_.actor().Forward(network_.ActorPart(all), memory_.scaled.data(),
                                                columns, rows_, memory_.actor);
  if (sampling_seed_) {
    random_.clear();
    for (Place& place : places_) {
      random_.emplace_back(place.key, place.step++, RandomPurpose::kPolicy);
    }
    network_.head().Draw(outputs, network_.HeadPart(all), rows_, random_, memory_.head, actions_,
                         log_probabilities_);
  } else {
    network_.head().Choose(outputs, rows_, actions_);
  }
  network_.head().Write(actions_, rows_, actions);
}

}  // namespace hotlap::agents
