// Rows of simulated games on one track, in this process: what to evaluate on and learn from without
// a server.
#pragma once

#include <memory>

#include "env/environment_config.h"
#include "env/sim/vehicle_params.h"
#include "transport/catalogue.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

struct SimulatedEnvironmentSettings {
  EnvironmentConfig environment;
  Autoreset autoreset = Autoreset::kNextStep;
  int rows = 1;
  int threads = 1;
};

// The rows are dealt evenly to one group per thread.
std::unique_ptr<transport::LearnerEnvironment> MakeSimulatedEnvironment(
    const SimulatedEnvironmentSettings& settings, const transport::OfferedTrack& track,
    const sim::VehicleParams& vehicle);

}  // namespace hotlap::agents
