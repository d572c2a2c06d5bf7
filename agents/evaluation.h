// A whole evaluation: a policy on tracks, and its report. docs/evaluation.md is the normative text.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agents/evaluation_report.h"
#include "agents/evaluation_venue.h"
#include "agents/evaluator.h"
#include "agents/policy.h"

namespace hotlap::agents {

inline constexpr int kFirstRuns = 256;       // more lines than these nobody tells apart
inline constexpr int kMostFirstRuns = 4096;  // of all tracks together, 8 of each at least

struct EvaluationRequest {
  std::string policy;  // its name, for the report
  std::function<std::unique_ptr<Policy>(const EnvironmentSpec&)> make_policy;
  std::uint64_t policy_seed = 1;  // of a policy that samples, for the report
  std::string environment = "default";
  transport::GameKind kind = transport::GameKind::kAny;
  std::vector<std::string> tracks;  // one at least, each once
  int episodes = 20;                // on each track, at most
  int rows = 64;                    // at most; as many tracks are driven at a time
  std::uint64_t seed = 1;
  std::string perturbation = "idle_start";
  PerturbationSizes sizes;  // of the perturbation
  // Of each track that are kept, and the best one; none: all of them.
  std::optional<int> first_runs = kFirstRuns;
  std::optional<int> max_ticks;  // of an episode, then it is cut; none: the environment's limit
  std::chrono::milliseconds deadline{30000};  // of each call on the environment
};

// `progress` is of all tracks; it may be empty, and is called after every step. Throws
// std::invalid_argument when the request is wrong or the policy does not fit the environment. The
// error returned is of a call before the first episodes have begun; what fails later is a
// `server_lost` of every episode that had not ended.
tl::expected<EvaluationReport, transport::Refusal> Evaluate(
    EvaluationVenue& venue, const EvaluationRequest& request,
    const std::function<void(const EvaluationProgress&)>& progress);

}  // namespace hotlap::agents
