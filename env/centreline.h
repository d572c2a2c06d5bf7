// The reference line of a track, parametrised by arc length s: what progress, lateral offset and
// the view ahead are measured on. World frame, metres. Immutable once built, so rows and threads
// share one instance freely.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "env/sim/track.h"
#include "env/vec3.h"
#include "env/vector_loops.h"

namespace hotlap {

struct Projection {
  float s_m = 0;        // unwrapped: laps times length plus s
  float lateral_m = 0;  // left positive
  float height_m = 0;   // along the normal, above the line
};

// A point of the line, interpolated.
struct LinePoint {
  Vec3 position_m;
  Vec3 tangent, left, normal;  // unit
  float half_width_left_m = 0, half_width_right_m = 0;
  sim::Surface surface = sim::Surface::kAsphalt;
  bool is_gap = false;
};

class Centreline;

// What a line is made of, as a track or whoever knows one tells it.
struct LineShape {
  std::vector<LinePoint> points;  // spacing_m apart; a circuit's last comes before its first
  std::vector<float> gates_s_m;   // of one lap, ascending; the last is the finish, or ends a lap
  float length_m = 0, spacing_m = 0;    // as Centreline's
  float start_s_m = 0, finish_s_m = 0;  // of one lap
  bool closed = false;
  int laps = 1;
};

// A place on a line that is looked for (Centreline::Project), and what is found.
struct LineSearch {
  const Centreline* line = nullptr;
  Vec3 position_m;
  float s_from_m = 0, s_to_m = 0;
  Projection place{};
  LinePoint here{};  // at the place
};

class Centreline {
 public:
  static std::shared_ptr<const Centreline> FromTrack(const sim::Track& track);
  // Throws std::invalid_argument that names the member which does not fit the others.
  static std::shared_ptr<const Centreline> FromShape(LineShape shape);
  // A .npy file of [n, 3] float64 or float32 points, C order; half_width_m on both sides, gates
  // every `gate_spacing_m` (0: the finish alone). Throws std::runtime_error naming the file and
  // what is wrong.
  static std::shared_ptr<const Centreline> FromNpy(const std::filesystem::path& path,
                                                   float half_width_m, float gate_spacing_m);

  float length_m() const { return length_m_; }  // of the line; on a circuit, of one lap
  bool closed() const { return closed_; }
  int laps() const { return laps_; }
  float start_s_m() const { return start_s_m_; }
  // Unwrapped distance of the finish: on laps, start + laps * length.
  float finish_s_m() const { return finish_s_m_; }
  // Of one lap, the last is the finish or the lap line.
  std::span<const float> gates_s_m() const { return gates_s_m_; }
  int num_gates() const { return static_cast<int>(gates_s_m_.size()); }
  // Unwrapped distance of the gate that is passed next after `passed` passes; the finish at most.
  // REQUIRES: passed >= 0.
  float next_gate_s_m(int passed) const;

  // Closest point of the line, in three dimensions, among the unwrapped distances [s_from_m,
  // s_to_m]; these are cut to the race: from the line's start (on a circuit: a lap before the start
  // line) to the finish. Time grows with their difference. Always finite, for any position.
  Projection Project(Vec3 position_m, float s_from_m, float s_to_m) const {
    LineSearch search{this, position_m, s_from_m, s_to_m};
    Project({&search, 1});
    return search.place;
  }
  // The same of several, each on its line, and the point of the line there. They are faster
  // together: each alone is a chain of arithmetic that waits for itself.
  static void Project(std::span<LineSearch> searches);

  // The point at unwrapped s. An open line goes on straight beyond its start and beyond the finish,
  // along its tangent there; a circuit wraps. REQUIRES: s_m finite, within +-1e6.
  LinePoint At(float s_m) const {
    LinePoint point;
    FindPoint(s_m, point);
    return point;
  }
  Vec3 PositionAt(float s_m) const;
  // The points at s_m + distances_m[i], seen by a car at `origin_m` in its own frame `rotation`:
  // x left, y up, z forward, metres, [n, 3]. What PositionAt and TransposeTimes say, bit for bit,
  // but several at a time. REQUIRES: distances ascending, all of the points' s as for At.
  void View(float s_m, std::span<const float> distances_m, Vec3 origin_m, const Mat3& rotation,
            std::span<float> out) const;

 private:
  // Where s is: `part` of the way along a segment, and how far beyond an end of the line.
  struct Place {
    int segment = 0;
    float part = 0;
    float beyond_m = 0;   // below 0 before the start
    std::size_t end = 0;  // of the two, 0 is the start
  };

  // Where a search looks: between distances, and from the start of the lap that the first one is
  // in, between points, of which one is the nearest.
  struct Window {
    float from_m = 0, to_m = 0, base_m = 0;
    int first = 0, end = 0, nearest = 0;
  };

  Centreline() = default;
  std::size_t Wrapped(int point) const;
  Window WindowOf(const LineSearch& search) const;
  float ClosestIn(const Window& window, Vec3 position_m) const;  // s
  void Measure(LineSearch& search) const;                        // all but s, which is known
  // Of At(), in place: what is put together in one place is slow to copy at once.
  void FindPoint(float s_m, LinePoint& point) const;
  int LapOf(float s_m) const;  // on a circuit
  Place PlaceOf(float s_m) const;
  Vec3 PositionOf(const Place& place) const;

  bool closed_ = false;
  int laps_ = 1;
  float length_m_ = 0, inverse_length_ = 0, start_s_m_ = 0, finish_s_m_ = 0;
  float spacing_m_ = 1, inverse_spacing_ = 1;  // of the points
  int last_segment_ = 0;                       // where the finish is; on a circuit the last of all
  float last_part_ = 1;                        // of it before the finish
  std::vector<float> gates_s_m_;
  // One more than there are segments; a circuit ends where it began.
  std::vector<PaddedVec3> positions_;
  std::vector<float> x_m_, y_m_, z_m_;  // the same, and kVectorPadding more
  std::vector<LinePoint> points_;
  Vec3 end_tangents_[2];
};

}  // namespace hotlap
