#include "agents/ghost.h"

#include <stdexcept>

#include "agents/run_csv.h"
#include "env/npy.h"

namespace hotlap::agents {

std::vector<Vec3> LineOf(const Run& run, const Centreline& centreline) {
  std::vector<Vec3> line;
  for (const RunPoint& point : run.points) {
    const LinePoint at = centreline.At(centreline.start_s_m() + point.progress_m);
    line.push_back(at.position_m + at.left * point.lateral_m.value_or(0));
  }
  return line;
}

std::vector<Vec3> Ghost::LineOver(const Centreline& centreline) const {
  return run ? LineOf(*run, centreline) : points_m;
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
