// A scripted driver: steers to a point of the line ahead and brakes in time for its bends, from
// observation columns alone.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "agents/action_encoder.h"
#include "agents/policy.h"

namespace hotlap::agents {

// How hard it drives, in limits of the vehicle. The defaults keep the Stadium car well inside a
// road 24 m wide.
struct PursuitSettings {
  float top_speed_mps = 200;             // never faster than this
  float bend_share = 0.8f;               // of what full lock can turn, used in bends
  float lateral_acceleration_mps2 = 60;  // used of the tyres on level road; less over a crest,
  float crest_acceleration_mps2 = 18;    // none at this; gravity (25) is where the car takes off
  float braking_deceleration_mps2 = 25;  // counted on when a bend comes
  float brake_margin_mps = 1;            // above the speed wanted: coast within it, brake beyond
  float horizon_speed_mps = 80;          // held possible where the look-ahead ends
  float aim_time_s = 0.35f;              // steers to the point of the line that far ahead,
  float aim_min_m = 8, aim_max_m = 50;   // within these distances
  float yaw_gain = 0.5f;                 // lock per lock's worth of missing yaw rate

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

// Needs velocity.x .y .z, angular_velocity.y and at least three points ahead<i>.x .y .z. Drives
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
  struct Point {
    Vec3 position_m;          // car frame
    float distance_m = 0;     // along the line, from beside the car
    float crest_per_m = 0;    // curvature of a crest there; 0 in a dip
    float max_speed_mps = 0;  // that its own bend and crest allow
  };

  DriverWish Decide(std::span<const float> row);
  void ReadLine(std::span<const float> row);
  Vec3 Aim(float distance_m) const;
  float SpeedWanted() const;
  float LockAt(float speed_mps) const;
  float SpeedThrough(float bend_per_m, float crest_per_m) const;

  PursuitSettings settings_;
  ActionEncoder encoder_;
  std::size_t observation_size_;
  VectorReader velocity_;
  ColumnReader yaw_rate_;
  std::vector<VectorReader> ahead_;
  std::vector<Point> line_;  // of the row under decision
};

}  // namespace hotlap::agents
