// Drives with a network that was learnt.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/policy.h"

namespace hotlap::agents {

// The action of a row depends on what that row sees alone, bit for bit, for any number of rows and
// on any processor.
class MlpPolicy : public Policy {
 public:
  // Takes the most likely action; with a seed it draws: the action is a function of the seed, the
  // seed of the row's episode (0 until one has begun) and the number of the step in it.
  // REQUIRES: weights.parameters.size() == network.num_parameters().
  MlpPolicy(ActorCritic network, Weights weights, std::optional<std::uint64_t> sampling_seed = {});

  bool is_sampled() const override { return sampling_seed_.has_value(); }
  void BeginEpisode(int row, std::uint64_t seed) override;
  // Takes memory in the first call of as many rows.
  void Act(std::span<const float> observations, ActionBuffer& actions) override;

 private:
  void Reserve(int rows);

  struct Place {            // of a row
    std::uint64_t key = 0;  // of its episode's draws
    std::uint64_t step = 0;
  };

  ActorCritic network_;
  Weights weights_;
  std::optional<std::uint64_t> sampling_seed_;
  int max_rows_ = 0;  // that there is memory for
  ActorCritic::Memory memory_;
  std::vector<float> actions_, log_probabilities_;
  std::vector<Place> places_;
  std::vector<RandomStream> random_;
};

}  // namespace hotlap::agents
