#include "agents/mlp_policy.h"

#include <cassert>
#include <utility>

namespace hotlap::agents {

MlpPolicy::MlpPolicy(ActorCritic network, Weights weights,
                     std::optional<std::uint64_t> sampling_seed)
    : network_(std::move(network)), weights_(std::move(weights)), sampling_seed_(sampling_seed) {
  assert(weights_.parameters.size() == network_.num_parameters());
}

void MlpPolicy::Reserve(int rows) {
  if (rows <= max_rows_) return;
  memory_ = network_.MakeMemory(rows, false);
  actions_.resize(static_cast<std::size_t>(rows) *
                  static_cast<std::size_t>(network_.head().action_size()));
  log_probabilities_.resize(static_cast<std::size_t>(rows));
  random_.reserve(static_cast<std::size_t>(rows));
  places_.resize(static_cast<std::size_t>(rows));
  const int first = std::exchange(max_rows_, rows);
  for (int row = first; row < rows; ++row) BeginEpisode(row, 0);
}

void MlpPolicy::BeginEpisode(int row, std::uint64_t seed) {
  Reserve(row + 1);
  // Two seeds, one key: a sum of them would give neighbours' episodes the same draws.
  const RandomStream keys(sampling_seed_.value_or(0), seed, RandomPurpose::kPolicy);
  places_[static_cast<std::size_t>(row)] = {keys.Bits(0), 0};
}

void MlpPolicy::Act(std::span<const float> observations, ActionBuffer& actions) {
  const std::span<const float> all(weights_.parameters);
  const auto columns = static_cast<std::size_t>(network_.observation_size());
  const auto num_rows = observations.size() / columns;
  const auto rows = static_cast<int>(num_rows);
  Reserve(rows);
  weights_.scale.Apply(observations, memory_.scaled);
  const auto outputs = network_.actor().Forward(network_.ActorPart(all), memory_.scaled.data(),
                                                columns, rows, memory_.actor);
  if (sampling_seed_) {
    random_.clear();
    for (Place& place : std::span(places_).first(num_rows)) {
      random_.emplace_back(place.key, place.step++, RandomPurpose::kPolicy);
    }
    network_.head().Draw(outputs, network_.HeadPart(all), rows, random_, memory_.head, actions_,
                         log_probabilities_);
  } else {
    network_.head().Choose(outputs, rows, actions_);
  }
  network_.head().Write(actions_, rows, actions);
}

}  // namespace hotlap::agents
