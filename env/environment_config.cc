#include "env/environment_config.h"

#include "env/sim/floating_point_guard.h"

namespace hotlap {
namespace {

EnvironmentConfig Read(const ConfigMap& config, const EnvironmentConfig& base) {
  const sim::FloatingPointGuard guard;
  EnvironmentConfig result = base;
  result.ticks_per_step = config.Int("ticks_per_step", 1, 1000, result.ticks_per_step);
  if (config.Has("observation")) result.observation = ReadObservation(config, "observation");
  result.actions = ReadActionSet(config.Map("actions"), base.actions);
  result.reward = ReadRewardWeights(config.Map("reward"), base.reward);
  result.rules = ReadEpisodeRules(config.Map("rules"), base.rules);
  result.randomisation = ReadRandomisation(config.Map("randomisation"), base.randomisation);
  config.Finish();
  return result;
}

}  // namespace

EnvironmentConfig LoadEnvironmentConfig(const std::filesystem::path& path) {
  return Read(ConfigMap::Load(path), {});
}

EnvironmentConfig ParseEnvironmentConfig(std::string_view text, std::string_view name,
                                         const EnvironmentConfig& base) {
  return Read(ConfigMap::Parse(text, name), base);
}

}  // namespace hotlap
