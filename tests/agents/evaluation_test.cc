// Whole evaluations on the embedded game.
#include <gtest/gtest.h>

#include "agents/evaluation_picture.h"
#include "agents/random_policy.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

TrackReport RandomDrives(std::uint64_t seed, int threads) {
  return Practice(
      PracticeConfig("default"), "hairpins", 6, threads,
      [seed](const EnvironmentSpec& spec) { return std::make_unique<RandomPolicy>(spec, seed); });
}

TEST(EvaluationTest, GivesTheSameReportForTheSameSeedWhateverTheThreads) {
  const TrackReport one = RandomDrives(5, 1);
  const TrackReport two = RandomDrives(5, 2);
  EXPECT_EQ(one.episodes, two.episodes);
  EXPECT_EQ(one.driven, two.driven);
  EXPECT_NE(one.episodes, RandomDrives(6, 1).episodes);
}

TEST(EvaluationTest, EndsEveryEpisodeByARule) {
  for (const EpisodeReport& episode : RandomDrives(5, 1).episodes) {
    EXPECT_NE(episode.end_reason, EndReason::kNone);
    EXPECT_GT(episode.ticks, 0);
  }
}

TEST(EvaluationTest, SplitsTheReturnIntoItsTerms) {
  for (const EpisodeReport& episode : RandomDrives(5, 1).episodes) {
    double sum = 0;
    for (const double term : episode.reward_by_term) sum += term;
    EXPECT_NEAR(sum, episode.episode_return, 1e-3);
  }
}

TEST(EvaluationPictureTest, DrawsTheDrivenLineOnTheRoad) {
  const TrackReport report =
      Practice(PracticeConfig("default"), "short_sprint", 1, 1,
               [](const EnvironmentSpec& spec) { return MakePolicy("pursuit", spec, 1); });
  const Centreline& line = *PracticeTrack("short_sprint").centreline;
  const PicturePanel panel = MakePanel(std::vector{report}, line);
  EXPECT_EQ(panel.title, "short_sprint");
  EXPECT_EQ(panel.outline.checkpoints.size(), line.gates_s_m().size() - 1);
  ASSERT_EQ(panel.lines.size(), 1u);
  ASSERT_TRUE(panel.lines[0].finished);
  const std::vector<DrivenPoint>& points = panel.lines[0].points;
  EXPECT_LT(Length(points.front().position_m - panel.outline.start.position_m), 1);
  EXPECT_LT(Length(points.back().position_m - panel.outline.finish.position_m), 10);
  for (std::size_t i = 1; i < points.size(); ++i) {
    // A step is 50 ms; the place on the line runs ahead of the car on the outside of a bend.
    EXPECT_LT(Length(points[i].position_m - points[i - 1].position_m),
              0.05f * points[i].speed_mps + 1.5f);
  }
}

}  // namespace
}  // namespace hotlap::agents
