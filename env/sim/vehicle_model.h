// How one tick of 10 ms changes a car. Semi-implicit Euler: forces from the state before, then
// speeds, then positions. Float32 and plain arithmetic only (see floating_point_guard.h, which the
// callers hold). One kernel (vehicle_tick-inl.h) serves one car and a block of them, with equal
// bits; docs/vehicle.md tells the model.
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
// - A tyre's force opposes its slip velocity, so grip driving slips little. Beyond grip times load
//   it slides: with less grip, until both what it asks for and its slip angle are small again.
// - A turbo pad pushes the car along its forward axis for a time, whatever the tyres hold; a pad
//   touched meanwhile begins that time again. A free-wheeling pad cuts the engine until the next
//   turbo pad or respawn.
// - In the air the brake stops rotation and steering turns the car a little.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

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

inline constexpr int kBlockLanes = 16;
using LaneMask = std::uint16_t;  // bit i is lane i of a block
inline constexpr LaneMask kAllLanes = 0xFFFF;
static_assert(std::bit_width(kAllLanes) == kBlockLanes);

// What there was to notice in a tick; the car does not depend on it. Of one car, bit 0.
struct TickResult {
  LaneMask speed_limited = 0;  // a linear or angular speed was cut to its limit
  LaneMask left_world = 0;     // stopped at kWorldLimitM
  LaneMask on_turbo = 0;       // on a pad that pushes
  LaneMask against_wall = 0;   // VehicleState::has_wall_contact
  LaneMask beyond_plane = 0;   // the origin is on or ahead of the lane's plane; never of one car

  // With something that a race may have to note.
  LaneMask eventful() const {
    return static_cast<LaneMask>(on_turbo | against_wall | beyond_plane);
  }
  friend bool operator==(const TickResult&, const TickResult&) = default;
};

// One tick with `inputs` in force: `state` becomes the state 10 ms later. Pure: what comes out
// depends on the arguments alone, and equal arguments give equal bits. REQUIRES: every float of the
// state finite, road_index in the track.
TickResult Advance(const VehicleParams& params, const Track& track, const Inputs& inputs,
                   VehicleState& state);

// That a pad pushes.
std::int32_t TurboTicks(const VehicleParams& params);

// A car at rest in this pose. `dropped`: it falls onto the road (a start); else it stands there
// already.
VehicleState CarAt(const VehicleParams& params, const Track& track, const Pose& pose, bool dropped);

// Cars side by side, word by word, so that one instruction ticks as many of them as the processor's
// vectors hold. Lanes may be on different tracks and have different parameters.
class VehicleBlock {
 public:
  // All lanes alike, to begin with. The track must outlive the block.
  VehicleBlock(const VehicleParams& params, const Track& track);

  // From now on this lane has these settings. On another track its state is to be set after.
  void Configure(int lane, const VehicleParams& params, const Track& track);
  VehicleState state(int lane) const { return Read<VehicleState>(0, lane); }
  void set_state(int lane, const VehicleState& state);
  // In force from the next tick on.
  void set_inputs(int lane, const Inputs& inputs);
  // The plane of TickResult::beyond_plane, from the next tick on. At first cars are beyond it.
  void set_plane(int lane, Vec3 position_m, Vec3 direction);
  // The member of a lane's state at this offset of VehicleState.
  template <class T>
  T Read(std::size_t offset, int lane) const {
    constexpr std::size_t kWord = sizeof(state_[0][0]);
    static_assert(sizeof(T) % kWord == 0 && std::is_trivially_copyable_v<T>);
    std::array<float, sizeof(T) / kWord> words;  // some are integers; moved as bits
    for (std::size_t k = 0; k < words.size(); ++k) {
      words[k] = state_[offset / kWord + k][static_cast<std::size_t>(lane)];
    }
    return std::bit_cast<T>(words);
  }

  // One tick of the lanes whose bit is set, each as Advance() does it, bit for bit; the others
  // stay as they are, bit for bit.
  TickResult Advance(LaneMask lanes);

 private:
  template <std::size_t words>
  using Words = std::array<std::array<float, kBlockLanes>, words>;

  alignas(64) Words<sizeof(VehicleState) / sizeof(float)> state_{};
  alignas(64) Words<sizeof(VehicleParams) / sizeof(float)> params_{};
  alignas(64) Words<5> driver_{};  // see DriverWords in vehicle_model.cc
  alignas(64) Words<6> planes_{};  // position, direction
  std::array<const Track*, kBlockLanes> tracks_{};
};

}  // namespace hotlap::sim
