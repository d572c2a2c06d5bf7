// Draws every action evenly from the whole action set.
#pragma once

#include <vector>

#include "agents/policy.h"
#include "env/random.h"

namespace hotlap::agents {

// An action is a function of the policy's seed, the seed of the row's episode and the number of its
// step: it depends on no other row, nor on which row drives the episode. As long as no episode has
// begun in a row, the row's number stands for that seed.
class RandomPolicy : public Policy {
 public:
  RandomPolicy(const EnvironmentSpec& spec, std::uint64_t seed);
  bool is_sampled() const override { return true; }
  void BeginEpisode(int row, std::uint64_t seed) override;
  void Act(std::span<const float> observations, ActionBuffer& actions) override;

 private:
  // One draw for each component of each step.
  struct Episode {
    RandomStream stream;
    std::uint64_t first_call;
  };
  Episode EpisodeOf(std::size_t row) const;

  ActionSpec action_;
  std::uint64_t seed_;
  std::uint64_t calls_ = 0;
  std::vector<Episode> episodes_;  // of the rows in which some have begun, and those before them
};

}  // namespace hotlap::agents
