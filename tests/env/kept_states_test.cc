// Rows that begin episodes at states which they keep by themselves, on scripted games: a step is
// one metre.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/env/fleet.h"
#include "tests/env/scripted_games.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;
using Answer = ScriptedGames::Answer;

class KeptStatesTest : public ::testing::TestWithParam<Autoreset> {
 protected:
  static constexpr int kRows = 3, kStepsOfEpisode = 25;

  // Marks at 10, 20, .. m; the time limit ends every episode.
  static FleetSettings Settings() {
    FleetSettings settings;
    settings.autoreset = GetParam();
    settings.groups = {kRows};
    settings.road = StraightRoad(100);
    settings.environment.rules.time_limit_ticks = 5 * kStepsOfEpisode;
    settings.archive.every_m = 10;
    return settings;
  }
  void Make(const FleetSettings& settings) {
    auto group = std::make_unique<ScriptedGames>(kRows, 7);
    games_ = group.get();
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(std::move(group));
    fleet_ = std::make_unique<Fleet>(settings, std::move(groups));
    fleet().Reset();
  }
  Fleet& fleet() { return *fleet_; }
  ScriptedGames& games() { return *games_; }

  // To the beginning of the next episode.
  void StepToTheNext() {
    for (int step = 0; step < kStepsOfEpisode - 1; ++step) fleet().Step(kThrottle);
    StepOver();
  }
  // All steps of the episode but the last; `turn` is of the row's command after that one.
  void StepToTheLast(int row, ScriptedGames::Turn turn) {
    for (int step = 0; step < kStepsOfEpisode - 1; ++step) fleet().Step(kThrottle);
    games().Tell(row, {});
    games().Tell(row, std::move(turn));
  }
  // The last step, and the beginning of the next episode.
  void StepOver() {
    fleet().Step(kThrottle);
    if (GetParam() == Autoreset::kNextStep) fleet().Step(kThrottle);
    if (GetParam() == Autoreset::kDisabled) fleet().Reset();
  }
  // Where the row's car stands, in metres.
  int place(int row) {
    return static_cast<int>(std::lround(fleet().rows().game_state(row).position_m.z));
  }

 private:
  std::unique_ptr<Fleet> fleet_;
  ScriptedGames* games_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(EveryMode, KeptStatesTest,
                         ::testing::Values(Autoreset::kNextStep, Autoreset::kSameStep,
                                           Autoreset::kDisabled));

TEST_P(KeptStatesTest, EpisodesBeginAtMarksOfTheLine) {
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kLine;
  Make(settings);
  std::set<int> places;
  for (int episode = 0; episode < 10; ++episode) {
    StepToTheNext();
    for (int row = 0; row < kRows; ++row) {
      EXPECT_EQ(place(row) % 10, 0);
      places.insert(place(row));
      EXPECT_FALSE(fleet().terminated(row) && GetParam() != Autoreset::kSameStep);
      EXPECT_EQ(fleet().info("race_time", row), place(row) * 50) << "that of the state";
      EXPECT_EQ(fleet().info("progress", row), 0) << "since the reset";
      const RowRecord record = fleet().RecordOf(row);
      EXPECT_EQ(record.steps, 0);
      EXPECT_EQ(record.full_lap, 0);
      EXPECT_EQ(record.episode, static_cast<std::uint64_t>(episode) + 1);
    }
  }
  EXPECT_TRUE(places.contains(10));
  EXPECT_TRUE(places.contains(20));
  EXPECT_TRUE(places.contains(30)) << "episodes that began at marks reach further ones";
  EXPECT_FALSE(places.contains(0));
}

TEST_P(KeptStatesTest, EpisodesBeginAtCheckpoints) {
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kCheckpoints;
  settings.road = StraightRoad(100, 15);
  Make(settings);
  games().Tell(1,
               {Answer::kOk, [](GameState& state, Completion&) { state.checkpoints_passed = 1; }});
  StepToTheNext();  // row 1 took one in its first step
  for (int row = 0; row < kRows; ++row) EXPECT_EQ(place(row), 1);
}

TEST_P(KeptStatesTest, EpisodesBeginAtTheLastStateBeforeAFailure) {
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kFailures;
  Make(settings);
  StepToTheNext();
  EXPECT_EQ(place(0), 0) << "a time limit is no failure";
  for (int step = 0; step < 21; ++step) fleet().Step(kThrottle);
  games().Tell(2, {Answer::kOk, [](GameState& state, Completion&) { state.position_m.y -= 20; }});
  fleet().Step(kThrottle);
  EXPECT_TRUE(fleet().terminated(2));
  fleet().Reset();
  for (int row = 0; row < kRows; ++row) EXPECT_EQ(place(row), 20);
}

TEST_P(KeptStatesTest, ResetsGiveRowsOtherStarts) {
  Make(Settings());
  StepToTheNext();
  for (int row = 0; row < kRows; ++row) EXPECT_EQ(place(row), 0);
  const std::vector<std::uint8_t> mask = {0, 1, 0};
  fleet().Reset({.mask = mask, .starts = Starts{StartPlace::kLine}});
  EXPECT_EQ(place(0), 0);
  EXPECT_NE(place(1), 0);
  StepToTheNext();
  EXPECT_EQ(place(0), 0);
  EXPECT_NE(place(1), 0) << "autoresets too";
  fleet().Reset({.mask = mask, .starts = Starts{}});
  EXPECT_EQ(place(1), 0);
}

TEST_P(KeptStatesTest, ARefusedResetGivesNoStarts) {
  Make(Settings());
  StepToTheNext();
  const std::vector<std::byte> noise(1000);
  const std::vector<std::span<const std::byte>> snapshots(kRows, noise);
  fleet().Reset({.snapshots = snapshots, .starts = Starts{StartPlace::kLine}});
  EXPECT_EQ(fleet().status(0), RowStatus::kBadSnapshot);
  fleet().Reset();
  EXPECT_EQ(place(0), 0);
}

TEST_P(KeptStatesTest, SnapshotsThatAResetNamesComeFirst) {
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kLine;
  Make(settings);
  for (int step = 0; step < 15; ++step) fleet().Step(kThrottle);
  const auto snapshot = fleet().Save(0);
  const std::vector<std::span<const std::byte>> snapshots = {snapshot, {}, {}};
  fleet().Reset({.snapshots = snapshots});
  EXPECT_EQ(place(0), 15);
  EXPECT_EQ(place(1), 0);
}

TEST_P(KeptStatesTest, AGameThatRefusesTheStateBeginsAtTheStart) {
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kLine;
  Make(settings);
  StepToTheLast(0, {Answer::kRejected, {}});
  StepOver();
  EXPECT_EQ(fleet().status(0), RowStatus::kOk);
  EXPECT_EQ(fleet().info("race_time", 0), 0);
  EXPECT_NE(place(1), 0);
}

TEST_P(KeptStatesTest, TheEpisodeAfterALostGameBeginsAtTheStart) {
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kLine;
  Make(settings);
  StepToTheNext();
  games().Tell(0, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  EXPECT_TRUE(fleet().truncated(0));
  EXPECT_EQ(fleet().end_reason(0), EndReason::kGameLost);
  GetParam() == Autoreset::kDisabled ? fleet().Reset() : fleet().Step(kThrottle);
  EXPECT_EQ(fleet().end_reason(0), EndReason::kNone);
  EXPECT_EQ(fleet().info("race_time", 0), 0);
  EXPECT_EQ(fleet().RecordOf(0).full_lap, 1);
  StepToTheNext();
  EXPECT_NE(place(0), 0) << "the one after that does not";
}

TEST_P(KeptStatesTest, SoDoesThatOfAGameThatCameUnseen) {
  if (GetParam() == Autoreset::kDisabled) return;  // it is asked for by the reset, which waits
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kLine;
  Make(settings);
  StepToTheNext();
  games().Tell(0, {Answer::kLost, {}});
  games().Tell(0, {Answer::kSilent, {}});
  for (int step = 0; step < 2; ++step) fleet().Step(kThrottle);
  games().Wake(0);
  fleet().ResetRow(1);  // collects it too
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().end_reason(0), EndReason::kNone);
  EXPECT_EQ(fleet().info("race_time", 0), 0);
}

TEST_P(KeptStatesTest, AResetThatFindsItsGameDeadWaitsForTheNextOne) {
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kLine;
  Make(settings);
  StepToTheNext();
  games().Tell(0, {Answer::kLost, {}});
  games().Tell(0, {Answer::kLate, {}});
  fleet().Reset();
  EXPECT_FALSE(fleet().truncated(0));
  EXPECT_EQ(fleet().end_reason(0), EndReason::kNone);
  EXPECT_EQ(fleet().info("race_time", 0), 0) << "a game's first episode";
  EXPECT_NE(place(1), 0);
}

TEST_P(KeptStatesTest, AnAutoresetThatFindsItsGameDeadDoesNot) {
  if (GetParam() == Autoreset::kDisabled) return;
  FleetSettings settings = Settings();
  settings.starts.at = StartPlace::kLine;
  Make(settings);
  StepToTheLast(0, {Answer::kLost, {}});
  games().Tell(0, {Answer::kSilent, {}});  // a step that waited would throw
  StepOver();
  EXPECT_NE(place(1), 0);
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(fleet().end_reason(0), EndReason::kGameLost);
    EXPECT_EQ(fleet().info("episode_length", 0), 0);
    fleet().Step(kThrottle);
  }
  games().Wake(0);
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().end_reason(0), EndReason::kNone);
  EXPECT_EQ(fleet().info("race_time", 0), 0);
}

TEST_P(KeptStatesTest, AGameThatIsLostWhileItsStateIsKeptIsToldWithTheNextStep) {
  Make(Settings());
  for (int step = 0; step < 9; ++step) fleet().Step(kThrottle);
  games().Tell(0, {});  // the step to the mark
  games().Tell(0, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  EXPECT_FALSE(fleet().truncated(0));
  EXPECT_EQ(fleet().info("race_time", 0), 500);
  fleet().Step(kThrottle);
  EXPECT_TRUE(fleet().truncated(0));
}

TEST_P(KeptStatesTest, KeepingChangesNothingOfARowThatBeginsAtTheStart) {
  FleetSettings settings = Settings(), off = Settings();
  off.archive = {};
  Fleet keeping(settings), undisturbed(off);
  keeping.Reset();
  undisturbed.Reset();
  for (int step = 0; step < 300; ++step) {
    keeping.Step(step % 3);
    undisturbed.Step(step % 3);
    ASSERT_EQ(keeping.given(), undisturbed.given()) << step;
  }
}

TEST(KeptStatesConfigTest, StartsAtKeptStatesWantAnArchive) {
  const auto error_of = [](const FleetSettings& settings) -> std::string {
    try {
      const Fleet fleet(settings);
      return "";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  FleetSettings settings;
  settings.starts.at = StartPlace::kLine;
  EXPECT_THAT(error_of(settings), HasSubstr("archive.every_m is 0"));
  settings.archive.every_m = 20;
  EXPECT_EQ(error_of(settings), "");
  settings.starts.start_share = 1.5f;
  EXPECT_THAT(error_of(settings), HasSubstr("start_share must be in [0, 1]"));
}

}  // namespace
}  // namespace hotlap
