// Loops over many columns or many points of a line, over Highway's types for what the machine
// offers. Plain arithmetic in a stated order: the bits are the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "env/vec3.h"

namespace hotlap {

// A position and a float more, so that it is one vector.
struct PaddedVec3 : Vec3 {
  float unused = 0;
};
static_assert(sizeof(PaddedVec3) == 4 * sizeof(float));

// values = clip(values * scale, low, high), element by element; NaN counts as 0.
// REQUIRES: all of one size.
void ScaleAndClip(std::span<const float> scale, std::span<const float> low,
                  std::span<const float> high, std::span<float> values);

// Points of a line at even distances, and the distance from which somebody looks along it.
struct LineView {
  const PaddedVec3* points = nullptr;  // one more than there are segments
  std::int32_t last_segment = 0;
  float inverse_spacing_per_m = 1;
  float base_m = 0;  // of the first point
  float s_m = 0;     // where distances are counted from
};
// The line's point at each distance, seen from `origin` in the frame `rotation`, [n, 3]:
//   at = (s_m + distance - base_m) * inverse_spacing, segment = min(whole part of at,
//   last_segment), a = points[segment], b = points[segment + 1], transpose(rotation) * (a + (b - a)
//   * (at - segment) - origin).
// REQUIRES: at >= 0; room for all points.
void SeePoints(const LineView& line, std::span<const float> distances_m, Vec3 origin,
               const Mat3& rotation, std::span<float> out);

// IEEE 754 binary16, the nearest (of two the even one); what is too large for it becomes the
// largest. REQUIRES: finite; both of one size.
void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves);
// Exactly. REQUIRES: finite; both of one size.
void FromHalf(std::span<const std::uint16_t> halves, std::span<float> values);

// How many floats beyond the end of an array a loop may read.
inline constexpr std::size_t kVectorPadding = 8;

// The point nearest to `to` among count of them, the first of several: by its square distance.
struct NearestPoint {
  std::size_t index = 0;
  float square_m2 = 0;
};
// REQUIRES: count > 0; the arrays are kVectorPadding longer.
NearestPoint FindNearest(const float* x_m, const float* y_m, const float* z_m, std::size_t count,
                         Vec3 to);

}  // namespace hotlap
