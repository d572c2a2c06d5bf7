#include "env/sim/vehicle_state.h"

#include <cmath>

namespace hotlap::sim {

Quaternion QuaternionOf(const Mat3& rotation) {
  // The largest of the four components comes first: its square is at least a quarter.
  const auto& m = rotation.m;
  const float trace = m[0][0] + m[1][1] + m[2][2];
  Quaternion q;
  if (trace > 0) {
    q = {1 + trace, m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]};
  } else if (m[0][0] >= m[1][1] && m[0][0] >= m[2][2]) {
    q = {m[2][1] - m[1][2], 1 + m[0][0] - m[1][1] - m[2][2], m[0][1] + m[1][0], m[0][2] + m[2][0]};
  } else if (m[1][1] >= m[2][2]) {
    q = {m[0][2] - m[2][0], m[0][1] + m[1][0], 1 + m[1][1] - m[0][0] - m[2][2], m[1][2] + m[2][1]};
  } else {
    q = {m[1][0] - m[0][1], m[0][2] + m[2][0], m[1][2] + m[2][1], 1 + m[2][2] - m[0][0] - m[1][1]};
  }
  const float scale = 1.0f / std::sqrt(q.w * q.w + q.x * q.x + q.y * q.y + q.z * q.z);
  return {q.w * scale, q.x * scale, q.y * scale, q.z * scale};
}

}  // namespace hotlap::sim
