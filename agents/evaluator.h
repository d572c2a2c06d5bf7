// k episodes of a policy on the rows of one track.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agents/evaluation_report.h"
#include "agents/policy.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

struct EvaluationSettings {
  std::string track;               // for the report
  std::vector<std::string> kinds;  // of each row's game: "simulated", "tminterface"
  int episodes = 1;
  std::uint64_t seed = 1;                     // episode e is reset with seed + e
  double discount = 0.995;                    // per step, of EpisodeReport::discounted_return
  std::chrono::milliseconds deadline{30000};  // of each call on the environment
};

struct EvaluationProgress {
  int episodes_done = 0;
  int episodes = 0;
  std::int64_t steps = 0;  // of all rows
  double furthest_m = 0;   // of the episodes under way
};

// One report per kind of game among the rows. Episode e runs in row e modulo the number of rows, so
// a report does not depend on how long others take, and ends by the environment's rules alone, all
// counted in ticks. The driven line is known as distance along the reference line (info `progress`)
// and offset to its side (observation column `lateral_offset`; without it, the middle of the road):
// positions are not in an observation.
//
// `progress` may be empty; it is called after every step. Throws std::invalid_argument when the
// environment does not leave resets to its caller (Autoreset::kDisabled) or a column that the
// report needs was not chosen; the error returned is that of a call on the environment.
tl::expected<std::vector<TrackReport>, transport::Refusal> Evaluate(
    transport::LearnerEnvironment& environment, Policy& policy, const EvaluationSettings& settings,
    const std::function<void(const EvaluationProgress&)>& progress);

}  // namespace hotlap::agents
