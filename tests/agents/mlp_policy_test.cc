#include "agents/mlp_policy.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/agents/drawn.h"
#include "tests/agents/driving_spec.h"
#include "tests/allocation_count.h"

namespace hotlap::agents::mlp_policy_test {
namespace {

constexpr int kRows = 13;

class MlpPolicyTest : public ::testing::TestWithParam<ActionSpec> {
 protected:
  // Weights that prefer something and a scale that does, so that rows differ.
  Weights Preferring() const {
    Weights drawn = network.Initial(3, -0.5f);
    for (float& value : network.ActorPart(std::span(drawn.parameters))) value *= 30;
    drawn.scale.mean = Drawn(columns, 4);
    drawn.scale.factor = Drawn(columns, 5, 1, 9);
    return drawn;
  }
  // What the policy does in each row, as floats.
  std::vector<float> Act(Policy& policy, std::span<const float> seen) const {
    ActionBuffer buffer(spec.action, static_cast<int>(seen.size() / columns));
    policy.Act(seen, buffer);
    return spec.action.kind == ActionKind::kDiscrete
               ? std::vector<float>(buffer.discrete.begin(), buffer.discrete.end())
               : buffer.continuous;
  }
  std::span<const float> Row(std::size_t row) const {
    return std::span(observations).subspan(row * columns, columns);
  }
  std::vector<float> OfRow(const std::vector<float>& actions, std::size_t row) const {
    const std::size_t size = actions.size() / kRows;
    return {actions.begin() + static_cast<std::ptrdiff_t>(row * size),
            actions.begin() + static_cast<std::ptrdiff_t>((row + 1) * size)};
  }

  const EnvironmentSpec spec = DrivingSpec(GetParam(), 4);
  const std::size_t columns = spec.observation.size();
  const ActorCritic network{spec, {.hidden = {20}}};
  const Weights weights = Preferring();
  const std::vector<float> observations = Drawn(kRows * columns, 6);
};

TEST_P(MlpPolicyTest, TheActionOfARowIsThatOfTheRowAlone) {
  MlpPolicy all(network, weights), one(network, weights);
  const std::vector<float> actions = Act(all, observations);
  for (std::size_t row = 0; row < kRows; ++row) {
    EXPECT_EQ(Act(one, Row(row)), OfRow(actions, row));
  }
  EXPECT_NE(OfRow(actions, 0), OfRow(actions, 1)) << "they see different things";
}

TEST_P(MlpPolicyTest, WithoutASeedTheSameIsDoneEveryTime) {
  MlpPolicy policy(network, weights);
  const std::vector<float> actions = Act(policy, observations);
  policy.BeginEpisode(2, 77);
  EXPECT_EQ(Act(policy, observations), actions);
}

TEST_P(MlpPolicyTest, DrawnActionsAreAFunctionOfTheSeedTheEpisodesSeedAndTheStep) {
  constexpr int kSteps = 30;
  MlpPolicy all(network, weights, 9);
  for (int row = 0; row < kRows; ++row)
    all.BeginEpisode(row, 100 + static_cast<std::uint64_t>(row));
  std::vector<std::vector<float>> actions;
  for (int step = 0; step < kSteps; ++step) actions.push_back(Act(all, observations));
  // The episode of the eighth row alone, after another one.
  MlpPolicy one(network, weights, 9);
  one.BeginEpisode(0, 1);
  Act(one, Row(7));
  one.BeginEpisode(0, 107);
  for (std::size_t step = 0; step < kSteps; ++step) {
    EXPECT_EQ(Act(one, Row(7)), OfRow(actions[step], 7)) << "step " << step;
  }
}

TEST_P(MlpPolicyTest, OtherSeedsDrawOtherActionsAlsoWhenTheyAreSwapped) {
  const auto drawn = [&](std::uint64_t seed, std::uint64_t episode_seed) {
    MlpPolicy policy(network, weights, seed);
    policy.BeginEpisode(0, episode_seed);
    std::vector<float> actions;
    for (int step = 0; step < 60; ++step) {
      const std::vector<float> action = Act(policy, Row(0));
      actions.insert(actions.end(), action.begin(), action.end());
    }
    return actions;
  };
  EXPECT_EQ(drawn(1, 2), drawn(1, 2));
  EXPECT_NE(drawn(1, 2), drawn(2, 2));
  EXPECT_NE(drawn(1, 2), drawn(1, 3));
  EXPECT_NE(drawn(1, 2), drawn(2, 1));
  EXPECT_NE(drawn(1, 1), drawn(2, 2));
}

TEST_P(MlpPolicyTest, SaysWhetherItDraws) {
  EXPECT_FALSE(MlpPolicy(network, weights).is_sampled());
  EXPECT_TRUE(MlpPolicy(network, weights, 0).is_sampled());
}

TEST_P(MlpPolicyTest, ActingAllocatesNothing) {
  MlpPolicy chooses(network, weights), draws(network, weights, 1);
  ActionBuffer buffer(spec.action, kRows);
  for (Policy* policy : {static_cast<Policy*>(&chooses), static_cast<Policy*>(&draws)}) {
    policy->Act(observations, buffer);  // takes the memory
    const long before = NumAllocationsOfThread();
    for (int call = 0; call < 10; ++call) policy->Act(observations, buffer);
    EXPECT_EQ(NumAllocationsOfThread(), before);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryKind, MlpPolicyTest,
                         ::testing::Values(KeyActions(), ContinuousActions()),
                         [](const auto& action) { return action.param.name; });

}  // namespace
}  // namespace hotlap::agents::mlp_policy_test
