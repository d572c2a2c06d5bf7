// Whether a car can drive a road: what Track::Build cannot see, since it takes any line.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "env/sim/road_builder.h"
#include "env/sim/track.h"

namespace hotlap::sim {

struct RoadFault {
  std::optional<std::size_t> part;  // of the parts given
  float s_m = 0;
  std::string text;  // "segments[7] (gap): ..." with the parts, else "at 312 m: ..."
};

// The first fault of the road: it comes too near itself, bends tighter than half its width, is too
// steep, has too sharp a dip, crest or twist, starts or has a gate over a gap, or a gap that no
// speed carries the built-in car over and down onto the road. `parts` as BuildRoad() gives them for
// the same line; loops are known by them.
std::optional<RoadFault> FindRoadFault(const Track& track, std::span<const RoadPart> parts = {});

}  // namespace hotlap::sim
