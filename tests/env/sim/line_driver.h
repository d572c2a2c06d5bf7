// A plain closed-loop driver for tests: steers at a point of the road ahead, brakes for what the
// car could not hold. Shows that the car can be driven; no reference for how fast.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "env/inputs.h"
#include "env/sim/race.h"

namespace hotlap::sim {

class LineDriver {
 public:
  explicit LineDriver(const Track& track, const VehicleParams& params = {})
      : track_(track), params_(params) {
    const auto points = track.points();
    const int n = static_cast<int>(points.size());
    constexpr int kSpan = 4;
    for (int i = 0; i < n; ++i) {
      const RoadPoint& a = points[static_cast<std::size_t>(std::max(i - kSpan, 0))];
      const RoadPoint& b = points[static_cast<std::size_t>(std::min(i + kSpan, n - 1))];
      const RoadPoint& here = points[static_cast<std::size_t>(i)];
      const float length = Length(b.position_m - a.position_m);
      const Vec3 bend = (b.tangent - a.tangent) * (1.0f / length);
      const float sideways = std::fabs(Dot(bend, here.left));
      const float crest = std::max(0.0f, -Dot(bend, here.normal));
      float speed = 150;
      // Over a crest the tyres carry less.
      while (speed > 8 &&
             (speed * speed * (sideways / kSideways + crest / (0.8f * params.gravity_mps2)) > 1 ||
              sideways > 0.8f * MaxCurvature(speed))) {
        speed -= 1;
      }
      speed_mps_.push_back(speed);
    }
    for (int i = n - 2; i >= 0; --i) {
      auto& speed = speed_mps_[static_cast<std::size_t>(i)];
      const float next = speed_mps_[static_cast<std::size_t>(i) + 1];
      speed = std::min(speed, std::sqrt(next * next + 2 * kBraking * track.spacing_m()));
    }
  }

  Inputs Drive(const RaceState& race) const {
    const BodyState& body = race.vehicle.body;
    const Mat3 rotation = RotationOf(body.orientation);
    const float s_m = track_.s_m(race.vehicle.road_index);
    const float speed = Length(body.velocity_mps);
    const float reach = 5 + 0.22f * speed;
    const RoadPoint& ahead = At(s_m + reach);
    const Vec3 target = TransposeTimes(rotation, ahead.position_m - body.position_m);
    const float curvature = 2 * target.x / (target.x * target.x + target.z * target.z);
    Inputs inputs;
    inputs.steer = static_cast<std::int32_t>(
        65536 * std::clamp(-curvature / MaxCurvature(std::max(speed, 3.0f)), -1.0f, 1.0f));
    const float wanted = speed_mps_[Index(s_m + 0.03f * speed)];
    inputs.accelerate = speed < wanted;
    inputs.brake = speed > wanted + 1.5f;
    return inputs;
  }

 private:
  static constexpr float kSideways = 50;  // m/s^2
  static constexpr float kBraking = 25;   // m/s^2

  float MaxCurvature(float speed_mps) const {
    const auto& speeds = params_.steer_speed_kmh;
    const auto& angles = params_.steer_angle_rad;
    const float kmh = speed_mps * 3.6f;
    std::size_t i = 1;
    while (i + 1 < speeds.size() && kmh > speeds[i]) ++i;
    const float u = std::clamp((kmh - speeds[i - 1]) / (speeds[i] - speeds[i - 1]), 0.0f, 1.0f);
    return (angles[i - 1] + (angles[i] - angles[i - 1]) * u) / 2.9875f;
  }
  std::size_t Index(float s_m) const {
    const int n = static_cast<int>(track_.points().size());
    const int i = static_cast<int>(s_m / track_.spacing_m());
    return static_cast<std::size_t>(track_.closed() ? i % n : std::clamp(i, 0, n - 1));
  }
  const RoadPoint& At(float s_m) const { return track_.points()[Index(s_m)]; }

  const Track& track_;
  VehicleParams params_;
  std::vector<float> speed_mps_;
};

}  // namespace hotlap::sim
