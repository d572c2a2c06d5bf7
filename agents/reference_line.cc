#include "agents/reference_line.h"

#include <spdlog/fmt/fmt.h>

#include <stdexcept>
#include <utility>

namespace hotlap::agents {
namespace {

// A point is looked for around the one before, by their distance and this.
constexpr float kReachM = 20;

}  // namespace

ReferenceLine PlaceOnTrack(std::string name, const std::vector<Vec3>& points_m,
                           const Centreline& centreline) {
  const float start_m = centreline.start_s_m();
  // The first point may lie anywhere; on a circuit also before the start.
  float from_m = centreline.closed() ? start_m - centreline.length_m() / 2 : 0;
  float to_m = centreline.closed() ? start_m + centreline.length_m() / 2 : centreline.finish_s_m();
  ReferenceLine line{std::move(name), {}};
  for (std::size_t i = 0; i < points_m.size(); ++i) {
    const Vec3 at = points_m[i];
    if (i > 0) {
      const float reach_m = Length(at - points_m[i - 1]) + kReachM;
      from_m = start_m + line.points.back().progress_m - reach_m;
      to_m = start_m + line.points.back().progress_m + reach_m;
    }
    const Projection place = centreline.Project(at, from_m, to_m);
    const float off_m = Length(at - centreline.PositionAt(place.s_m));
    if (!(off_m <= kMostOffTrackM)) {
      throw std::invalid_argument(
          fmt::format("{}: its point {} is {:.0f} m off the track; a line of this track is "
                      "within {:.0f} m",
                      line.name, i, off_m, kMostOffTrackM));
    }
    line.points.push_back({at, place.s_m - start_m, place.lateral_m});
  }
  if (line.points.back().progress_m < line.points.front().progress_m) {
    throw std::invalid_argument(fmt::format(
        "{}: it leads from {:.0f} m along the track back to {:.0f} m; a line must lead the way in "
        "which the track is driven",
        line.name, line.points.front().progress_m, line.points.back().progress_m));
  }
  return line;
}

}  // namespace hotlap::agents
