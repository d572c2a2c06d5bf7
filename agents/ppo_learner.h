// Proximal policy optimisation as a Learner: rollouts of several workers, then an update, in turns.
//
// The bits depend on the seed and the environments alone, not on the number of workers or threads;
// but where episodes begin at kept states, which are those of a worker's own rows.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agents/learner.h"
#include "agents/ppo.h"
#include "agents/rollout.h"
#include "agents/rollout_worker.h"
#include "env/worker_pool.h"

namespace hotlap::agents {

struct PpoLearnerSettings {
  PpoSettings ppo;
  std::uint64_t seed = 1;        // of weights, actions and episodes: below 2^63
  std::int64_t total_steps = 0;  // of the training, for the learning rate's slope; at least 1
  bool scale_observations = true;
};

class PpoLearner : public Learner {
 public:
  // Of one network; the workers' rows together are 0, 1, .. in order.
  PpoLearner(const ActorCritic& network, const PpoLearnerSettings& settings,
             std::vector<std::unique_ptr<RolloutWorker>> workers);

  tl::expected<void, transport::Refusal> ChangeRows(const RowOpener& open) override;
  tl::expected<IterationReport, transport::Refusal> Iterate() override;
  std::int64_t steps() const override { return steps_; }
  const Weights& weights() const override { return state_.weights; }
  tl::expected<nlohmann::json, transport::Refusal> Save() override;
  tl::expected<void, transport::Refusal> Load(const nlohmann::json& saved) override;

 private:
  float learning_rate() const;
  std::uint64_t row_seed() const;  // of the first row: other episodes on other rows

  const ActorCritic& network_;
  const PpoLearnerSettings settings_;
  std::vector<std::unique_ptr<RolloutWorker>> workers_;
  WorkerPool threads_;
  PpoUpdate update_;
  PpoState state_;
  ObservationStatistics statistics_;
  Rollout rollout_;
  std::int64_t iterations_ = 0, steps_ = 0;
  std::int64_t num_row_changes_ = 0;
  bool has_begun_ = false;  // the workers' episodes
};

}  // namespace hotlap::agents
