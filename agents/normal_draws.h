// Normally distributed numbers from a counter-based stream.
#pragma once

#include <cmath>
#include <cstdint>

#include "env/random.h"
#include "env/sim/scalar_math.h"

namespace hotlap::agents {

// Of mean 0 and variance 1: draw k of the stream (Box and Muller 1958, the cosine of each pair). A
// function of (stream, k), the same on every machine; within +-5.9, as 24 bits are drawn.
inline float NormalDraw(const RandomStream& random, std::uint64_t k) {
  const float radius = std::sqrt(-2.0f * sim::Log(1.0f - random.Unit(2 * k)));
  return radius * sim::Cos(2.0f * sim::kPi * random.Unit(2 * k + 1));
}

}  // namespace hotlap::agents
