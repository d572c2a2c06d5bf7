// A whole training: rows, a learner, trials on the way, and the files that remain of it.
//
// In its directory:
//   config.yaml      what it was begun with
//   best.weights     of the best trial so far (IsBetter): the policy to use; none before the first
//   latest.weights   of the latest checkpoint
//   checkpoint       everything to go on from, with --resume; from the first iteration on
//   progress.csv, curves.svg
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/learner.h"
#include "agents/row_source.h"
#include "agents/training_config.h"
#include "agents/trial.h"

namespace hotlap::agents {

struct TrainingSettings {
  TrainingConfig config;
  std::filesystem::path directory;
  bool resumes = false;
  int workers = 1;                                          // threads; not more than rows
  std::optional<std::chrono::duration<double>> time_limit;  // of this run
  std::chrono::milliseconds timeout{30'000};                // for each answer of a server
  std::chrono::duration<double> checkpoint_interval{60};
};

// The latest known of everything, for whoever watches.
struct TrainingProgress {
  std::int64_t steps = 0, total_steps = 0;
  double steps_per_s = 0;
  double mean_return = 0, finish_rate = 0;  // of recent episodes; NaN before the first
  int best_time_ms = 0;                     // 0: no lap from the start has finished
  std::vector<TrialLap> trial;              // the latest
  int stage = 0, num_stages = 1;
};

struct TrainingResult {
  std::int64_t steps = 0;
  double wall_s = 0;  // of all runs
  std::vector<TrialLap> best_trial;
  bool is_done = false;  // all steps, and the trial after them
};

// Runs until all steps are done, the time is over or `stops`: then everything is saved, so that a
// run in parts learns the same as one without a stop. A trial under way is given up then, within a
// step, and counts as not driven: the next one is driven when it is due. A generation of candidates
// likewise; the next run repeats it. `on_progress` is called when rows and files are ready, and
// after each iteration. A refusal (an unknown environment or track, a server that is
// gone) leaves the last checkpoint. Throws
// std::invalid_argument or std::runtime_error on a bad directory or file, or rows that do not fit.
tl::expected<TrainingResult, transport::Refusal> Train(
    const TrainingSettings& settings, RowSource& rows, const std::atomic<bool>& stops,
    const std::function<void(const TrainingProgress&)>& on_progress);

}  // namespace hotlap::agents
