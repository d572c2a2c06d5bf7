#include "env/track_config.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "env/config.h"
#include "env/npy.h"
#include "env/sim/floating_point_guard.h"
#include "env/sim/road_builder.h"
#include "env/sim/track_check.h"

namespace hotlap {
namespace {

using sim::RoadSegment;
using sim::SegmentKind;
using sim::Surface;

constexpr float kCoordinateLimitM = 60000;
constexpr std::size_t kMaxLinePoints = 100000;
constexpr std::size_t kMaxSegments = 1000;

constexpr std::array kSurfaces{Surface::kAsphalt,     Surface::kGrass, Surface::kDirt,
                               Surface::kIce,         Surface::kTurbo, Surface::kTurbo2,
                               Surface::kFreeWheeling};
constexpr std::array<std::string_view, kSurfaces.size()> kSurfaceNames{
    "asphalt", "grass", "dirt", "ice", "turbo", "turbo2", "free_wheeling"};

Surface ReadSurface(const ConfigMap& config, Surface fallback) {
  if (!config.Has("surface")) return fallback;
  return kSurfaces[config.Choice("surface", kSurfaceNames)];
}

// What a track says of its whole road, and a segment of its own part.
void ReadRoad(const ConfigMap& config, RoadSegment& road) {
  if (config.Has("width_m")) {
    road.half_width_left_m = road.half_width_right_m = config.Float("width_m", 4, 200) / 2;
  }
  road.surface = ReadSurface(config, road.surface);
  if (config.Has("wall_m")) road.wall_left_m = road.wall_right_m = config.Float("wall_m", 0, 50);
}

RoadSegment ReadSegment(const ConfigMap& config, const RoadSegment& track) {
  RoadSegment segment = track;
  const auto read = [&](std::string_view key, float low, float high) {
    return config.Float(key, low, high);
  };
  if (config.Has("length_m")) {
    segment.length_m = read("length_m", 1, 10000);
  } else if (config.Has("radius_m")) {
    segment.kind = SegmentKind::kBend;
    segment.radius_m = read("radius_m", 5, 5000);
    segment.turn_deg = read("turn_deg", -720, 720);
  } else if (config.Has("chicane_m")) {
    segment.kind = SegmentKind::kChicane;
    segment.length_m = read("chicane_m", 1, 10000);
    segment.sideways_m = read("offset_m", -200, 200);
  } else if (config.Has("gap_m")) {
    segment.kind = SegmentKind::kGap;
    segment.length_m = read("gap_m", 1, 1000);
  } else if (config.Has("loop_m")) {
    segment.kind = SegmentKind::kLoop;
    segment.radius_m = read("loop_m", 12, 100);
    segment.sideways_m = read("offset_m", -200, 200);
  } else {
    config.Fail("", "needs one of length_m, radius_m, chicane_m, gap_m and loop_m");
  }
  if (segment.kind != SegmentKind::kLoop)
    segment.rise_m = config.Float("rise_m", -1000, 1000, 0.0f);
  segment.bank_deg = config.Float("bank_deg", -60, 60, 0.0f);
  ReadRoad(config, segment);
  segment.wall_left_m = config.Float("wall_left_m", 0, 50, segment.wall_left_m);
  segment.wall_right_m = config.Float("wall_right_m", 0, 50, segment.wall_right_m);
  return segment;
}

std::vector<Vec3> RecordedLine(const ConfigMap& config) {
  std::vector<Vec3> line;
  const std::filesystem::path file = config.Path("npy");
  try {
    line = ReadNpyPoints(file);
  } catch (const std::runtime_error& error) {
    config.Fail("npy", error.what());
  }
  const float level_m = config.Float("level_start_m", 0, 100, 0.0f);
  float s = 0;
  std::size_t i = 1;
  for (; i < line.size() && s < level_m; ++i) s += Length(line[i] - line[i - 1]);
  for (std::size_t k = 0; k + 1 < i; ++k) line[k].y = line[i - 1].y;
  return line;
}

// One track file while it is read.
class TrackReader {
 public:
  explicit TrackReader(const std::filesystem::path& path) : config_(ConfigMap::Load(path)) {}

  sim::TrackSpec Read() {
    spec_.name = config_.String("name");
    spec_.closed = config_.Bool("closed", spec_.closed);
    spec_.laps = config_.Int("laps", 1, sim::kMaxPasses, spec_.laps);
    spec_.start_s_m = config_.Float("start_s_m", 0, sim::kMaxRoadM, spec_.start_s_m);
    spec_.finish_s_m = config_.Float("finish_s_m", 0, sim::kMaxRoadM, spec_.finish_s_m);
    if (config_.Has("checkpoints_s_m")) {
      spec_.checkpoints_s_m =
          config_.Floats("checkpoints_s_m", 0, sim::kMaxPasses - 1, 0, sim::kMaxRoadM);
    }
    spec_.ground_drop_m = config_.Float("ground_drop_m", 3, 1000, spec_.ground_drop_m);
    spec_.smoothing_m = config_.Float("smoothing_m", 0, 200, spec_.smoothing_m);
    spec_.bronze_ms = config_.Int("bronze_ms", 0, 3'600'000, spec_.bronze_ms);
    ReadRoad(config_, road_);

    const ConfigMap line = config_.Map("line");
    const bool is_recorded = line.Has("npy");
    if (int{is_recorded} + int{line.Has("points")} + int{line.Has("segments")} != 1) {
      line.Fail("", "needs exactly one of npy, points and segments");
    }
    if (line.Has("segments")) {
      ReadSegments(line);
    } else {
      spec_.line =
          sim::PlainRoad(is_recorded ? RecordedLine(line)
                                     : line.Points("points", 2, kMaxLinePoints, kCoordinateLimitM));
      for (sim::TrackPoint& point : spec_.line) {
        point.half_width_left_m = road_.half_width_left_m;
        point.half_width_right_m = road_.half_width_right_m;
        point.wall_left_m = road_.wall_left_m;
        point.wall_right_m = road_.wall_right_m;
        point.surface = road_.surface;
      }
    }
    config_.Finish();
    Check(is_recorded);
    return std::move(spec_);
  }

 private:
  void ReadSegments(const ConfigMap& line) {
    if (spec_.smoothing_m > 0) config_.Fail("smoothing_m", "segments have their own easing");
    const std::vector<float> start =
        line.Floats("start", 3, 3, -kCoordinateLimitM, kCoordinateLimitM);
    const float heading_deg = line.Float("heading_deg", -360, 360, 0.0f);
    sim::RoadEasing easing;
    easing.bend_m = line.Float("bend_easing_m", 0, 200, easing.bend_m);
    easing.slope_m = line.Float("slope_easing_m", 0, 500, easing.slope_m);
    maps_ = line.Maps("segments", 1, kMaxSegments);
    std::vector<RoadSegment> segments;
    for (const ConfigMap& map : maps_) segments.push_back(ReadSegment(map, road_));
    try {
      built_ = sim::BuildRoad({start[0], start[1], start[2]}, heading_deg, segments, spec_.closed,
                              easing);
    } catch (const std::invalid_argument& error) {
      line.Fail("segments", error.what());
    }
    spec_.line = std::move(built_.line);
    // More would bend the segments out of their shape.
    constexpr float kOpenShare = 0.02f, kOpenDeg = 3;
    if (spec_.closed &&
        (built_.open_by_m > kOpenShare * built_.length_m || built_.open_by_deg > kOpenDeg)) {
      line.Fail("segments", "the end of the circuit is " + std::to_string(built_.open_by_m) +
                                " m and " + std::to_string(built_.open_by_deg) +
                                " degrees off its start; allowed: at most 2 % of its length and 3 "
                                "degrees");
    }
    for (std::size_t i = 0; i < maps_.size(); ++i) {
      if (!maps_[i].Bool("checkpoint", false)) continue;
      if (config_.Has("checkpoints_s_m")) {
        maps_[i].Fail("checkpoint", "the track has checkpoints_s_m; allowed: one of the two");
      }
      if (i + 1 == maps_.size()) maps_[i].Fail("checkpoint", "the last segment ends at the finish");
      spec_.checkpoints_s_m.push_back(built_.parts[i + 1].start_s_m);
    }
  }

  void Check(bool is_recorded) {
    std::shared_ptr<const sim::Track> track;
    try {
      track = sim::Track::Build(spec_);
    } catch (const sim::TrackError& error) {
      const std::string key = error.field().substr(0, error.field().find('['));
      config_.Fail(config_.Has(key) ? key : "line", error.what());
    }
    if (is_recorded) return;
    const auto fault = sim::FindRoadFault(*track, built_.parts);
    if (!fault) return;
    (fault->part ? maps_[*fault->part] : config_.Map("line")).Fail("", fault->text);
  }

  ConfigMap config_;
  sim::TrackSpec spec_;
  RoadSegment road_;
  std::vector<ConfigMap> maps_;  // of the segments
  sim::BuiltRoad built_;         // of segments; its line has gone into spec_
};

}  // namespace

std::string_view SurfaceName(Surface surface) {
  const auto at = std::find(kSurfaces.begin(), kSurfaces.end(), surface);
  assert(at != kSurfaces.end());
  return kSurfaceNames[static_cast<std::size_t>(at - kSurfaces.begin())];
}

sim::TrackSpec LoadTrackSpec(const std::filesystem::path& path) {
  const sim::FloatingPointGuard guard;
  return TrackReader(path).Read();
}

}  // namespace hotlap
