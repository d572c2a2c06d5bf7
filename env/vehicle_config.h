// The car of the embedded game, from YAML, strictly (see config.h): throws ConfigError naming file,
// line, key and what is allowed.
#pragma once

#include <filesystem>

#include "env/sim/vehicle_params.h"

namespace hotlap {

// Every key is optional and stands for the VehicleParams field of the same name; what is missing
// keeps its default. configs/vehicles/stadium.yaml lists them all.
sim::VehicleParams LoadVehicleParams(const std::filesystem::path& path);

}  // namespace hotlap
