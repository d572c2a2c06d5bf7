#include "agents/ghost.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "agents/run_csv.h"
#include "env/npy.h"

namespace hotlap::agents {
namespace {

// A car stands somewhere around the start, and a step ends somewhere beyond the finish.
constexpr float kMostBesideFinishM = 30;
// A server may tell anything.
constexpr float kFarM = 5e5f;

}  // namespace

std::vector<Vec3> LineOf(const Run& run, const Centreline& centreline) {
  std::vector<Vec3> line;
  for (const RunPoint& point : run.points) {
    const float progress_m =
        std::isfinite(point.progress_m) ? std::clamp(point.progress_m, -kFarM, kFarM) : 0.0f;
    const LinePoint at = centreline.At(centreline.start_s_m() + progress_m);
    line.push_back(at.position_m + at.left * point.lateral_m.value_or(0));
  }
  return line;
}

std::vector<Vec3> Ghost::LineOver(const Centreline& centreline) const {
  return run ? LineOf(*run, centreline) : points_m;
}

void CheckOnTrack(const std::string& name, const Run& run, const Centreline& centreline) {
  const float finish_m = centreline.finish_s_m() - centreline.start_s_m();
  float farthest_m = 0;
  for (const RunPoint& point : run.points) farthest_m = std::max(farthest_m, point.progress_m);
  const bool fits = run.finished() ? std::abs(farthest_m - finish_m) <= kMostBesideFinishM
                                   : farthest_m <= finish_m + kMostBesideFinishM;
  if (fits) return;
  throw std::invalid_argument(
      fmt::format("{}: it {} at {:.0f} m, and {} has its finish at {:.0f} m: another track of this "
                  "name, or another line of it",
                  name, run.finished() ? "finished" : "is", farthest_m, run.track, finish_m));
}

Ghost ReadGhost(const std::filesystem::path& path) {
  Ghost ghost{.name = path.stem().string(), .run = {}};
  if (path.extension() == ".csv") {
    ghost.run = ReadRun(path);
  } else if (path.extension() == ".npy") {
    ghost.points_m = ReadNpyPoints(path);
  } else {
    throw std::invalid_argument(path.string() +
                                " is no ghost; allowed: *.csv, a recorded run, *.npy, a line");
  }
  return ghost;
}

}  // namespace hotlap::agents
