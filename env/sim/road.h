// What a road is made of: the points that describe it, and the stretches between them that a tick
// reads. World frame, metres, unless a name says otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "env/vec3.h"

namespace hotlap::sim {

// The car's origin above the surface when it stands; the line of a track runs at this height.
inline constexpr float kRideHeightM = 0.0241f;

// Contact materials with the protocol's numbers (section 11).
enum class Surface : std::uint8_t {
  kGrass = 2,
  kIce = 3,
  kDirt = 6,
  kTurbo = 7,
  kAsphalt = 16,
  kTurbo2 = 26,
  kFreeWheeling = 29
};

// One cross-section of the road.
struct RoadPoint {
  Vec3 position_m;  // the reference point: the car's origin when it stands here
  Vec3 tangent;     // unit, along the road
  Vec3 left;        // unit, across the road to the left
  Vec3 normal;      // unit, out of the surface
  float half_width_left_m = 0;
  float half_width_right_m = 0;
  float wall_left_m = 0;                // height of the wall at the left edge; 0: the edge is open
  float wall_right_m = 0;               // and at the right edge
  Surface surface = Surface::kAsphalt;  // from here to the next point
  bool is_gap = false;                  // no road from here to the next point: the car flies
};

// The road between two neighbouring points, as the tick wants it: 32 words in two cache lines. All
// of it turns linearly from the first point to the second; near it the surface is the plane at the
// car's origin, bent along the road by `bend` and across it by `twist`.
struct alignas(64) RoadStretch {
  Vec3 start_m;               // of the line
  Vec3 step_m;                // to the next point
  Vec3 tangent[2];            // unit; also normals of the planes that end the stretch
  Vec3 normal[2];             // unit
  float bend_per_m[2] = {};   // how fast the tangent turns to the normal: above 0 in a dip
  float twist_per_m[2] = {};  // how fast `left` turns to the normal
  float half_width_left_m[2] = {};
  float half_width_right_m[2] = {};
  float wall_left_m = 0, wall_right_m = 0;
  float gap_from_m = 0,
        gap_to_m = 0;        // of the nearest gap, along the road from start_m; equal: none is near
  std::int32_t surface = 0;  // a Surface; with kGround: no road but the ground below it
  float length_m = 0;        // of step_m

  static constexpr std::int32_t kGround = 256;
};
inline constexpr std::size_t kStretchWords = 32;
static_assert(sizeof(RoadStretch) == kStretchWords * sizeof(float));

}  // namespace hotlap::sim
