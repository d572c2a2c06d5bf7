// Random numbers of an episode, counter-based: draw k of a stream is a function of the stream's key
// and k alone, so nothing depends on other rows, threads or how much an earlier episode drew.
#pragma once

#include <cstdint>

namespace hotlap {

// What a stream is for. Values are part of what a seed means: add at the end.
enum class RandomPurpose : std::uint64_t { kTrack = 4 };

class RandomStream {
 public:
  RandomStream(std::uint64_t base_seed, std::uint64_t episode, RandomPurpose purpose)
      : key_(Mix(Mix(Mix(base_seed) ^ episode) ^ static_cast<std::uint64_t>(purpose))) {}

  std::uint64_t Bits(std::uint64_t draw) const { return Mix(key_ + draw); }
  // Even in [0, 1): the upper 24 bits, all that a float holds.
  float Unit(std::uint64_t draw) const { return static_cast<float>(Bits(draw) >> 40) * 0x1p-24f; }

 private:
  // The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters neighbours.
  static constexpr std::uint64_t Mix(std::uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }
  std::uint64_t key_;
};

}  // namespace hotlap
