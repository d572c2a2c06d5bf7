#include "agents/random_policy.h"

#include <stdexcept>

namespace hotlap::agents {
namespace {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters neighbours.
std::uint64_t Scatter(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// In [0, 1): the upper 24 bits, all that a float holds.
float UnitFloat(std::uint64_t bits) { return static_cast<float>(bits >> 40) * 0x1p-24f; }

}  // namespace

RandomPolicy::RandomPolicy(const EnvironmentSpec& spec, std::uint64_t seed)
    : action_(spec.action), seed_(Scatter(seed)) {
  if (action_.size() == 0) throw std::invalid_argument("random needs a set of at least one action");
}

void RandomPolicy::Act(std::span<const float>, ActionBuffer& actions) {
  const std::uint64_t stream = Scatter(seed_ ^ calls_++);
  const auto size = static_cast<std::uint64_t>(action_.size());
  for (std::size_t row = 0; row < actions.discrete.size(); ++row) {
    // The upper half times the size, upper half again: even to within size / 2^32.
    actions.discrete[row] = static_cast<std::int32_t>(((Scatter(stream + row) >> 32) * size) >> 32);
  }
  for (std::size_t i = 0; i < actions.continuous.size(); ++i) {
    const std::size_t component = i % size;
    const float low = action_.low[component];
    const float high = action_.high[component];
    actions.continuous[i] = low + (high - low) * UnitFloat(Scatter(stream + i));
  }
}

}  // namespace hotlap::agents
