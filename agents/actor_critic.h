// A policy and an estimate of what it will earn: two networks over the same observations. The shape
// alone; the numbers are in Weights, so threads may share both.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agents/action_head.h"
#include "agents/mlp.h"
#include "agents/observation_scale.h"
#include "env/spec.h"

namespace hotlap::agents {

// The numbers of an ActorCritic.
struct Weights {
  std::vector<float> parameters;
  ObservationScale scale;
  friend bool operator==(const Weights&, const Weights&) = default;
};

class ActorCritic {
 public:
  // Memory for up to so many rows of one thread.
  struct Memory {
    std::vector<float> scaled;  // observations, [rows, d]
    Mlp::Memory actor, critic;
    ActionHead::Memory head;
  };

  // Throws std::invalid_argument where the environment shows or takes nothing.
  ActorCritic(const EnvironmentSpec& spec, const MlpSettings& network);

  const Mlp& actor() const { return actor_; }
  const Mlp& critic() const { return critic_; }
  const ActionHead& head() const { return head_; }
  int observation_size() const { return actor_.num_inputs(); }
  std::size_t num_parameters() const;
  // Parts of the parameters, or of a gradient by them.
  template <typename Float>
  std::span<Float> ActorPart(std::span<Float> all) const {
    return all.first(actor_.num_parameters());
  }
  template <typename Float>
  std::span<Float> CriticPart(std::span<Float> all) const {
    return all.subspan(actor_.num_parameters(), critic_.num_parameters());
  }
  template <typename Float>
  std::span<Float> HeadPart(std::span<Float> all) const {
    return all.last(head_.num_parameters());
  }

  // Before anything is learnt: actions are nearly even (or about 0, of deviation
  // exp(`log_deviation`)), values about 0.
  Weights Initial(std::uint64_t seed, float log_deviation) const;
  Memory MakeMemory(int max_rows, bool with_gradients) const;

 private:
  Mlp actor_, critic_;
  ActionHead head_;
};

}  // namespace hotlap::agents
