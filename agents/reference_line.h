// A line through a track that nobody of ours drove: a recorded or computed one, to be seen beside
// runs.
#pragma once

#include <string>
#include <vector>

#include "env/centreline.h"
#include "env/vec3.h"

namespace hotlap::agents {

struct ReferencePoint {
  Vec3 position_m;       // world
  float progress_m = 0;  // along the track's line from the start; before it below 0
  float lateral_m = 0;   // left positive
};

struct ReferenceLine {
  std::string name;
  std::vector<ReferencePoint> points;  // in the order of the file
};

// No point of a line may be farther than this from the track's.
inline constexpr float kMostOffTrackM = 60;

// Finds each point's place on the track, from the first on, as far as the finish. On a circuit the
// first one may lie anywhere: up to 100 m before the start line it is below 0, elsewhere on the
// first lap, and what then goes on beyond the finish comes before it, a race earlier. Throws
// std::invalid_argument that names the line and the point that is off the track (it is a line of
// another one), or says that it leads the other way. REQUIRES: at least one point.
ReferenceLine PlaceOnTrack(std::string name, const std::vector<Vec3>& points_m,
                           const Centreline& centreline);

}  // namespace hotlap::agents
