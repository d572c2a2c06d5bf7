#include "env/sim_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "env/config.h"
#include "env/npy.h"
#include "env/sim/floating_point_guard.h"
#include "env/sim/scalar_math.h"

namespace hotlap {
namespace {

constexpr float kCoordinateLimitM = 60000;
constexpr std::size_t kMaxLinePoints = 100000;

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
    {"max_compression_m", &P::max_compression_m, 0.02f, 0.3f},
    {"damping", &P::damping, 1, 25},
    {"lateral_stiffness_front", &P::lateral_stiffness_front, 1, 25},
    {"lateral_stiffness_rear", &P::lateral_stiffness_rear, 1, 25},
    {"grip_asphalt", &P::grip_asphalt, 0, 10},
    {"grip_grass", &P::grip_grass, 0, 10},
    {"grip_dirt", &P::grip_dirt, 0, 10},
    {"grip_ice", &P::grip_ice, 0, 10},
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
    {"brake_mps2", &P::brake_mps2, 0, 100},
    {"brake_stiffness", &P::brake_stiffness, 1, 80},
    {"body_stiffness", &P::body_stiffness, 0, 800},
    {"body_damping", &P::body_damping, 0, 15},
    {"body_friction", &P::body_friction, 0, 5},
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

std::vector<Vec3> RecordedLine(const ConfigMap& config) {
  std::vector<Vec3> line = ReadNpyPoints(config.Path("npy"));
  const float level_m = config.Float("level_start_m", 0, 100, 0.0f);
  float s = 0;
  std::size_t i = 1;
  for (; i < line.size() && s < level_m; ++i) s += Length(line[i] - line[i - 1]);
  for (std::size_t k = 0; k + 1 < i; ++k) line[k].y = line[i - 1].y;
  return line;
}

// Points about 1 m apart along straights and arcs.
std::vector<Vec3> SegmentLine(const ConfigMap& config) {
  const std::vector<float> start =
      config.Floats("start", 3, 3, -kCoordinateLimitM, kCoordinateLimitM);
  constexpr float kDegree = sim::kPi / 180;
  float heading = config.Float("heading_deg", -360, 360, 0.0f) * kDegree;
  std::vector<Vec3> line{{start[0], start[1], start[2]}};
  for (const ConfigMap& segment : config.Maps("segments", 1, 1000)) {
    const float rise = segment.Float("rise_m", -100, 100, 0.0f);
    float length = 0, turn = 0;
    if (segment.Has("radius_m")) {
      const float radius = segment.Float("radius_m", 5, 5000);
      turn = segment.Float("turn_deg", -720, 720) * kDegree;
      length = radius * std::fabs(turn);
    } else {
      length = segment.Float("length_m", 1, 10000);
    }
    const int steps = std::max(1, static_cast<int>(std::lround(length)));
    const float per_step = 1.0f / static_cast<float>(steps);
    // A step of an arc is its chord: in the direction half-way, and a little shorter.
    const float half = 0.5f * turn * per_step;
    const float chord = length * per_step * (half != 0 ? sim::Sin(half) / half : 1.0f);
    if (line.size() + static_cast<std::size_t>(steps) > kMaxLinePoints) {
      config.Fail("segments", "the line is longer than 100 km");
    }
    const Vec3 from = line.back();
    for (int i = 0; i < steps; ++i) {
      const float direction = heading + half * static_cast<float>(2 * i + 1);
      Vec3 next = line.back();
      next.x += chord * sim::Sin(direction);
      next.z += chord * sim::Cos(direction);
      next.y = from.y + rise * static_cast<float>(i + 1) * per_step;
      line.push_back(next);
    }
    heading += turn;
  }
  return line;
}

std::vector<Vec3> ReadLine(const ConfigMap& config) {
  const int forms = (config.Has("npy") ? 1 : 0) + (config.Has("points") ? 1 : 0) +
                    (config.Has("segments") ? 1 : 0);
  if (forms != 1) config.Fail("", "needs exactly one of npy, points and segments");
  if (config.Has("npy")) return RecordedLine(config);
  if (config.Has("segments")) return SegmentLine(config);
  return config.Points("points", 2, kMaxLinePoints, kCoordinateLimitM);
}

}  // namespace

sim::VehicleParams LoadVehicleParams(const std::filesystem::path& path) {
  const ConfigMap config = ConfigMap::Load(path);
  sim::VehicleParams params;
  for (const FloatKey& key : kVehicleKeys) {
    params.*key.field = config.Float(key.name, key.low, key.high, params.*key.field);
  }
  constexpr float kTicksPerSecond = 100;
  const auto shift_ticks = static_cast<int>(std::lround(params.shift_time_s * kTicksPerSecond));
  params.shift_time_s =
      static_cast<float>(config.Ticks("shift_time_s", 0, 2, shift_ticks)) / kTicksPerSecond;
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
  config.Finish();
  return params;
}

sim::TrackSpec LoadTrackSpec(const std::filesystem::path& path) {
  const sim::FloatingPointGuard guard;
  const ConfigMap config = ConfigMap::Load(path);
  sim::TrackSpec spec;
  spec.name = config.String("name");
  spec.line = ReadLine(config.Map("line"));
  spec.closed = config.Bool("closed", spec.closed);
  spec.laps = config.Int("laps", 1, sim::kMaxPasses, spec.laps);
  spec.width_m = config.Float("width_m", 4, 200, spec.width_m);
  spec.start_s_m = config.Float("start_s_m", 0, 30000, spec.start_s_m);
  spec.finish_s_m = config.Float("finish_s_m", 0, 30000, spec.finish_s_m);
  if (config.Has("checkpoints_s_m")) {
    spec.checkpoints_s_m = config.Floats("checkpoints_s_m", 0, sim::kMaxPasses - 1, 0, 30000);
  }
  constexpr std::array kSurfaces{sim::Surface::kAsphalt, sim::Surface::kGrass, sim::Surface::kDirt,
                                 sim::Surface::kIce};
  spec.surface = kSurfaces[config.Choice("surface", {"asphalt", "grass", "dirt", "ice"}, 0)];
  spec.ground_drop_m = config.Float("ground_drop_m", 3, 1000, spec.ground_drop_m);
  spec.smoothing_m = config.Float("smoothing_m", 0, 200, spec.smoothing_m);
  config.Finish();
  return spec;
}

}  // namespace hotlap
