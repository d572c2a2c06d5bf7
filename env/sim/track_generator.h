// Makes tracks of any difficulty from a seed: the same seed and difficulty make the same track on
// every machine.
//
// Difficulty 0 is a short, wide, level road of wide bends between walls. With it grow the length,
// the sharpness and number of bends, slopes and banks; the road becomes narrower and loses its
// walls; chicanes, dirt, grass and ice, turbo pads and gaps to jump appear. Every track passes
// FindRoadFault(), and the scripted driver finishes it (a test drives them).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/sim/road_builder.h"
#include "env/sim/track.h"
#include "env/vec3.h"

namespace hotlap::sim {

// A track as a file of segments says it (env/track_config.h). Every number has at most one decimal.
struct TrackPlan {
  std::string name;
  Vec3 start_m;
  std::vector<RoadSegment> segments;
  std::vector<std::size_t> checkpoints;  // segments at whose end there is one; ascending
};

// Throws std::invalid_argument unless 0 <= difficulty <= 1.
TrackPlan GenerateTrackPlan(std::uint64_t seed, float difficulty);

// Throws what BuildRoad() and Track::Build() throw.
TrackSpec SpecOf(const TrackPlan& plan);

inline TrackSpec GenerateTrack(std::uint64_t seed, float difficulty) {
  return SpecOf(GenerateTrackPlan(seed, difficulty));
}

}  // namespace hotlap::sim
