// Where a point is on a road, by what the track says is under it.
#pragma once

#include <algorithm>

#include "env/sim/track.h"

namespace hotlap::sim {

struct RoadPlace {
  int index = 0;  // of the nearest stretch
  bool on_road = false;
  float s_m = 0, lateral_m = 0, height_m = 0;  // height above the surface, or above the ground
  Vec3 normal;
  Surface surface = Surface::kAsphalt;
};

// As a car finds it that follows the road from `hint`, or with `has_left_road` one that looks for
// what is below it.
inline RoadPlace PlaceOn(const Track& track, Vec3 position_m, int hint, bool has_left_road = true) {
  const Footing footing = track.Under(position_m, hint, has_left_road);
  const RoadStretch& stretch = *footing.stretch;
  const Vec3 offset = position_m - stretch.start_m;
  const float behind = Dot(offset, stretch.tangent[0]);
  const float ahead = Dot(stretch.step_m - offset, stretch.tangent[1]);
  const float u = std::clamp(behind / std::max(behind + ahead, 1e-3f), 0.0f, 1.0f);
  RoadPlace place;
  place.index = footing.index;
  place.on_road = (stretch.surface & RoadStretch::kGround) == 0;
  place.s_m = track.s_m(footing.index) + (place.on_road ? u * stretch.length_m : 0);
  place.normal = Normalized(stretch.normal[0] + (stretch.normal[1] - stretch.normal[0]) * u, {});
  const Vec3 tangent = stretch.tangent[0] + (stretch.tangent[1] - stretch.tangent[0]) * u;
  const Vec3 foot = offset - stretch.step_m * u;
  place.lateral_m = Dot(foot, Normalized(Cross(place.normal, tangent), {}));
  place.height_m = Dot(foot, place.normal) + kRideHeightM;
  place.surface = static_cast<Surface>(stretch.surface & ~RoadStretch::kGround);
  return place;
}

}  // namespace hotlap::sim
