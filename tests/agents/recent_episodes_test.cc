#include "agents/recent_episodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

EpisodeEnd Ended(EndReason reason, double episode_return = 0) {
  EpisodeEnd end;
  end.reason = reason;
  end.episode_return = episode_return;
  return end;
}

TEST(RecentEpisodesTest, KnowNothingBeforeTheFirst) {
  const RecentEpisodes recent(4);
  EXPECT_FALSE(recent.is_full());
  EXPECT_TRUE(std::isnan(recent.finish_rate()));
  EXPECT_TRUE(std::isnan(recent.mean_return()));
}

TEST(RecentEpisodesTest, TellTheShareOfFinishesAndTheMeanReturn) {
  RecentEpisodes recent(4);
  recent.Add(Ended(EndReason::kFinish, 8));
  recent.Add(Ended(EndReason::kFall, -1));
  recent.Add(Ended(EndReason::kTimeLimit, 2));
  recent.Add(Ended(EndReason::kFinish, 7));
  EXPECT_EQ(recent.finish_rate(), 0.5);
  EXPECT_EQ(recent.mean_return(), 4);
}

TEST(RecentEpisodesTest, PassOverThoseWhoseGameWasLost) {
  RecentEpisodes recent(4);
  recent.Add(Ended(EndReason::kFinish, 8));
  recent.Add(Ended(EndReason::kGameLost, 100));
  EXPECT_EQ(recent.finish_rate(), 1);
  EXPECT_EQ(recent.mean_return(), 8);
}

TEST(RecentEpisodesTest, AreAsManyAsRowsButAtLeastTwoHundred) {
  for (const auto& [rows, capacity] : {std::pair(4, 200), std::pair(300, 300)}) {
    RecentEpisodes recent(rows);
    for (int i = 0; i < capacity; ++i) {
      EXPECT_FALSE(recent.is_full()) << i;
      recent.Add(Ended(EndReason::kFall));
    }
    EXPECT_TRUE(recent.is_full());
    // The oldest goes.
    recent.Add(Ended(EndReason::kFinish));
    EXPECT_TRUE(recent.is_full());
    EXPECT_EQ(recent.finish_rate(), 1.0 / capacity);
    recent.Clear();
    EXPECT_FALSE(recent.is_full());
  }
}

TEST(RecentEpisodesTest, AreTheSameAfterACheckpoint) {
  RecentEpisodes recent(4);
  recent.Add(Ended(EndReason::kFinish, 8));
  recent.Add(Ended(EndReason::kFall, -1));
  RecentEpisodes loaded(4);
  loaded.Load(recent.Save());
  EXPECT_EQ(loaded.Save(), recent.Save());
  EXPECT_EQ(loaded.finish_rate(), 0.5);
}

TEST(RecentEpisodesTest, RefuseWhatWasNotSaved) {
  const auto load = [](const nlohmann::json& ends) { RecentEpisodes(4).Load(ends); };
  EXPECT_THAT([&] { load(7); }, ThrowsMessage<std::runtime_error>(HasSubstr("'recent'")));
  EXPECT_THAT(
      [&] {
        load({{{"end_reason", 8}, {"return", 1}}});
      },
      ThrowsMessage<std::runtime_error>(HasSubstr("'end_reason'")));
  EXPECT_THAT(
      [&] {
        load({{{"end_reason", 1}}});
      },
      ThrowsMessage<std::runtime_error>(HasSubstr("'return'")));
}

}  // namespace
}  // namespace hotlap::agents
