// The episodes of a policy on rows: docs/evaluation.md says what is driven and counted.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agents/episode_start.h"
#include "agents/evaluation_report.h"
#include "agents/perturbation.h"
#include "agents/policy.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

struct EvaluatorSettings {
  std::vector<std::string> tracks;   // row i drives tracks[i % size]
  std::vector<EpisodeStart> starts;  // of the episodes of each track
  Perturbation perturbation;
  std::string kind{};               // of all rows' games, for the runs
  std::optional<int> first_runs{};  // of each track that are kept, and the best one; none: all
  std::chrono::milliseconds deadline{30000};  // of each call on the environment
};

struct EvaluationProgress {
  int episodes_done = 0;
  int episodes = 0;
  std::int64_t steps = 0;  // of all rows
  double furthest_m = 0;   // of the episodes under way
};

struct EvaluatorResult {
  std::vector<EpisodeReport> episodes;     // by track and number
  std::optional<transport::Refusal> lost;  // the call that failed; then some are server_lost
};

// Drives every episode in whichever row of its track is free. Nothing of what it finds depends on
// the number of rows, if what the policy does in a row does not depend on the others. The runs
// are of what the environment shows, without the perturbation; which ones are kept RunMemory says,
// the others are empty.
//
// `progress` may be empty; it is called after every step. Throws std::invalid_argument when there
// are fewer rows than tracks, the environment does not leave resets to its caller
// (Autoreset::kDisabled) or a column that the report needs was not chosen. The error returned is
// that of the first reset: one that comes later is in the result.
tl::expected<EvaluatorResult, transport::Refusal> DriveEpisodes(
    transport::LearnerEnvironment& environment, Policy& policy, const EvaluatorSettings& settings,
    const std::function<void(const EvaluationProgress&)>& progress);

// The report of episodes that are not driven because an earlier call has failed.
std::vector<EpisodeReport> LostEpisodes(const EvaluatorSettings& settings, int ticks_per_step,
                                        const transport::Refusal& lost);

}  // namespace hotlap::agents
