// Seeds of the rows and episodes of a training.
#pragma once

#include <cstdint>
#include <limits>

#include "env/random.h"

namespace hotlap::agents {

// They count up from here. Trainings of neighbouring seeds begin far from each other, and so share
// no draws, as they would if they counted from their own seeds. Below 2^62, which leaves room to
// count below 2^63.
inline std::uint64_t FirstRowSeed(std::uint64_t training_seed) {
  // Of no episode that draws actions: those are numbered from 0.
  constexpr std::uint64_t kNoEpisode = std::numeric_limits<std::uint64_t>::max();
  return RandomStream(training_seed, kNoEpisode, RandomPurpose::kPolicy).Bits(0) >> 2;
}

}  // namespace hotlap::agents
