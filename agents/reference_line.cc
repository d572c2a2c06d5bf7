#include "agents/reference_line.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace hotlap::agents {
namespace {

// A point is looked for around the one before, by their distance and this.
constexpr float kReachM = 20;
// On a circuit the first point lies at most so far before the start line.
constexpr float kRunUpM = 100;

// The place of a point, so far along the track from the start. A circuit repeats itself: it may be
// on any lap.
ReferencePoint Place(const Centreline& centreline, Vec3 at, float from_m, float to_m) {
  const float lap_m = centreline.length_m();
  const float laps_m = centreline.closed() ? std::floor((from_m + to_m) / 2 / lap_m) * lap_m : 0;
  const float origin_m = centreline.start_s_m() - laps_m;
  const Projection place = centreline.Project(at, origin_m + from_m, origin_m + to_m);
  return {at, place.s_m - origin_m, place.lateral_m};
}

// Leaves out where it rolls out beyond the finish. But a lap of a circuit may begin anywhere: then
// its end, a race earlier, comes before its beginning.
void EndAtTheFinish(float race_m, std::vector<ReferencePoint>& points) {
  const auto beyond = std::ranges::find_if(
      points, [race_m](const ReferencePoint& point) { return point.progress_m > race_m; });
  const float front_m = points.front().progress_m;
  auto end = beyond;
  for (; end != points.end() && end->progress_m - race_m < front_m; ++end) {
    end->progress_m -= race_m;
  }
  std::rotate(points.begin(), beyond, end);
  points.erase(end, points.end());
}

}  // namespace

ReferenceLine PlaceOnTrack(std::string name, const std::vector<Vec3>& points_m,
                           const Centreline& centreline) {
  const float race_m = centreline.finish_s_m() - centreline.start_s_m();
  // The first point may lie anywhere.
  float from_m =
      centreline.closed() ? -std::min(kRunUpM, centreline.length_m() / 2) : -centreline.start_s_m();
  float to_m = centreline.closed() ? from_m + centreline.length_m() : race_m;
  ReferenceLine line{std::move(name), {}};
  for (std::size_t i = 0; i < points_m.size(); ++i) {
    const Vec3 at = points_m[i];
    bool may_have_finished = false;
    if (i > 0) {
      const float moved_m = Length(at - points_m[i - 1]);
      const float reach_m = moved_m + kReachM;
      may_have_finished = line.points.back().progress_m + moved_m >= race_m;
      from_m = line.points.back().progress_m - reach_m;
      to_m = line.points.back().progress_m + reach_m;
    }
    const ReferencePoint point = Place(centreline, at, from_m, to_m);
    const float off_m =
        Length(at - centreline.PositionAt(centreline.start_s_m() + point.progress_m));
    if (!(off_m <= kMostOffTrackM)) {
      if (may_have_finished) break;  // it may roll out anywhere
      throw std::invalid_argument(
          fmt::format("{}: its point {} is {:.0f} m off the track; a line of this track is "
                      "within {:.0f} m",
                      line.name, i, off_m, kMostOffTrackM));
    }
    line.points.push_back(point);
    if (!centreline.closed() && point.progress_m >= race_m) break;
  }
  if (line.points.back().progress_m < line.points.front().progress_m) {
    throw std::invalid_argument(fmt::format(
        "{}: it leads from {:.0f} m along the track back to {:.0f} m; a line must lead the way in "
        "which the track is driven",
        line.name, line.points.front().progress_m, line.points.back().progress_m));
  }
  EndAtTheFinish(race_m, line.points);
  return line;
}

}  // namespace hotlap::agents
