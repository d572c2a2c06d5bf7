// Numbers for tests: the same in every run.
#pragma once

#include <cstdint>
#include <vector>

#include "env/random.h"

namespace hotlap::agents {

// Even in [low, high).
inline std::vector<float> Drawn(std::size_t count, std::uint64_t seed, float low = -1,
                                float high = 1) {
  const RandomStream random(seed, 0, RandomPurpose::kTrack);
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = low + (high - low) * random.Unit(i);
  return numbers;
}

}  // namespace hotlap::agents
