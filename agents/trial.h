// A lap without random actions on each row's track: how good a policy is while it still learns.
#pragma once

#include <functional>
#include <tl/expected.hpp>
#include <vector>

#include "agents/actor_critic.h"
#include "env/deadline.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

struct TrialLap {
  EndReason reason = EndReason::kNone;
  int finish_time_ms = 0;  // of a finish
  double progress_m = 0;
};

// One of each row, from the start, of the same seeds in every trial: a function of the weights.
// `environment` has autoreset disabled. No laps where `gives_up`, which is asked before each step,
// has said so.
tl::expected<std::vector<TrialLap>, transport::Refusal> DriveTrial(
    transport::LearnerEnvironment& environment, const ActorCritic& network, const Weights& weights,
    std::chrono::milliseconds timeout,
    const std::function<bool()>& gives_up = [] { return false; });

// Whether a trial is better than another of the same tracks: more finishes; then less time on the
// tracks that both finished, in all; then more metres. REQUIRES: a lap of each track in both.
bool IsBetter(const std::vector<TrialLap>& trial, const std::vector<TrialLap>& other);

}  // namespace hotlap::agents
