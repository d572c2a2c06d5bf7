#include "agents/action_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "agents/matrix_kernels.h"
#include "tests/agents/drawn.h"
#include "tests/agents/driving_spec.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;

// As many keys as need two units of padding.
ActionSpec ManyKeys() {
  ActionSpec action = KeyActions();
  while (action.names.size() < 19) action.names.push_back("key" + std::to_string(action.size()));
  return action;
}

// What the formulas say of one row, in double precision.
struct Measures {
  double log_probability = 0, entropy = 0;
};
Measures ByFormula(const ActionHead& head, const double* outputs, const double* parameters,
                   const float* action) {
  Measures measures;
  const int n = head.num_outputs();
  if (head.is_discrete()) {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += std::exp(outputs[i]);
    for (int i = 0; i < n; ++i) {
      const double log_share = outputs[i] - std::log(sum);
      measures.entropy -= std::exp(log_share) * log_share;
      if (i == static_cast<int>(*action)) measures.log_probability = log_share;
    }
    return measures;
  }
  for (int i = 0; i < n; ++i) {
    const double deviation = std::exp(parameters[i]);
    const double z = (static_cast<double>(action[i]) - outputs[i]) / deviation;
    measures.log_probability -=
        z * z / 2 + std::log(deviation) + 0.5 * std::log(2 * std::numbers::pi);
    measures.entropy += 0.5 * std::log(2 * std::numbers::pi * std::numbers::e) + parameters[i];
  }
  return measures;
}

class ActionHeadTest : public ::testing::TestWithParam<ActionSpec> {
 protected:
  static constexpr int kRows = 11;

  std::size_t width() const { return static_cast<std::size_t>(PaddedWidth(head.num_outputs())); }
  std::vector<float> DrawnOutputs(std::uint64_t seed) const {
    return WithPadding(Drawn(kRows * width(), seed, -2, 2));
  }
  // Logarithms of deviations.
  std::vector<float> DrawnParameters() const {
    return WithPadding(Drawn(head.num_parameters(), 8, -1, 0.5f));
  }
  std::vector<float> WithPadding(std::vector<float> numbers) const {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (i % width() >= static_cast<std::size_t>(head.num_outputs())) numbers[i] = 0;
    }
    return numbers;
  }
  // Draws with the streams of this seed.
  void Draw(std::uint64_t seed, std::vector<float> from) {
    streams.clear();
    for (std::uint64_t row = 0; row < kRows; ++row) {
      streams.emplace_back(seed, row, RandomPurpose::kPolicy);
    }
    head.Draw(from, parameters, kRows, streams, memory, actions, drawn_logs);
  }

  const ActionHead head{GetParam()};
  const std::vector<float> outputs = DrawnOutputs(1), parameters = DrawnParameters();
  ActionHead::Memory memory = head.MakeMemory(kRows);
  std::vector<RandomStream> streams;
  std::vector<float> actions =
      std::vector<float>(static_cast<std::size_t>(kRows * head.action_size()));
  std::vector<float> drawn_logs = std::vector<float>(kRows);
  std::vector<float> logs = std::vector<float>(kRows), entropies = std::vector<float>(kRows);
};

TEST_P(ActionHeadTest, DrawsAndMeasuresTheSameBits) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Draw(seed, outputs);
    std::vector<float> changed = outputs;
    head.Measure(changed, parameters, kRows, actions, memory, logs, entropies);
    EXPECT_EQ(logs, drawn_logs);
  }
}

TEST_P(ActionHeadTest, MeasuresWhatTheFormulasSay) {
  Draw(1, outputs);
  std::vector<float> changed = outputs;
  head.Measure(changed, parameters, kRows, actions, memory, logs, entropies);
  const std::vector<double> exact(outputs.begin(), outputs.end()),
      exact_parameters(parameters.begin(), parameters.end());
  for (std::size_t row = 0; row < kRows; ++row) {
    const Measures expected =
        ByFormula(head, &exact[row * width()], exact_parameters.data(),
                  &actions[row * static_cast<std::size_t>(head.action_size())]);
    EXPECT_NEAR(logs[row], expected.log_probability, 3e-6);
    EXPECT_NEAR(entropies[row], expected.entropy, 3e-6);
  }
}

TEST_P(ActionHeadTest, GradientsAreThoseOfFiniteDifferences) {
  Draw(2, outputs);
  std::vector<float> changed = outputs;
  head.Measure(changed, parameters, kRows, actions, memory, logs, entropies);
  const std::vector<float> by_log = Drawn(kRows, 3), by_entropy = Drawn(kRows, 4);
  std::vector<float> gradient(parameters.size(), 0);
  head.Differentiate(changed, parameters, kRows, actions, memory, entropies, by_log, by_entropy,
                     gradient);

  std::vector<double> at(outputs.begin(), outputs.end());
  std::vector<double> at_parameters(parameters.begin(), parameters.end());
  const auto loss = [&] {
    double sum = 0;
    for (std::size_t row = 0; row < kRows; ++row) {
      const Measures measures =
          ByFormula(head, &at[row * width()], at_parameters.data(),
                    &actions[row * static_cast<std::size_t>(head.action_size())]);
      sum += static_cast<double>(by_log[row]) * measures.log_probability +
             static_cast<double>(by_entropy[row]) * measures.entropy;
    }
    return sum;
  };
  const auto slope = [&](double& x) {
    constexpr double kStep = 1e-6;
    const double middle = x;
    x = middle + kStep;
    const double above = loss();
    x = middle - kStep;
    const double below = loss();
    x = middle;
    return (above - below) / (2 * kStep);
  };
  for (std::size_t i = 0; i < changed.size(); ++i) {
    if (i % width() >= static_cast<std::size_t>(head.num_outputs())) {
      EXPECT_EQ(changed[i], 0) << "padding";
    } else {
      EXPECT_NEAR(changed[i], slope(at[i]), 1e-5) << i;
    }
  }
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    if (i >= static_cast<std::size_t>(head.num_outputs())) {
      EXPECT_EQ(gradient[i], 0) << "padding";
    } else {
      EXPECT_NEAR(gradient[i], slope(at_parameters[i]), 2e-4) << i;
    }
  }
}

TEST_P(ActionHeadTest, AnActionIsAFunctionOfItsRowAlone) {
  Draw(5, outputs);
  const std::vector<float> all = actions;
  for (std::size_t row = 0; row < kRows; ++row) {
    std::vector<float> one(outputs.begin() + static_cast<std::ptrdiff_t>(row * width()),
                           outputs.begin() + static_cast<std::ptrdiff_t>((row + 1) * width()));
    head.Draw(one, parameters, 1, std::span(streams).subspan(row, 1), memory, actions, drawn_logs);
    for (std::size_t i = 0; i < static_cast<std::size_t>(head.action_size()); ++i) {
      EXPECT_EQ(actions[i], all[row * static_cast<std::size_t>(head.action_size()) + i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryActionSet, ActionHeadTest,
                         ::testing::Values(KeyActions(), ManyKeys(), ContinuousActions()),
                         [](const auto& action) {
                           return action.param.name + std::to_string(action.param.size());
                         });

// Keys with logits of one row.
class KeysTest : public ::testing::Test {
 protected:
  float Drawn(std::vector<float> logits, std::uint64_t stream) {
    const RandomStream random(11, stream, RandomPurpose::kPolicy);
    float action = -1, log_probability = 0;
    logits.resize(16, 0);
    head.Draw(logits, {}, 1, std::span(&random, 1), memory, std::span(&action, 1),
              std::span(&log_probability, 1));
    return action;
  }
  const ActionHead head{KeyActions()};
  ActionHead::Memory memory = head.MakeMemory(1);
};

TEST_F(KeysTest, ProbabilitiesSumToOneAndAreThoseOfTheLogarithms) {
  for (const float size : {0.0f, 1.0f, 30.0f, 1e4f}) {
    std::vector<float> logits = agents::Drawn(9, 2, -size, size);
    logits.resize(16, 0);
    double sum = 0;
    for (int action = 0; action < 9; ++action) {
      std::vector<float> changed = logits;
      const auto taken = static_cast<float>(action);
      float log_probability = 0, entropy = 0;
      head.Measure(changed, {}, 1, std::span(&taken, 1), memory, std::span(&log_probability, 1),
                   std::span(&entropy, 1));
      const float share = memory.probabilities[static_cast<std::size_t>(action)];
      EXPECT_TRUE(std::isfinite(log_probability) && std::isfinite(entropy));
      EXPECT_NEAR(share, std::exp(static_cast<double>(log_probability)), 1e-6);
      EXPECT_GE(entropy, -1e-6);
      sum += static_cast<double>(share);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

TEST_F(KeysTest, DrawsFollowTheProbabilities) {
  constexpr int kDraws = 40'000;
  const std::vector<float> logits = {0, 1, 2, -1, -3, 0.5f, -6, 1.5f, -2};
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  std::vector<int> counts(logits.size());
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    ++counts[static_cast<std::size_t>(Drawn(logits, i))];
  }
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double share = std::exp(static_cast<double>(logits[i])) / sum;
    EXPECT_NEAR(counts[i], kDraws * share, 3 * std::sqrt(kDraws * share * (1 - share))) << i;
  }
}

TEST_F(KeysTest, WhatHasNoProbabilityIsNeverDrawn) {
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const float action = Drawn({-200, 0, -200, -200, 0, -200, -200, -200, -200}, i);
    ASSERT_TRUE(action == 1 || action == 4) << action;
  }
}

TEST_F(KeysTest, ChoosesTheMostLikelyOfEachRow) {
  std::vector<float> logits(32, 0);
  logits[3] = 0.1f;
  logits[12] = 9;  // padding
  logits[16 + 8] = 1;
  std::vector<float> actions(2);
  head.Choose(logits, 2, actions);
  EXPECT_THAT(actions, ElementsAre(3, 8));
}

TEST_F(KeysTest, WritesNumbersOfActions) {
  ActionBuffer buffer(KeyActions(), 3);
  head.Write(std::vector<float>{8, 0, 3}, 3, buffer);
  EXPECT_THAT(buffer.discrete, ElementsAre(8, 0, 3));
}

TEST(ContinuousHeadTest, DrawsHaveTheMeanAndTheDeviationOfEachComponent) {
  constexpr int kDraws = 40'000;
  const ActionHead head(ContinuousActions());
  const double deviations[] = {0.5, 0.2};
  std::vector<float> parameters(16, 0);
  for (std::size_t i : {0u, 1u}) parameters[i] = static_cast<float>(std::log(deviations[i]));
  std::vector<double> sums(2), squares(2);
  ActionHead::Memory memory = head.MakeMemory(1);
  const double means[] = {0.25, -3};
  double product = 0;
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    std::vector<float> outputs(16, 0), actions(2), logs(1);
    for (std::size_t i : {0u, 1u}) outputs[i] = static_cast<float>(means[i]);
    const RandomStream random(1, draw, RandomPurpose::kPolicy);
    head.Draw(outputs, parameters, 1, std::span(&random, 1), memory, actions, logs);
    std::vector<double> apart(2);
    for (std::size_t i : {0u, 1u}) {
      apart[i] = static_cast<double>(actions[i]) - means[i];
      sums[i] += apart[i];
      squares[i] += apart[i] * apart[i];
    }
    product += apart[0] * apart[1];
  }
  for (std::size_t i : {0u, 1u}) {
    EXPECT_NEAR(sums[i] / kDraws, 0, 3 * deviations[i] / std::sqrt(kDraws));
    EXPECT_NEAR(std::sqrt(squares[i] / kDraws), deviations[i], 0.02 * deviations[i]);
  }
  EXPECT_NEAR(product / kDraws, 0, 3 * deviations[0] * deviations[1] / std::sqrt(kDraws));
}

TEST(ContinuousHeadTest, ChoosesTheMeansAndWritesThemAsTheyAre) {
  const ActionHead head(ContinuousActions());
  std::vector<float> outputs(32, 0), actions(4);
  outputs[0] = 0.5f;
  outputs[1] = -2;
  outputs[16] = 3;
  outputs[17] = 1;
  head.Choose(outputs, 2, actions);
  EXPECT_THAT(actions, ElementsAre(0.5f, -2, 3, 1));
  ActionBuffer buffer(ContinuousActions(), 2);
  head.Write(actions, 2, buffer);
  EXPECT_THAT(buffer.continuous, ElementsAre(0.5f, -2, 3, 1));
}

TEST(ActionHeadSetTest, RefusesASetWithoutActions) {
  EXPECT_THROW(ActionHead(ActionSpec{}), std::invalid_argument);
}

}  // namespace
}  // namespace hotlap::agents
