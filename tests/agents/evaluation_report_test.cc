#include "agents/evaluation_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/agents/episodes.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(FinishRateTest, HasWilsonsInterval) {
  struct Case {
    int finished, n;
    double low, high;
  };
  // z^2 = 3.841459. 8 of 10: centre (0.8 + 0.192073) / 1.384146, half 1.959964 * sqrt(0.016 +
  // 0.009604) / 1.384146. At the ends it is n / (n + z^2) and z^2 / (n + z^2).
  for (const Case& c : {Case{8, 10, 0.490162, 0.943318}, Case{1, 2, 0.094531, 0.905469},
                        Case{5, 5, 5 / 8.8414588, 1}, Case{0, 5, 0, 3.8414588 / 8.8414588}}) {
    const FinishRate rate = FinishRateOf(c.finished, c.n);
    EXPECT_EQ(rate.value, static_cast<double>(c.finished) / c.n);
    EXPECT_NEAR(rate.low, c.low, 1e-6);
    EXPECT_NEAR(rate.high, c.high, 1e-6);
  }
}

TEST(FinishRateTest, EndsAtExactlyNothingAndEverything) {
  for (int n = 1; n < 200; ++n) {
    EXPECT_EQ(FinishRateOf(0, n).low, 0);
    EXPECT_EQ(FinishRateOf(n, n).high, 1);
  }
}

TEST(TimeFiguresTest, LieAtQuartersOfTheWayFromTheLeastToTheGreatest) {
  struct Case {
    std::vector<int> times_ms;
    double lower, median, upper;
  };
  for (const Case& c :
       {Case{{500}, 500, 500, 500}, Case{{100, 200}, 125, 150, 175},
        Case{{400, 100, 300, 200}, 175, 250, 325}, Case{{500, 100, 300, 200, 400}, 200, 300, 400},
        Case{{10, 20, 40, 80, 160, 320, 640}, 30, 80, 240}, Case{{10, 17, 20}, 13.5, 17, 18.5},
        Case{{1, 2, 3, 5, 8, 13}, 2.25, 4, 7.25}}) {
    const TimeFigures figures = FiguresOf(c.times_ms);
    EXPECT_EQ(figures.best, std::ranges::min(c.times_ms));
    EXPECT_EQ(figures.lower_quartile, c.lower);
    EXPECT_EQ(figures.median, c.median);
    EXPECT_EQ(figures.upper_quartile, c.upper);
  }
}

TEST(TrackReportTest, CountsErrorsApartAndLeavesThemOutOfFigures) {
  const TrackReport track = Summarise("oval", SomeEpisodes(), 2, 15'000);
  EXPECT_EQ(track.episodes, 6);
  EXPECT_EQ(track.finished, 2);
  EXPECT_EQ(track.failed, 2);
  EXPECT_EQ(track.errors, 2);
  EXPECT_THAT(track.end_reasons,
              ElementsAre(Pair("finish", 2), Pair("off_road", 1), Pair("time_limit", 1)));
  ASSERT_TRUE(track.finish_rate && track.finish_time_ms && track.means);
  EXPECT_EQ(track.finish_rate->value, 0.5);
  EXPECT_EQ(track.finish_time_ms->best, 17'230);
  EXPECT_EQ(track.finish_time_ms->lower_quartile, 31'797.5);
  EXPECT_EQ(track.finish_time_ms->upper_quartile, 60'932.5);
  EXPECT_EQ(track.best_over_bound, 17'230.0 / 15'000);
  EXPECT_EQ(track.median_over_bound, 46'365.0 / 15'000);
  EXPECT_EQ(track.means->progress_m, (2 * 1000.5 + 2 * 250.5) / 4);
  EXPECT_EQ(track.means->checkpoints, 1.25);
  EXPECT_EQ(track.means->episode_return, 10.25);
  EXPECT_THAT(track.means->reward, ElementsAre(12.5, -2.25));
}

TEST(TrackReportTest, HasASplitForEachCheckpointThatWasTaken) {
  const TrackReport track = Summarise("oval", SomeEpisodes(), 2, {});
  ASSERT_EQ(track.splits.size(), 2u);
  EXPECT_EQ(track.splits[0].checkpoint, 1);
  EXPECT_EQ(track.splits[0].passes, 3);
  EXPECT_EQ(track.splits[0].best_ms, 8'000);
  EXPECT_EQ(track.splits[0].median_ms, 9'000);
  EXPECT_EQ(track.splits[1].checkpoint, 2);
  EXPECT_EQ(track.splits[1].passes, 2);
  EXPECT_EQ(track.splits[1].median_ms, 46'365);
}

TEST(TrackReportTest, AddsUpInTheOrderOfEpisodes) {
  std::vector<EpisodeReport> episodes;
  for (const double reward : {1.0, 1e16, -1e16}) {
    episodes.push_back(FinishedEpisode(0, 1000, {1000}, {reward, 0}));
  }
  EXPECT_EQ(Summarise("oval", episodes, 2, {}).means->reward[0], 0);
}

TEST(TrackReportTest, KnowsNothingOfErrorsAloneOrWithoutABound) {
  const auto episodes = SomeEpisodes();
  const TrackReport broken = Summarise("oval", std::span(episodes).subspan(4), 2, 15'000);
  EXPECT_EQ(broken.episodes, 2);
  EXPECT_EQ(broken.errors, 2);
  EXPECT_FALSE(broken.finish_rate || broken.finish_time_ms || broken.means);
  EXPECT_FALSE(broken.best_over_bound || broken.median_over_bound);
  EXPECT_TRUE(broken.splits.empty() && broken.end_reasons.empty());
  EXPECT_FALSE(Summarise("oval", episodes, 2, {}).best_over_bound);
}

TEST(TrackReportTest, IsOfItsOwnEpisodesAmongOthers) {
  auto episodes = SomeEpisodes();
  episodes.push_back(FinishedEpisode(0, 9'000, {9'000}, {1, 1}, "loop"));
  EXPECT_EQ(Summarise("oval", episodes, 2, {}).episodes, 6);
  EXPECT_EQ(Summarise("loop", episodes, 2, {}).finish_time_ms->best, 9'000);
}

}  // namespace
}  // namespace hotlap::agents
