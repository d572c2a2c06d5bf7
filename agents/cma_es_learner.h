// Separable CMA-ES as a Learner: each generation, every candidate's weights drive the same
// episodes, and what they earned ranks them. It needs no gradient, values or random actions.
//
// What is searched are the weights and biases of the actor; the critic of its weights() stays 0.
// Where observations are scaled, the first generation is looked at and not ranked: what its
// candidates saw is the scale of all others, for one that moved would change what weights mean.
//
// The bits depend on the seed and the environments alone, not on the number of workers or threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "agents/candidate_worker.h"
#include "agents/cma_es.h"
#include "agents/learner.h"
#include "env/worker_pool.h"

namespace hotlap::agents {

struct CmaEsLearnerSettings {
  CmaEsSettings search;
  int episodes = 1;        // of each candidate on each track, at least 1
  int tracks = 1;          // row i drives track i % tracks; not more than rows
  std::uint64_t seed = 1;  // of first weights, candidates and episodes: below 2^63
  bool scale_observations = true;
};

// A candidate's cost is less the mean return of its episodes. Those in which a game was lost say
// nothing of it; one that has no others comes last, and a generation without any other is refused.
class CmaEsLearner : public Learner {
 public:
  // Of one network; the workers' rows together are 0, 1, .. in order. Throws std::invalid_argument
  // when there are fewer rows than tracks. A generation is given up within a step of when
  // `gives_up` says so, which several threads ask at a time.
  CmaEsLearner(
      const ActorCritic& network, const CmaEsLearnerSettings& settings,
      std::vector<std::unique_ptr<CandidateWorker>> workers,
      std::function<bool()> gives_up = [] { return false; });

  tl::expected<void, transport::Refusal> ChangeRows(const RowOpener& open) override;
  // One generation. Measures: "best_return" and "median_return" of its candidates, "step_size" and
  // "step_ratio" (CmaEs::StepRatio) after it.
  tl::expected<IterationReport, transport::Refusal> Iterate() override;
  std::int64_t steps() const override { return steps_; }
  // The mean of the candidates to come.
  const Weights& weights() const override { return weights_; }
  tl::expected<nlohmann::json, transport::Refusal> Save() override;
  tl::expected<void, transport::Refusal> Load(const nlohmann::json& saved) override;

 private:
  std::size_t episodes_per_track() const;
  // Deals the generation's episodes: those of a track go round its rows.
  std::vector<std::vector<CandidateEpisode>> DealEpisodes(const CandidateWorker& worker) const;
  std::vector<double> Costs() const;
  bool is_first_look() const { return settings_.scale_observations && !has_scale_; }
  void TakeMean();

  const ActorCritic& network_;
  const CmaEsLearnerSettings settings_;
  std::vector<std::unique_ptr<CandidateWorker>> workers_;
  const std::function<bool()> gives_up_;
  int num_rows_;
  WorkerPool threads_;
  Weights weights_;
  CmaEs search_;
  CmaEsState state_;
  std::vector<float> actors_;     // [population, the actor's parameters]
  std::vector<EpisodeEnd> ends_;  // [tracks, episodes, population]
  std::int64_t steps_ = 0;
  bool has_scale_ = false;
};

}  // namespace hotlap::agents
