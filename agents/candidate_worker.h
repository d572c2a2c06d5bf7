// Drives rows each with a network of its own, for whole episodes: how good the candidates of a
// search are. One thread's; several workers share a training's rows.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/episode_end.h"
#include "agents/policy.h"
#include "agents/rollout_times.h"
#include "env/deadline.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

// An episode that a row is to drive.
struct CandidateEpisode {
  std::size_t number = 0;     // where its end is told
  std::size_t candidate = 0;  // whose network drives
  std::uint64_t seed = 0;     // base seed
};

class CandidateWorker {
 public:
  // Rows [first_row, first_row + environment->num_rows()) of the training. Throws
  // std::invalid_argument unless the environment leaves resets to the learner and tells
  // InfoColumns(). `timeout`: for each call.
  CandidateWorker(std::unique_ptr<transport::LearnerEnvironment> environment, int first_row,
                  const ActorCritic& network, std::chrono::milliseconds timeout);

  // That it needs.
  static std::vector<std::string> InfoColumns() { return EpisodeEndReader::InfoColumns(); }

  int first_row() const { return first_row_; }
  int num_rows() const { return environment_->num_rows(); }
  std::chrono::milliseconds timeout() const { return timeout_; }

  // Each row drives its episodes one after the other, from the start, with the most likely actions;
  // the end of one is written to ends[number]. `actors`: parameters of the network's actor for each
  // candidate, one after the other; all see through `scale`. seen[number] gets the
  // observations that the episode acted on, unless `seen` is empty. An episode depends on its seed,
  // its track and its candidate alone. Ends early once `gives_up`, which is asked before each step,
  // says so. REQUIRES: a list for each row. After that, or a refusal, the ends are of no use.
  tl::expected<void, transport::Refusal> Drive(
      const ActorCritic& network, const ObservationScale& scale, std::span<const float> actors,
      std::span<const std::vector<CandidateEpisode>> episodes, std::span<EpisodeEnd> ends,
      std::span<ObservationStatistics> seen, const std::function<bool()>& gives_up);
  // Of the last Drive.
  const RolloutTimes& times() const { return times_; }

 private:
  Deadline deadline() const { return DeadlineIn(timeout_); }
  // Begins the next episode of each row that has ended one, and of the first as well.
  tl::expected<void, transport::Refusal> Reset(
      std::span<const std::vector<CandidateEpisode>> episodes, std::span<EpisodeEnd> ends);
  // What the batch tells of a row, which is its line `line`: what it sees, and the end.
  tl::expected<void, transport::Refusal> Take(const transport::ConstBatchView& batch,
                                              std::size_t line, std::size_t row,
                                              const CandidateEpisode& episode,
                                              std::span<EpisodeEnd> ends);

  std::unique_ptr<transport::LearnerEnvironment> environment_;
  int first_row_;
  std::chrono::milliseconds timeout_;
  std::size_t observation_size_;
  EpisodeEndReader end_;
  ActorCritic::Memory memory_;  // of one row
  ActionBuffer actions_;        // of the rows that drive, in their order
  std::vector<float> chosen_;
  std::vector<float> observations_;  // [rows, d], the latest
  std::vector<std::size_t> places_;  // of each row, in its list
  std::vector<std::uint8_t> mask_;   // rows that want to begin an episode
  std::vector<std::uint64_t> seeds_;
  std::vector<std::int32_t> rows_;  // that drive
  RolloutTimes times_;
};

}  // namespace hotlap::agents
