#include "agents/policy_source.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "agents/mlp_policy.h"
#include "agents/pursuit_policy.h"
#include "agents/random_policy.h"
#include "agents/record.h"
#include "agents/script_policy.h"
#include "agents/weights_file.h"

namespace hotlap::agents {

PolicySource::PolicySource(const std::string& name) : name_(name) {
  if (IsWeightsFile(name)) {
    weights_ = ReadWeightsRecord(name);
  } else if (IsScriptFile(name)) {
    script_ = ReadScript(name);
  } else if (std::ranges::find(PolicyNames(), name) == PolicyNames().end()) {
    throw std::invalid_argument("unknown policy '" + name +
                                "'; allowed: random, pursuit, and files: *.weights, *.txt, an "
                                "input script, and *.csv, a recorded run");
  }
}

std::string PolicySource::short_name() const {
  return std::filesystem::path(name_).filename().string();
}

std::string PolicySource::environment() const {
  if (weights_) return UnpackString(*weights_, "environment");
  // A script's inputs may change at each tick. Pursuit drives every track when it sees banks,
  // surfaces, loops and gaps before it reaches them.
  if (script_) return "tick_continuous";
  return name_ == "pursuit" ? "full_view" : "default";
}

std::optional<std::uint64_t> PolicySource::task_hash() const {
  return weights_ ? std::optional(UnpackHex(*weights_, "task_hash")) : std::nullopt;
}

std::unique_ptr<Policy> PolicySource::Make(const EnvironmentSpec& spec, std::uint64_t seed,
                                           bool draws) const {
  if (weights_) {
    WeightsFile file = UnpackWeights(*weights_, name_, spec);
    return std::make_unique<MlpPolicy>(ActorCritic(spec, file.network), std::move(file.weights),
                                       draws ? std::optional(seed) : std::nullopt);
  }
  if (draws) {
    throw std::invalid_argument("only weights can draw their actions, " + name_ + " cannot");
  }
  if (script_) return std::make_unique<ScriptPolicy>(spec, *script_, name_);
  if (name_ == "random") return std::make_unique<RandomPolicy>(spec, seed);
  return std::make_unique<PursuitPolicy>(spec);
}

}  // namespace hotlap::agents
