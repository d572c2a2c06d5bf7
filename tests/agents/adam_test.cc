#include "agents/adam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/agents/drawn.h"

namespace hotlap::agents {
namespace {

TEST(AdamTest, TheFirstStepIsAsLongAsTheLearningRateWhateverTheGradient) {
  AdamState state(3);
  std::vector<float> parameters = {1, 1, 1};
  TakeAdamStep({}, 0.01f, std::vector<float>{5, -0.3f, 1000}, state, parameters);
  EXPECT_NEAR(parameters[0], 1 - 0.01, 1e-6);
  EXPECT_NEAR(parameters[1], 1 + 0.01, 1e-6);
  EXPECT_NEAR(parameters[2], 1 - 0.01, 1e-6);
  EXPECT_EQ(state.steps, 1);
}

TEST(AdamTest, StepsAreThoseOfThePaperInDoublePrecision) {
  constexpr std::size_t kSize = 40;
  const AdamSettings settings{.first_decay = 0.8f, .second_decay = 0.99f, .epsilon = 1e-3f};
  AdamState state(kSize);
  std::vector<float> parameters = Drawn(kSize, 1);
  std::vector<double> expected(parameters.begin(), parameters.end()), m(kSize), v(kSize);
  for (int step = 1; step <= 60; ++step) {
    const float rate = 0.1f / static_cast<float>(step);
    const std::vector<float> gradient = Drawn(kSize, static_cast<std::uint64_t>(step));
    TakeAdamStep(settings, rate, gradient, state, parameters);
    const auto first = static_cast<double>(settings.first_decay),
               second = static_cast<double>(settings.second_decay);
    for (std::size_t i = 0; i < kSize; ++i) {
      const auto g = static_cast<double>(gradient[i]);
      m[i] = first * m[i] + (1 - first) * g;
      v[i] = second * v[i] + (1 - second) * g * g;
      expected[i] -=
          static_cast<double>(rate) * (m[i] / (1 - std::pow(first, step))) /
          (std::sqrt(v[i] / (1 - std::pow(second, step))) + static_cast<double>(settings.epsilon));
      ASSERT_NEAR(parameters[i], expected[i], 2e-6) << "step " << step;
    }
  }
}

TEST(AdamTest, AParameterWithoutGradientStaysWhereItIs) {
  AdamState state(2);
  std::vector<float> parameters = {0, 0};
  for (int step = 0; step < 10; ++step) {
    TakeAdamStep({}, 0.1f, std::vector<float>{0, 1}, state, parameters);
  }
  EXPECT_EQ(parameters[0], 0);
  EXPECT_LT(parameters[1], -0.5f);
}

}  // namespace
}  // namespace hotlap::agents
