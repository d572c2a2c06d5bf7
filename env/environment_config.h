// What an environment shows, takes and pays: settings, from YAML (configs/environments).
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "env/action.h"
#include "env/config.h"
#include "env/episode_rules.h"
#include "env/observation.h"
#include "env/randomisation.h"
#include "env/reward.h"
#include "env/spec.h"

namespace hotlap {

struct EnvironmentConfig {
  int ticks_per_step = 5;  // of 10 ms
  std::vector<ObservationTerm> observation = DefaultObservation();
  ActionSet actions;
  RewardWeights reward;
  EpisodeRules rules;
  Randomisation randomisation;
};

// Every key may be left out and then has the default above, or is as `base` has it. Throw
// ConfigError.
EnvironmentConfig LoadEnvironmentConfig(const std::filesystem::path& path);
EnvironmentConfig ParseEnvironmentConfig(std::string_view text, std::string_view name,
                                         const EnvironmentConfig& base = {});

// Throws std::invalid_argument when two columns have one name or a randomised range is out of
// bounds.
EnvironmentSpec MakeSpec(const EnvironmentConfig& config);

}  // namespace hotlap
