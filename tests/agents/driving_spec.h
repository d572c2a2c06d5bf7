// A small spec to drive by, made by hand: what the scripted drivers read and nothing else.
#pragma once

#include <string>
#include <vector>

#include "env/spec.h"
#include "env/vec3.h"

namespace hotlap::agents {

inline constexpr float kSpecScale = 0.01f;

inline ActionSpec KeyActions() {
  ActionSpec action;
  action.kind = ActionKind::kDiscrete;
  action.name = "keys";
  action.names = {"none",
                  "left",
                  "right",
                  "accelerate",
                  "brake",
                  "accelerate+left",
                  "accelerate+right",
                  "brake+left",
                  "brake+right"};
  return action;
}

inline ActionSpec ContinuousActions() {
  ActionSpec action;
  action.kind = ActionKind::kContinuous;
  action.name = "continuous";
  action.names = {"steer", "gas"};
  action.low = {-1, -1};
  action.high = {1, 1};
  return action;
}

inline EnvironmentSpec DrivingSpec(const ActionSpec& action, int points) {
  EnvironmentSpec spec;
  spec.action = action;
  const auto add = [&spec](const std::string& name, const std::string& unit) {
    spec.observation.push_back({name, unit, kSpecScale, -10, 10});
  };
  for (const char* axis : {".x", ".y", ".z"}) add(std::string("velocity") + axis, "m/s");
  add("angular_velocity.y", "rad/s");
  for (int i = 0; i < points; ++i) {
    for (const char* axis : {".x", ".y", ".z"}) add("ahead" + std::to_string(i) + axis, "m");
  }
  return spec;
}

// One row: driving straight ahead at this speed with the line ahead where the points are.
inline std::vector<float> DrivingRow(float speed_mps, const std::vector<Vec3>& points_m) {
  std::vector<float> row = {0, 0, speed_mps, 0};
  for (const Vec3& p : points_m) row.insert(row.end(), {p.x, p.y, p.z});
  for (float& value : row) value *= kSpecScale;
  return row;
}

}  // namespace hotlap::agents
