// Writes runs down while somebody drives: the driver calls Begin after a reset and Add after each
// step of a row.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "agents/info_reader.h"
#include "agents/policy.h"
#include "agents/run.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

// Of one environment, for all of its rows. It keeps nothing of them: runs are their caller's.
class RunRecorder {
 public:
  // Throws std::invalid_argument that names an info column that runs are made of and that was not
  // chosen (race_time, progress, valid, end_reason, finish_time).
  explicit RunRecorder(const transport::LearnerEnvironment& environment);

  // An episode has begun: `place` is that of its row in the batch of the reset.
  Run Begin(std::string track, std::string kind, const transport::ConstBatchView& batch,
            std::size_t place) const;
  // The row has taken a step: the actions that were sent and what came of them, both at `place`.
  // Not for a row that was refused.
  void Add(const ActionView& actions, const transport::ConstBatchView& batch, std::size_t place,
           Run& run) const;

 private:
  RunPoint PointOf(const transport::ConstBatchView& batch, std::size_t place) const;
  Inputs InputsAt(const ActionView& actions, std::size_t place) const;
  void End(const transport::ConstBatchView& batch, std::size_t place, Run& run) const;

  int ticks_per_step_;
  std::vector<std::string> randomised_;
  std::size_t observation_size_;
  std::vector<Inputs> keys_;            // of a discrete set
  std::vector<ColumnReader> velocity_;  // or empty
  std::optional<ColumnReader> lateral_, gear_;
  InfoReader race_time_, progress_, valid_, end_reason_, finish_time_;
};

}  // namespace hotlap::agents
