#include "env/sim/lap_bound.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "env/sim/floating_point_guard.h"
#include "env/sim/racing_line.h"
#include "env/sim/scalar_math.h"

namespace hotlap::sim {
namespace {

constexpr double kKmh = 3.6;            // km/h per m/s
constexpr double kSpeedStepMps = 0.25;  // between the speeds that are tried
// The drive of the front wheels pulls into a bend, and neither axle slips quite alike: what the car
// turns beyond its geometry.
constexpr double kTurnAllowance = 1.04;
constexpr int kLines = 3;                 // from the widest to the shortest
constexpr std::size_t kLapsComputed = 3;  // those between the first and the last are alike

// What the tyres hold.
class Tyres {
 public:
  explicit Tyres(const VehicleParams& params) : params_(params) {}

  // All four at this load together, spread evenly, which is their best.
  double Hold(Surface surface, double load_mps2) const {
    if (!(load_mps2 > 0)) return 0;
    const double more = load_mps2 / (kNumWheels * double{params_.rest_load}) - 1;
    const double share = std::clamp(1 - params_.load_sensitivity * more, 0.5, 1.2);
    return load_mps2 * GripOf(surface) * share;
  }

 private:
  double GripOf(Surface surface) const {
    switch (surface) {
      case Surface::kGrass:
        return params_.grip_grass;
      case Surface::kDirt:
        return params_.grip_dirt;
      case Surface::kIce:
        return params_.grip_ice;
      default:
        return params_.grip_asphalt;
    }
  }
  const VehicleParams& params_;
};

double DriveAt(const VehicleParams& params, double speed_mps) {
  const double kmh = speed_mps * kKmh;
  std::size_t gear = 0;
  while (gear + 1 < kNumGears && kmh > params.gear_end_kmh[gear]) ++gear;
  const double from = gear > 0 ? params.gear_end_kmh[gear - 1] : 0.0;
  const double share = std::clamp((kmh - from) / (params.gear_end_kmh[gear] - from), 0.0, 1.0);
  const double low = params.drive_low_mps2[gear], high = params.drive_high_mps2[gear];
  const double fade =
      std::clamp((params.drive_fade_end_kmh - kmh) /
                     double{params.drive_fade_end_kmh - params.drive_fade_start_kmh},
                 0.0, 1.0);
  return fade * (low + (high - low) * share);
}

double BoostAt(const VehicleParams& params, double speed_mps, bool is_strong) {
  const double share = std::clamp((speed_mps * kKmh - params.turbo_low_kmh) /
                                      double{params.turbo_high_kmh - params.turbo_low_kmh},
                                  0.0, 1.0);
  const double boost =
      params.turbo_low_mps2 + (params.turbo_high_mps2 - params.turbo_low_mps2) * share;
  return is_strong ? boost * params.turbo2_factor : boost;
}

class Profile {
 public:
  Profile(const Track& track, const VehicleParams& params, std::span<const LineStation> line)
      : params_(params), tyres_(params), line_(line) {
    const int speeds = static_cast<int>(params.max_linear_speed_mps / kSpeedStepMps) + 1;
    lock_.reserve(static_cast<std::size_t>(speeds));
    for (int i = 0; i < speeds; ++i) lock_.push_back(FullLockCurvature(params, i * kSpeedStepMps));
    limit_.reserve(line_.size());
    for (const LineStation& station : line_) limit_.push_back(Limit(station));
    steps_per_lap_ = track.closed() ? line_.size() : line_.size() - 1;
    const int laps = std::min(track.laps(), static_cast<int>(kLapsComputed));
    speed_mps_ = Forward(Backward(steps_per_lap_ * static_cast<std::size_t>(laps)));
  }

  std::size_t steps_per_lap() const { return steps_per_lap_; }
  std::size_t steps() const { return speed_mps_.size() - 1; }
  double speed_mps(std::size_t step) const { return speed_mps_[step]; }
  double Seconds(std::size_t step) const {
    return StepSeconds(StationAt(step).step_m, speed_mps_[step], speed_mps_[step + 1]);
  }

 private:
  const LineStation& StationAt(std::size_t i) const { return line_[i % line_.size()]; }

  static double StepSeconds(double step_m, double from_mps, double to_mps) {
    return 2 * step_m / std::max(from_mps + to_mps, 1e-3);
  }

  double Load(const LineStation& at, double speed_mps) const {
    return params_.gravity_mps2 * at.up_normal +
           speed_mps * speed_mps * std::max(at.dip_per_m, 0.0);
  }
  // Asked of the tyres across, to the left, to follow the line.
  double Sideways(const LineStation& at, double speed_mps) const {
    return speed_mps * speed_mps * at.curvature_per_m + params_.gravity_mps2 * at.up_left;
  }
  // What the tyres have left along the line.
  double Along(const LineStation& at, double speed_mps) const {
    const double hold = tyres_.Hold(at.surface, Load(at, speed_mps));
    const double sideways = Sideways(at, speed_mps);
    return std::sqrt(std::max(0.0, hold * hold - sideways * sideways));
  }

  // The highest speed at which lock and tyres follow the line here.
  double Limit(const LineStation& at) const {
    if (at.is_gap) return params_.max_linear_speed_mps;
    const double bend = std::abs(at.curvature_per_m);
    double turned =
        0;  // by the lock alone: on a road too steep for the tyres nothing else is known
    for (std::size_t k = lock_.size(); k-- > 0;) {
      if (lock_[k] < bend) continue;
      const double speed = kSpeedStepMps * static_cast<double>(k);
      const double up = speed + kSpeedStepMps;
      turned = std::max(turned, up);
      if (std::abs(Sideways(at, speed)) <= tyres_.Hold(at.surface, Load(at, speed))) return up;
    }
    return std::max(turned, kSpeedStepMps);
  }

  std::vector<double> Backward(std::size_t steps) const {
    std::vector<double> speed(steps + 1, double{params_.max_linear_speed_mps});
    for (std::size_t i = steps; i-- > 0;) {
      const LineStation& at = StationAt(i);
      const double next = speed[i + 1];
      double slowing = params_.drag_per_m * next * next + params_.gravity_mps2 * at.up_tangent;
      if (!at.is_gap) {
        slowing +=
            std::min(double{params_.brake_mps2} + params_.engine_brake_mps2, Along(at, next));
      }
      const double square = next * next + 2 * slowing * at.step_m;
      speed[i] = std::min(limit_[i % limit_.size()], std::sqrt(std::max(square, 0.0)));
    }
    speed[0] = 0;
    return speed;
  }

  // `most` cut to what the engine reaches.
  std::vector<double> Forward(std::vector<double> most) const {
    double boost_left_s = 0;
    bool is_strong = false, engine_is_off = false;
    for (std::size_t i = 0; i + 1 < most.size(); ++i) {
      const LineStation& at = StationAt(i);
      const double speed = most[i];
      const bool on_pad = at.surface == Surface::kTurbo || at.surface == Surface::kTurbo2;
      double push = -params_.drag_per_m * speed * speed - params_.gravity_mps2 * at.up_tangent;
      if (!at.is_gap) {
        if (on_pad) {
          boost_left_s = params_.turbo_time_s;
          is_strong = at.surface == Surface::kTurbo2;
        }
        engine_is_off = !on_pad && (engine_is_off || at.surface == Surface::kFreeWheeling);
        if (!engine_is_off) push += std::min(DriveAt(params_, speed), Along(at, speed));
        if (boost_left_s > 0) push += BoostAt(params_, speed, is_strong);
      }
      const double square = speed * speed + 2 * push * at.step_m;
      // A road that no engine climbs has no bound but this.
      most[i + 1] = std::min(most[i + 1], std::sqrt(std::max(square, kSpeedStepMps)));
      boost_left_s -= StepSeconds(at.step_m, speed, most[i + 1]);
    }
    return most;
  }

  const VehicleParams& params_;
  Tyres tyres_;
  std::span<const LineStation> line_;
  std::vector<double> lock_;   // curvature, by speed in steps
  std::vector<double> limit_;  // m/s, by station
  std::size_t steps_per_lap_ = 0;
  std::vector<double> speed_mps_;  // at the beginning of each step, and after the last one
};

}  // namespace

double FullLockCurvature(const VehicleParams& params, double speed_mps) {
  const double kmh = speed_mps * kKmh;
  std::size_t k = 1;
  while (k + 1 < kNumSteerPoints && kmh > params.steer_speed_kmh[k]) ++k;
  const double from = params.steer_speed_kmh[k - 1], to = params.steer_speed_kmh[k];
  const double share = std::clamp((kmh - from) / (to - from), 0.0, 1.0);
  const double low = params.steer_angle_rad[k - 1], high = params.steer_angle_rad[k];
  const auto angle = static_cast<float>(low + (high - low) * share);
  const double wheelbase = params.wheel_offset_m[0].z - params.wheel_offset_m[2].z;
  return kTurnAllowance * Sin(angle) / (std::max(Cos(angle), 0.1f) * wheelbase);
}

LapBound BoundLap(const Track& track, const VehicleParams& params) {
  const FloatingPointGuard guard;
  const auto lines = RacingLines(track, params.wall_clearance_m, kLines);
  std::vector<Profile> profiles;
  profiles.reserve(lines.size());
  for (const auto& line : lines) profiles.emplace_back(track, params, line);
  const Profile& widest = profiles.front();
  const std::size_t lap = widest.steps_per_lap();
  std::vector<double> lap_s(widest.steps() / lap, 0.0);
  for (std::size_t i = 0; i < widest.steps(); ++i) {
    double least_s = widest.Seconds(i);
    for (const Profile& profile : profiles) least_s = std::min(least_s, profile.Seconds(i));
    lap_s[i / lap] += least_s;
  }
  LapBound bound;
  for (std::size_t k = 0; k < lap_s.size(); ++k) {
    const bool stands_for_others = lap_s.size() == kLapsComputed && k == 1;
    bound.time_s +=
        lap_s[k] * (stands_for_others ? track.laps() - static_cast<int>(kLapsComputed) + 1 : 1);
  }
  bound.time_s *= kLineAllowance;
  for (std::size_t i = 0; i <= lap; ++i) {
    const LineStation& station = lines.front()[i % lines.front().size()];
    const double s = i == lap && track.closed() ? station.s_m + track.length_m() : station.s_m;
    bound.widest.push_back(
        {{static_cast<float>(station.position_m[0]), static_cast<float>(station.position_m[1]),
          static_cast<float>(station.position_m[2])},
         static_cast<float>(s),
         static_cast<float>(widest.speed_mps(i))});
  }
  return bound;
}

}  // namespace hotlap::sim
