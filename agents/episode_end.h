// How an episode of training ended, and reading it from what an environment tells.
#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agents/info_reader.h"
#include "env/spec.h"
#include "transport/learner_environment.h"
#include "transport/status.h"

namespace hotlap::agents {

struct EpisodeEnd {
  int row = 0;  // of the training
  EndReason reason = EndReason::kNone;
  int steps = 0;
  double episode_return = 0;
  int finish_time_ms = 0;    // of a finish
  bool is_full_lap = false;  // began at s(0)
};

class EpisodeEndReader {
 public:
  // That it needs.
  static std::vector<std::string> InfoColumns() {
    return {"end_reason", "episode_length", "episode_return", "finish_time", "full_lap"};
  }

  // Throws std::invalid_argument that names the info column which was not chosen.
  explicit EpisodeEndReader(const transport::LearnerEnvironment& environment);

  // Of the line of a batch, in which an episode has ended; `row`: of the training.
  EpisodeEnd operator()(const transport::ConstBatchView& batch, std::size_t line, int row) const;
  // Of the episode that ended as number `end` of the batch's final rows.
  EpisodeEnd AtEnd(const transport::ConstBatchView& batch, std::size_t end, int row) const;

 private:
  template <typename Read>
  EpisodeEnd ReadWith(const Read& read, int row) const;

  InfoReader end_reason_, length_, return_, finish_time_, full_lap_;
};

// A refusal that names the row of the training unless this line of a batch is RowStatus::kOk.
tl::expected<void, transport::Refusal> CheckRow(const transport::ConstBatchView& batch,
                                                std::size_t line, int row);

}  // namespace hotlap::agents
