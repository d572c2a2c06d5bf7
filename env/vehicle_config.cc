#include "env/vehicle_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "env/config.h"

namespace hotlap {
namespace {

struct FloatKey {
  std::string_view name;
  float sim::VehicleParams::*field;
  float low, high;
};

// Ranges that keep the tick stable: stiffness, damping and grip act through steps of 10 ms.
using P = sim::VehicleParams;
constexpr FloatKey kVehicleKeys[] = {
    {"gravity_mps2", &P::gravity_mps2, 1, 50},
    {"inverse_inertia_pitch_yaw", &P::inverse_inertia_pitch_yaw, 0.1f, 1},
    {"inverse_inertia_roll", &P::inverse_inertia_roll, 0.1f, 2},
    {"max_linear_speed_mps", &P::max_linear_speed_mps, 10, 277.7778f},
    {"max_angular_speed_radps", &P::max_angular_speed_radps, 1, 60},
    {"drag_per_m", &P::drag_per_m, 0, 0.01f},
    {"air_angular_damping_per_s", &P::air_angular_damping_per_s, 0, 20},
    {"wheel_radius_m", &P::wheel_radius_m, 0.1f, 1},
    {"max_extension_m", &P::max_extension_m, 0.05f, 0.3f},
    {"droop_stiffness", &P::droop_stiffness, 0, 100},
    {"spring_free_front_m", &P::spring_free_front_m, 0, 0.2f},
    {"spring_free_rear_m", &P::spring_free_rear_m, 0, 0.2f},
    {"spring_stiffness", &P::spring_stiffness, 50, 800},
    {"bump_stiffness", &P::bump_stiffness, 0, 400},
    {"max_compression_m", &P::max_compression_m, 0.02f, 0.3f},
    {"damping", &P::damping, 1, 25},
    {"lateral_stiffness_front", &P::lateral_stiffness_front, 1, 25},
    {"lateral_stiffness_rear", &P::lateral_stiffness_rear, 1, 25},
    {"grip_asphalt", &P::grip_asphalt, 0, 10},
    {"grip_grass", &P::grip_grass, 0, 10},
    {"grip_dirt", &P::grip_dirt, 0, 10},
    {"grip_ice", &P::grip_ice, 0, 10},
    {"rest_load", &P::rest_load, 1, 20},
    {"load_sensitivity", &P::load_sensitivity, 0, 0.5f},
    {"slide_grip_factor", &P::slide_grip_factor, 0.1f, 1},
    {"slide_end_factor", &P::slide_end_factor, 0, 1},
    {"slide_end_slip", &P::slide_end_slip, 0, 1},
    {"steer_rate_per_s", &P::steer_rate_per_s, 0.1f, 100},
    {"steer_return_rate_per_s", &P::steer_return_rate_per_s, 0.1f, 100},
    {"drive_fade_start_kmh", &P::drive_fade_start_kmh, 10, 999},
    {"drive_fade_end_kmh", &P::drive_fade_end_kmh, 11, 1000},
    {"shift_drive_factor", &P::shift_drive_factor, 0, 1},
    {"downshift_margin_kmh", &P::downshift_margin_kmh, 1, 100},
    {"reverse_drive_mps2", &P::reverse_drive_mps2, 0, 50},
    {"reverse_max_kmh", &P::reverse_max_kmh, 5, 500},
    {"engine_brake_mps2", &P::engine_brake_mps2, 0, 50},
    {"engine_brake_stiffness", &P::engine_brake_stiffness, 0, 50},
    {"max_rpm", &P::max_rpm, 1000, 20000},
    {"idle_rpm", &P::idle_rpm, 0, 1000},
    {"shift_rpm", &P::shift_rpm, 1000, 20000},
    {"turbo_low_kmh", &P::turbo_low_kmh, 0, 999},
    {"turbo_high_kmh", &P::turbo_high_kmh, 1, 1000},
    {"turbo_low_mps2", &P::turbo_low_mps2, 0, 100},
    {"turbo_high_mps2", &P::turbo_high_mps2, 0, 100},
    {"turbo2_factor", &P::turbo2_factor, 0, 5},
    {"air_steer_radps2", &P::air_steer_radps2, 0, 20},
    {"air_brake_damping_per_s", &P::air_brake_damping_per_s, 0, 50},
    {"brake_mps2", &P::brake_mps2, 0, 100},
    {"brake_stiffness", &P::brake_stiffness, 1, 80},
    {"body_stiffness", &P::body_stiffness, 0, 800},
    {"body_damping", &P::body_damping, 0, 15},
    {"body_friction", &P::body_friction, 0, 5},
    {"wall_friction", &P::wall_friction, 0, 5},
    {"wall_clearance_m", &P::wall_clearance_m, 0.1f, 1.5f},
    {"wall_bounce", &P::wall_bounce, 0, 0.9f},
    {"sink_limit_m", &P::sink_limit_m, 0.1f, 0.4f},
};

template <std::size_t n>
void ReadFloats(const ConfigMap& config, std::string_view key, float low, float high,
                std::array<float, n>& out) {
  if (!config.Has(key)) return;
  const std::vector<float> values = config.Floats(key, n, n, low, high);
  std::copy(values.begin(), values.end(), out.begin());
}

template <std::size_t n>
void ReadPoints(const ConfigMap& config, std::string_view key, std::array<Vec3, n>& out) {
  if (!config.Has(key)) return;
  const std::vector<Vec3> values = config.Points(key, n, n, 5);
  std::copy(values.begin(), values.end(), out.begin());
}

template <std::size_t n>
void RequireIncreasing(const ConfigMap& config, std::string_view key,
                       const std::array<float, n>& values) {
  for (std::size_t i = 1; i < n; ++i) {
    if (values[i] < values[i - 1] + 1) config.Fail(key, "must increase by at least 1 km/h");
  }
}

}  // namespace

sim::VehicleParams LoadVehicleParams(const std::filesystem::path& path) {
  const ConfigMap config = ConfigMap::Load(path);
  sim::VehicleParams params;
  for (const FloatKey& key : kVehicleKeys) {
    params.*key.field = config.Float(key.name, key.low, key.high, params.*key.field);
  }
  const auto read_ticks = [&config](std::string_view key, float most_s, float& time_s) {
    constexpr float kTicksPerSecond = 100;
    const auto ticks = static_cast<int>(std::lround(time_s * kTicksPerSecond));
    time_s = static_cast<float>(config.Ticks(key, 0, most_s, ticks)) / kTicksPerSecond;
  };
  read_ticks("shift_time_s", 2, params.shift_time_s);
  read_ticks("turbo_time_s", 10, params.turbo_time_s);
  ReadPoints(config, "wheel_offset_m", params.wheel_offset_m);
  ReadPoints(config, "body_point_m", params.body_point_m);
  ReadFloats(config, "steer_speed_kmh", 0, 1000, params.steer_speed_kmh);
  ReadFloats(config, "steer_angle_rad", 0, 1, params.steer_angle_rad);
  ReadFloats(config, "gear_end_kmh", 1, 1000, params.gear_end_kmh);
  ReadFloats(config, "drive_low_mps2", 0, 100, params.drive_low_mps2);
  ReadFloats(config, "drive_high_mps2", 0, 100, params.drive_high_mps2);
  RequireIncreasing(config, "steer_speed_kmh", params.steer_speed_kmh);
  RequireIncreasing(config, "gear_end_kmh", params.gear_end_kmh);
  if (params.drive_fade_end_kmh < params.drive_fade_start_kmh + 1) {
    config.Fail("drive_fade_end_kmh", "must be at least 1 km/h above drive_fade_start_kmh");
  }
  if (params.turbo_high_kmh < params.turbo_low_kmh + 1) {
    config.Fail("turbo_high_kmh", "must be at least 1 km/h above turbo_low_kmh");
  }
  for (std::size_t i = 0; i < params.wheel_offset_m.size(); ++i) {
    const Vec3& p = params.wheel_offset_m[i];
    const float ahead = i < 2 ? p.z : -p.z;  // front wheels first
    if (std::fabs(p.x) > sim::kBodyReach.x || p.y < 0 || p.y > 1 || ahead < 0.5f ||
        ahead > sim::kBodyReach.z) {
      config.Fail(
          "wheel_offset_m",
          "x must be within +-1.5, y from 0 to 1, z of the front wheels from 0.5 to 2.6, of "
          "the rear ones from -2.6 to -0.5");
    }
  }
  for (const Vec3& p : params.body_point_m) {
    if (std::fabs(p.x) > sim::kBodyReach.x || p.y < 0 || p.y > sim::kBodyReach.y ||
        std::fabs(p.z) > sim::kBodyReach.z) {
      config.Fail("body_point_m", "x must be within +-1.5, y from 0 to 1.6, z within +-2.6");
    }
  }
  config.Finish();
  return params;
}

}  // namespace hotlap
