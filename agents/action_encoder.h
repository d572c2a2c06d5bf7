// Writes what a scripted driver wants, a wheel and a pedal, as an action of the environment's set.
#pragma once

#include <array>

#include "agents/policy.h"

namespace hotlap::agents {

struct DriverWish {
  float steer = 0;  // [-1, 1], positive is right
  float pedal = 0;  // [-1, 1], positive accelerates, negative brakes
};

// Keys: the nearest combination of left, nothing, right with accelerate, nothing, brake.
// Continuous: the components `steer` and `gas` as they are.
class ActionEncoder {
 public:
  // Throws std::invalid_argument naming the action that the set lacks and who wants it.
  ActionEncoder(const ActionSpec& spec, std::string_view wanted_by);
  void Write(const DriverWish& wish, std::size_t row, ActionBuffer& actions) const;

 private:
  ActionKind kind_;
  std::array<std::array<std::int32_t, 3>, 3>
      keys_{};  // [brake, nothing, gas][left, nothing, right]
  std::size_t num_components_ = 0, steer_component_ = 0, pedal_component_ = 0;
};

}  // namespace hotlap::agents
