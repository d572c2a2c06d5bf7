// The line of least curvature along a road: of all lines between its edges the one that bends
// least, outside - inside - outside through every bend.
#pragma once

#include <vector>

#include "env/sim/road.h"
#include "env/sim/track.h"

namespace hotlap::sim {

// A place of the line. World frame, in double: what is left of differences must not be rounding.
struct LineStation {
  double position_m[3] = {};
  double s_m = 0;              // along the track's line
  double lateral_m = 0;        // from the track's line, left positive
  double step_m = 0;           // along this line to the next station; of the last one 0
  double up_tangent = 0;       // of the unit tangent, upwards
  double up_left = 0;          // of the unit vector across this line to the left, in the surface
  double up_normal = 0;        // of the surface's normal
  double curvature_per_m = 0;  // within the surface, left positive
  double dip_per_m = 0;        // out of the surface; above 0 where it is hollow
  Surface surface = Surface::kAsphalt;
  bool is_gap = false;  // from here to the next station
};

// From start to finish; on a circuit a whole lap, whose last step leads back to the first station.
// `count` lines through the same cross-sections of the road, from that of least curvature evenly to
// the shortest. `wall_clearance_m`: kept from walls; open edges are used to the full. The same on
// every machine.
std::vector<std::vector<LineStation>> RacingLines(const Track& track, float wall_clearance_m,
                                                  int count);

}  // namespace hotlap::sim
