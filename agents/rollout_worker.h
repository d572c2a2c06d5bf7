// Steps rows with a policy that draws its actions, and writes what comes of it into its columns of
// a rollout. One thread's; several workers share a training's rows.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/episode_end.h"
#include "agents/info_reader.h"
#include "agents/policy.h"
#include "agents/rollout.h"
#include "agents/rollout_times.h"
#include "env/deadline.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

class RolloutWorker {
 public:
  // Rows [first_row, first_row + environment->num_rows()) of the training. Throws
  // std::invalid_argument unless the environment resets in the same step and tells the info columns
  // of an end. `timeout`: for each call.
  RolloutWorker(std::unique_ptr<transport::LearnerEnvironment> environment, int first_row,
                const ActorCritic& network, std::chrono::milliseconds timeout);

  // That it needs.
  static std::vector<std::string> InfoColumns() {
    std::vector<std::string> columns = EpisodeEndReader::InfoColumns();
    columns.emplace_back("ticks");
    return columns;
  }

  int first_row() const { return first_row_; }
  int num_rows() const { return environment_->num_rows(); }
  std::chrono::milliseconds timeout() const { return timeout_; }

  // Begins an episode in each row, of base seed `seed` + number of the row.
  tl::expected<void, transport::Refusal> Begin(std::uint64_t seed);
  // All steps of the rollout. The action of a row in step t of the training is a function of
  // `seed`, t, its number and what it sees: nothing depends on how rows are shared out. A game that
  // is lost truncates its episode; steps that wait for a new one are no episodes. In
  // those and in the one that begins the new game's episode nothing is driven: the row is cut
  // there, and their reward is what the critic expected. After a refusal the rollout is of no use.
  tl::expected<void, transport::Refusal> Collect(const ActorCritic& network, const Weights& weights,
                                                 std::uint64_t seed, std::int64_t first_step,
                                                 float discount, Rollout& rollout);
  // Of the last Collect.
  std::span<const EpisodeEnd> ends() const { return ends_; }
  const RolloutTimes& times() const { return times_; }

  // States of all rows, and going on from them as if nothing had been between. The state of a row
  // whose game is lost is empty: it begins an episode, as in Begin.
  tl::expected<std::vector<std::vector<std::byte>>, transport::Refusal> Save();
  tl::expected<void, transport::Refusal> Restore(std::span<const std::vector<std::byte>> states,
                                                 std::uint64_t seed);

 private:
  Deadline deadline() const { return DeadlineIn(timeout_); }
  // Rows of the mask; empty: all.
  tl::expected<void, transport::Refusal> Begin(std::uint64_t seed,
                                               std::span<const std::uint8_t> mask);
  // Likewise: takes what they see, and refuses where one of them was refused.
  tl::expected<void, transport::Refusal> Take(const transport::ConstBatchView& batch,
                                              std::span<const std::uint8_t> mask);

  std::unique_ptr<transport::LearnerEnvironment> environment_;
  int first_row_;
  std::chrono::milliseconds timeout_;
  std::size_t observation_size_;
  EpisodeEndReader end_;
  InfoReader ticks_;
  ActorCritic::Memory memory_;
  ActionBuffer actions_;
  std::vector<float> observations_;  // [rows, d], the latest
  std::vector<RandomStream> random_;
  std::vector<EpisodeEnd> ends_;
  RolloutTimes times_;
};

}  // namespace hotlap::agents
