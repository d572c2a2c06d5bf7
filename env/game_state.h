// What a game tells after a command: a plain struct, and a function of SimStateData's documented
// fields alone, so that the embedded simulator in process and a game behind a mapped buffer give
// the same bytes.
#pragma once

#include <array>
#include <cstdint>

#include "env/inputs.h"
#include "env/vec3.h"

namespace hotlap {

namespace tminterface {
class SimStateView;
}

// Wheels in the game's order: front-left, front-right, rear-right, rear-left (+x of the car frame
// is left).
struct WheelState {
  bool has_contact = false;
  bool is_sliding = false;
  std::uint8_t material = 0;  // contact material id, [0, 30]; 0 without contact
  float damper_absorb_m = 0;  // suspension travel, about 0.005 to 0.2
  friend bool operator==(const WheelState&, const WheelState&) = default;
};

struct GameState {
  std::int32_t race_time_ms = 0;  // multiple of 10; 0 is the release of the car
  Vec3 position_m;                // world
  Mat3 rotation;                  // car to world
  Vec3 velocity_mps;              // world, of the current body state
  Vec3 angular_velocity_radps;    // world
  std::array<WheelState, 4> wheels;
  std::int32_t gear = 0;  // 0 is reverse, 1..5
  float rpm = 0;          // [0, 11000]
  bool is_changing_gear = false;
  bool is_turbo = false;
  bool is_freewheeling = false;
  bool has_lateral_contact = false;     // a wall or another body touches the car's side
  Inputs inputs;                        // in force in the tick that led here
  std::int32_t checkpoints_passed = 0;  // entries of cp_times that are set, over all laps
  std::int32_t checkpoints_target = 0;  // passes needed in all, laps and finish included
  std::int32_t checkpoints_per_lap = 0;
  std::int32_t num_respawns = 0;
  friend bool operator==(const GameState&, const GameState&) = default;
};

// Reads the fields above from a state as a game sent it. The view has been validated
// (SimStateView::Parse), so this cannot fail; non-finite floats of a broken game are passed on and
// caught by FinitePhysics().
GameState ReadGameState(const tminterface::SimStateView& state);

// From s(0), where the car stands turned like this, to a place so far to its left, along its x
// axis. Every kind of game computes it here, so that all stand at the same bits.
inline Vec3 StartOffset(const Mat3& rotation, float left_m) { return rotation.Column(0) * left_m; }

// False when any float of the state is NaN or infinite; such a game is lost.
bool FinitePhysics(const GameState& state);

}  // namespace hotlap
