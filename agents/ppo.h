// Proximal policy optimisation (Schulman et al. 2017): how a rollout changes an ActorCritic.
//
// The loss of an example with action a, its old log probability l0, advantage A (made mean 0 and
// deviation 1 over its minibatch), return R and old value v0, where r = exp(log p(a) - l0):
//
//   -min(r A, clip(r, 1 - clip, 1 + clip) A) - entropy_weight H + value_weight E / 2
//   E = max((v - R)^2, (v0 + clip(v - v0, -value_clip, value_clip) - R)^2), or (v - R)^2 without
//
// averaged over the minibatch. Sums go in an order of their own, whatever the number of threads:
// the bits of an update depend on none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/adam.h"
#include "agents/rollout.h"
#include "env/worker_pool.h"

namespace hotlap::agents {

struct PpoSettings {
  int rollout_steps = 16;   // of each row between two updates
  int epochs = 5;           // passes over the rollout
  int minibatch = 4096;     // examples of one step of the optimiser
  float discount = 0.99f;   // per env step, [0, 1]
  float gae_decay = 0.95f;  // lambda, [0, 1]
  float clip = 0.2f;        // above 0
  float value_clip = 0;     // 0: none
  float value_weight = 0.5f;
  float entropy_weight = 0;
  float max_gradient_norm = 0.5f;  // longer ones are shortened to it; 0: none
  float target_kl = 0;             // the update stops after the minibatch that passes it; 0: never
  float first_learning_rate = 2e-3f, last_learning_rate = 0;  // even slope over the training
  float log_deviation = -0.5f;                                // of continuous actions at first
};

// Means over the examples that an update used.
struct PpoReport {
  double policy_loss = 0, value_loss = 0, entropy = 0;
  double kl = 0;                  // from the old policy, as mean of (r - 1) - log r (Schulman 2020)
  double clipped_share = 0;       // of examples with r beyond the clip
  double gradient_norm = 0;       // before it is shortened
  double explained_variance = 0;  // of the returns by the old values; 1 is all
};

// What a training changes.
struct PpoState {
  Weights weights;
  AdamState adam;
  friend bool operator==(const PpoState&, const PpoState&) = default;
};

// Memory and threads of updates of one shape. One caller at a time.
class PpoUpdate {
 public:
  // Of one step of the optimiser, added up over examples.
  struct Sums {
    double policy_loss = 0, value_loss = 0, entropy = 0, kl = 0, clipped = 0;
  };

  PpoUpdate(const ActorCritic& network, const PpoSettings& settings, WorkerPool& workers);

  // `seed` draws the order of the examples. A gradient that is not finite ends the update before
  // its step, and is told as gradient_norm. REQUIRES: the rollout has its advantages.
  PpoReport Run(const Rollout& rollout, float learning_rate, std::uint64_t seed, PpoState& state);

  // The loss of the examples (numbers into the rollout), and its gradient, which is replaced:
  // [num_parameters()]. What Run does for each minibatch, for tests of it.
  double Differentiate(const Rollout& rollout, std::span<const std::uint32_t> examples,
                       const Weights& weights, std::span<float> gradient, Sums& sums);

 private:
  // Examples of a minibatch are summed in shards of so many, each by one thread.
  static constexpr std::size_t kShard = 256;
  // A shard's memory and results.
  struct Shard {
    ActorCritic::Memory memory;
    std::vector<float> actions, gradient;
    std::vector<float> log_probabilities, entropies, by_log_probability, by_entropy, by_value;
    Sums sums;
  };
  void RunShard(const Rollout& rollout, std::span<const std::uint32_t> examples,
                std::size_t batch_size, float mean, float factor, const Weights& weights,
                Shard& shard) const;
  Shard MakeShard() const;

  const ActorCritic& network_;
  const PpoSettings settings_;
  WorkerPool& workers_;
  std::vector<Shard> shards_;  // as many as a minibatch has needed
  std::vector<std::uint32_t> order_;
  std::vector<float> gradient_;
};

}  // namespace hotlap::agents
