// What a row gives when its game is lost, misbehaves or has strange news; on scripted games.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tests/env/fleet.h"
#include "tests/env/scripted_games.h"

namespace hotlap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Answer = ScriptedGames::Answer;

constexpr auto kAdvance = CommandKind::kAdvance;
constexpr auto kRestart = CommandKind::kRestart;
constexpr auto kRestore = CommandKind::kRestore;

// Three rows in one group, with the games in the test's hands. Gates at 100, 200, 300, 400 m.
class LostRows : public ::testing::Test {
 protected:
  void Make(Autoreset mode, const EnvironmentConfig& environment = {}) {
    FleetSettings settings;
    settings.environment = environment;
    settings.autoreset = mode;
    settings.groups = {3};
    auto group = std::make_unique<ScriptedGames>(3);
    games_ = group.get();
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(std::move(group));
    fleet_ = std::make_unique<Fleet>(settings, std::move(groups));
  }
  void MakeAndDrive(Autoreset mode, int steps = 4) {
    Make(mode);
    fleet().Reset();
    for (int step = 0; step < steps; ++step) fleet().Step(kThrottle);
  }
  Fleet& fleet() { return *fleet_; }
  ScriptedGames& games() { return *games_; }

  void ExpectLost(int row, const std::vector<float>& last_good) {
    EXPECT_EQ(fleet().status(row), RowStatus::kOk);
    EXPECT_EQ(fleet().observation(row), last_good);
    EXPECT_EQ(fleet().reward(row), 0);
    EXPECT_TRUE(fleet().truncated(row));
    EXPECT_FALSE(fleet().terminated(row));
    EXPECT_EQ(fleet().info("valid", row), 0);
    EXPECT_EQ(fleet().info("ticks", row), 0);
    EXPECT_EQ(fleet().end_reason(row), EndReason::kGameLost);
  }
  void ExpectFirst(int row) {
    EXPECT_EQ(fleet().reward(row), 0);
    EXPECT_FALSE(fleet().truncated(row) || fleet().terminated(row));
    EXPECT_EQ(fleet().info("race_time", row), 0);
    EXPECT_EQ(fleet().info("valid", row), 1);
    EXPECT_EQ(fleet().end_reason(row), EndReason::kNone);
  }

 private:
  std::unique_ptr<Fleet> fleet_;
  ScriptedGames* games_ = nullptr;
};

TEST_F(LostRows, LostGameGivesTheLastGoodObservationTruncated) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto last_good = fleet().observation(1);
  games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottleLeft);
  ExpectLost(1, last_good);
  EXPECT_EQ(fleet().info("race_time", 1), 200) << "of that observation";
  EXPECT_EQ(fleet().info("episode_length", 1), 5);
  EXPECT_NEAR(fleet().info("episode_return", 1), 4 * (0.02 - 0.0025), 1e-5);
  EXPECT_EQ(fleet().info("full_lap", 1), 0);
}

TEST_F(LostRows, OtherRowsDoNotNotice) {
  MakeAndDrive(Autoreset::kNextStep);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {Answer::kLost, {}});
  for (int step = 0; step < 5; ++step) {
    fleet().Step(kThrottle);
    for (const int row : {0, 2}) {
      EXPECT_EQ(fleet().info("race_time", row), 250 + 50 * step);
      EXPECT_EQ(fleet().info("valid", row), 1);
      EXPECT_FALSE(fleet().truncated(row));
    }
  }
}

TEST_F(LostRows, NextStepAsksForTheGameAgain) {
  MakeAndDrive(Autoreset::kNextStep, 1);
  games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  fleet().Step(kThrottle);
  ExpectFirst(1);
  EXPECT_THAT(games().commands(1), ElementsAre(kRestart, kAdvance, kAdvance, kRestart));
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().info("race_time", 1), 50);
}

TEST_F(LostRows, GameThatDoesNotComeBackStaysLostAndIsAskedForEveryStep) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto last_good = fleet().observation(1);
  for (int i = 0; i < 3; ++i) games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  for (int i = 0; i < 2; ++i) {
    fleet().Step(kThrottle);
    ExpectLost(1, last_good);
    EXPECT_EQ(fleet().info("episode_length", 1), 0) << "no episode began";
  }
  fleet().Step(kThrottle);
  ExpectFirst(1);
  EXPECT_EQ(fleet().RecordOf(1).episode, 1u) << "episodes that did not begin do not count";
}

TEST_F(LostRows, SameStepBeginsTheNextEpisodeWithTheNextStep) {
  MakeAndDrive(Autoreset::kSameStep);
  const auto last_good = fleet().observation(1);
  games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  ASSERT_EQ(fleet().num_final(), 1);
  EXPECT_EQ(fleet().final_row(0), 1);
  EXPECT_EQ(fleet().final_observation(0), last_good);
  EXPECT_EQ(fleet().final_info("end_reason", 0), static_cast<int>(EndReason::kGameLost));
  EXPECT_EQ(fleet().final_info("valid", 0), 0);
  EXPECT_EQ(fleet().final_info("episode_length", 0), 5);
  ExpectLost(1, last_good);
  EXPECT_EQ(fleet().info("episode_length", 1), 0) << "of the episode that has not begun";
  fleet().Step(kThrottle);
  ExpectFirst(1);
  EXPECT_EQ(fleet().num_final(), 0);
}

TEST_F(LostRows, SameStepWithoutTheNextGameTriesAgainInTheNextStep) {
  MakeAndDrive(Autoreset::kSameStep);
  const auto last_good = fleet().observation(1);
  for (int i = 0; i < 2; ++i) games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);  // the game
  ExpectLost(1, last_good);
  fleet().Step(kThrottle);  // a restart
  ExpectLost(1, last_good);
  ASSERT_EQ(fleet().num_final(), 1) << "whatever is truncated has a final observation";
  EXPECT_EQ(fleet().final_observation(0), last_good);
  fleet().Step(kThrottle);  // another restart
  ExpectFirst(1);
  EXPECT_EQ(fleet().num_final(), 0);
}

// ---- A new game that takes its time ----

TEST_F(LostRows, AutoresetLeavesTheRestartUnderWayAndNobodyWaits) {
  for (const Autoreset mode : {Autoreset::kNextStep, Autoreset::kSameStep}) {
    MakeAndDrive(mode);
    const auto last_good = fleet().observation(1);
    games().Tell(1, {Answer::kLost, {}});
    games().Tell(1, {Answer::kSilent, {}});
    const int num_finals = mode == Autoreset::kSameStep ? 1 : 0;
    for (int step = 1; step <= 6; ++step) {
      fleet().Step(kThrottle);
      ExpectLost(1, last_good);
      EXPECT_EQ(fleet().num_final(), num_finals);
      for (const int row : {0, 2}) EXPECT_EQ(fleet().info("race_time", row), 200 + 50 * step);
    }
    EXPECT_TRUE(fleet().Save(1).empty()) << "it has no game now";
    EXPECT_THAT(games().commands(1),
                ElementsAre(kRestart, kAdvance, kAdvance, kAdvance, kAdvance, kAdvance, kRestart))
        << "one restart, however many steps it takes";
    games().Wake(1);
    fleet().Step(kThrottle);
    ExpectFirst(1);
    EXPECT_EQ(fleet().num_final(), 0);
    EXPECT_EQ(fleet().RecordOf(1).episode, 1u);
    fleet().Step(kThrottle);
    EXPECT_EQ(fleet().info("race_time", 1), 50);
    EXPECT_EQ(games().abandoned(1), 0);
  }
}

TEST_F(LostRows, NobodyWaitsWhenEveryGameIsLost) {
  MakeAndDrive(Autoreset::kNextStep);
  for (const int row : {0, 1, 2}) {
    games().Tell(row, {Answer::kLost, {}});
    games().Tell(row, {Answer::kSilent, {}});
  }
  for (int step = 0; step < 3; ++step) fleet().Step(kThrottle);
  for (const int row : {0, 1, 2}) EXPECT_EQ(fleet().end_reason(row), EndReason::kGameLost);
  games().Wake(2);
  fleet().Step(kThrottle);
  ExpectFirst(2);
  EXPECT_TRUE(fleet().truncated(0));
}

TEST_F(LostRows, RestartUnderWayThatFailsIsFollowedByAnother) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto last_good = fleet().observation(1);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {Answer::kSilent, {}});
  for (int step = 0; step < 3; ++step) fleet().Step(kThrottle);
  games().Wake(1, Answer::kLost);
  fleet().Step(kThrottle);
  ExpectLost(1, last_good);
  fleet().Step(kThrottle);
  ExpectFirst(1);
}

TEST_F(LostRows, GameThatComesBetweenTwoStepsIsFoundByTheNext) {
  MakeAndDrive(Autoreset::kNextStep);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {Answer::kSilent, {}});
  for (int step = 0; step < 2; ++step) fleet().Step(kThrottle);
  games().Wake(1);
  fleet().ResetRow(0);  // collects it too
  EXPECT_EQ(fleet().status(1), RowStatus::kSkipped);
  fleet().Step(kThrottle);
  ExpectFirst(1);
  EXPECT_EQ(fleet().info("race_time", 0), 50);
}

TEST_F(LostRows, GameThatCameUnseenHasNoStateUntilTheRowBeginsWithIt) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {Answer::kSilent, {}});
  for (int step = 0; step < 2; ++step) fleet().Step(kThrottle);
  games().Wake(1);
  fleet().ResetRow(0);  // collects it too
  EXPECT_TRUE(fleet().Save(1).empty()) << "the record is of the lost episode";
  games().Tell(1, {Answer::kRejected, {}});
  EXPECT_FALSE(fleet().Restore(1, snapshot));
  EXPECT_TRUE(fleet().Save(1).empty()) << "still";
  fleet().Step(kThrottle);
  ExpectFirst(1);
  EXPECT_FALSE(fleet().Save(1).empty());
}

TEST_F(LostRows, ResetWaitsForTheRestartUnderWay) {
  MakeAndDrive(Autoreset::kNextStep);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {Answer::kLate, {}});
  for (int step = 0; step < 3; ++step) fleet().Step(kNothing);
  EXPECT_TRUE(fleet().truncated(1));
  const std::size_t num_commands = games().commands(1).size();
  fleet().ResetRow(1);
  ExpectFirst(1);
  EXPECT_EQ(games().commands(1).size(), num_commands) << "the one that is under way";
}

TEST_F(LostRows, RestoreWaitsForTheRestartUnderWay) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {Answer::kLate, {}});
  for (int step = 0; step < 3; ++step) fleet().Step(kNothing);
  ASSERT_TRUE(fleet().Restore(1, snapshot));
  EXPECT_EQ(games().commands(1).back(), kRestore);
  EXPECT_EQ(fleet().Save(1), snapshot);
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().info("race_time", 1), 250);
}

TEST_F(LostRows, ResetWaitsForTheSuccessorOfAGameThatDiedWhileItStood) {
  MakeAndDrive(Autoreset::kDisabled);
  games().Tell(1, {Answer::kLost, {}});  // found dead
  games().Tell(1, {Answer::kLate, {}});
  fleet().ResetRow(1);
  ExpectFirst(1);
}

TEST_F(LostRows, ResetToASnapshotWaitsForTheSuccessorOfAGameThatDiedWhileItStood) {
  MakeAndDrive(Autoreset::kDisabled);
  const auto snapshot = fleet().Save(1);
  const auto observation = fleet().observation(1);
  fleet().Step(kThrottle);
  games().Tell(1, {Answer::kLost, {}});  // found dead
  games().Tell(1, {Answer::kLate, {}});
  fleet().ResetRow(1, snapshot);
  EXPECT_EQ(fleet().status(1), RowStatus::kOk);
  EXPECT_EQ(fleet().observation(1), observation);
  EXPECT_FALSE(fleet().truncated(1));
  EXPECT_EQ(fleet().RecordOf(1).episode, 1u);
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().info("race_time", 1), 250);
}

TEST_F(LostRows, RestoreWaitsForTheSuccessorOfAGameThatDiedWhileItStood) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  for (const bool is_of_all : {false, true}) {
    fleet().Step(kThrottle);
    games().Tell(1, {Answer::kLost, {}});
    games().Tell(1, {Answer::kLate, {}});
    if (is_of_all) {
      fleet().Restore({{}, snapshot, snapshot});
      EXPECT_EQ(fleet().status(1), RowStatus::kOk);
    } else {
      ASSERT_TRUE(fleet().Restore(1, snapshot));
    }
    EXPECT_EQ(fleet().Save(1), snapshot);
  }
}

TEST_F(LostRows, OneNewGameIsWaitedForAndNotOneAfterTheOther) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  const auto last_good = fleet().observation(1);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {});                   // its successor stands at the start
  games().Tell(1, {Answer::kLost, {}});  // and dies on the way to the snapshot
  fleet().ResetRow(1, snapshot);
  ExpectLost(1, last_good);
  EXPECT_TRUE(fleet().Save(1).empty());
}

TEST_F(LostRows, SnapshotThatTheSuccessorRejectsLeavesTheLossToBeTold) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  const auto last_good = fleet().observation(1);
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(1, {});
  games().Tell(1, {Answer::kRejected, {}});
  fleet().ResetRow(1, snapshot);
  EXPECT_EQ(fleet().status(1), RowStatus::kBadSnapshot);
  EXPECT_TRUE(fleet().Save(1).empty());
  fleet().Step(kThrottle);
  ExpectLost(1, last_good);
  fleet().Step(kThrottle);
  ExpectFirst(1);
}

TEST_F(LostRows, AutoresetThatFindsItsGameDeadDoesNotWait) {
  EnvironmentConfig environment;
  environment.rules.time_limit_ticks = 10;
  for (const Autoreset mode : {Autoreset::kNextStep, Autoreset::kSameStep}) {
    Make(mode, environment);
    fleet().Reset();
    fleet().Step(kThrottle);
    games().Tell(1, {});                     // the last step of its episode
    games().Tell(1, {Answer::kLost, {}});    // found dead
    games().Tell(1, {Answer::kSilent, {}});  // a step that waited would throw
    fleet().Step(kThrottle);
    EXPECT_TRUE(fleet().truncated(1));
    const auto last_good = fleet().observation(1);
    if (mode == Autoreset::kSameStep) {
      EXPECT_EQ(fleet().end_reason(1), EndReason::kGameLost) << "the next one did not begin";
    }
    for (int step = 0; step < 3; ++step) {
      fleet().Step(kThrottle);
      ExpectLost(1, last_good);
      EXPECT_EQ(fleet().info("episode_length", 1), 0);
    }
    games().Wake(1);
    fleet().Step(kThrottle);
    ExpectFirst(1);
    EXPECT_EQ(fleet().RecordOf(1).episode, 1u);
  }
}

TEST_F(LostRows, FirstResetAndFirstRestoreMayBeToASnapshot) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  const auto observation = fleet().observation(1);
  Make(Autoreset::kNextStep);
  fleet().ResetRow(0, snapshot);
  EXPECT_EQ(fleet().status(0), RowStatus::kOk);
  EXPECT_EQ(fleet().observation(0), observation);
  EXPECT_THAT(games().commands(0), ElementsAre(kRestart, kRestore));
  ASSERT_TRUE(fleet().Restore(1, snapshot));
  EXPECT_THAT(games().commands(1), ElementsAre(kRestart, kRestore));
}

TEST_F(LostRows, FlagsOfAnEndStayWhenTheGameIsLostAfterIt) {
  EnvironmentConfig environment;
  environment.rules.fall_drop_m = 1;
  Make(Autoreset::kSameStep, environment);
  fleet().Reset();
  games().Tell(1, {Answer::kOk, [](GameState& state, Completion&) { state.position_m.y -= 5; }});
  games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  EXPECT_TRUE(fleet().terminated(1));
  EXPECT_FALSE(fleet().truncated(1));
  EXPECT_LT(fleet().reward(1), -0.9f) << "the failure";
  EXPECT_EQ(fleet().final_info("end_reason", 0), static_cast<int>(EndReason::kFall));
  EXPECT_EQ(fleet().end_reason(1), EndReason::kGameLost) << "of the episode that did not begin";
  EXPECT_EQ(fleet().info("valid", 1), 0);
  fleet().Step(kThrottle);
  ExpectFirst(1);
}

TEST_F(LostRows, DisabledWaitsForAReset) {
  MakeAndDrive(Autoreset::kDisabled);
  games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  EXPECT_TRUE(fleet().truncated(1));
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().status(1), RowStatus::kNotReset);
  fleet().ResetRow(1);
  EXPECT_EQ(fleet().status(1), RowStatus::kOk);
  ExpectFirst(1);
}

TEST_F(LostRows, ResetOfAGameThatDoesNotComeBackSaysSo) {
  MakeAndDrive(Autoreset::kDisabled);
  const auto last_good = fleet().observation(1);
  games().Tell(1, {Answer::kLost, {}});  // found dead
  games().Tell(1, {Answer::kLost, {}});  // and no other comes
  fleet().ResetRow(1);
  ExpectLost(1, last_good);
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().status(1), RowStatus::kNotReset);
  EXPECT_TRUE(fleet().Save(1).empty());
  fleet().ResetRow(1);
  ExpectFirst(1);
}

TEST_F(LostRows, SeedOfAResetThatFailedHoldsForTheNext) {
  MakeAndDrive(Autoreset::kNextStep);
  for (int i = 0; i < 2; ++i) games().Tell(1, {Answer::kLost, {}});
  const std::vector<std::uint64_t> seeds = {11, 12, 13};
  fleet().Reset({.mask = {}, .seeds = seeds, .snapshots = {}});
  EXPECT_TRUE(fleet().truncated(1));
  fleet().Step(kThrottle);
  ExpectFirst(1);
  EXPECT_EQ(fleet().RecordOf(1).base_seed, 12u);
  EXPECT_EQ(fleet().RecordOf(1).episode, 0u);
}

TEST_F(LostRows, GameThatIsLostFromTheBeginningHasAFiniteObservation) {
  Make(Autoreset::kNextStep);
  games().Tell(1, {Answer::kLost, {}});
  fleet().Reset();
  EXPECT_TRUE(fleet().truncated(1));
  EXPECT_EQ(fleet().end_reason(1), EndReason::kGameLost);
  for (const float value : fleet().observation(1)) EXPECT_TRUE(std::isfinite(value));
  fleet().Step(kThrottle);
  ExpectFirst(1);
}

TEST_F(LostRows, StateThatIsNotFiniteLosesTheGame) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto last_good = fleet().observation(1);
  const auto spoil = [](GameState& state, Completion&) {
    state.velocity_mps.y = std::numeric_limits<float>::quiet_NaN();
  };
  games().Tell(1, {Answer::kOk, spoil});
  fleet().Step(kThrottle);
  ExpectLost(1, last_good);
  EXPECT_EQ(fleet().rows().game_state(1).velocity_mps.y, 0) << "the last good one";
  EXPECT_EQ(games().abandoned(1), 1);
  games().Tell(1, {Answer::kOk, spoil});
  fleet().Step(kThrottle);
  ExpectLost(1, last_good);
  fleet().Step(kThrottle);
  ExpectFirst(1);
}

TEST_F(LostRows, GameThatRejectsAStepIsLost) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto last_good = fleet().observation(1);
  games().Tell(1, {Answer::kRejected, {}});
  fleet().Step(kThrottle);
  ExpectLost(1, last_good);
  EXPECT_EQ(games().abandoned(1), 1);
}

TEST_F(LostRows, LossBetweenTwoStepsIsToldByTheNext) {
  for (const Autoreset mode : {Autoreset::kNextStep, Autoreset::kDisabled, Autoreset::kSameStep}) {
    MakeAndDrive(mode);
    const auto last_good = fleet().observation(1);
    games().Tell(1, {Answer::kLost, {}});
    EXPECT_TRUE(fleet().Save(1).empty());
    EXPECT_TRUE(fleet().Save(1).empty()) << "it has no game now";
    fleet().Step(kThrottle);
    EXPECT_TRUE(fleet().truncated(1));
    if (mode == Autoreset::kSameStep) {
      ASSERT_EQ(fleet().num_final(), 1);
      EXPECT_EQ(fleet().final_observation(0), last_good);
    }
    ExpectLost(1, last_good);
  }
}

TEST_F(LostRows, LostGameRestartsBeforeASnapshotGoesBack) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  const auto observation = fleet().observation(1);
  games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  ASSERT_TRUE(fleet().Restore(1, snapshot));
  EXPECT_EQ(games().commands(1)[games().commands(1).size() - 2], kRestart);
  EXPECT_EQ(games().commands(1).back(), kRestore);
  EXPECT_EQ(fleet().observation(1), observation);
  EXPECT_FALSE(fleet().truncated(1));
  EXPECT_EQ(fleet().Save(1), snapshot);

  games().Tell(1, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  fleet().ResetRow(1, snapshot);
  EXPECT_EQ(fleet().status(1), RowStatus::kOk);
  EXPECT_EQ(fleet().observation(1), observation);
}

TEST_F(LostRows, RestoreIntoAGameThatIsLostSaysSo) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  games().Tell(1, {Answer::kLost, {}});  // found dead
  games().Tell(1, {Answer::kLost, {}});  // and no other comes
  EXPECT_THAT(fleet().Restore(1, snapshot).error(), HasSubstr("the game is lost: it vanished"));
  games().Tell(1, {Answer::kLost, {}});  // it does not come back either
  EXPECT_THAT(fleet().Restore(1, snapshot).error(), HasSubstr("the game is lost"));
  const auto last_good = fleet().observation(1);
  fleet().Step(kThrottle);
  ExpectLost(1, last_good);
}

TEST_F(LostRows, RestoreOfSeveralLostGamesWaitsForAllAtOnce) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  const auto observation = fleet().observation(1);
  for (const int row : {0, 1, 2}) games().Tell(row, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  // The first one comes back after the last one, and the one between does not.
  games().Tell(0, {Answer::kSilent, {}});
  games().Tell(1, {Answer::kLost, {}});
  games().Tell(2, {Answer::kOk, [&](GameState&, Completion&) { games().Wake(0); }});
  fleet().Restore({snapshot, snapshot, snapshot});
  EXPECT_EQ(fleet().status(1), RowStatus::kBadSnapshot);
  for (const int row : {0, 2}) {
    EXPECT_EQ(fleet().status(row), RowStatus::kOk);
    EXPECT_EQ(fleet().observation(row), observation);
    EXPECT_FALSE(fleet().truncated(row));
    EXPECT_EQ(fleet().Save(row), snapshot);
  }
}

TEST_F(LostRows, RestoreLeavesRowsWithoutASnapshotAlone) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  fleet().Step(kThrottle);
  const auto before = fleet().Save(0);
  const std::vector<std::byte> noise(5);
  fleet().Restore({{}, snapshot, noise});
  EXPECT_EQ(fleet().status(0), RowStatus::kSkipped);
  EXPECT_EQ(fleet().status(1), RowStatus::kOk);
  EXPECT_EQ(fleet().status(2), RowStatus::kBadSnapshot);
  EXPECT_EQ(fleet().Save(0), before);
  EXPECT_EQ(fleet().Save(1), snapshot);
  EXPECT_EQ(fleet().info("race_time", 2), 250);
}

TEST_F(LostRows, SnapshotThatTheGameRejectsLeavesTheRow) {
  MakeAndDrive(Autoreset::kNextStep);
  const auto snapshot = fleet().Save(1);
  fleet().Step(kThrottle);
  const auto before = fleet().Save(1);
  games().Tell(1, {Answer::kRejected, {}});
  EXPECT_THAT(fleet().Restore(1, snapshot).error(), HasSubstr("no such thing"));
  games().Tell(1, {Answer::kRejected, {}});
  fleet().ResetRow(1, snapshot);
  EXPECT_EQ(fleet().status(1), RowStatus::kBadSnapshot);
  EXPECT_EQ(fleet().Save(1), before);
}

// ---- News that are no loss ----

TEST_F(LostRows, MissedInputsMakeTheStepInvalidAndNoMore) {
  MakeAndDrive(Autoreset::kNextStep);
  games().Tell(1, {Answer::kOk, [](GameState&, Completion& c) { c.inputs_missed = true; }});
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().info("valid", 1), 0);
  EXPECT_EQ(fleet().info("valid", 0), 1);
  EXPECT_FALSE(fleet().truncated(1));
  fleet().Step(kThrottle);
  EXPECT_EQ(fleet().info("valid", 1), 1);
}

TEST_F(LostRows, ProgressStopsAtACheckpointThatIsNotTaken) {
  MakeAndDrive(Autoreset::kNextStep, 99);
  EXPECT_NEAR(fleet().info("progress", 1), 99, 0.01);
  for (int step = 0; step < 4; ++step) fleet().Step(kThrottle);  // past the first gate
  EXPECT_EQ(fleet().info("progress", 1), 100);
  EXPECT_EQ(fleet().info("reward.progress", 1), 0);
  games().Tell(1, {Answer::kOk, [](GameState& state, Completion&) {
                     state.checkpoints_passed = 1;  // noticed late
                   }});
  fleet().Step(kThrottle);
  EXPECT_NEAR(fleet().info("progress", 1), 104, 0.01) << "nothing is lost";
  EXPECT_NEAR(fleet().info("reward.progress", 1), 4 * 0.02, 1e-4);
  EXPECT_EQ(fleet().info("checkpoint", 1), 1);
}

TEST_F(LostRows, MetresDrivenAgainArePaidOnce) {
  MakeAndDrive(Autoreset::kNextStep, 20);
  double sum = 20 * 0.02;
  games().Tell(1, {Answer::kOk, [](GameState& state, Completion&) {
                     state.position_m.z = 8;  // a respawn
                   }});
  for (int step = 0; step < 12; ++step) {
    fleet().Step(kThrottle);
    sum += fleet().info("reward.progress", 1);
  }
  EXPECT_NEAR(sum, 19 * 0.02, 1e-4);
  EXPECT_NEAR(fleet().info("progress", 1), 19, 0.01);
}

}  // namespace
}  // namespace hotlap
