// Random numbers of an episode, counter-based: draw k of a stream is a function of the stream's key
// and k alone, so nothing depends on other rows, threads or how much an earlier episode drew.
#pragma once

#include <cstdint>

namespace hotlap {

// What a stream is for. Values are part of what a seed means: add at the end.
enum class RandomPurpose : std::uint64_t {
  kTrack = 4,
  kParameters = 5,        // of an episode
  kObservationNoise = 6,  // of an episode, a draw for each column of each observation
  kStart = 7,             // where an episode begins
  kEvaluation = 8,        // seeds and perturbations of an evaluation, docs/evaluation.md
  kEvaluationNoise = 9,   // of an episode that is evaluated, likewise
  kPolicy = 10,           // actions that a policy draws in an episode
  kWeights = 11,          // of a network before it has learnt, a stream for each layer
  kMinibatch = 12,        // the order of examples in a pass over them
  kCandidates = 13,       // of a generation of a search, draws of each in turn
};

class RandomStream {
 public:
  RandomStream(std::uint64_t base_seed, std::uint64_t episode, RandomPurpose purpose)
      : key_(Mix(Mix(Mix(base_seed) ^ episode) ^ static_cast<std::uint64_t>(purpose))) {}

  std::uint64_t Bits(std::uint64_t draw) const { return Mix(key_ + draw); }
  // Even in [0, 1): the upper 24 bits, all that a float holds.
  float Unit(std::uint64_t draw) const { return static_cast<float>(Bits(draw) >> 40) * 0x1p-24f; }
  // Bell-shaped, of mean 0 and variance 1, within +-3.4642: the sum of four even numbers.
  float Bell(std::uint64_t draw) const {
    constexpr int kMean = 2 * 0xFFFF;
    constexpr float kInverseDeviation = 2.6429e-5f;  // sqrt(3) / 2^16
    const std::uint64_t bits = Bits(draw);
    const auto sum = static_cast<int>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                      (bits >> 32 & 0xFFFF) + (bits >> 48));
    return static_cast<float>(sum - kMean) * kInverseDeviation;
  }

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
