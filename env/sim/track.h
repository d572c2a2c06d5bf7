// The road: a ribbon along a three-dimensional line, with checkpoints, a finish, and ground below.
// Immutable once built and shared by any number of games and threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/vec3.h"

namespace hotlap::sim {

// The car's origin above the surface when it stands; the line of a track runs at this height.
inline constexpr float kRideHeightM = 0.0241f;
// A start drops the car from this high above where it settles.
inline constexpr float kDropHeightM = 0.8f;

// Contact materials with the protocol's numbers (section 11).
enum class Surface : std::uint8_t {
  kGrass = 2,
  kIce = 3,
  kDirt = 6,
  kTurbo = 7,
  kAsphalt = 16,
  kTurbo2 = 26
};

// What a track is made from: settings, filled by env/config from a YAML file.
struct TrackSpec {
  std::string name;
  std::vector<Vec3> line;  // the car's reference point along the middle of the road, metres, any
                           // spacing of at least 1 cm
  bool closed = false;     // a circuit: the last point joins the first
  int laps = 1;            // more than 1 only when closed
  float width_m = 24;      // of the road, edge to edge
  float start_s_m = 0;     // where the car stands at s(0), along the line
  float finish_s_m = 0;    // 0: the end of the line; on a circuit the start line
  std::vector<float> checkpoints_s_m;  // increasing, between start and finish, of one lap; the
                                       // finish is not among them
  Surface surface = Surface::kAsphalt;
  float ground_drop_m = 8;  // the ground lies this far below the lowest point of the line
  float smoothing_m =
      0;  // width of the averaging window over the line; recorded lines are rounded to 0.1 m
};

// One cross-section of the road.
struct RoadPoint {
  Vec3 position_m;  // the reference point: the car's origin when it stands here
  Vec3 tangent;     // unit, along the road
  Vec3 left;        // unit, across the road to the left
  Vec3 normal;      // unit, out of the surface
  float half_width_left_m = 0;
  float half_width_right_m = 0;
  Surface surface = Surface::kAsphalt;
  bool is_gap = false;  // no road here: the car flies
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
  float reach_m = 0;  // how far to the side and up still counts; downwards kGateDepthM does

  // Whether the way from one position to the next passes the gate.
  bool Passed(Vec3 from_m, Vec3 to_m) const;
};
inline constexpr int kMaxPasses = 256;      // gates times laps of a track, at most
inline constexpr float kGateDepthM = 2.0f;  // a car further below the road does not pass its gates
inline constexpr float kMinGateSpacingM = 5.0f;  // more than any car drives in a tick

// Where a point is, relative to the road.
struct RoadContact {
  int index = 0;  // of the stretch of road; the hint for the next query, and nothing else
  float s_m = 0;
  float lateral_m = 0;  // left positive
  float height_m = 0;   // above the surface (road or ground), along its normal
  Vec3 normal;
  Surface surface = Surface::kAsphalt;
  bool on_road = false;  // false: over the ground
};

class Track {
 public:
  Track(const Track&) = delete;
  Track& operator=(const Track&) = delete;

  // Throws std::invalid_argument naming the field and what is allowed.
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
  Pose start() const;                 // where the car stands at s(0), dropped onto the road
  Pose pose_at_gate(int gate) const;  // where a respawn puts it
  float ground_y_m() const { return ground_y_m_; }
  std::uint64_t hash() const { return hash_; }  // of the geometry, equal on every machine

  // The surface under a point, in constant time: along the road from `hint`, so a road that crosses
  // over itself keeps them apart; and for a point that has left that stretch, the highest other
  // stretch below it, or the ground. After a jump in position take the hint from Locate(). An open
  // road goes straight on a little before its start and after its end. REQUIRES: a hint of Locate()
  // or of an answer.
  RoadContact Query(Vec3 position_m, int hint) const;
  int Locate(Vec3 position_m) const;  // nearest stretch, whole line, O(n)
  bool IsHint(int hint) const { return hint >= 0 && hint < num_stretches_; }

 private:
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
  // Walks at most `max_steps` along the road from `hint` to the stretch beside the point.
  RoadContact Walk(Vec3 position_m, int hint, int max_steps) const;
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
  Grid grid_;
  std::vector<Gate> gates_;
  float spacing_m_ = 0, length_m_ = 0, start_s_m_ = 0, finish_s_m_ = 0, ground_y_m_ = 0;
  bool closed_ = false;
  int laps_ = 1;
  std::uint64_t hash_ = 0;
};

}  // namespace hotlap::sim
