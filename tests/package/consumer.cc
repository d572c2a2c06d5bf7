// Drives the short sprint with the scripted driver, all in this process.
// Usage: consumer DIRECTORY_OF_CONFIGS; exits with 0 when the car finishes.
#include <cstdio>
#include <filesystem>

#include "agents/policy.h"
#include "agents/policy_source.h"
#include "env/environment.h"
#include "env/simulated_games.h"
#include "env/track_config.h"
#include "env/vehicle_config.h"

int main(int, char** argv) {
  const std::filesystem::path configs = argv[1];
  const auto track =
      hotlap::sim::Track::Build(hotlap::LoadTrackSpec(configs / "tracks/short_sprint.yaml"));
  const auto vehicle = hotlap::LoadVehicleParams(configs / "vehicles/stadium.yaml");
  hotlap::Environment environment(
      hotlap::LoadEnvironmentConfig(configs / "environments/default.yaml"),
      hotlap::MakeSimulatedGames({{track, vehicle}}),
      {hotlap::Centreline::FromTrack(*track), track->hash(), 1});
  const auto policy = hotlap::agents::PolicySource("pursuit").Make(environment.spec(), 1);
  hotlap::agents::ActionBuffer action(environment.spec().action, 1);

  environment.Reset();
  while (!environment.done()) {
    policy->Act(environment.observation(), action);
    environment.Step(action.discrete[0]);
  }
  std::printf("%s after %.2f s\n", hotlap::EndReasonName(environment.end_reason()),
              environment.info("race_time") / 1000);
  return environment.end_reason() == hotlap::EndReason::kFinish ? 0 : 1;
}
