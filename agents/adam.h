// The optimiser Adam (Kingma, Ba 2015) over a flat vector of parameters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hotlap::agents {

struct AdamSettings {
  float first_decay = 0.9f, second_decay = 0.999f;
  float epsilon = 1e-5f;
};

// What a checkpoint keeps of it.
struct AdamState {
  explicit AdamState(std::size_t size = 0) : first(size, 0), second(size, 0) {}
  std::vector<float> first, second;  // moments of the gradient
  std::int64_t steps = 0;
  friend bool operator==(const AdamState&, const AdamState&) = default;
};

// One step against the gradient. All of one size.
void TakeAdamStep(const AdamSettings& settings, float learning_rate,
                  std::span<const float> gradient, AdamState& state, std::span<float> parameters);

}  // namespace hotlap::agents
