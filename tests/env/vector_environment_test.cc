// docs/step.md line by line, on simulated games.
#include "env/vector_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "env/sim/race.h"
#include "tests/env/fleet.h"
#include "tests/test_size.h"

namespace hotlap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EnvironmentConfig TimeLimit(int ticks) {
  EnvironmentConfig config;
  config.rules.time_limit_ticks = ticks;
  return config;
}

// Different for every row and step, full throttle most of the time.
std::vector<std::int32_t> Varied(int num_rows, int step) {
  std::vector<std::int32_t> actions;
  actions.reserve(static_cast<std::size_t>(num_rows));
  for (int row = 0; row < num_rows; ++row) {
    actions.push_back((step / 8 + row) % 5 == 4 ? kBrake : (step / 3 + row) % 3);
  }
  return actions;
}

// ---- Time ----

TEST(VectorEnvironmentTest, StepHoldsItsInputsForTicksPerStep) {
  FleetSettings settings;
  settings.environment.ticks_per_step = 7;
  Fleet fleet(settings);
  fleet.Reset();
  sim::Race race(sim::Track::Build(settings.road), {});
  race.Restart(/*with_countdown=*/false);
  for (const std::int32_t action : {kThrottleLeft, kBrake, kThrottle}) {
    fleet.Step(action);
    const Inputs inputs = *InputsOf(ActionSet{}, action);
    for (int tick = 0; tick < 7; ++tick) race.Tick(inputs);
    EXPECT_EQ(fleet.rows().game_state(0), race.game_state())
        << "the first action acts on the tick 0 -> 10, every channel is set by every action";
    EXPECT_EQ(fleet.info("ticks", 0), 7);
    EXPECT_EQ(fleet.info("race_time", 0), race.game_state().race_time_ms);
  }
}

TEST(VectorEnvironmentTest, ContinuousActionsReachTheGame) {
  FleetSettings settings;
  settings.environment.actions.kind = ActionKind::kContinuous;
  Fleet fleet(settings);
  fleet.Reset();
  const std::vector<float> actions = {0.25f, 1, -0.5f, -1};
  fleet.rows().Step({.discrete = {}, .continuous = actions}, fleet.batch().view());
  EXPECT_EQ(fleet.rows().game_state(0).inputs, (Inputs{.steer = 16384, .gas = 65536}));
  EXPECT_EQ(fleet.rows().game_state(1).inputs, (Inputs{.steer = -32768, .gas = -65536}));
}

// ---- Reset and restore ----

TEST(VectorEnvironmentTest, ResetBeginsAtTimeZeroWithEmptyHistories) {
  Fleet fleet;
  fleet.Reset();
  const std::vector<float> first = fleet.observation(0);
  for (int step = 0; step < 50; ++step) fleet.Step(kThrottleLeft);
  EXPECT_NE(fleet.observation(0), first);
  fleet.Reset();
  EXPECT_EQ(fleet.observation(0), first);
  EXPECT_EQ(fleet.reward(0), 0);
  EXPECT_FALSE(fleet.terminated(0) || fleet.truncated(0));
  EXPECT_EQ(fleet.info("race_time", 0), 0);
  EXPECT_EQ(fleet.info("ticks", 0), 0);
  EXPECT_EQ(fleet.info("progress", 0), 0);
  EXPECT_EQ(fleet.info("valid", 0), 1);
  EXPECT_EQ(fleet.rows().game_state(0).inputs, Inputs{});
}

TEST(VectorEnvironmentTest, ResetToASnapshotBeginsAnEpisodeThere) {
  FleetSettings settings;
  settings.environment = TimeLimit(1000);
  settings.autoreset = Autoreset::kDisabled;
  Fleet fleet(settings);
  fleet.Reset();
  for (int step = 0; step < 60; ++step) {
    fleet.Step(step % 4 == 0 ? kNothing : kThrottle);
  }
  const auto snapshot = fleet.Save(0);
  const GameState state = fleet.rows().game_state(0);
  const RowRecord before = fleet.RecordOf(0);
  const std::vector<float> observation = fleet.observation(0);

  fleet.ResetRow(0, snapshot);
  EXPECT_EQ(fleet.status(0), RowStatus::kOk);
  EXPECT_EQ(fleet.rows().game_state(0), state) << "physics, time, inputs and checkpoints";
  EXPECT_EQ(fleet.observation(0), observation) << "the actions before it too";
  EXPECT_EQ(fleet.info("race_time", 0), state.race_time_ms);
  EXPECT_EQ(fleet.info("progress", 0), 0) << "gained since the reset";
  const RowRecord record = fleet.RecordOf(0);
  EXPECT_EQ(record.steps, 0);
  EXPECT_EQ(record.ticks, 0);
  EXPECT_EQ(record.reward_sums, (RowRecord{}.reward_sums));
  EXPECT_EQ(record.place.s_m, before.place.s_m);
  EXPECT_EQ(record.episode, before.episode + 1);

  fleet.StepToTheEnd(0, kThrottle);
  ASSERT_EQ(fleet.end_reason(0), EndReason::kFinish);
  EXPECT_EQ(fleet.info("full_lap", 0), 0);
  EXPECT_GT(fleet.info("finish_time", 0), 3000) << "of the race";
  EXPECT_EQ(fleet.info("episode_length", 0), std::ceil((fleet.info("race_time", 0) - 3000) / 50));
}

TEST(VectorEnvironmentTest, TimeLimitOfASnapshotsEpisodeStartsAtZero) {
  FleetSettings settings;
  settings.environment = TimeLimit(100);
  settings.autoreset = Autoreset::kDisabled;
  Fleet fleet(settings);
  fleet.Reset();
  for (int step = 0; step < 15; ++step) fleet.Step(kThrottle);
  fleet.ResetRow(0, fleet.Save(0));
  for (int step = 1; step < 20; ++step) {
    fleet.Step(kThrottle);
    ASSERT_FALSE(fleet.truncated(0)) << step;
  }
  fleet.Step(kThrottle);
  EXPECT_EQ(fleet.end_reason(0), EndReason::kTimeLimit);
}

class EveryMode : public ::testing::TestWithParam<Autoreset> {};
INSTANTIATE_TEST_SUITE_P(VectorEnvironmentTest, EveryMode,
                         ::testing::Values(Autoreset::kNextStep, Autoreset::kSameStep,
                                           Autoreset::kDisabled));

TEST_P(EveryMode, RestoreContinuesTheEpisodeBitForBit) {
  FleetSettings settings;
  settings.autoreset = GetParam();
  settings.environment = TimeLimit(300);  // so that the futures go past an end
  settings.groups = {1, 2};
  Fleet fleet(settings);
  fleet.Reset();
  std::vector<std::vector<std::byte>> snapshots;
  snapshots.reserve(3);
  const int before = TestCount(40, 70, 70), after = 80;
  for (int step = 0; step < before; ++step) fleet.Step(Varied(3, step));
  for (int row = 0; row < 3; ++row) snapshots.push_back(fleet.Save(row));
  const auto drive_on = [&] {
    std::vector<Given> given;
    for (int step = before; step < before + after; ++step) {
      fleet.Step(Varied(3, step));
      given.push_back(fleet.given());
    }
    return given;
  };
  const auto future = drive_on();
  for (int row = 0; row < 3; ++row)
    ASSERT_TRUE(fleet.Restore(row, snapshots[static_cast<std::size_t>(row)]));
  const auto again = drive_on();
  for (std::size_t i = 0; i < future.size(); ++i) ASSERT_EQ(again[i], future[i]) << i;
}

TEST(VectorEnvironmentTest, SnapshotGoesBackIntoAnyRowOfItsTrack) {
  Fleet fleet;
  fleet.Reset();
  for (int step = 0; step < 30; ++step) fleet.Step({kThrottleLeft, kBrake});
  const auto snapshot = fleet.Save(0);
  const auto observation = fleet.observation(0);
  ASSERT_TRUE(fleet.Restore(1, snapshot));
  EXPECT_EQ(fleet.observation(1), observation);
  EXPECT_EQ(fleet.info("progress", 1), fleet.info("progress", 0));
  EXPECT_EQ(fleet.reward(1), 0);
  EXPECT_EQ(fleet.Save(1), snapshot) << "streams, clocks and all";
  fleet.Step(kThrottle);
  EXPECT_EQ(fleet.observation(1), fleet.observation(0));
  EXPECT_EQ(fleet.reward(1), fleet.reward(0));
}

TEST(VectorEnvironmentTest, SavingChangesNothing) {
  Fleet fleet, undisturbed;
  fleet.Reset();
  undisturbed.Reset();
  for (int step = 0; step < 20; ++step) {
    fleet.Step(Varied(2, step));
    EXPECT_EQ(fleet.Save(0), fleet.Save(0));
    undisturbed.Step(Varied(2, step));
    ASSERT_EQ(fleet.given(), undisturbed.given());
  }
}

TEST(VectorEnvironmentTest, ForeignSnapshotsAreRefusedWithTheReason) {
  Fleet fleet;
  fleet.Reset();
  fleet.Step(kThrottle);
  const auto good = fleet.Save(0);
  const auto saved_with = [](const FleetSettings& settings) {
    Fleet other(settings);
    other.Reset();
    return other.Save(0);
  };
  FleetSettings track, actions, reward;
  track.road = StraightRoad(401, 100);
  actions.environment.actions.kind = ActionKind::kContinuous;
  reward.environment.reward.weight[0] = 1;
  std::vector<std::byte> cut(good.begin(), good.end() - 1);
  const std::vector<std::byte> noise(good.size(), std::byte{7});

  const auto before = fleet.observation(0);
  EXPECT_THAT(fleet.Restore(0, saved_with(track)).error(), HasSubstr("another track"));
  EXPECT_THAT(fleet.Restore(0, saved_with(actions)).error(), HasSubstr("observation, actions"));
  EXPECT_THAT(fleet.Restore(0, saved_with(reward)).error(), HasSubstr("reward, episode rules"));
  EXPECT_THAT(fleet.Restore(0, cut).error(), HasSubstr("must have"));
  EXPECT_THAT(fleet.Restore(0, noise).error(), HasSubstr("no snapshot of a row"));
  EXPECT_THAT(fleet.Restore(0, {}).error(), HasSubstr("cut short"));
  EXPECT_EQ(fleet.Save(0), good) << "the row is as it was";
  EXPECT_EQ(fleet.observation(0), before);

  for (const auto& bytes : {saved_with(track), saved_with(actions), cut, noise}) {
    fleet.ResetRow(0, bytes);
    EXPECT_EQ(fleet.status(0), RowStatus::kBadSnapshot);
    EXPECT_EQ(fleet.status(1), RowStatus::kSkipped);
    EXPECT_EQ(fleet.Save(0), good);
  }
  fleet.ResetRow(0, saved_with(reward));
  EXPECT_EQ(fleet.status(0), RowStatus::kOk) << "a new episode may have another task";
}

TEST(VectorEnvironmentTest, GamePartsOfSnapshotsAreForTheGameToRefuse) {
  Fleet fleet;
  fleet.Reset();
  fleet.Step(kThrottle);
  const auto good = fleet.Save(0);
  auto bad = good;
  bad[72 + sizeof(RowRecord)] = std::byte{7};  // the first byte of the game's
  EXPECT_THAT(fleet.Restore(0, bad).error(), HasSubstr("wrong magic"));
  EXPECT_EQ(fleet.Save(0), good);
}

TEST(VectorEnvironmentTest, RowThatWasNeverResetHasNothingToSave) {
  Fleet fleet;
  EXPECT_TRUE(fleet.Save(0).empty());
  std::vector<std::byte> bytes = {std::byte{7}};
  EXPECT_FALSE(fleet.rows().Save(0, bytes));
  EXPECT_EQ(bytes, std::vector{std::byte{7}}) << "left as it was";
}

TEST(VectorEnvironmentTest, SnapshotTellsItsTick) {
  Fleet fleet;
  fleet.Reset();
  for (int step = 0; step < 7; ++step) fleet.Step(kThrottle);
  const auto snapshot = fleet.Save(0);
  EXPECT_EQ(ReadSnapshotHeader(snapshot)->tick, 35);
}

// ---- Inside a step ----

TEST(VectorEnvironmentTest, FinishEndsTheStepAtItsTick) {
  FleetSettings settings;
  settings.autoreset = Autoreset::kDisabled;
  bool saw_short_step = false;
  for (const float length_m : {61.0f, 62.0f, 63.0f, 64.0f}) {
    settings.road = StraightRoad(length_m);
    Fleet fleet(settings);
    fleet.Reset();
    fleet.StepToTheEnd(0, kThrottle);
    EXPECT_TRUE(fleet.terminated(0));
    EXPECT_EQ(fleet.end_reason(0), EndReason::kFinish);

    sim::Race race(sim::Track::Build(settings.road), {});
    race.Restart(false);
    const Inputs throttle{.accelerate = true};
    while (!race.state().finished) race.Tick(throttle);
    EXPECT_EQ(fleet.info("finish_time", 0), race.state().race_time_ms);
    EXPECT_EQ(fleet.info("race_time", 0), race.state().race_time_ms);
    const int ticks = race.state().race_time_ms / 10;
    EXPECT_EQ(fleet.info("ticks", 0), (ticks - 1) % 5 + 1);
    EXPECT_FLOAT_EQ(static_cast<float>(fleet.info("reward.time", 0)),
                    -0.05f * 0.01f * static_cast<float>((ticks - 1) % 5 + 1))
        << "terms per second count the ticks that ran";
    EXPECT_EQ(fleet.info("full_lap", 0), 1);
    EXPECT_EQ(fleet.info("checkpoint", 0), 1) << "the finish is one of them";
    saw_short_step = saw_short_step || ticks % 5 != 0;
  }
  EXPECT_TRUE(saw_short_step);
}

TEST(VectorEnvironmentTest, CheckpointsPayAndCount) {
  FleetSettings settings;
  settings.autoreset = Autoreset::kDisabled;
  settings.environment.reward.weight[static_cast<std::size_t>(RewardTerm::kCheckpoint)] = 3;
  settings.environment.reward.weight[static_cast<std::size_t>(RewardTerm::kFinish)] = 50;
  Fleet fleet(settings);  // 400 m, checkpoints at 100, 200, 300
  fleet.Reset();
  fleet.StepToTheEnd(0, kThrottle);
  EXPECT_EQ(fleet.info("episode_reward.checkpoint", 0), 9);
  EXPECT_EQ(fleet.info("episode_reward.finish", 0), 50);
  EXPECT_EQ(fleet.info("checkpoint", 0), 4);
}

TEST(VectorEnvironmentTest, ProgressTelescopesToWhereTheEpisodeBeganAndEnded) {
  FleetSettings settings;
  settings.autoreset = Autoreset::kDisabled;
  settings.environment.reward.weight = {1, 0, 0, 0, 0, 0, 0, 0};
  Fleet fleet(settings);
  fleet.Reset();
  double sum = 0;
  for (int step = 0; step < 150; ++step) {  // forwards, backwards, forwards again
    fleet.Step(step < 50 || step > 110 ? kThrottle : kBrake);
    ASSERT_FALSE(fleet.terminated(0) || fleet.truncated(0)) << step;
    sum += static_cast<double>(fleet.reward(0));
    ASSERT_NEAR(sum, fleet.info("progress", 0), 1e-3);
  }
}

TEST(VectorEnvironmentTest, CarThatLeavesTheRoadFallsAndFailsOnce) {
  FleetSettings settings;
  settings.autoreset = Autoreset::kDisabled;
  Fleet fleet(settings);
  fleet.Reset();
  fleet.StepToTheEnd(0, kThrottleLeft);
  EXPECT_TRUE(fleet.terminated(0));
  EXPECT_EQ(fleet.end_reason(0), EndReason::kFall);
  EXPECT_EQ(fleet.info("episode_reward.failure", 0), -1);
  EXPECT_EQ(fleet.info("full_lap", 0), 0);
  EXPECT_EQ(fleet.info("finish_time", 0), 0);
}

TEST(VectorEnvironmentTest, StandingStillIsNoProgress) {
  Fleet fleet;
  fleet.Reset();
  fleet.StepToTheEnd(0, kNothing);
  EXPECT_EQ(fleet.end_reason(0), EndReason::kNoProgress);
  EXPECT_NEAR(fleet.info("race_time", 0), 5000, 100);
}

TEST(VectorEnvironmentTest, CircuitCountsDistanceOverItsLaps) {
  FleetSettings settings;
  settings.autoreset = Autoreset::kDisabled;
  settings.road = CircleRoad(30, 2);
  settings.groups = {1};
  Fleet fleet(settings);
  fleet.Reset();
  // Keeps to the line by its lateral offset and heading, slowly.
  const auto column = [&](std::string_view name) {
    const auto& columns = fleet.rows().spec().observation;
    return static_cast<std::size_t>(std::ranges::find(columns, name, &ObservationColumn::name) -
                                    columns.begin());
  };
  const std::size_t speed = column("velocity.z"), offset = column("lateral_offset"),
                    heading = column("heading_error");
  double sum = 0;
  for (int step = 0; step < 5000 && fleet.end_reason(0) == EndReason::kNone; ++step) {
    const auto o = fleet.observation(0);
    const int pedal = o[speed] < 0.12f ? 0 : 3;
    // A left bend: straight on is already too far right.
    const float wanted = -(o[offset] * 2 + o[heading] * 6);
    fleet.Step(pedal + (wanted > -0.2f ? 1 : wanted < -1 ? 2 : 0));
    sum += fleet.info("reward.progress", 0) / 0.02;
  }
  EXPECT_EQ(fleet.end_reason(0), EndReason::kFinish) << EndReasonName(fleet.end_reason(0));
  EXPECT_NEAR(fleet.info("progress", 0), 2 * fleet.line().length_m(), 1.5);
  EXPECT_NEAR(sum, 2 * fleet.line().length_m(), 1.5);
  EXPECT_EQ(fleet.info("checkpoint", 0), 4);
}

TEST(VectorEnvironmentTest, RandomDrivingNeverSetsBothFlagsAndAlwaysSaysWhy) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  FleetSettings settings;
  settings.groups = {4};
  settings.environment = TimeLimit(700);
  Fleet fleet(settings);
  fleet.Reset();
  const auto columns = fleet.rows().spec().observation;
  std::vector<std::int32_t> actions(4);
  for (int step = 0; step < TestCount(200, 2000, 50000); ++step) {
    for (auto& action : actions) {
      if (random() % 10 == 0) action = static_cast<std::int32_t>(random() % 12);
    }
    fleet.Step(actions);
    for (int row = 0; row < 4; ++row) {
      ASSERT_FALSE(fleet.terminated(row) && fleet.truncated(row));
      const EndReason reason = fleet.end_reason(row);
      ASSERT_EQ(fleet.terminated(row) || fleet.truncated(row), reason != EndReason::kNone);
      ASSERT_EQ(fleet.truncated(row), reason == EndReason::kTimeLimit);
      ASSERT_TRUE(std::isfinite(fleet.reward(row)));
      const auto observation = fleet.observation(row);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        ASSERT_TRUE(observation[i] >= columns[i].low && observation[i] <= columns[i].high)
            << columns[i].name << " " << observation[i];
      }
    }
  }
}

// ---- Rows, seeds, episodes ----

TEST(VectorEnvironmentTest, EveryRowHasItsSeedAndCountsItsEpisodes) {
  FleetSettings settings;
  settings.groups = {1, 2};
  Fleet fleet(settings);
  fleet.Reset();
  for (int row = 0; row < 3; ++row) {
    EXPECT_EQ(fleet.RecordOf(row).base_seed, 100u + static_cast<unsigned>(row));
    EXPECT_EQ(fleet.RecordOf(row).episode, 0u);
  }
  fleet.ResetRow(1);
  EXPECT_EQ(fleet.RecordOf(0).episode, 0u);
  EXPECT_EQ(fleet.RecordOf(1).episode, 1u) << "a reset without a seed goes on";
  const std::vector<std::uint64_t> seeds = {7, 8, 9};
  fleet.Reset({.mask = {}, .seeds = seeds, .snapshots = {}});
  EXPECT_EQ(fleet.RecordOf(1).base_seed, 8u);
  EXPECT_EQ(fleet.RecordOf(1).episode, 0u);
}

TEST_P(EveryMode, EpisodesCountOnWhateverTheMode) {
  FleetSettings settings;
  settings.autoreset = GetParam();
  settings.environment = TimeLimit(50);
  Fleet fleet(settings);
  fleet.Reset();
  for (int episode = 0; episode < 5; ++episode) {
    fleet.StepToTheEnd(0, kThrottle);
    if (GetParam() == Autoreset::kNextStep) fleet.Step(kThrottle);
    if (GetParam() == Autoreset::kDisabled) fleet.Reset();
    EXPECT_EQ(fleet.RecordOf(0).episode, static_cast<unsigned>(episode) + 1);
    EXPECT_EQ(fleet.RecordOf(0).base_seed, 100u);
  }
}

// ---- Autoreset ----

TEST(VectorEnvironmentTest, NextStepResetsInTheStepAfterTheEnd) {
  FleetSettings settings;
  settings.environment = TimeLimit(50);
  Fleet fleet(settings);
  fleet.Reset();
  const auto first = fleet.observation(0);
  for (int step = 0; step < 4; ++step) fleet.Step(kThrottle);
  fleet.ResetRow(1);  // so that the rows end at different steps
  for (int step = 4; step < 10; ++step) fleet.Step(kThrottle);
  ASSERT_TRUE(fleet.truncated(0));
  EXPECT_EQ(fleet.end_reason(0), EndReason::kTimeLimit);
  EXPECT_EQ(fleet.info("episode_length", 0), 10);
  EXPECT_NE(fleet.observation(0), first) << "the last one of the episode";

  fleet.Step({99, kThrottle});
  EXPECT_EQ(fleet.status(0), RowStatus::kOk) << "its action is ignored, whatever it is";
  EXPECT_EQ(fleet.observation(0), first);
  EXPECT_EQ(fleet.reward(0), 0);
  EXPECT_FALSE(fleet.terminated(0) || fleet.truncated(0));
  EXPECT_EQ(fleet.info("ticks", 0), 0);
  EXPECT_EQ(fleet.info("end_reason", 0), 0);
  EXPECT_EQ(fleet.info("episode_length", 0), 0);
  EXPECT_EQ(fleet.info("ticks", 1), 5) << "the others step";
}

TEST(VectorEnvironmentTest, SameStepGivesTheNewFirstObservationAndTheOldAsFinal) {
  FleetSettings settings;
  settings.environment = TimeLimit(50);
  settings.groups = {2, 1, 1};
  settings.autoreset = Autoreset::kSameStep;
  Fleet fleet(settings);
  settings.autoreset = Autoreset::kDisabled;
  Fleet reference(settings);
  fleet.Reset();
  reference.Reset();
  const auto first = fleet.observation(0);
  const auto step = [&](int i) {
    fleet.Step(Varied(4, i));
    reference.Step(Varied(4, i));
  };
  for (int i = 0; i < 4; ++i) step(i);
  fleet.ResetRow(0);  // rows 1, 2, 3 end before rows 0 and 2 do
  fleet.ResetRow(2);
  for (int i = 4; i < 9; ++i) {
    step(i);
    EXPECT_EQ(fleet.num_final(), 0);
  }
  step(9);
  ASSERT_EQ(fleet.num_final(), 2);
  EXPECT_THAT((std::vector{fleet.final_row(0), fleet.final_row(1)}), ElementsAre(1, 3));
  for (int k = 0; k < 2; ++k) {
    const int row = fleet.final_row(k);
    EXPECT_EQ(fleet.final_observation(k), reference.observation(row));
    for (const InfoColumn& column : fleet.rows().info_columns()) {
      EXPECT_EQ(fleet.final_info(column.name, k), reference.info(column.name, row)) << column.name;
    }
    EXPECT_EQ(fleet.reward(row), reference.reward(row)) << "of the step that ended";
    EXPECT_TRUE(fleet.truncated(row));
    EXPECT_EQ(fleet.observation(row), first) << "of the new episode";
    EXPECT_EQ(fleet.info("race_time", row), 0);
    EXPECT_EQ(fleet.info("end_reason", row), 0);
    EXPECT_EQ(fleet.info("episode_length", row), 0);
  }
  EXPECT_EQ(fleet.info("ticks", 0), 5);
  fleet.Step(kThrottle);
  EXPECT_EQ(fleet.info("race_time", 1), 50) << "the new episode goes on at once";
  EXPECT_FALSE(fleet.truncated(1));
}

TEST(VectorEnvironmentTest, DisabledRefusesToStepAnEndedRowAlone) {
  FleetSettings settings;
  settings.environment = TimeLimit(50);
  settings.autoreset = Autoreset::kDisabled;
  Fleet fleet(settings);
  fleet.Reset();
  fleet.Step(kThrottle);
  fleet.ResetRow(1);
  for (int step = 1; step < 10; ++step) fleet.Step(kThrottle);
  ASSERT_TRUE(fleet.truncated(0));
  const auto last = fleet.observation(0);
  const float reward = fleet.reward(0);
  fleet.Step(kThrottle);
  EXPECT_EQ(fleet.status(0), RowStatus::kNotReset);
  EXPECT_EQ(fleet.observation(0), last) << "not touched";
  EXPECT_EQ(fleet.reward(0), reward);
  EXPECT_EQ(fleet.status(1), RowStatus::kOk);
  EXPECT_EQ(fleet.info("race_time", 1), 500);
  fleet.ResetRow(0);
  EXPECT_EQ(fleet.status(0), RowStatus::kOk);
  EXPECT_EQ(fleet.status(1), RowStatus::kSkipped);
  EXPECT_EQ(fleet.info("race_time", 1), 500) << "not touched";
  fleet.Step(kThrottle);
  EXPECT_EQ(fleet.status(0), RowStatus::kOk);
}

TEST(VectorEnvironmentTest, ModesDriveTheSameEpisodes) {
  // Observations and rewards of each episode, by (row, episode); actions count from its start.
  const auto episodes = [](Autoreset mode) {
    FleetSettings settings;
    settings.environment = TimeLimit(200);
    settings.autoreset = mode;
    settings.groups = {3};
    Fleet fleet(settings);
    fleet.Reset();
    std::map<std::pair<int, int>, std::vector<float>> seen;
    std::vector<int> episode(3), step(3);
    for (int i = 0; i < 150; ++i) {
      std::vector<std::int32_t> actions;
      actions.reserve(3);
      for (int row = 0; row < 3; ++row) {
        actions.push_back(Varied(
            3, step[static_cast<std::size_t>(row)] +
                   5 * episode[static_cast<std::size_t>(row)])[static_cast<std::size_t>(row)]);
      }
      fleet.Step(actions);
      for (int row = 0; row < 3; ++row) {
        const auto r = static_cast<std::size_t>(row);
        const bool ended = fleet.terminated(row) || fleet.truncated(row);
        if (mode == Autoreset::kNextStep && fleet.info("ticks", row) == 0) continue;
        ++step[r];
        auto& values = seen[{row, episode[r]}];
        values.push_back(fleet.reward(row));
        auto observation = fleet.observation(row);
        if (mode == Autoreset::kSameStep && ended) {
          for (int k = 0; k < fleet.num_final(); ++k) {
            if (fleet.final_row(k) == row) observation = fleet.final_observation(k);
          }
        }
        values.insert(values.end(), observation.begin(), observation.end());
        if (!ended) continue;
        ++episode[r];
        step[r] = 0;
        if (mode == Autoreset::kDisabled) fleet.ResetRow(row);
      }
    }
    return seen;
  };
  const auto next = episodes(Autoreset::kNextStep);
  const auto same = episodes(Autoreset::kSameStep);
  const auto disabled = episodes(Autoreset::kDisabled);
  EXPECT_EQ(same, disabled);
  for (const auto& [key, values] : next) {  // which had fewer steps
    const auto& expected = same.at(key);
    ASSERT_LE(values.size(), expected.size());
    EXPECT_TRUE(std::equal(values.begin(), values.end(), expected.begin()));
  }
}

// ---- Refusals of single rows ----

TEST_P(EveryMode, StepBeforeTheFirstResetIsRefused) {
  FleetSettings settings;
  settings.autoreset = GetParam();
  Fleet fleet(settings);
  fleet.ResetRow(1);
  fleet.Step(kThrottle);
  EXPECT_EQ(fleet.status(0), RowStatus::kNotReset);
  EXPECT_EQ(fleet.status(1), RowStatus::kOk);
}

TEST(VectorEnvironmentTest, BadActionIsRefusedAndLeavesItsRow) {
  Fleet fleet;
  fleet.Reset();
  for (int step = 0; step < 5; ++step) fleet.Step(kThrottle);
  const auto before = fleet.Save(0);
  const auto observation = fleet.observation(0);
  for (const std::int32_t action : {-1, 12}) {
    fleet.Step({action, kThrottle});
    EXPECT_EQ(fleet.status(0), RowStatus::kBadAction);
    EXPECT_EQ(fleet.status(1), RowStatus::kOk);
    EXPECT_EQ(fleet.Save(0), before);
    EXPECT_EQ(fleet.observation(0), observation) << "not touched";
  }
}

TEST(VectorEnvironmentTest, ContinuousActionThatIsNotFiniteIsRefused) {
  FleetSettings settings;
  settings.environment.actions.kind = ActionKind::kContinuous;
  Fleet fleet(settings);
  fleet.Reset();
  const std::vector<float> actions = {std::nanf(""), 1, 3, -7};
  fleet.rows().Step({.discrete = {}, .continuous = actions}, fleet.batch().view());
  EXPECT_EQ(fleet.status(0), RowStatus::kBadAction);
  EXPECT_EQ(fleet.status(1), RowStatus::kOk) << "beyond the box counts as its bound";
  EXPECT_EQ(fleet.rows().game_state(1).inputs, (Inputs{.steer = 65536, .gas = -65536}));
}

// ---- Info ----

TEST(VectorEnvironmentTest, InfoHasTheColumnsChosenInTheirOrder) {
  FleetSettings settings;
  settings.info_columns = {"checkpoint", "reward.time", "race_time"};
  Fleet fleet(settings);
  fleet.Reset();
  fleet.Step(kThrottle);
  const auto columns = fleet.rows().info_columns();
  ASSERT_EQ(columns.size(), 3u);
  EXPECT_EQ(columns[1].name, "reward.time");
  EXPECT_EQ(fleet.info("race_time", 1), 50);
  EXPECT_NEAR(fleet.info("reward.time", 1), -0.0025, 1e-6);
  std::int32_t last = 0;
  std::memcpy(&last, &fleet.batch().info[20], 4);
  EXPECT_EQ(last, 50) << "columns are contiguous, one after another";
}

TEST(VectorEnvironmentTest, DefaultInfoIsAllButTheRewardsOfEachStep) {
  const auto track = sim::Track::Build(StraightRoad(100));
  const auto line = Centreline::FromTrack(*track);
  std::vector<std::unique_ptr<GameGroup>> games;
  games.push_back(MakeSimulatedGames({{track, {}}}));
  const VectorEnvironment rows({}, std::move(games), {{line, track->hash(), 1}});
  std::vector<std::string> names;
  for (const InfoColumn& column : rows.info_columns()) names.push_back(column.name);
  ASSERT_GE(names.size(), 10u);
  EXPECT_EQ(names[0], "ticks");
  EXPECT_EQ(names[5], "end_reason");
  EXPECT_THAT(names, ::testing::Contains("episode_reward.progress"));
  EXPECT_THAT(names, ::testing::Not(::testing::Contains("reward.progress")));
}

TEST(VectorEnvironmentTest, InfoOfAnEndSumsTheEpisode) {
  FleetSettings settings;
  settings.autoreset = Autoreset::kDisabled;
  settings.environment.reward.weight = {0.02f, -0.05f, 0.001f, 10, 1, -1, -0.1f, -1};
  Fleet fleet(settings);
  fleet.Reset();
  std::map<std::string, double> sums;
  double total = 0;
  int steps = 0;
  while (fleet.end_reason(0) == EndReason::kNone) {
    fleet.Step(kThrottle);
    ++steps;
    total += static_cast<double>(fleet.reward(0));
    double by_term = 0;
    for (const RewardTermSpec& term : fleet.rows().spec().reward) {
      sums[term.name] += fleet.info("reward." + term.name, 0);
      by_term += fleet.info("reward." + term.name, 0);
    }
    ASSERT_NEAR(by_term, static_cast<double>(fleet.reward(0)), 1e-5);
    if (fleet.end_reason(0) == EndReason::kNone) {
      ASSERT_EQ(fleet.info("episode_length", 0), 0) << "0 while the episode runs";
      ASSERT_EQ(fleet.info("episode_return", 0), 0);
    }
  }
  EXPECT_EQ(fleet.info("episode_length", 0), steps);
  EXPECT_NEAR(fleet.info("episode_return", 0), total, 1e-3);
  for (const auto& [name, sum] : sums) {
    EXPECT_NEAR(fleet.info("episode_reward." + name, 0), sum, 1e-3) << name;
  }
}

TEST(VectorEnvironmentTest, WrongSettingsAreNamed) {
  const auto error_of = [](const FleetSettings& settings) -> std::string {
    try {
      const Fleet fleet(settings);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  };
  FleetSettings unknown, twice, threads;
  unknown.info_columns = {"ticks", "wall_clock"};
  twice.info_columns = {"ticks", "ticks"};
  threads.num_threads = 0;
  EXPECT_THAT(error_of(unknown), HasSubstr("info column 'wall_clock' is unknown; allowed: ticks,"));
  EXPECT_THAT(error_of(twice), HasSubstr("chosen twice"));
  EXPECT_THAT(error_of(threads), HasSubstr("num_threads"));

  const auto track = sim::Track::Build(StraightRoad(100));
  std::vector<std::unique_ptr<GameGroup>> games;
  games.push_back(MakeSimulatedGames({{track, {}}}));
  EXPECT_THROW(VectorEnvironment({}, std::move(games), {}), std::invalid_argument);
}

#ifndef NDEBUG
TEST(VectorEnvironmentDeathTest, ActionsOfAnotherSizeAreABugOfTheCaller) {
  Fleet fleet;
  fleet.Reset();
  EXPECT_DEATH(fleet.Step(std::vector<std::int32_t>(1, kThrottle)), "discrete");
  const std::vector<float> continuous(4);
  EXPECT_DEATH(fleet.rows().Step({.discrete = {}, .continuous = continuous}, fleet.batch().view()),
               "size");
}
#endif

}  // namespace
}  // namespace hotlap
