// What a car is doing: everything that the next tick depends on, and what a TMInterface client is
// shown of the last one. Trivially copyable and made of 4-byte fields alone, so equal states are
// equal bytes; a snapshot is a copy of it.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "env/sim/vehicle_params.h"
#include "env/vec3.h"

namespace hotlap::sim {

struct Quaternion {  // unit; car to world
  float w = 1, x = 0, y = 0, z = 0;
  friend constexpr bool operator==(const Quaternion&, const Quaternion&) = default;
};

// A rigid body's motion. World frame.
struct BodyState {
  Quaternion orientation;
  Vec3 position_m;
  Vec3 velocity_mps;
  Vec3 angular_velocity_radps;
  friend constexpr bool operator==(const BodyState&, const BodyState&) = default;
};

struct WheelContact {
  float extension_m = 0;  // of the suspension; the game's damper_absorb
  float angular_speed_radps = 0;
  std::int32_t has_contact = 0;  // 0 or 1
  std::int32_t is_sliding = 0;   // 0 or 1: the tyre is at its grip limit
  std::int32_t material = 0;     // Surface; 0 without contact
  friend constexpr bool operator==(const WheelContact&, const WheelContact&) = default;
};

struct VehicleState {
  BodyState body;
  BodyState previous_body;  // one tick ago

  std::array<WheelContact, kNumWheels> wheels{};

  float steering = 0;                 // built up so far, [-1, 1], positive is right
  float rpm = 0;                      // [0, max_rpm]
  std::int32_t gear = 1;              // 0 is reverse, 1..5
  std::int32_t shift_ticks_left = 0;  // above 0 while the gear changes
  std::int32_t held_keys = 0;         // of the last tick: bit 0 left, bit 1 right
  std::int32_t steer_key = 0;         // which of them acts: -1 left, 1 right, 0 neither
  std::int32_t has_touched_down = 0;  // 0 from the drop at the start to the first contact
  std::int32_t has_wall_contact = 0;  // a point of the body touched a wall
  std::int32_t turbo_ticks_left = 0;  // above 0 while a boost lasts
  std::int32_t turbo_surface = 0;     // the pad that gave the last one: 0, kTurbo or kTurbo2
  std::int32_t is_freewheeling = 0;   // 1: the engine is off
  std::int32_t road_index = 0;        // nearest stretch of road; the hint of the next search
  std::int32_t has_left_road = 0;     // 1: the next tick looks for what is below on the whole track

  // Of the last tick, world frame, for clients that look.
  Vec3 force_mps2;  // all of it, gravity included
  Vec3 torque;

  friend constexpr bool operator==(const VehicleState&, const VehicleState&) = default;
};

static_assert(std::is_trivially_copyable_v<VehicleState>);
static_assert(sizeof(VehicleState) == sizeof(float) * (2 * 13 + 4 * 5 + 13 + 6),
              "VehicleState changed: bump kSimStateVersion (race_sim_state.cc) and "
              "kSnapshotVersion (simulated_games.cc)");

// Rows of the rotation by the standard formula; the one way from orientation to matrix in env/sim.
constexpr Mat3 RotationOf(const Quaternion& q) {
  const float xx = q.x * q.x, yy = q.y * q.y, zz = q.z * q.z;
  const float xy = q.x * q.y, xz = q.x * q.z, yz = q.y * q.z;
  const float wx = q.w * q.x, wy = q.w * q.y, wz = q.w * q.z;
  return {{{1 - 2 * (yy + zz), 2 * (xy - wz), 2 * (xz + wy)},
           {2 * (xy + wz), 1 - 2 * (xx + zz), 2 * (yz - wx)},
           {2 * (xz - wy), 2 * (yz + wx), 1 - 2 * (xx + yy)}}};
}
// Its inverse. REQUIRES: a rotation; the result is normalised.
Quaternion QuaternionOf(const Mat3& rotation);

}  // namespace hotlap::sim
