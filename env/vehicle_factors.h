// How the car of one episode differs from its settings: factors, 1 unless they are randomised.
#pragma once

namespace hotlap {

struct VehicleFactors {
  float mass = 1;
  float grip = 1;  // on every surface
  float engine_force = 1;
  friend bool operator==(const VehicleFactors&, const VehicleFactors&) = default;
};

}  // namespace hotlap
