// What there is to say of a track before anybody drives it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>

#include "env/sim/lap_bound.h"
#include "env/sim/track.h"
#include "env/sim/vehicle_params.h"

namespace hotlap::agents {

// Bends by the radius of the road's middle: below 30 m, below 80 m, below 200 m, wider.
inline constexpr std::array<float, 3> kBendClassesM = {30, 80, 200};

struct TrackDescription {
  std::string name;
  std::uint64_t hash = 0;
  double length_m = 0;  // from start to finish, of one lap
  int laps = 1, num_gates = 0;
  std::array<int, kBendClassesM.size() + 1> num_bends{};
  std::map<std::string, double> surfaces_m;  // of one lap, by name; gaps are none
  int num_gaps = 0;
  double longest_gap_m = 0;
  double climb_m = 0, descent_m = 0;  // of one lap
  double bronze_s = 0;                // 0: none
  double bound_s = 0;                 // lower bound of the time, all laps
  double bound_top_mps = 0;           // highest speed on the widest line
};

TrackDescription Describe(const sim::Track& track, const sim::LapBound& bound);
void PrintDescription(std::ostream& out, const TrackDescription& description);
void PrintJson(std::ostream& out, const TrackDescription& description);

}  // namespace hotlap::agents
