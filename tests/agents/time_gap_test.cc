#include "agents/time_gap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hotlap::agents {
namespace {

using ::testing::IsEmpty;

// A step each 50 ms, at these distances.
agents::Run RunAlong(std::vector<float> distances_m) {
  agents::Run run;
  for (std::size_t i = 0; i < distances_m.size(); ++i) {
    run.points.push_back(
        {.race_time_ms = static_cast<std::int32_t>(50 * i), .progress_m = distances_m[i]});
  }
  return run;
}

TEST(TimeGapTest, IsAboveZeroWhereARunIsBehind) {
  const auto gaps = TimeGapOf(RunAlong({0, 1, 2, 3, 4}), RunAlong({0, 2, 4}));
  ASSERT_EQ(gaps.size(), 5u);
  EXPECT_FLOAT_EQ(gaps[0].gap_s, 0);
  EXPECT_FLOAT_EQ(gaps[1].distance_m, 1);
  EXPECT_FLOAT_EQ(gaps[1].gap_s, 0.025f) << "half of the other's step";
  EXPECT_FLOAT_EQ(gaps[4].distance_m, 4);
  EXPECT_FLOAT_EQ(gaps[4].gap_s, 0.1f);
  const auto ahead = TimeGapOf(RunAlong({0, 2, 4}), RunAlong({0, 1, 2, 3, 4}));
  EXPECT_FLOAT_EQ(ahead.back().gap_s, -0.1f);
}

TEST(TimeGapTest, IsNothingToItself) {
  const agents::Run run = RunAlong({0, 0, 1.5f, 7, 6, 9});
  for (const TimeGap& gap : TimeGapOf(run, run)) EXPECT_EQ(gap.gap_s, 0);
}

TEST(TimeGapTest, CountsTheFirstTimeThatARunWasThere) {
  // Back by three metres and again: at 5 m it was after one step, at 6 m after four.
  const auto gaps = TimeGapOf(RunAlong({0, 5, 2, 5, 6}), RunAlong({0, 5, 6}));
  ASSERT_EQ(gaps.size(), 3u);
  EXPECT_FLOAT_EQ(gaps[1].gap_s, 0);
  EXPECT_FLOAT_EQ(gaps[2].gap_s, 0.1f);
}

TEST(TimeGapTest, EndsWhereTheFirstOfBothDoes) {
  const auto gaps = TimeGapOf(RunAlong({0, 1, 2}), RunAlong({0, 10, 20}));
  EXPECT_FLOAT_EQ(gaps.back().distance_m, 2);
  EXPECT_FLOAT_EQ(gaps.back().gap_s, 0.09f);
  EXPECT_THAT(TimeGapOf(RunAlong({}), RunAlong({0, 1})), IsEmpty());
  EXPECT_THAT(TimeGapOf(RunAlong({0, 1}), RunAlong({5, 6})), IsEmpty());
}

}  // namespace
}  // namespace hotlap::agents
