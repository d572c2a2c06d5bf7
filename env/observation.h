// Observation terms: what an agent is shown, as data. Each term gives some columns; a column's
// value is clip(physical * scale, low, high), always finite (NaN counts as 0).
//
// Policies look columns up by name. Car frame: +x left, +y up, +z forward; wheels front-left,
// front-right, rear-right, rear-left; distances along the reference line.
//
//   term                      columns
//   velocity                  velocity.x .y .z                   m/s, car frame
//   angular_velocity          angular_velocity.x .y .z           rad/s, car frame
//   gravity                   gravity.x .y .z                    direction of gravity, car frame
//   wheel_contact             wheel0.contact .. wheel3.contact   0 or 1
//   wheel_sliding             wheel0.sliding ..                  0 or 1
//   wheel_damper              wheel0.damper ..                   m, suspension travel
//   wheel_surface             wheel0.surface.asphalt .grass .dirt .turbo .other, ..   what it
//                             touches; all 0 without contact
//   gear, rpm                 gear, rpm                          0 is reverse; 1/min
//   changing_gear, turbo, freewheeling, lateral_contact          0 or 1, named as the term
//   actions (count)           action0.steer .gas .brake, ..      as asked for (an input delay does
//                             not show), the newest first; steer [-1, 1], right is positive; gas
//                             and brake [0, 1]
//   progress                  progress                           share of the race driven, [0, 1]
//   lateral_offset            lateral_offset                     m from the line, left positive
//   heading_error             heading_error                      rad from its direction, left
//                             positive
//   edges                     edge_left, edge_right              m to the road's edges, negative
//                             beyond
//   road_surface              road_surface.asphalt .grass .dirt .turbo .other, road_gap
//   seconds_without_progress  seconds_without_progress           s, as the rule no_progress counts
//   checkpoint_progress       checkpoint_progress                share of all passes, [0, 1]
//   lap_progress              lap_progress                       share of the lap, [0, 1]
//   checkpoint_distance       checkpoint_distance                m to the next checkpoint
//   finish_distance           finish_distance                    m to the finish
//   time                      time                               s of race time
//   ahead (distances, parts)  ahead0.x .y .z, ..                 m, car frame; and as asked
//                             ahead0.half_width_left, .half_width_right (m), .normal.x .y .z,
//                             .surface.asphalt .., .gap (0 or 1)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "env/config.h"
#include "env/row_record.h"
#include "env/spec.h"

namespace hotlap {

inline constexpr int kMaxPastActions = 16;  // that can be shown
static_assert(kMaxPastActions <= kNumPastInputs);

enum class ObservationKind : std::uint8_t {
  kVelocity,
  kAngularVelocity,
  kGravity,
  kWheelContact,
  kWheelSliding,
  kWheelDamper,
  kWheelSurface,
  kGear,
  kRpm,
  kChangingGear,
  kTurbo,
  kFreewheeling,
  kLateralContact,
  kActions,
  kProgress,
  kLateralOffset,
  kHeadingError,
  kEdges,
  kRoadSurface,
  kSecondsWithoutProgress,
  kCheckpointProgress,
  kLapProgress,
  kCheckpointDistance,
  kFinishDistance,
  kTime,
  kAhead,
};

// Settings of one term.
struct ObservationTerm {
  ObservationKind kind = ObservationKind::kVelocity;
  float scale = 1, low = -1, high = 1;  // of kAhead: of the positions; flags keep 1, 0, 1

  int count = 0;  // kActions: of past actions, [1, kMaxPastActions]

  std::vector<float> distances_m;  // kAhead: along the line, ascending
  bool with_half_widths = false;
  bool with_normal = false;
  bool with_surface = false;
  bool with_gap = false;
  float half_width_scale = 0.0625f;  // its columns are in [0, 4]
};

// With the defaults of the kind.
ObservationTerm MakeObservationTerm(ObservationKind kind);
// What Linesight's float input carries, and the road's edges and surface.
std::vector<ObservationTerm> DefaultObservation();
// The list `key` of terms, each {term: name, ...}.
std::vector<ObservationTerm> ReadObservation(const ConfigMap& config, std::string_view key);
std::vector<ObservationColumn> ColumnsOf(const ObservationTerm& term);

// The behaviour class of a contact material: 0 asphalt-like, 1 grass, 2 dirt, 3 turbo, 4 other
// (also for ids that are none).
int SurfaceGroup(std::uint8_t material);

// The terms, made ready to be written row by row. Immutable: threads may share it.
class Observer {
 public:
  explicit Observer(std::vector<ObservationTerm> terms);
  int size() const { return static_cast<int>(scale_.size()); }
  // All of a row's columns. REQUIRES: row.size() == size().
  void Write(const RowView& row, std::span<float> out) const;
  // Adds bell-shaped noise of this standard deviation to the measured columns of what Write gave,
  // and clips them again. A function of the episode, its ticks so far and the column: an
  // observation that is given again has the same noise.
  void AddNoise(float deviation, const RowRecord& record, std::span<float> out) const;

 private:
  std::vector<ObservationTerm> terms_;
  std::vector<float> scale_, low_, high_;  // by column
  std::vector<std::size_t> measured_;      // columns
};

}  // namespace hotlap
