// What learns: gathers experience from rows and changes a policy by it, an iteration at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/episode_end.h"
#include "agents/rollout_times.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

// What one iteration did.
struct IterationReport {
  std::vector<EpisodeEnd> ends;                          // of the episodes that it finished
  std::vector<std::pair<std::string, double>> measures;  // the learner's own: "entropy", ...
  // Wall time: of all workers added up, of the update, and of the whole.
  RolloutTimes rollout;
  std::chrono::nanoseconds update{}, wall{};
  // It ended early, for whoever asked for that: nothing is learnt, and the next one is the same.
  bool is_given_up = false;
};

// Those of each worker: together 0, 1, .. of the training in order.
using LearnerRows = std::vector<std::unique_ptr<transport::LearnerEnvironment>>;
using RowOpener = std::function<tl::expected<LearnerRows, transport::Refusal>()>;

// Not thread-safe.
class Learner {
 public:
  virtual ~Learner() = default;

  // Gives its rows back, and only then opens others, as many in as many parts, to learn from in new
  // episodes: of other tracks. Throws std::invalid_argument where they do not fit. After that, or a
  // refusal of `open`, it has no rows and is of no use.
  virtual tl::expected<void, transport::Refusal> ChangeRows(const RowOpener& open) = 0;

  // After a refusal nothing has been learnt from what was under way, and the rows may be anywhere:
  // the last checkpoint is the place to go on from.
  virtual tl::expected<IterationReport, transport::Refusal> Iterate() = 0;

  // Env steps so far, of all rows together.
  virtual std::int64_t steps() const = 0;
  // The policy as it is now.
  virtual const Weights& weights() const = 0;

  // Everything that decides how it goes on, the rows' states included, as an object for a file; not
  // the states that rows keep for episodes to begin at, which are gathered anew.
  virtual tl::expected<nlohmann::json, transport::Refusal> Save() = 0;
  // Goes on from there, bit for bit. Throws std::runtime_error that names the field which does not
  // fit.
  virtual tl::expected<void, transport::Refusal> Load(const nlohmann::json& saved) = 0;
};

}  // namespace hotlap::agents
