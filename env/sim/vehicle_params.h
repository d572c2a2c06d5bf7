// What a car is: settings, fixed for an episode. The car has unit mass, so a force is an
// acceleration (m/s^2), a stiffness is 1/s^2, a damping 1/s. Car frame: +x left, +y up, +z forward;
// wheels in the game's order front-left, front-right, rear-right, rear-left. The defaults are the
// Stadium car; configs/vehicles/stadium.yaml repeats them and says which were measured and which
// were chosen, and why.
#pragma once

#include <array>
#include <cstddef>

#include "env/vec3.h"
#include "env/vehicle_factors.h"

namespace hotlap::sim {

inline constexpr int kNumWheels = 4;
inline constexpr int kNumGears = 5;        // forward; gear 0 is reverse
inline constexpr int kNumSteerPoints = 8;  // of the full-lock table
inline constexpr int kNumBodyPoints = 8;

// A body point lies within -x..x, 0..y and -z..z of this.
inline constexpr Vec3 kBodyReach{1.5f, 1.6f, 2.6f};

struct VehicleParams {
  // Body.
  float gravity_mps2 = 25.0f;
  float inverse_inertia_pitch_yaw = 0.48f;  // 1/m^2, about +x and +y
  float inverse_inertia_roll = 1.2f;        // 1/m^2, about +z
  float max_linear_speed_mps = 277.7778f;
  float max_angular_speed_radps = 30.0f;
  float drag_per_m = 0.0003f;              // deceleration is drag * speed^2
  float air_angular_damping_per_s = 0.5f;  // with no wheel on the ground

  // Wheels and suspension. The extension of a wheel is how far its centre is below
  // wheel_offset_m (the state's damper_absorb_m); 0.0126 m at rest.
  std::array<Vec3, kNumWheels> wheel_offset_m{
      Vec3{0.863f, 0.3525f, 1.782f}, Vec3{-0.863f, 0.3525f, 1.782f},
      Vec3{-0.885f, 0.3525f, -1.2055f}, Vec3{0.885f, 0.3525f, -1.2055f}};
  float wheel_radius_m = 0.364f;
  float max_extension_m = 0.15f;          // of a wheel in the air; where the droop spring begins
  float droop_stiffness = 12.0f;          // 1/s^2 and wheel
  float spring_free_front_m = 0.021088f;  // extension below which the main spring pushes
  float spring_free_rear_m = 0.027118f;
  float spring_stiffness = 400.0f;  // 1/s^2 and wheel
  float bump_stiffness = 200.0f;    // 1/s^2 and wheel, on top, once a wheel is at its stop
  float max_compression_m = 0.15f;  // beyond a wheel's stop, and of a body point; no harder push
  float damping = 20.0f;            // 1/s and wheel

  // Tyres: force against the slip velocity, up to grip times load; beyond it they slide, with less
  // grip, until they ask for much less again.
  float lateral_stiffness_front = 14.0f;  // 1/s and wheel
  float lateral_stiffness_rear = 22.0f;   // 1/s and wheel
  float grip_asphalt = 3.9f;              // friction coefficient at the load of rest
  float grip_grass = 2.0f;
  float grip_dirt = 2.4f;
  float grip_ice = 0.5f;
  float rest_load = 6.25f;          // m/s^2 and wheel
  float load_sensitivity = 0.06f;   // share of the grip lost per rest_load more on a wheel
  float slide_grip_factor = 0.85f;  // of the grip, while a wheel slides
  float slide_end_factor = 0.7f;    // of that limit: a wheel that asks for less grips again
  float slide_end_slip = 0.12f;     // and whose slip angle is below this (tangent)

  // Steering: the front wheels' angle at full lock against speed, linear between the points.
  std::array<float, kNumSteerPoints> steer_speed_kmh{0, 50, 100, 180, 290, 370, 410, 460};
  std::array<float, kNumSteerPoints> steer_angle_rad{0.45f,   0.33f,   0.1876f, 0.0730f,
                                                     0.0304f, 0.0228f, 0.0160f, 0.0098f};
  float steer_rate_per_s = 6.0f;          // away from the middle, full lock is 1
  float steer_return_rate_per_s = 10.0f;  // towards the middle

  // Engine: acceleration on all four wheels together, linear in speed within a gear, from the speed
  // at which the gear before it ends to the one at which it ends itself.
  std::array<float, kNumGears> gear_end_kmh{90, 165, 203, 400, 555};
  std::array<float, kNumGears> drive_low_mps2{16.2f, 11.1f, 9.9f, 7.5f, 9.3f};
  std::array<float, kNumGears> drive_high_mps2{16.4f, 11.5f, 10.0f, 10.8f, 12.4f};
  float drive_fade_start_kmh = 530.0f;  // the engine fades from here ...
  float drive_fade_end_kmh = 589.0f;    // ... to nothing here
  float shift_time_s = 0.18f;           // a multiple of 10 ms
  float shift_drive_factor = 0.35f;     // what is left of the drive during a change
  float downshift_margin_kmh = 15.0f;   // below the speed that shifts up
  float reverse_drive_mps2 = 10.0f;
  float reverse_max_kmh = 60.0f;
  float engine_brake_mps2 = 12.5f;
  float engine_brake_stiffness = 2.0f;  // 1/s; small, so that a car without brake rolls downhill
  float max_rpm = 11000.0f;
  float idle_rpm = 115.0f;
  float shift_rpm = 10400.0f;  // at the speed at which a gear ends

  // Turbo pads: a push on top of the engine, from the pad on for a time, linear in speed between
  // two.
  float turbo_time_s = 0.8f;  // a multiple of 10 ms
  float turbo_low_kmh = 200.0f;
  float turbo_high_kmh = 470.0f;
  float turbo_low_mps2 = 42.0f;   // up to turbo_low_kmh
  float turbo_high_mps2 = 27.5f;  // from turbo_high_kmh on
  float turbo2_factor = 1.5f;     // of the stronger pads

  // In the air.
  float air_steer_radps2 = 1.5f;         // yaw at full lock
  float air_brake_damping_per_s = 6.0f;  // of every rotation, while the brake is on

  // Brake, on all four wheels together.
  float brake_mps2 = 30.0f;
  float brake_stiffness = 50.0f;  // 1/s; holds a standing car

  // Body contact: corner points that push and scrape.
  std::array<Vec3, kNumBodyPoints> body_point_m{
      Vec3{0.9f, 0.15f, 2.1f},   Vec3{-0.9f, 0.15f, 2.1f}, Vec3{-0.9f, 0.15f, -1.7f},
      Vec3{0.9f, 0.15f, -1.7f},  Vec3{0.7f, 0.95f, 1.2f},  Vec3{-0.7f, 0.95f, 1.2f},
      Vec3{-0.7f, 0.95f, -1.4f}, Vec3{0.7f, 0.95f, -1.4f}};
  float body_stiffness = 400.0f;  // 1/s^2 and point
  float body_damping = 12.0f;     // 1/s and point
  float body_friction = 0.5f;     // friction coefficient
  float wall_friction = 0.25f;    // friction coefficient
  float wall_clearance_m = 0.6f;  // the car's origin comes no closer to a wall
  float wall_bounce = 0.3f;       // share of the speed into a wall that comes back from there
  float sink_limit_m = 0.3f;      // the car's origin goes no deeper below a surface
};

// The car with another mass, grip and engine; factors of 1 change no bit. The car keeps its unit
// mass, so a factor of the mass divides what forces there are: engine, brakes, turbo, drag,
// springs, dampers, the stiffness of tyres and body, and what turns the car in the air, whose
// inertia grows with the mass. Gravity, friction coefficients, geometry and speeds stay. A wheel of
// a heavier car so carries the same acceleration and more load: rest_load, where the sensitivity of
// the grip to the load counts from, is a force too.
VehicleParams Varied(const VehicleParams& params, const VehicleFactors& factors);

}  // namespace hotlap::sim
