// The reference line of a track, parametrised by arc length s: what progress, lateral offset and
// the view ahead are measured on. World frame, metres. Immutable once built, so rows and threads
// share one instance freely.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/sim/track.h"
#include "env/vec3.h"

namespace hotlap {

struct Projection {
  float s_m = 0;        // unwrapped: laps times length plus s
  float lateral_m = 0;  // left positive
  float height_m = 0;   // along the normal, above the line
  int index = 0;        // of the segment; the hint for the next search
};

// A point of the line, interpolated.
struct LinePoint {
  Vec3 position_m;
  Vec3 tangent, left, normal;  // unit
  float half_width_left_m = 0, half_width_right_m = 0;
  sim::Surface surface = sim::Surface::kAsphalt;
  bool is_gap = false;
};

class Centreline {
 public:
  static std::shared_ptr<const Centreline> FromTrack(const sim::Track& track);
  // A .npy file of [n, 3] float64 or float32 points, C order; half_width_m on both sides, gates
  // every `gate_spacing_m`. Throws std::runtime_error naming the file and what is wrong.
  static std::shared_ptr<const Centreline> FromNpy(const std::filesystem::path& path,
                                                   float half_width_m, float gate_spacing_m);

  float length_m() const;
  bool closed() const;
  int laps() const;
  float start_s_m() const;
  float finish_s_m() const;  // unwrapped distance of the finish: on laps, start + laps * length
  std::span<const float> gates_s_m() const;  // of one lap, the last is the finish or the lap line

  // Closest point within [s_from_m, s_to_m] (unwrapped), searched from `hint`. Beyond the finish
  // nothing: s stops there.
  Projection Project(Vec3 position_m, int hint, float s_from_m, float s_to_m) const;
  // The point at unwrapped s. Beyond the ends of an open line it goes on straight along the last
  // tangent; a circuit wraps.
  LinePoint At(float s_m) const;

 private:
  Centreline() = default;
  struct Data;
  std::shared_ptr<const Data> data_;
};

}  // namespace hotlap
