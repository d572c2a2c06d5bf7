// Speed, steering, gear and place on the road of one or more runs over distance, and how far they
// are behind the first: one self-contained SVG.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "agents/reference_line.h"
#include "agents/run.h"

namespace hotlap::agents {

struct NamedRun {
  std::string name;
  const Run* run = nullptr;
};

// Runs of one track; at least one. With several the gaps to the first are drawn: above 0, a run is
// behind it. `line` may be null; its offset from the track's line is drawn beside those of the
// runs. Checkpoints are distances from the start, over all laps.
void WriteRunPicture(std::ostream& out, const std::string& title, std::span<const NamedRun> runs,
                     const ReferenceLine* line, std::span<const float> checkpoints_m);

// Those of a track, without the finish.
std::vector<float> CheckpointsOf(const Centreline& centreline);

}  // namespace hotlap::agents
