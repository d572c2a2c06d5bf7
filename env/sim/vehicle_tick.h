// What one tick of some cars reads and writes; vehicle_tick-inl.h computes it.
#pragma once

#include "env/sim/vehicle_model.h"

namespace hotlap::sim {

// Word k of the car in a lane lies at [k * stride + lane] of each array; integers are bits.
struct TickArguments {
  float* state;             // VehicleState
  const float* params;      // VehicleParams
  const float* driver;      // DriverWords
  const float* planes;      // a position and a direction: TickResult::beyond_plane
  const Footing* footings;  // one a lane
  LaneMask active;          // these tick; the others keep every bit
};

}  // namespace hotlap::sim
