#include "env/track_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "env/config.h"
#include "env/npy.h"
#include "env/sim/scalar_math.h"

namespace hotlap {
namespace {

constexpr float kCoordinateLimitM = 60000;
constexpr std::size_t kMaxLinePoints = 100000;

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

sim::TrackSpec LoadTrackSpec(const std::filesystem::path& path) {
  const ConfigMap config = ConfigMap::Load(path);
  sim::TrackSpec spec;
  spec.name = config.String("name");
  const std::vector<Vec3> line = ReadLine(config.Map("line"));
  spec.closed = config.Bool("closed", spec.closed);
  spec.laps = config.Int("laps", 1, sim::kMaxPasses, spec.laps);
  const float width_m = config.Float("width_m", 4, 200, 24.0f);
  spec.start_s_m = config.Float("start_s_m", 0, 30000, spec.start_s_m);
  spec.finish_s_m = config.Float("finish_s_m", 0, 30000, spec.finish_s_m);
  if (config.Has("checkpoints_s_m")) {
    spec.checkpoints_s_m = config.Floats("checkpoints_s_m", 0, sim::kMaxPasses - 1, 0, 30000);
  }
  constexpr std::array kSurfaces{sim::Surface::kAsphalt, sim::Surface::kGrass, sim::Surface::kDirt,
                                 sim::Surface::kIce};
  const sim::Surface surface =
      kSurfaces[config.Choice("surface", {"asphalt", "grass", "dirt", "ice"}, 0)];
  spec.line = sim::PlainRoad(line, width_m, surface);
  spec.ground_drop_m = config.Float("ground_drop_m", 3, 1000, spec.ground_drop_m);
  spec.smoothing_m = config.Float("smoothing_m", 0, 200, spec.smoothing_m);
  config.Finish();
  return spec;
}

}  // namespace hotlap
