// Writes a track of segments as the file that env/track_config reads back to the same track.
#pragma once

#include <ostream>
#include <string_view>

#include "env/sim/track_generator.h"

namespace hotlap {

// `remark` becomes a comment in the first line. REQUIRES: a plan whose lines need no circuit, and
// without a line break in name or remark.
void WriteTrack(std::ostream& out, const sim::TrackPlan& plan, std::string_view remark);

}  // namespace hotlap
