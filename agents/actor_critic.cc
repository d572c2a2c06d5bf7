#include "agents/actor_critic.h"

#include <algorithm>
#include <stdexcept>

namespace hotlap::agents {
namespace {

int ObservationSize(const EnvironmentSpec& spec) {
  if (spec.observation.empty()) {
    throw std::invalid_argument("a network needs at least one observation column");
  }
  return spec.observation_size();
}

}  // namespace

ActorCritic::ActorCritic(const EnvironmentSpec& spec, const MlpSettings& network)
    : actor_(ObservationSize(spec), ActionHead(spec.action).num_outputs(), network),
      critic_(ObservationSize(spec), 1, network),
      head_(spec.action) {}

std::size_t ActorCritic::num_parameters() const {
  return actor_.num_parameters() + critic_.num_parameters() + head_.num_parameters();
}

Weights ActorCritic::Initial(std::uint64_t seed, float log_deviation) const {
  constexpr float kActorGain = 0.01f, kCriticGain = 1;
  Weights weights{std::vector<float>(num_parameters()), ObservationScale(observation_size())};
  const std::span<float> all(weights.parameters);
  // Networks of their own draws.
  const RandomStream seeds(seed, 0, RandomPurpose::kWeights);
  actor_.Initialise(seeds.Bits(0), kActorGain, ActorPart(all));
  critic_.Initialise(seeds.Bits(1), kCriticGain, CriticPart(all));
  std::fill_n(HeadPart(all).begin(), head_.num_deviations(), log_deviation);
  return weights;
}

ActorCritic::Memory ActorCritic::MakeMemory(int max_rows, bool with_gradients) const {
  Memory memory;
  memory.scaled.resize(static_cast<std::size_t>(max_rows) *
                       static_cast<std::size_t>(observation_size()));
  memory.actor = actor_.MakeMemory(max_rows, with_gradients);
  memory.critic = critic_.MakeMemory(max_rows, with_gradients);
  memory.head = head_.MakeMemory(max_rows);
  return memory;
}

}  // namespace hotlap::agents
