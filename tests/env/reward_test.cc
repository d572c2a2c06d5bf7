#include "env/reward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/env/row_under_test.h"

namespace hotlap {
namespace {

float ValueOf(RewardTerm term, const StepOutcome& outcome, const RowUnderTest& row) {
  RewardWeights weights;
  weights.weight = {1, 1, 1, 1, 1, 1, 1, 1};
  return Rewards(weights, outcome, row.view())[static_cast<std::size_t>(term)];
}

TEST(RewardTest, ProgressPaysSignedMetres) {
  const RowUnderTest row;
  EXPECT_EQ(ValueOf(RewardTerm::kProgress, {.ticks = 5, .progress_m = 2.5f}, row), 2.5f);
  EXPECT_EQ(ValueOf(RewardTerm::kProgress, {.ticks = 5, .progress_m = -2.5f}, row), -2.5f);
}

TEST(RewardTest, TermsPerSecondCountTheTicksThatRan) {
  RowUnderTest row;
  row.state.has_lateral_contact = true;
  row.state.velocity_mps = {0, 0, 30};
  row.PlaceAt(100, 6);
  for (const int ticks : {2, 5}) {
    const float seconds = static_cast<float>(ticks) * 0.01f;
    const StepOutcome outcome{.ticks = ticks};
    EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kTime, outcome, row), seconds);
    EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kSpeed, outcome, row), 30 * seconds);
    EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kWallContact, outcome, row), seconds);
    EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kOffCentre, outcome, row), 0.5f * seconds);
  }
}

TEST(RewardTest, SpeedIsAlongTheNose) {
  RowUnderTest row;
  row.state.velocity_mps = {20, 0, -10};
  EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kSpeed, {.ticks = 100}, row), -10);
}

TEST(RewardTest, EventsPayOnce) {
  const RowUnderTest row;
  EXPECT_EQ(ValueOf(RewardTerm::kFinish, {.finished = true}, row), 1);
  EXPECT_EQ(ValueOf(RewardTerm::kFinish, {}, row), 0);
  EXPECT_EQ(ValueOf(RewardTerm::kCheckpoint, {.checkpoints = 2}, row), 2);
  EXPECT_EQ(ValueOf(RewardTerm::kFailure, {.failed = true}, row), 1);
  EXPECT_EQ(ValueOf(RewardTerm::kFailure, {}, row), 0);
}

TEST(RewardTest, WallContactNeedsContact) {
  const RowUnderTest row;
  EXPECT_EQ(ValueOf(RewardTerm::kWallContact, {.ticks = 5}, row), 0);
}

TEST(RewardTest, OffCentreIsAShareOfTheHalfWidthOnThatSide) {
  RowUnderTest row;
  row.here.half_width_left_m = 10;
  row.here.half_width_right_m = 5;
  row.record.place.lateral_m = 2.5f;
  EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kOffCentre, {.ticks = 100}, row), 0.25f);
  row.record.place.lateral_m = -2.5f;
  EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kOffCentre, {.ticks = 100}, row), 0.5f);
  row.record.place.lateral_m = -1e6f;
  EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kOffCentre, {.ticks = 100}, row), 2) << "2 at most";
  row.here.half_width_right_m = 0;
  EXPECT_FLOAT_EQ(ValueOf(RewardTerm::kOffCentre, {.ticks = 100}, row), 2);
}

TEST(RewardTest, DefaultsAreProgressTimeAndFailure) {
  const auto spec = SpecOf(RewardWeights{});
  ASSERT_EQ(spec.size(), kNumRewardTerms);
  for (const RewardTermSpec& term : spec) {
    const float expected = term.name == "progress"  ? 0.02f
                           : term.name == "time"    ? -0.05f
                           : term.name == "failure" ? -1.0f
                                                    : 0.0f;
    EXPECT_EQ(term.weight, expected) << term.name;
  }
}

TEST(RewardTest, ReadsWeightsByName) {
  const ConfigMap config = ConfigMap::Parse("off_centre: -0.5\ntime: 0\n", "t.yaml");
  const auto spec = SpecOf(ReadRewardWeights(config));
  EXPECT_EQ(spec[static_cast<std::size_t>(RewardTerm::kOffCentre)].weight, -0.5f);
  EXPECT_EQ(spec[static_cast<std::size_t>(RewardTerm::kTime)].weight, 0);
  EXPECT_EQ(spec[static_cast<std::size_t>(RewardTerm::kProgress)].weight, 0.02f) << "the default";
}

// The default reward of a drive over `length_m` at a steady speed, discounted, in steps of 50 ms.
double DiscountedReturn(float length_m, float speed_mps, float driven_share, bool fails) {
  const RowUnderTest row;
  double sum = 0, discount = 1;
  const float end_m = length_m * driven_share;
  for (float s = 0; s < end_m; discount *= 0.995) {
    const float next = std::min(s + speed_mps * 0.05f, end_m);
    const bool last = next == end_m;
    const StepOutcome outcome{.ticks = 5,
                              .progress_m = next - s,
                              .checkpoints = 0,
                              .finished = last && !fails,
                              .failed = last && fails};
    for (const float reward : Rewards(RewardWeights{}, outcome, row.view())) {
      sum += discount * static_cast<double>(reward);
    }
    s = next;
  }
  return sum;
}

TEST(RewardTest, DefaultOrdersFallSlowFinishAndFastFinish) {
  for (const float length_m : {300.0f, 1000.0f, 4048.0f}) {
    const double fall_at_once = DiscountedReturn(length_m, 10, 0.02f, true);
    const double stand_still = -0.05 * 0.05 * (1 - std::pow(0.995, 100)) / 0.005 - 0.6;
    const double slow = DiscountedReturn(length_m, 5, 1, false);
    const double steady = DiscountedReturn(length_m, 30, 1, false);
    const double fast = DiscountedReturn(length_m, 60, 1, false);
    EXPECT_LT(fall_at_once, slow) << length_m;
    EXPECT_LT(stand_still, slow) << length_m;
    EXPECT_LT(slow, steady) << length_m;
    EXPECT_LT(steady, fast) << length_m;
  }
}

}  // namespace
}  // namespace hotlap
