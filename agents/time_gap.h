// How far one run is behind another, in time, at each place of the track.
#pragma once

#include <vector>

#include "agents/run.h"

namespace hotlap::agents {

struct TimeGap {
  float distance_m = 0;  // along the reference line since the start
  float gap_s = 0;
};

// Race time at which `run` first came to a distance minus that of `reference`: above 0, `run` was
// there later, so it is behind; below 0 it is ahead. At every distance that a point of either is
// at, ascending, as far as both came; in between both drive evenly. Of runs that finished, the last
// gap is the difference of their finish times.
std::vector<TimeGap> TimeGapOf(const Run& run, const Run& reference);

}  // namespace hotlap::agents
