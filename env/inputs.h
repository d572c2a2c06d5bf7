// What the driver asks for: the wire's channels exactly, so that every game sees the same numbers.
#pragma once

#include <cstdint>

namespace hotlap {

inline constexpr std::int32_t kMaxAnalog = 65536;

// All six channels as one value; neutral by default. Digital keys win over an analog value of zero,
// as in the game: the car resolves them (see sim/vehicle_model.h), this struct only carries them.
struct Inputs {
  std::int32_t steer = 0;  // [-65536, 65536], positive is right; analog channel
  std::int32_t gas = 0;    // [-65536, 65536], positive accelerates; analog channel
  bool left = false;
  bool right = false;
  bool accelerate = false;
  bool brake = false;

  friend bool operator==(const Inputs&, const Inputs&) = default;
};

}  // namespace hotlap
