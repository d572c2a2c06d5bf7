// Tracks of the embedded game, from YAML, strictly (see config.h): throws ConfigError naming file,
// line, key and what is allowed.
#pragma once

#include <filesystem>

#include "env/sim/track.h"

namespace hotlap {

// The keys are TrackSpec's fields; `line` is one of
//   {npy: file, level_start_m: d}   a recorded line; its first d metres take the height at d, since
//                                   recordings begin with the car's drop (0 by default)
//   {points: [[x, y, z], ...]}
//   {start: [x, y, z], heading_deg: h, segments: [...]}   heading 0 is +z and grows to the left
//   (+x);
//                                   a segment is {length_m, rise_m: r} or {radius_m, turn_deg,
//                                   rise_m: r}, turns to the left positive, rise 0 by default.
// Whether the track can be built is Track::Build's to say.
sim::TrackSpec LoadTrackSpec(const std::filesystem::path& path);

}  // namespace hotlap
