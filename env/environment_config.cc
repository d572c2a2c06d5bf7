#include "env/environment_config.h"

#include "env/sim/floating_point_guard.h"

namespace hotlap {
namespace {

constexpr double kLongestWaitS = 3600;

EnvironmentConfig Read(const ConfigMap& config) {
  const sim::FloatingPointGuard guard;
  EnvironmentConfig result;
  result.ticks_per_step = config.Int("ticks_per_step", 1, 1000, result.ticks_per_step);
  if (config.Has("observation")) result.observation = ReadObservation(config, "observation");
  result.actions = ReadActionSet(config.Map("actions"));
  result.reward = ReadRewardWeights(config.Map("reward"));
  result.rules = ReadEpisodeRules(config.Map("rules"));
  result.game_timeout =
      config.Milliseconds("game_timeout_s", 0.001, kLongestWaitS, result.game_timeout);
  result.restart_timeout =
      config.Milliseconds("restart_timeout_s", 0.001, kLongestWaitS, result.restart_timeout);
  config.Finish();
  return result;
}

}  // namespace

EnvironmentConfig LoadEnvironmentConfig(const std::filesystem::path& path) {
  return Read(ConfigMap::Load(path));
}

EnvironmentConfig ParseEnvironmentConfig(std::string_view text, std::string_view name) {
  return Read(ConfigMap::Parse(text, name));
}

}  // namespace hotlap
