// A scripted driver: lays a line through the road ahead that cuts its bends, steers along it and
// brakes in time for what it cannot hold, from observation columns alone.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "agents/action_encoder.h"
#include "agents/policy.h"

namespace hotlap::agents {

// How hard it drives, in limits of the vehicle. The defaults are the Stadium car's, short of the
// last few per cent.
struct PursuitSettings {
  float top_speed_mps = 200;   // never faster than this
  float bend_share = 0.92f;    // of what full lock can turn, used in bends
  float edge_margin_m = 2.6f;  // the line stays that far from the road's edges
  float gravity_mps2 = 25;
  // Used of the tyres, as friction coefficients by the observation's groups of surfaces: asphalt,
  // grass, dirt, turbo, other (that is ice).
  std::array<float, 5> friction = {2.7f, 1.2f, 1.5f, 2.7f, 0.34f};
  // Used of the speed^2 that takes the car off a crest, where the line bends this much or goes
  // straight on.
  float crest_share = 0.9f, flight_share = 1.5f;
  float flight_bend_per_m = 0.002f;
  float braking_mps2 = 34;     // counted on when a bend comes, friction permitting
  float braking_share = 0.9f;  // of the friction, which steering uses too
  float boost_time_s = 0.8f;   // after a turbo pad, in which no brake holds the car
  float boost_mps2 = 12;       // what it still gains in that with the brake on
  float brake_margin_mps = 1;  // above the speed wanted: coast within it, brake beyond
  // It brakes to catch a car that slides sideways by this share of its speed, or that flies, where
  // the brake stops its rotation; not below this speed.
  float slip_share = 0.06f, catch_speed_mps = 15;
  float horizon_speed_mps = 90;         // held possible where the look-ahead ends
  float aim_time_s = 0.32f;             // steers to the point of its line that far ahead,
  float aim_min_m = 7, aim_max_m = 40;  // within these distances
  float yaw_gain = 0.8f;                // lock per lock's worth of missing yaw rate

  float steer_per_s = 6, steer_return_per_s = 10;  // of the wheel under keys, 1 is full lock

  // What full lock turns on asphalt, settled: curvature over speed. Speed ascends and curvature
  // falls along the table; linear in between, held beyond the ends.
  struct Lock {
    float speed_mps, curvature_per_m;
  };
  std::array<Lock, 8> lock = {{{0, 0.150f},
                               {13.9f, 0.110f},
                               {27.8f, 0.0628f},
                               {50.0f, 0.0244f},
                               {80.6f, 0.0102f},
                               {102.8f, 0.0076f},
                               {113.9f, 0.0053f},
                               {127.8f, 0.0033f}}};
};

// Needs velocity.x .y .z, angular_velocity.y and at least three points ahead<i>.x .y .z. Uses where
// they are shown: edges or ahead<i>.half_width_left .half_width_right (without either it drives
// along the line), lateral_offset, gravity, road_surface or ahead<i>.surface (else all is asphalt),
// ahead<i>.normal (else the road is level across), ahead<i>.gap, turbo, wheel<i>.contact. Drives
// with keys and with steer and gas. Without state: an action depends on its row's observation
// alone.
class PursuitPolicy : public Policy {
 public:
  explicit PursuitPolicy(const EnvironmentSpec& spec, const PursuitSettings& settings = {});
  void Act(std::span<const float> observations, ActionBuffer& actions) override;

 private:
  struct VectorReader {
    ColumnReader x, y, z;
    Vec3 operator()(std::span<const float> row) const { return {x(row), y(row), z(row)}; }
  };
  // The parts of a point that a spec may lack.
  struct AheadReader {
    VectorReader position;
    std::optional<VectorReader> normal;
    std::optional<ColumnReader> half_width_left, half_width_right, gap;
    std::vector<ColumnReader> surface;  // by group, or empty
  };
  // A cross-section of the road ahead, car frame, and the line through it.
  struct Point {
    Vec3 middle_m, left, normal;
    Vec3 position_m;                            // of the line through it
    float low_m = 0, high_m = 0, offset_m = 0;  // the line's, to the left of the middle
    float friction = 0;
    bool is_gap = false, is_boosted = false;
    float distance_m = 0;     // along the line, from the car
    float bend_per_m = 0;     // of the line within the road, left positive
    float dip_per_m = 0;      // of the road: above 0 where it is hollow
    float max_speed_mps = 0;  // that its own bend and crest allow
  };
  // The line's bend at a point as it depends on the offsets there and beside it.
  struct Bend {
    float by_offset[3] = {};
    float per_m = 0, weight = 0;
  };

  DriverWish Decide(std::span<const float> row);
  void ReadRoad(std::span<const float> row, float speed_mps);
  void LayLine(float speed_mps);
  void MeasureLine();
  Bend BendAt(std::size_t i) const;
  Vec3 PositionBefore(std::size_t i) const;  // of the line; before the first point is the car
  Vec3 Aim(float distance_m) const;
  float SpeedWanted() const;
  float LockAt(float speed_mps) const;
  float SpeedThrough(const Point& point, float bend_per_m) const;
  float SpeedAtLock(float bend_per_m) const;
  bool IsAirborne(std::span<const float> row) const;
  float KeyFor(float wanted, std::span<const float> row) const;

  PursuitSettings settings_;
  ActionEncoder encoder_;
  std::size_t observation_size_;
  VectorReader velocity_;
  ColumnReader yaw_rate_;
  std::optional<VectorReader> gravity_;
  std::optional<ColumnReader> lateral_offset_, edge_left_, edge_right_, turbo_;
  std::vector<ColumnReader> past_steer_;  // of keys, the newest first; or empty
  float step_s_ = 0;
  std::vector<ColumnReader> surface_;        // under the car, by group, or empty
  std::vector<ColumnReader> wheel_contact_;  // or empty
  std::vector<AheadReader> ahead_;
  std::vector<Point> line_;  // of the row under decision
  std::vector<Bend> bends_;
  Vec3 up_;  // away from gravity, car frame
};

}  // namespace hotlap::agents
