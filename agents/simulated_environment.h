// Rows of simulated games in this process: what to evaluate on and learn from without a
// server.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/environment_config.h"
#include "env/sim/vehicle_params.h"
#include "env/state_archive.h"
#include "transport/catalogue.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

struct SimulatedEnvironmentSettings {
  EnvironmentConfig environment;
  Autoreset autoreset = Autoreset::kNextStep;
  int rows = 1;
  int threads = 1;
  std::vector<std::string> info{};  // columns; empty: the default ones
  ArchiveSettings archive{};        // of states for episodes to begin at
  Starts starts{};
};

// Row i drives tracks[i % size]; the rows are dealt evenly to one group per thread.
std::unique_ptr<transport::LearnerEnvironment> MakeSimulatedEnvironment(
    const SimulatedEnvironmentSettings& settings,
    std::span<const std::shared_ptr<const transport::OfferedTrack>> tracks,
    const sim::VehicleParams& vehicle);
// All on one track.
std::unique_ptr<transport::LearnerEnvironment> MakeSimulatedEnvironment(
    const SimulatedEnvironmentSettings& settings, const transport::OfferedTrack& track,
    const sim::VehicleParams& vehicle);

}  // namespace hotlap::agents
