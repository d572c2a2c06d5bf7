// sin, cos, atan2, exp and log in float32, the same bits on every machine: a C library picks
// variants by processor. Only + - * / and conversions that truncate; nothing here depends on
// anything but the arguments (with round-to-nearest, see floating_point_guard.h). Polynomials are
// fitted at Chebyshev nodes of the reduced range; absolute errors stay below 3e-7 of results of
// size 1. sqrt is correctly rounded by IEEE 754, so std::sqrt may be used beside these.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hotlap::sim {

inline constexpr float kPi = 3.14159265358979f;
inline constexpr float kMaxAngle = 8192.0f;  // of Sin and Cos, either sign

namespace scalar_math_internal {

struct Reduced {
  float x;  // angle minus quarter_turns * pi/2, in about [-pi/4, pi/4]
  int quarter_turns;
};

constexpr Reduced ReduceAngle(float angle) {
  const float turns = angle * 0.636619772f;
  const int k = static_cast<int>(turns + (turns >= 0 ? 0.5f : -0.5f));
  const float n = static_cast<float>(k);
  // pi/2 in three parts; n times the first two is exact for |angle| up to kMaxAngle.
  return {((angle - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.54978995489e-8f, k};
}
constexpr float SinReduced(float x) {
  const float u = x * x;
  return x +
         x * u *
             (-0.16666666663f + u * (0.00833333169f + u * (-0.00019839990f + u * 2.72375772e-6f)));
}
constexpr float CosReduced(float x) {
  const float u = x * x;
  return 1.0f - 0.5f * u +
         u * u *
             (0.041666666664f + u * (-0.00138888875f + u * (2.48005193e-5f + u * -2.72906525e-7f)));
}
// For x in [0, 1].
constexpr float AtanOfUnit(float x) {
  const float upper = x > 0.41421356f ? 1.0f : 0.0f;  // tan(pi/8)
  const float y = (x - upper) / (x * upper + 1.0f);   // no branch: angles are anybody's guess
  const float u = y * y;
  const float p =
      -0.33333331686f +
      u * (0.19999523397f + u * (-0.14263366579f + u * (0.10737396963f + u * -0.06431038700f)));
  const float small = y + y * u * p;
  return upper * 0.785398163f + small;
}

}  // namespace scalar_math_internal

// Radians. An angle that is not finite or beyond +-kMaxAngle counts as 0.
constexpr float Sin(float angle) {
  if (!(angle >= -kMaxAngle && angle <= kMaxAngle)) angle = 0;
  const auto [x, k] = scalar_math_internal::ReduceAngle(angle);
  const float value =
      (k & 1) != 0 ? scalar_math_internal::CosReduced(x) : scalar_math_internal::SinReduced(x);
  return (k & 2) != 0 ? -value : value;
}
constexpr float Cos(float angle) {
  if (!(angle >= -kMaxAngle && angle <= kMaxAngle)) angle = 0;
  const auto [x, k] = scalar_math_internal::ReduceAngle(angle);
  const float value =
      (k & 1) != 0 ? scalar_math_internal::SinReduced(x) : scalar_math_internal::CosReduced(x);
  return ((k + 1) & 2) != 0 ? -value : value;
}

// The angle of the point (x, y) from the x axis, in [-pi, pi]; 0 for (0, 0). Both must be finite.
constexpr float Atan2(float y, float x) {
  const float ax = x < 0 ? -x : x;
  const float ay = y < 0 ? -y : y;
  const float larger = ax > ay ? ax : ay;
  const float smaller = ax > ay ? ay : ax;
  if (larger == 0) return 0;
  float angle = scalar_math_internal::AtanOfUnit(smaller / larger);
  const float is_steep = ay > ax ? 1.0f : 0.0f, is_behind = x < 0 ? 1.0f : 0.0f;
  angle = is_steep * 1.57079633f + (1.0f - 2.0f * is_steep) * angle;
  angle = is_behind * kPi + (1.0f - 2.0f * is_behind) * angle;
  return angle * (y < 0 ? -1.0f : 1.0f);
}

// 0 below -87, infinity above 88.7; relative error below 2e-7 between.
constexpr float Exp(float x) {
  if (x < -87.0f) return 0.0f;
  if (x > 88.7f) return std::numeric_limits<float>::infinity();
  if (x != x) return x;
  const float scaled = x * 1.44269504f;
  const int k = static_cast<int>(scaled + (scaled >= 0 ? 0.5f : -0.5f));
  const float n = static_cast<float>(k);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;  // ln 2 in two parts
  const float p =
      1.0f + r +
      r * r *
          (0.5f +
           r * (0.166665734f + r * (0.0416665501f + r * (0.00836377387f + r * 0.00139269266f))));
  // 2^k in two factors, so that k = 128 needs no exponent beyond the format.
  const auto power = [](int e) { return std::bit_cast<float>((e + 127) << 23); };
  return p * power(k / 2) * power(k - k / 2);
}

// -infinity at 0, NaN below; absolute error below 2e-7 plus 2^-24 of the result between the
// smallest normal number and the largest; what is smaller counts as the smallest.
constexpr float Log(float x) {
  if (!(x >= 0)) return std::numeric_limits<float>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<float>::infinity();
  if (x > std::numeric_limits<float>::max()) return x;
  if (x < std::numeric_limits<float>::min()) x = std::numeric_limits<float>::min();
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)).
  constexpr std::int32_t kSqrtHalf = 0x3F3504F3, kMantissa = 0x7FFFFF;
  const std::int32_t bits = std::bit_cast<std::int32_t>(x) - kSqrtHalf;
  const float m = std::bit_cast<float>((bits & kMantissa) + kSqrtHalf);
  const float n = static_cast<float>(bits >> 23);
  // log m = 2 artanh(s), the series to s^9.
  const float s = (m - 1.0f) / (m + 1.0f);
  const float u = s * s;
  const float p = 0.66666667f + u * (0.4f + u * (0.28571429f + u * 0.22222222f));
  return n * 0.693359375f + (n * -2.12194440e-4f + (2.0f * s + s * u * p));
}

}  // namespace hotlap::sim
