// Generalised advantages, worked out by hand: discount and decay are 1/2.
#include "agents/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;

Rollout ThreeSteps() {
  Rollout rollout(3, 1, 1, 1);
  rollout.rewards = {1, 2, 3};
  rollout.values = {0.5f, 0.5f, 0.5f};
  rollout.last_values = {1};
  return rollout;
}

TEST(RolloutTest, AnAdvantageAddsTheDecayedErrorsOfTheStepsBehind) {
  Rollout rollout = ThreeSteps();
  EstimateAdvantages(0.5f, 0.5f, rollout);
  // Errors: 1 + 0.25 - 0.5 = 0.75, 2 + 0.25 - 0.5 = 1.75, 3 + 0.5 - 0.5 = 3.
  EXPECT_THAT(rollout.advantages, ElementsAre(0.75f + 0.25f * 2.5f, 1.75f + 0.25f * 3, 3));
  EXPECT_THAT(rollout.returns, ElementsAre(1.875f, 3, 3.5f));
}

TEST(RolloutTest, NothingComesAcrossTheEndOfAnEpisode) {
  Rollout rollout = ThreeSteps();
  rollout.ended = {0, 1, 0};
  EstimateAdvantages(0.5f, 0.5f, rollout);
  // Errors: 0.75, 2 - 0.5 = 1.5, 3.
  EXPECT_THAT(rollout.advantages, ElementsAre(0.75f + 0.25f * 1.5f, 1.5f, 3));
}

TEST(RolloutTest, WithoutDecayAReturnIsWhatWasEarned) {
  Rollout rollout = ThreeSteps();
  EstimateAdvantages(0.5f, 1, rollout);
  EXPECT_THAT(rollout.returns, ElementsAre(1 + 1 + 0.75f + 0.125f, 2 + 1.5f + 0.25f, 3.5f));
}

TEST(RolloutTest, WithFullDecayAReturnLooksOneStepAhead) {
  Rollout rollout = ThreeSteps();
  EstimateAdvantages(0.5f, 0, rollout);
  EXPECT_THAT(rollout.returns, ElementsAre(1.25f, 2.25f, 3.5f));
}

TEST(RolloutTest, RowsDoNotMix) {
  Rollout rollout(2, 2, 1, 1);
  rollout.rewards = {1, 10, 2, 20};
  rollout.values = {0, 0, 0, 0};
  rollout.ended = {0, 1, 0, 0};
  rollout.last_values = {4, 40};
  EstimateAdvantages(0.5f, 1, rollout);
  EXPECT_THAT(rollout.returns, ElementsAre(1 + 1 + 1, 10, 2 + 2, 20 + 20));
}

}  // namespace
}  // namespace hotlap::agents
