// Three floats and the operations that the car, the road and the observation need. World frame
// unless a name says otherwise: metres, y up, +z north, +x west (left of a car that faces +z).
// Plain arithmetic only, so equal inputs give equal bits.
#pragma once

#include <cmath>

namespace hotlap {

struct Vec3 {
  float x = 0, y = 0, z = 0;

  friend constexpr Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend constexpr Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend constexpr Vec3 operator-(Vec3 a) { return {-a.x, -a.y, -a.z}; }
  friend constexpr Vec3 operator*(Vec3 a, float k) { return {a.x * k, a.y * k, a.z * k}; }
  friend constexpr Vec3 operator*(float k, Vec3 a) { return a * k; }
  constexpr Vec3& operator+=(Vec3 b) { return *this = *this + b; }
  friend constexpr bool operator==(const Vec3&, const Vec3&) = default;
};

constexpr float Dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
constexpr Vec3 Cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
// sqrt is correctly rounded by IEEE 754, so it may be the library's.
inline float Length(Vec3 a) { return std::sqrt(Dot(a, a)); }
inline Vec3 Normalized(Vec3 a, Vec3 fallback) {
  const float length = Length(a);
  return length > 1e-6f ? a * (1.0f / length) : fallback;
}

// Row-major rotation, car to world: its columns are the car's left (+x), up (+y) and forward (+z)
// axes in the world.
struct Mat3 {
  float m[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};

  constexpr Vec3 Column(int j) const { return {m[0][j], m[1][j], m[2][j]}; }
  friend constexpr Vec3 operator*(const Mat3& r, Vec3 v) {
    return {r.m[0][0] * v.x + r.m[0][1] * v.y + r.m[0][2] * v.z,
            r.m[1][0] * v.x + r.m[1][1] * v.y + r.m[1][2] * v.z,
            r.m[2][0] * v.x + r.m[2][1] * v.y + r.m[2][2] * v.z};
  }
  friend constexpr bool operator==(const Mat3&, const Mat3&) = default;
};

// transpose(r) * v: world to car.
constexpr Vec3 TransposeTimes(const Mat3& r, Vec3 v) {
  return {r.m[0][0] * v.x + r.m[1][0] * v.y + r.m[2][0] * v.z,
          r.m[0][1] * v.x + r.m[1][1] * v.y + r.m[2][1] * v.z,
          r.m[0][2] * v.x + r.m[1][2] * v.y + r.m[2][2] * v.z};
}

}  // namespace hotlap
