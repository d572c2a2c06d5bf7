#include "env/sim/vehicle_params.h"

namespace hotlap::sim {
namespace {

using P = VehicleParams;

// What pushes, holds or turns the car with a force of its own, whatever the mass. rest_load is one:
// the load on a wheel at which the grip is what it is said to be.
constexpr float P::*kForces[] = {
    &P::drag_per_m,
    &P::air_angular_damping_per_s,
    &P::droop_stiffness,
    &P::spring_stiffness,
    &P::bump_stiffness,
    &P::damping,
    &P::lateral_stiffness_front,
    &P::lateral_stiffness_rear,
    &P::rest_load,
    &P::reverse_drive_mps2,
    &P::engine_brake_mps2,
    &P::engine_brake_stiffness,
    &P::turbo_low_mps2,
    &P::turbo_high_mps2,
    &P::air_steer_radps2,
    &P::air_brake_damping_per_s,
    &P::brake_mps2,
    &P::brake_stiffness,
    &P::body_stiffness,
    &P::body_damping,
};
constexpr float P::*kGrips[] = {&P::grip_asphalt, &P::grip_grass, &P::grip_dirt, &P::grip_ice};

}  // namespace

VehicleParams Varied(const VehicleParams& params, const VehicleFactors& factors) {
  VehicleParams varied = params;
  for (float P::*const force : kForces) varied.*force /= factors.mass;
  for (float P::*const grip : kGrips) varied.*grip *= factors.grip;
  for (float& drive : varied.drive_low_mps2) drive *= factors.engine_force / factors.mass;
  for (float& drive : varied.drive_high_mps2) drive *= factors.engine_force / factors.mass;
  varied.reverse_drive_mps2 *= factors.engine_force;
  return varied;
}

}  // namespace hotlap::sim
