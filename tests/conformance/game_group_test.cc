// What every kind of game promises to an environment: docs/step.md, as far as a GameGroup decides
// it.
#include "env/game_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/conformance/games_under_test.h"
#include "tests/test_size.h"

namespace hotlap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class GameGroupConformanceTest : public ::testing::TestWithParam<std::string> {
 protected:
  GamesUnderTest Games(const std::vector<std::string>& tracks) { return {GetParam(), tracks}; }
  GamesUnderTest Game(const std::string& track = "straight") {
    GamesUnderTest games = Games({track});
    games.RestartAll();
    return games;
  }
};

INSTANTIATE_TEST_SUITE_P(EveryKind, GameGroupConformanceTest,
                         ::testing::Values("simulated", "tminterface"),
                         [](const auto& instance) { return instance.param; });

// ---- time

TEST_P(GameGroupConformanceTest, TellsItsKind) { EXPECT_EQ(Game().group().kind(), GetParam()); }

TEST_P(GameGroupConformanceTest, RestartStandsAtTimeZeroWithNeutralInputs) {
  GamesUnderTest games = Game();
  EXPECT_EQ(games.state().race_time_ms, 0);
  EXPECT_EQ(games.state().inputs, Inputs{});
  EXPECT_EQ(games.state().velocity_mps, Vec3{});
  EXPECT_EQ(games.state().checkpoints_passed, 0);
  EXPECT_EQ(games.state().checkpoints_target, 3);
  EXPECT_EQ(games.state().checkpoints_per_lap, 3);
  EXPECT_EQ(games.state().num_respawns, 0);
}

TEST_P(GameGroupConformanceTest, AdvanceRunsItsTicksOfTenMilliseconds) {
  GamesUnderTest games = Game();
  int time_ms = 0;
  for (const int ticks : {1, 5, 2, 17}) {
    const Outcome outcome = games.Advance(ticks, kThrottle);
    time_ms += 10 * ticks;
    EXPECT_EQ(outcome.status, CompletionStatus::kOk) << outcome.error;
    EXPECT_EQ(outcome.ticks, ticks);
    EXPECT_FALSE(outcome.finished);
    EXPECT_EQ(games.state().race_time_ms, time_ms);
  }
}

TEST_P(GameGroupConformanceTest, InputsHoldForAllTicksOfTheirCommand) {
  GamesUnderTest games = Game();
  const Inputs inputs{.steer = 20000, .accelerate = true};
  games.Advance(40, inputs);
  const GameState at_once = games.state();
  games.Restart();
  for (int i = 0; i < 40; ++i) games.Advance(1, inputs);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(at_once));
}

TEST_P(GameGroupConformanceTest, EarlierInputsHoldForTheFirstTicksAndTheOthersFromThenOn) {
  GamesUnderTest games = Game();
  const Inputs earlier{.steer = 30000, .accelerate = true}, later{.left = true, .brake = true};
  const auto delayed = [&](int ticks, int earlier_ticks) {
    return games.Do({.slot = 0,
                     .kind = CommandKind::kAdvance,
                     .ticks = ticks,
                     .inputs = later,
                     .earlier = earlier,
                     .earlier_ticks = earlier_ticks});
  };
  games.Advance(30, kThrottle);
  const auto snapshot = games.Save();
  for (const int earlier_ticks : {0, 1, 2, 4}) {
    games.Restore(snapshot);
    if (earlier_ticks > 0) games.Advance(earlier_ticks, earlier);
    games.Advance(5 - earlier_ticks, later);
    const GameState in_two = games.state();
    games.Restore(snapshot);
    const Outcome outcome = delayed(5, earlier_ticks);
    EXPECT_EQ(outcome.ticks, 5);
    EXPECT_FALSE(outcome.inputs_missed);
    EXPECT_EQ(games.state().inputs, later);
    EXPECT_EQ(BitsOf(games.state()), BitsOf(in_two)) << earlier_ticks;
  }
}

TEST_P(GameGroupConformanceTest, FinishWithinTheEarlierInputsMissesNone) {
  GamesUnderTest games = Game();
  const Outcome outcome = games.Do({.slot = 0,
                                    .kind = CommandKind::kAdvance,
                                    .ticks = 5000,
                                    .inputs = {.brake = true},
                                    .earlier = kThrottle,
                                    .earlier_ticks = 4999});
  ASSERT_TRUE(outcome.finished);
  EXPECT_FALSE(outcome.inputs_missed);
  EXPECT_EQ(games.state().inputs, kThrottle);
  games.Restart();
  EXPECT_EQ(games.Advance(5000, kThrottle).events, outcome.events);
}

TEST_P(GameGroupConformanceTest, FirstInputsActOnTheTickFromTimeZero) {
  GamesUnderTest games = Game();
  games.Advance(1, kThrottle);
  EXPECT_EQ(games.state().inputs, kThrottle);
  const Vec3 driven = games.state().velocity_mps;
  games.Restart();
  games.Advance(1, Inputs{});
  EXPECT_GT(driven.z, games.state().velocity_mps.z);
}

TEST_P(GameGroupConformanceTest, EveryChannelIsSetByEveryCommand) {
  GamesUnderTest games = Game();
  const Inputs everything{.steer = -12345,
                          .gas = 23456,
                          .left = true,
                          .right = true,
                          .accelerate = true,
                          .brake = true};
  const std::vector<Inputs> one_each = {{.steer = 1},        {.gas = -65536}, {.left = true},
                                        {.right = true},     {.brake = true}, {.steer = 65536},
                                        {.accelerate = true}};
  for (const Inputs& one : one_each) {
    games.Advance(1, everything);
    EXPECT_EQ(games.state().inputs, everything);
    games.Advance(1, one);
    EXPECT_EQ(games.state().inputs, one);
  }
}

TEST_P(GameGroupConformanceTest, InputsInForceAreReadBackAndNoneIsMissed) {
  GamesUnderTest games = Game();
  Dice dice(5);
  for (int i = 0; i < 50; ++i) {
    const Inputs inputs = dice.RandomInputs();
    EXPECT_FALSE(games.Advance(2, inputs).inputs_missed);
    EXPECT_EQ(games.state().inputs, inputs);
  }
}

TEST_P(GameGroupConformanceTest, GameStandsStillBetweenTwoCommandsForLongerThanItsTimeout) {
  GamesUnderTest games = Game();
  games.Advance(30, kThrottle);
  const GameState before = games.state();
  // TMInterface's default timeout is 2 s; in process there is none to outlast.
  std::this_thread::sleep_for(std::chrono::milliseconds(GetParam() == "tminterface" ? 2300 : 10));
  games.Advance(1, kThrottle);
  EXPECT_EQ(games.state().race_time_ms, before.race_time_ms + 10);
  const GameState after = games.state();
  games.Restart();
  games.Advance(31, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(after));
}

// ---- restart, save, restore

TEST_P(GameGroupConformanceTest, EveryRestartGivesTheSameStart) {
  GamesUnderTest games = Game();
  const GameState start = games.state();
  Dice dice(11);
  for (int i = 0; i < 10; ++i) {
    games.Advance(1 + dice.Below(60), dice.RandomInputs());
    EXPECT_EQ(games.Restart().status, CompletionStatus::kOk);
    EXPECT_EQ(BitsOf(games.state()), BitsOf(start));
  }
}

TEST_P(GameGroupConformanceTest, RestartStandsSoFarToTheLeftOfTheStart) {
  GamesUnderTest games = Games({"ring"});
  // The first restart may have an offset as well as any other.
  for (const float offset_m : {1.25f, 0.0f, -2.5f, 0.0f}) {
    ASSERT_EQ(games.Restart(0, offset_m).status, CompletionStatus::kOk);
    const GameState beside = games.state();
    games.Restart();
    GameState expected = games.state();
    const Vec3 left = expected.rotation.Column(0);
    expected.position_m += left * offset_m;
    EXPECT_EQ(BitsOf(beside), BitsOf(expected)) << "and is as it is there else";
    EXPECT_NEAR(Length(left), 1, 1e-5f);
    EXPECT_GT(std::abs(left.x) + std::abs(left.z), 0.99f) << "beside, not above";
  }
}

TEST_P(GameGroupConformanceTest, GameGoesOnFromBesideTheStart) {
  GamesUnderTest games = Game();
  games.Advance(40, kThrottle);
  const GameState from_the_start = games.state();
  games.Restart(0, 2);
  const auto snapshot = games.Save();
  games.Advance(40, kThrottle);
  const GameState from_beside = games.state();
  EXPECT_EQ(from_beside.race_time_ms, 400);
  // On a straight, level road it drives the same way beside it.
  EXPECT_NEAR(from_beside.position_m.x, from_the_start.position_m.x + 2, 1e-3f);
  EXPECT_NEAR(from_beside.position_m.z, from_the_start.position_m.z, 1e-3f);
  EXPECT_NEAR(from_beside.velocity_mps.z, from_the_start.velocity_mps.z, 1e-3f);
  games.Restart(0, 2);
  games.Advance(40, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(from_beside));
  games.Restart();
  games.Advance(40, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(from_the_start)) << "no offset is left over";
  games.Restore(snapshot);
  games.Advance(40, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(from_beside));
}

TEST_P(GameGroupConformanceTest, RestoredGameStaysInLockstepFromEveryTick) {
  const int num_ticks = TestCount(60, 400, 3000);
  const int steps_after = 20;
  const auto track = LoadTestTrack("mixed");
  GamesUnderTest games = Game("mixed");
  Dice dice(17);
  std::vector<std::vector<std::byte>> snapshots;
  std::vector<GameState> states;
  std::vector<Inputs> inputs;
  for (int i = 0; i < num_ticks; ++i) {
    snapshots.push_back(games.Save());
    states.push_back(games.state());
    inputs.push_back(dice.OneIn(6) ? dice.RandomInputs() : FollowRoad(*track, states.back()));
    games.Advance(1, inputs.back());
  }
  std::vector<std::size_t> order(states.size());
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t i = 1; i < order.size(); ++i) {
    std::swap(order[i], order[static_cast<std::size_t>(dice.Below(static_cast<int>(i) + 1))]);
  }
  for (const std::size_t from : order) {
    ASSERT_EQ(games.Restore(snapshots[from]).status, CompletionStatus::kOk);
    ASSERT_EQ(BitsOf(games.state()), BitsOf(states[from])) << "right after the restore";
    const std::size_t to = std::min(states.size(), from + 1 + steps_after);
    for (std::size_t at = from; at + 1 < to; ++at) {
      games.Advance(1, inputs[at]);
      ASSERT_EQ(BitsOf(games.state()), BitsOf(states[at + 1]))
          << "from " << 10 * from << " ms, at " << 10 * (at + 1) << " ms";
    }
  }
}

TEST_P(GameGroupConformanceTest, SnapshotCarriesCheckpointsTimeAndInputs) {
  GamesUnderTest games = Game();
  while (games.state().checkpoints_passed < 1) games.Advance(5, kThrottle);
  games.Advance(1, {.steer = 777, .accelerate = true});
  const GameState saved = games.state();
  const auto snapshot = games.Save();
  games.Restart();
  games.Advance(5, Inputs{});
  games.Restore(snapshot);
  EXPECT_EQ(games.state().checkpoints_passed, 1);
  EXPECT_EQ(games.state().inputs.steer, 777);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(saved));
}

TEST_P(GameGroupConformanceTest, SavingChangesNothing) {
  GamesUnderTest games = Game();
  games.Advance(25, kThrottle);
  const GameState before = games.state();
  const auto once = games.Save();
  const auto twice = games.Save();
  EXPECT_EQ(once, twice);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(before));
  games.Advance(1, kThrottle);
  EXPECT_NE(games.Save(), once);
}

TEST_P(GameGroupConformanceTest, SnapshotIsReusableAnyNumberOfTimes) {
  GamesUnderTest games = Game();
  games.Advance(50, kThrottle);
  const auto snapshot = games.Save();
  games.Advance(10, {.brake = true});
  const GameState first = games.state();
  for (int i = 0; i < 5; ++i) {
    games.Restore(snapshot);
    games.Advance(10, {.brake = true});
    EXPECT_EQ(BitsOf(games.state()), BitsOf(first));
  }
}

TEST_P(GameGroupConformanceTest, SnapshotOfOneSlotIsGoodInAnotherOnTheSameTrack) {
  GamesUnderTest games = Games({"straight", "straight"});
  games.RestartAll();
  games.Advance(80, kThrottle, 0);
  const auto snapshot = games.Save(0);
  ASSERT_EQ(games.Restore(snapshot, 1).status, CompletionStatus::kOk);
  EXPECT_EQ(BitsOf(games.state(1)), BitsOf(games.state(0)));
  const Inputs inputs{.steer = -9000, .accelerate = true};
  games.Advance(30, inputs, 0);
  games.Advance(30, inputs, 1);
  EXPECT_EQ(BitsOf(games.state(1)), BitsOf(games.state(0)));
}

TEST_P(GameGroupConformanceTest, ForeignOrDamagedSnapshotIsRejectedAndChangesNothing) {
  GamesUnderTest games = Games({"straight", "ring"});
  games.RestartAll();
  games.Advance(20, kThrottle, 0);
  const auto good = games.Save(0);
  const GameState before = games.state(0);

  std::map<std::string, std::vector<std::byte>> bad;
  bad["empty"] = {};
  bad["of another track"] = games.Save(1);
  bad["shorter"] = {good.begin(), good.end() - 1};
  bad["longer"] = good;
  bad["longer"].push_back(std::byte{0});
  bad["of no game"] = std::vector<std::byte>(good.size(), std::byte{0x5A});
  bad["of another version"] = good;
  bad["of another version"][4] ^= std::byte{0x7F};
  for (const auto& [what, bytes] : bad) {
    const Outcome outcome = games.Restore(bytes, 0);
    EXPECT_EQ(outcome.status, CompletionStatus::kRejected) << what;
    EXPECT_THAT(outcome.error, Not(IsEmpty())) << what;
    EXPECT_EQ(BitsOf(games.state(0)), BitsOf(before)) << what;
  }
  games.Advance(1, kThrottle, 0);
  EXPECT_EQ(games.state(0).race_time_ms, before.race_time_ms + 10);
}

// ---- events and the finish

TEST_P(GameGroupConformanceTest, PassesAreSeenAtTheirTick) {
  GamesUnderTest games = Game();
  std::vector<RaceEvent> one_by_one, in_fives;
  while (one_by_one.size() < 3) {
    const Outcome outcome = games.Advance(1, kThrottle);
    for (const RaceEvent& event : outcome.events) {
      EXPECT_EQ(event.race_time_ms, games.state().race_time_ms);
      one_by_one.push_back(event);
    }
  }
  games.Restart();
  while (in_fives.size() < 3) {
    for (const RaceEvent& event : games.Advance(5, kThrottle).events) in_fives.push_back(event);
  }
  EXPECT_EQ(in_fives, one_by_one);
  EXPECT_EQ(one_by_one[0].kind, RaceEventKind::kCheckpoint);
  EXPECT_EQ(one_by_one[0].count, 1);
  EXPECT_EQ(one_by_one[1].kind, RaceEventKind::kCheckpoint);
  EXPECT_EQ(one_by_one[1].count, 2);
  EXPECT_EQ(one_by_one[2].kind, RaceEventKind::kFinish);
  EXPECT_EQ(one_by_one[2].count, 3);
}

TEST_P(GameGroupConformanceTest, FinishEndsTheCommandEarly) {
  GamesUnderTest games = Game();
  const Outcome outcome = games.Advance(5000, kThrottle);
  EXPECT_TRUE(outcome.finished);
  EXPECT_LT(outcome.ticks, 5000);
  EXPECT_EQ(games.state().race_time_ms, 10 * outcome.ticks);
  ASSERT_EQ(outcome.events.size(), 3u);
  EXPECT_EQ(outcome.events.back(),
            (RaceEvent{RaceEventKind::kFinish, games.state().race_time_ms, 3}));
}

TEST_P(GameGroupConformanceTest, GameStaysUsableAfterTheFinish) {
  GamesUnderTest games = Game();
  while (games.state().checkpoints_passed < 2) games.Advance(1, kThrottle);
  const auto before = games.Save();
  const Outcome finish = games.Advance(5000, kThrottle);
  ASSERT_TRUE(finish.finished);
  EXPECT_EQ(games.state().checkpoints_passed, 2) << "the finish was prevented";
  const GameState at_finish = games.state();

  const auto after = games.Save();
  EXPECT_EQ(games.Advance(7, kThrottle).ticks, 7);
  EXPECT_EQ(games.state().race_time_ms, at_finish.race_time_ms + 70);
  const GameState beyond = games.state();

  ASSERT_EQ(games.Restore(before).status, CompletionStatus::kOk);
  const Outcome again = games.Advance(5000, kThrottle);
  EXPECT_EQ(again.events, finish.events);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(at_finish));

  ASSERT_EQ(games.Restore(after).status, CompletionStatus::kOk);
  games.Advance(7, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(beyond));

  games.Restart();
  EXPECT_EQ(games.Advance(5000, kThrottle).events.back(), finish.events.back());
}

TEST_P(GameGroupConformanceTest, LapIsSeenAfterItsCheckpointAndTheFinishAlone) {
  GamesUnderTest games = Game("ring");
  const auto track = LoadTestTrack("ring");
  std::vector<RaceEvent> events;
  bool finished = false;
  for (int step = 0; step < 2000 && !finished; ++step) {
    const Outcome outcome = games.Advance(5, FollowRoad(*track, games.state()));
    events.insert(events.end(), outcome.events.begin(), outcome.events.end());
    finished = outcome.finished;
  }
  ASSERT_TRUE(finished);
  std::vector<std::pair<RaceEventKind, int>> seen;
  seen.reserve(events.size());
  for (const RaceEvent& event : events) seen.emplace_back(event.kind, event.count);
  EXPECT_THAT(
      seen, ElementsAre(
                std::pair(RaceEventKind::kCheckpoint, 1), std::pair(RaceEventKind::kCheckpoint, 2),
                std::pair(RaceEventKind::kCheckpoint, 3), std::pair(RaceEventKind::kLap, 1),
                std::pair(RaceEventKind::kCheckpoint, 4), std::pair(RaceEventKind::kCheckpoint, 5),
                std::pair(RaceEventKind::kFinish, 6)));
  EXPECT_EQ(events[2].race_time_ms, events[3].race_time_ms);
}

// ---- slots

TEST_P(GameGroupConformanceTest, SlotsAreIndependent) {
  const int num_slots = 4;
  GamesUnderTest games = Games(std::vector<std::string>(num_slots, "straight"));
  games.RestartAll();
  std::vector<Command> commands;
  commands.reserve(num_slots);
  for (int slot = 0; slot < num_slots; ++slot) {
    commands.push_back({.slot = slot,
                        .kind = CommandKind::kAdvance,
                        .ticks = 10 * (slot + 1),
                        .inputs = {.steer = 5000 * slot, .accelerate = true}});
  }
  games.DoAll(commands);
  for (int slot = 0; slot < num_slots; ++slot) {
    GamesUnderTest alone = Game();
    alone.Advance(commands[static_cast<std::size_t>(slot)].ticks,
                  commands[static_cast<std::size_t>(slot)].inputs);
    EXPECT_EQ(BitsOf(games.state(slot)), BitsOf(alone.state())) << "slot " << slot;
  }
}

TEST_P(GameGroupConformanceTest, CommandsOfSomeSlotsLeaveTheOthersWhereTheyAre) {
  GamesUnderTest games = Games({"straight", "straight", "straight"});
  games.RestartAll();
  games.Advance(30, kThrottle, 1);
  const GameState waiting = games.state(0);
  const GameState driven = games.state(1);
  games.Advance(5, kThrottle, 2);
  games.Restart(2);
  EXPECT_EQ(BitsOf(games.state(0)), BitsOf(waiting));
  EXPECT_EQ(BitsOf(games.state(1)), BitsOf(driven));
}

TEST_P(GameGroupConformanceTest, EachCompletionIsCollectedOnce) {
  GamesUnderTest games = Games({"straight", "straight"});
  games.RestartAll();
  games.Advance(3, kThrottle, 1);
  EXPECT_THAT(games.group().Collect(DeadlineIn(std::chrono::milliseconds(5))), IsEmpty());
}

TEST_P(GameGroupConformanceTest, AbandonedSlotIsLostUntilItRestarts) {
  GamesUnderTest games = Games({"straight", "straight"});
  games.RestartAll();
  const Command commands[] = {{.slot = 0, .ticks = 400, .inputs = kThrottle},
                              {.slot = 1, .ticks = 400, .inputs = kThrottle}};
  games.group().Start(commands);
  games.group().Abandon(0);
  std::vector<int> completed;
  while (completed.empty()) {
    for (const Completion& completion : games.group().Collect(DeadlineIn(kLongEnough))) {
      completed.push_back(completion.slot);
    }
  }
  EXPECT_THAT(completed, ElementsAre(1));

  const Outcome refused = games.Advance(1, kThrottle, 0);
  EXPECT_EQ(refused.status, CompletionStatus::kGameLost);
  EXPECT_THAT(refused.error, Not(IsEmpty()));
  const Outcome restarted = games.Restart(0);
  EXPECT_EQ(restarted.status, CompletionStatus::kOk) << restarted.error;
  EXPECT_EQ(games.state(0).race_time_ms, 0);
  games.Advance(400, kThrottle, 0);
  EXPECT_EQ(BitsOf(games.state(0)), BitsOf(games.state(1)));
}

}  // namespace
}  // namespace hotlap
