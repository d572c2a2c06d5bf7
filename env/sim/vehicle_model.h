// How one tick of 10 ms changes a car. Semi-implicit Euler: forces from the state before, then
// speeds, then positions. Float32 and plain arithmetic only (see floating_point_guard.h, which the
// callers hold).
//
// Chosen rules:
// - The car is dropped about 0.8 m above where it settles and yet launches at full acceleration, so
//   until the first wheel touches down after a start the engine drives it along its forward axis as
//   on the ground (VehicleState::has_touched_down). Nowhere else does the engine act in the air.
// - An analog steer other than zero wins over the keys; else the key pressed last of left and right
//   wins, and two pressed in the same tick cancel out until one is let go. Throttle is a positive
//   gas or else the accelerate key; brake is a negative gas or else the brake key. Both may act at
//   once.
// - Brake alone at standstill engages reverse; throttle at standstill leaves it again.
// - A tyre's force opposes its slip velocity, so grip driving slips little; beyond grip times load
// it
//   is scaled back and the wheel counts as sliding.
#pragma once

#include <cstdint>

#include "env/inputs.h"
#include "env/sim/track.h"
#include "env/sim/vehicle_params.h"
#include "env/sim/vehicle_state.h"

namespace hotlap::sim {

inline constexpr int kTickMs = 10;
inline constexpr float kTickSeconds = 0.01f;
// Cars are held inside +-this much in x and z and below it in y; the world ends there.
inline constexpr float kWorldLimitM = 65536.0f;

// What the driver asks for, resolved from all the channels.
struct Controls {
  float steer = 0;     // [-1, 1], positive is right
  float throttle = 0;  // [0, 1]
  float brake = 0;     // [0, 1]
};
// `steer_key` as in VehicleState.
Controls ControlsOf(const Inputs& inputs, std::int32_t steer_key);

// One tick with `inputs` in force: `state` becomes the state 10 ms later. Pure: what comes out
// depends on the arguments alone, and equal arguments give equal bits. REQUIRES: every float of the
// state finite, road_index in the track.
void Advance(const VehicleParams& params, const Track& track, const Inputs& inputs,
             VehicleState& state);

// A car at rest in this pose. `dropped`: it falls onto the road (a start); else it stands there
// already.
VehicleState CarAt(const VehicleParams& params, const Track& track, const Pose& pose, bool dropped);

}  // namespace hotlap::sim
