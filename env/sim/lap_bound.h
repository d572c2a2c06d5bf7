// How fast a car can be at most: a lower bound of the time from start to finish, from the track and
// the car's settings alone, without driving.
//
// The line of least curvature between the road's edges is driven at the highest speed that the
// car's limits hold at every metre (a quasi-steady state): full lock of the steering, the tyres'
// grip by surface, bank, slope and dip, the engine by speed, drag, brakes, turbo pads and top
// speed. Where something is left out, it is left out in the driver's favour:
//   - steering and tyres take no time to build up, gears none to change;
//   - no crest takes load off the wheels (a car may jump it), no landing costs any speed;
//   - the car is a point that may stand on the very edge (or wall_clearance_m from a wall);
//   - it stands at the start in any direction, anywhere across the road;
//   - changing between the lines costs nothing; another line may be faster still: kLineAllowance.
// Not considered are ways that are none along the road: flying across a bend from one stretch to
// another one, bouncing off walls, or sliding with more curvature than full lock gives.
#pragma once

#include <vector>

#include "env/sim/track.h"
#include "env/sim/vehicle_params.h"
#include "env/vec3.h"

namespace hotlap::sim {

// Share of the time along the line of least curvature that the bound is. Other measures of
// curvature (powers from 4 to 8) give lines within 1 per cent of it.
inline constexpr double kLineAllowance = 0.98;

struct LapBoundPoint {
  Vec3 position_m;
  float s_m = 0;  // along the track's line, growing from lap to lap
  float speed_mps = 0;
};
struct LapBound {
  double time_s = 0;                  // from s(0) to the finish, all laps
  std::vector<LapBoundPoint> widest;  // the line of least curvature at its speed: the first lap
};

// The same on every machine. Callers hold a FloatingPointGuard.
LapBound BoundLap(const Track& track, const VehicleParams& params);

// Of the path, at most, at full lock on the ground: 1/m.
double FullLockCurvature(const VehicleParams& params, double speed_mps);

}  // namespace hotlap::sim
