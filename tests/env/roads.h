// Small roads for tests of the environment.
#pragma once

#include <memory>
#include <vector>

#include "env/centreline.h"
#include "env/sim/scalar_math.h"
#include "env/sim/track.h"

namespace hotlap {

// Along +z from the origin, 20 m up, with gates every `gate_spacing_m` (0: none but the finish).
inline sim::TrackSpec StraightRoad(float length_m, float gate_spacing_m = 0) {
  sim::TrackSpec spec;
  spec.name = "straight";
  spec.line = sim::PlainRoad(std::vector<Vec3>{{0, 20, 0}, {0, 20, length_m}});
  const int gates = gate_spacing_m > 0 ? static_cast<int>((length_m - 5) / gate_spacing_m) : 0;
  for (int i = 1; i <= gates; ++i) {
    spec.checkpoints_s_m.push_back(static_cast<float>(i) * gate_spacing_m);
  }
  return spec;
}

// A circle that turns left, from the origin towards +z, with a gate halfway round.
inline sim::TrackSpec CircleRoad(float radius_m, int laps) {
  sim::TrackSpec spec;
  spec.name = "circle";
  spec.closed = true;
  spec.laps = laps;
  std::vector<Vec3> line;
  for (int i = 0; i < 720; ++i) {
    const float angle = static_cast<float>(i) * sim::kPi / 360;
    line.push_back({radius_m - radius_m * sim::Cos(angle), 20, radius_m * sim::Sin(angle)});
  }
  spec.line = sim::PlainRoad(line);
  spec.checkpoints_s_m = {sim::kPi * radius_m};
  return spec;
}

// Out along +z, a half circle to the left, and back beside itself: the way back lies 2 radii to the
// left.
inline sim::TrackSpec HairpinRoad(float straight_m, float radius_m) {
  sim::TrackSpec spec;
  spec.name = "hairpin";
  std::vector<Vec3> line{{0, 20, 0}};
  for (int i = 0; i <= 90; ++i) {
    const float angle = static_cast<float>(i) * sim::kPi / 90;
    line.push_back(
        {radius_m - radius_m * sim::Cos(angle), 20, straight_m + radius_m * sim::Sin(angle)});
  }
  line.push_back({2 * radius_m, 20, 0});
  spec.line = sim::PlainRoad(line);
  return spec;
}

inline std::shared_ptr<const Centreline> LineOf(const sim::TrackSpec& spec) {
  return Centreline::FromTrack(*sim::Track::Build(spec));
}

}  // namespace hotlap
