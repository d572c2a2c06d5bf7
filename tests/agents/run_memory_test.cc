#include "agents/run_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/agents/episodes.h"

namespace hotlap::agents::run_memory_test {
namespace {

using ::testing::ElementsAre;

EpisodeReport Driven(EpisodeReport episode) {
  episode.run.points = {{.race_time_ms = 0}, {.race_time_ms = 50}};
  episode.run.inputs = {{.accelerate = true}};
  return episode;
}

// The numbers of the episodes whose runs are kept, when they end in this order.
std::vector<int> Kept(std::vector<EpisodeReport> episodes, int first_episodes) {
  RunMemory memory(first_episodes);
  for (EpisodeReport& episode : episodes) memory.Take(episode);
  std::vector<int> kept;
  for (const EpisodeReport& episode : episodes) {
    if (!episode.run.points.empty()) kept.push_back(episode.episode);
  }
  return kept;
}

std::vector<EpisodeReport> Episodes(const std::vector<int>& times_ms) {
  std::vector<EpisodeReport> episodes;
  for (const int time_ms : times_ms) {
    episodes.push_back(Driven(FinishedEpisode(static_cast<int>(episodes.size()), time_ms, {})));
  }
  return episodes;
}

TEST(RunMemoryTest, KeepsTheFirstOnesAndTheBestOfTheOthers) {
  EXPECT_THAT(Kept(Episodes({500, 400, 300, 200, 250, 200}), 2), ElementsAre(0, 1, 3));
  EXPECT_THAT(Kept(Episodes({500, 400, 300}), 3), ElementsAre(0, 1, 2));
}

TEST(RunMemoryTest, DoesNotDependOnTheOrderInWhichTheyEnd) {
  auto episodes = Episodes({500, 400, 300, 200, 250, 200});
  std::ranges::reverse(episodes);
  EXPECT_THAT(Kept(episodes, 2), ElementsAre(3, 1, 0));
}

TEST(RunMemoryTest, AFinishIsBetterThanAnyWayWithoutOne) {
  std::vector<EpisodeReport> episodes = {Driven(FailedEpisode(0, EndReason::kFall)),
                                         Driven(FailedEpisode(1, EndReason::kRoof)),
                                         Driven(FailedEpisode(2, EndReason::kRoof))};
  episodes[1].progress_m = 700;
  EXPECT_THAT(Kept(episodes, 0), ElementsAre(1));
  episodes.push_back(Driven(FinishedEpisode(3, 90'000, {})));
  EXPECT_THAT(Kept(episodes, 0), ElementsAre(3));
}

}  // namespace
}  // namespace hotlap::agents::run_memory_test
