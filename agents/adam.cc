#include "agents/adam.h"

#include <cmath>
#include <cstddef>

namespace hotlap::agents {

void TakeAdamStep(const AdamSettings& settings, float learning_rate,
                  std::span<const float> gradient, AdamState& state, std::span<float> parameters) {
  ++state.steps;
  // 1 - decay^steps, by repeated products: no library's pow.
  const auto correction = [&state](float decay) {
    double power = 1, factor = static_cast<double>(decay);
    for (std::int64_t n = state.steps; n > 0; n /= 2) {
      if (n % 2 == 1) power *= factor;
      factor *= factor;
    }
    return 1 - power;
  };
  const auto step =
      static_cast<float>(static_cast<double>(learning_rate) / correction(settings.first_decay));
  const auto root = static_cast<float>(std::sqrt(correction(settings.second_decay)));

  // Square root and quotient are exact by IEEE 754, so the bits are the same everywhere.
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    float& m = state.first[i];
    float& v = state.second[i];
    m = settings.first_decay * m + (1 - settings.first_decay) * gradient[i];
    v = settings.second_decay * v + (1 - settings.second_decay) * gradient[i] * gradient[i];
    parameters[i] -= step * m / (std::sqrt(v) / root + settings.epsilon);
  }
}

}  // namespace hotlap::agents
