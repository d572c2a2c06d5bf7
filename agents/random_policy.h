// Draws every action evenly from the whole action set.
#pragma once

#include "agents/policy.h"

namespace hotlap::agents {

// An action is a function of (seed, row, number of the call): it depends on no other row.
class RandomPolicy : public Policy {
 public:
  RandomPolicy(const EnvironmentSpec& spec, std::uint64_t seed);
  void Act(std::span<const float> observations, ActionBuffer& actions) override;

 private:
  ActionSpec action_;
  std::uint64_t seed_;
  std::uint64_t calls_ = 0;
};

}  // namespace hotlap::agents
