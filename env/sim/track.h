// The road: a ribbon along a three-dimensional line, with checkpoints, a finish, and ground below.
// Immutable once built and shared by any number of games and threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "env/sim/road.h"
#include "env/vec3.h"

namespace hotlap::sim {

// A start drops the car from this high above where it settles.
inline constexpr float kDropHeightM = 0.8f;
// A car whose origin is this far below a road's surface still stands on it; further down it is
// under the road, which does not touch it. More than VehicleParams::sink_limit_m.
inline constexpr float kRoadDepthM = 0.6f;

// One point of the line that a track is made from. What is continuous goes linearly to the next
// point; walls, surface and gap hold from this point to the next.
struct TrackPoint {
  Vec3 position_m;  // the car's reference point in the middle of the road, any spacing of at least
                    // 1 cm
  Vec3 left;        // across the road, need not be exact; zero: horizontal, across the line
  float half_width_left_m = 12;
  float half_width_right_m = 12;
  float wall_left_m = 0;  // height; 0 is an open edge
  float wall_right_m = 0;
  Surface surface = Surface::kAsphalt;
  bool is_gap = false;
  friend bool operator==(const TrackPoint&, const TrackPoint&) = default;
};

// A road of one width and surface with open edges along these points.
std::vector<TrackPoint> PlainRoad(std::span<const Vec3> line, float width_m = 24,
                                  Surface surface = Surface::kAsphalt);

// What a track is made from: settings, filled by env/track_config from a YAML file or by the
// generator.
struct TrackSpec {
  std::string name;
  std::vector<TrackPoint> line;
  bool closed = false;                 // a circuit: the last point joins the first
  int laps = 1;                        // more than 1 only when closed
  float start_s_m = 0;                 // where the car stands at s(0), along the line
  float finish_s_m = 0;                // 0: the end of the line; on a circuit the start line
  std::vector<float> checkpoints_s_m;  // increasing, between start and finish, of one lap; the
                                       // finish is not among them
  float ground_drop_m = 8;  // the ground lies this far below the lowest point of the line
  // Width of the averaging window over the line; recorded lines are rounded to 0.1 m.
  float smoothing_m = 0;
  std::int32_t bronze_ms = 0;  // a time that the scripted driver reaches with a margin; 0: none
};

struct Pose {
  Vec3 position_m;
  Mat3 rotation;  // car to world
};

// A gate that must be crossed in order: a plane across the road at s.
struct Gate {
  float s_m = 0;
  Vec3 position_m;
  Vec3 direction;     // unit tangent: passed when the car's origin goes from behind to ahead of the
                      // plane, within the road's reach
  Vec3 left, normal;  // unit, of the road there
  float reach_left_m = 0, reach_right_m = 0;  // how far to the side still counts

  // Whether the way from one position to the next passes the gate.
  bool Passed(Vec3 from_m, Vec3 to_m) const;
};
inline constexpr int kMaxPasses = 256;  // gates times laps of a track, at most
// A car further below or above the road does not pass its gates.
inline constexpr float kGateDepthM = 2.0f;
inline constexpr float kGateHeightM = 5.5f;
inline constexpr float kMinGateSpacingM = 5.0f;  // more than any car drives in a tick

// What is wrong with a TrackSpec, and what is allowed.
class TrackError : public std::invalid_argument {
 public:
  TrackError(std::string field, const std::string& allowed)
      : std::invalid_argument("track " + field + ": " + allowed), field_(std::move(field)) {}
  // The member of TrackSpec, perhaps with an index: "checkpoints_s_m[1]".
  const std::string& field() const { return field_; }

 private:
  std::string field_;
};

// The road, or the ground, under a car.
struct Footing {
  const RoadStretch* stretch = nullptr;  // of the track, never null
  std::int32_t index = 0;  // of the nearest stretch of road: the hint of the next search
};

class Track {
 public:
  Track(const Track&) = delete;
  Track& operator=(const Track&) = delete;

  // Throws TrackError.
  static std::shared_ptr<const Track> Build(const TrackSpec& spec);

  const std::string& name() const { return name_; }
  // spacing_m() apart along the line, the first at s = 0; the last at s = length, or on a circuit
  // one spacing before it joins the first.
  std::span<const RoadPoint> points() const { return line_; }
  float spacing_m() const { return spacing_m_; }
  float length_m() const { return length_m_; }  // of the line; on a circuit, of one lap
  bool closed() const { return closed_; }
  int laps() const { return laps_; }
  float start_s_m() const { return start_s_m_; }
  float finish_s_m() const {
    return finish_s_m_;
  }  // in (start_s_m, length_m]; on a circuit the gate at start_s_m + length
  // Gates of one lap in order; the last is the finish (or the line that ends a lap).
  std::span<const Gate> gates() const { return gates_; }
  int num_gates() const { return static_cast<int>(gates_.size()); }
  std::int32_t bronze_ms() const { return bronze_ms_; }  // 0: none
  Pose start() const;                 // where the car stands at s(0), dropped onto the road
  Pose pose_at_gate(int gate) const;  // where a respawn puts it
  float ground_y_m() const { return ground_y_m_; }
  std::uint64_t hash() const { return hash_; }  // of the geometry, equal on every machine

  // What is under a car, in constant time: the stretch beside it, walking along the road from
  // `hint`, so that a road that crosses over itself keeps its levels apart. With `has_left_road`
  // the highest stretch anywhere below the point, or else the ground. An open road goes straight on
  // a little before its start and after its end. REQUIRES: a hint of Locate() or of an answer.
  Footing Under(Vec3 position_m, std::int32_t hint, bool has_left_road) const {
    const std::int32_t index = Walk(position_m, hint, kMaxWalk);
    if (has_left_road) [[unlikely]]
      return Search(position_m, index);
    return {&stretches_[static_cast<std::size_t>(index)], index};
  }
  // Of the beginning of a stretch, along the line.
  float s_m(std::int32_t stretch) const {
    return first_s_m_ + static_cast<float>(stretch) * spacing_m_;
  }
  int Locate(Vec3 position_m) const;  // nearest stretch, whole line, O(n)
  bool IsHint(int hint) const { return hint >= 0 && hint < num_stretches_; }

 private:
  static constexpr int kMaxWalk = 16;  // stretches, from one tick to the next

  // Marks where the road is, so that a point far from its hint finds the stretches below it.
  struct Grid {
    float origin_x_m = 0, origin_z_m = 0;
    int columns = 0, rows = 0;
    std::vector<std::int32_t> first;  // [columns * rows + 1], into `hints`
    std::vector<std::int32_t> hints;  // one per pass of the road through a cell
  };

  Track() = default;
  void BuildGrid();
  void BuildGates(const TrackSpec& spec);
  void BuildStretches();
  // At most `max_steps` along the road from `hint` to the stretch beside the point.
  std::int32_t Walk(Vec3 position_m, std::int32_t hint, int max_steps) const {
    const auto stretch = [this](std::int32_t i) -> const RoadStretch& {
      return stretches_[static_cast<std::size_t>(i)];
    };
    std::int32_t i = hint;
    const Vec3 offset = position_m - stretch(i).start_m;
    if (Dot(offset, stretch(i).tangent[0]) < 0) {
      for (int steps = 0; steps < max_steps; ++steps) {
        if (i == 0 && !closed_) break;
        i = i == 0 ? num_stretches_ - 1 : i - 1;
        if (Dot(position_m - stretch(i).start_m, stretch(i).tangent[0]) >= 0) break;
      }
      return i;
    }
    for (int steps = 0; steps < max_steps; ++steps) {
      const Vec3 past = position_m - stretch(i).start_m - stretch(i).step_m;
      if (Dot(past, stretch(i).tangent[1]) <= 0 || (i == num_stretches_ - 1 && !closed_)) break;
      i = i == num_stretches_ - 1 ? 0 : i + 1;
    }
    return i;
  }
  Footing Search(Vec3 position_m, std::int32_t beside) const;
  bool IsGap(int index) const;
  int StretchAt(float s_m) const;
  Pose PoseAt(float s_m, float height_m) const;
  const RoadPoint& point_after(int index) const {
    return road_[static_cast<std::size_t>(index + 1 == static_cast<int>(road_.size()) ? 0
                                                                                      : index + 1)];
  }

  std::string name_;
  // The line with its run-on before and behind; on a circuit just the line. Stretch i lies between
  // points i and i + 1.
  std::vector<RoadPoint> road_;
  std::span<const RoadPoint> line_;  // of road_
  int num_stretches_ = 0;
  float first_s_m_ = 0;  // of road_[0]
  std::vector<RoadStretch> stretches_;
  RoadStretch ground_;
  Grid grid_;
  std::vector<Gate> gates_;
  float spacing_m_ = 0, length_m_ = 0, start_s_m_ = 0, finish_s_m_ = 0, ground_y_m_ = 0;
  bool closed_ = false;
  int laps_ = 1;
  std::int32_t bronze_ms_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace hotlap::sim
