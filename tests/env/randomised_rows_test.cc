// What a randomised environment does to its rows: draws, delayed inputs, other cars, noise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "env/sim/race.h"
#include "tests/env/fleet.h"
#include "tests/env/scripted_games.h"

namespace hotlap::randomised_rows_test {
namespace {

using ::testing::HasSubstr;

constexpr Randomisation kEverything{.mass = {0.7f, 1.5f},
                                    .grip = {0.7f, 1.3f},
                                    .engine_force = {0.7f, 1.3f},
                                    .input_delay_ticks = {0, 12},
                                    .observation_noise = {0.005f, 0.02f},
                                    .start_offset_m = {-1, 1}};

FleetSettings Settings(const Randomisation& randomisation,
                       Autoreset autoreset = Autoreset::kDisabled) {
  FleetSettings settings;
  settings.environment.randomisation = randomisation;
  settings.autoreset = autoreset;
  return settings;
}

std::int32_t ActionAt(int step) { return step % 11 == 9 ? kBrake : step / 2 % 3; }

Inputs InputsAt(int step) { return *InputsOf(ActionSet{}, ActionAt(step)); }

// ---- input delay

TEST(RandomisedRowsTest, ActionIsInForceSoManyTicksLater) {
  const sim::FloatingPointGuard guard;
  for (const int ticks_per_step : {1, 3, 5}) {
    for (const int delay : {0, 1, 4, 5, 7, 10, 25}) {
      SCOPED_TRACE(std::to_string(delay) + " of " + std::to_string(ticks_per_step));
      const auto fixed = static_cast<float>(delay);
      FleetSettings settings = Settings({.input_delay_ticks = {fixed, fixed}});
      settings.environment.ticks_per_step = ticks_per_step;
      Fleet fleet(settings);
      fleet.Reset();
      sim::Race race(sim::Track::Build(settings.road), {});
      race.Restart(/*with_countdown=*/false);
      for (int step = 0; step < 40; ++step) {
        fleet.Step(ActionAt(step));
        for (int i = 0; i < ticks_per_step; ++i) {
          const int asked = step * ticks_per_step + i - delay;
          race.Tick(asked < 0 ? Inputs{} : InputsAt(asked / ticks_per_step));
        }
        ASSERT_EQ(fleet.rows().game_state(0), race.game_state()) << "step " << step;
        ASSERT_EQ(fleet.info("valid", 0), 1);
      }
    }
  }
}

TEST(RandomisedRowsTest, ObservationOfActionsShowsWhatWasAskedFor) {
  Fleet prompt(Settings({})), late(Settings({.input_delay_ticks = {7, 7}}));
  prompt.Reset();
  late.Reset();
  const auto& columns = prompt.rows().spec().observation;
  for (int step = 0; step < 10; ++step) {
    prompt.Step(ActionAt(step));
    late.Step(ActionAt(step));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!columns[i].name.starts_with("action")) continue;
      EXPECT_EQ(late.observation(0)[i], prompt.observation(0)[i]) << columns[i].name;
    }
  }
  EXPECT_NE(late.rows().game_state(0), prompt.rows().game_state(0));
}

TEST(RandomisedRowsTest, ResetToASnapshotGoesOnWithWhatWasAskedForBefore) {
  Fleet fleet(Settings({.input_delay_ticks = {12, 12}}));
  fleet.Reset();
  for (int step = 0; step < 20; ++step) fleet.Step(ActionAt(step));
  const auto snapshot = fleet.Save(0);
  fleet.ResetRow(0, snapshot);
  EXPECT_EQ(fleet.RecordOf(0).episode, 1u);
  for (int step = 20; step < 30; ++step) {
    fleet.Step(ActionAt(step));
    EXPECT_EQ(fleet.rows().game_state(0).position_m, fleet.rows().game_state(1).position_m);
    EXPECT_EQ(fleet.rows().game_state(0).inputs, fleet.rows().game_state(1).inputs);
  }
}

// ---- the car

TEST(RandomisedRowsTest, EveryEpisodeDrivesTheCarThatItDrew) {
  const sim::FloatingPointGuard guard;
  Randomisation vehicle;
  vehicle.mass = kEverything.mass;
  vehicle.grip = kEverything.grip;
  vehicle.engine_force = kEverything.engine_force;
  FleetSettings settings = Settings(vehicle);
  settings.groups = {3, 1};
  Fleet fleet(settings);
  const auto track = sim::Track::Build(settings.road);
  for (std::uint64_t episode = 0; episode < 4; ++episode) {
    fleet.Reset();
    std::vector<sim::Race> races;
    races.reserve(4);
    for (std::uint64_t row = 0; row < 4; ++row) {
      const VehicleFactors drawn = DrawParameters(vehicle, settings.seed + row, episode).vehicle;
      races.emplace_back(track, sim::Varied({}, drawn)).Restart(/*with_countdown=*/false);
      EXPECT_EQ(fleet.rows().game_state(static_cast<int>(row)), races.back().game_state())
          << "every car starts alike";
    }
    for (int step = 0; step < 30; ++step) {
      fleet.Step(ActionAt(step));
      for (int row = 0; row < 4; ++row) {
        sim::Race& race = races[static_cast<std::size_t>(row)];
        for (int tick = 0; tick < 5; ++tick) race.Tick(InputsAt(step));
        ASSERT_EQ(fleet.rows().game_state(row), race.game_state())
            << "row " << row << " of episode " << episode;
      }
    }
    EXPECT_NE(fleet.rows().game_state(0).position_m, fleet.rows().game_state(1).position_m);
  }
}

TEST(RandomisedRowsTest, GamesThatCannotVaryTheirCarAreRefusedByName) {
  const auto error_of = [](const Randomisation& randomisation) -> std::string {
    std::vector<std::unique_ptr<GameGroup>> games;
    games.push_back(std::make_unique<ScriptedGames>(2));
    try {
      const Fleet fleet(Settings(randomisation), std::move(games));
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error_of({.mass = {0.9f, 1}}),
            "randomisation.mass cannot be applied to games of kind 'scripted'");
  EXPECT_THAT(error_of({.grip = {0.9f, 1}}), HasSubstr("randomisation.grip"));
  EXPECT_THAT(error_of({.engine_force = {0.9f, 1}}), HasSubstr("randomisation.engine_force"));
  EXPECT_EQ(
      error_of(
          {.input_delay_ticks = {0, 3}, .observation_noise = {0, 0.1f}, .start_offset_m = {-1, 1}}),
      "no error");
}

// ---- the start

TEST(RandomisedRowsTest, StartsToTheLeftAndSaysSo) {
  for (const float offset_m : {3.0f, -3.0f}) {
    Fleet fleet(Settings({.start_offset_m = {offset_m, offset_m}}));
    fleet.Reset();
    const auto& columns = fleet.rows().spec().observation;
    const auto lateral = std::ranges::find(columns, "lateral_offset", &ObservationColumn::name);
    ASSERT_NE(lateral, columns.end());
    const auto index = static_cast<std::size_t>(lateral - columns.begin());
    EXPECT_NEAR(fleet.observation(0)[index], offset_m * lateral->scale, 1e-3f);
    EXPECT_EQ(fleet.info("progress", 0), 0);
    EXPECT_NEAR(fleet.RecordOf(0).place.lateral_m, offset_m, 1e-3f);
    EXPECT_EQ(fleet.RecordOf(0).full_lap, 1) << "it is a lap from the start";
  }
}

TEST(RandomisedRowsTest, GameOnItsWayToTheStartOfAnotherEpisodeGoesToThatOfTheOneAskedFor) {
  constexpr Randomisation kOffset{.start_offset_m = {-4, 4}};
  auto group = std::make_unique<ScriptedGames>(2);
  ScriptedGames& scripted = *group;
  std::vector<std::unique_ptr<GameGroup>> games;
  games.push_back(std::move(group));
  Fleet fleet(Settings(kOffset, Autoreset::kNextStep), std::move(games));
  fleet.Reset();
  const auto offset_of = [&](std::uint64_t seed, std::uint64_t episode) {
    return DrawParameters(kOffset, seed, episode).start_offset_m;
  };
  EXPECT_EQ(fleet.rows().game_state(1).position_m.x, offset_of(101, 0));
  scripted.Tell(1, {ScriptedGames::Answer::kLost, {}});
  scripted.Tell(1, {ScriptedGames::Answer::kLate, {}});
  fleet.Step(kThrottle);
  fleet.Step(kThrottle);  // its restart is under way, and nobody waits for it
  EXPECT_EQ(fleet.end_reason(1), EndReason::kGameLost);
  fleet.Reset({.mask = {}, .seeds = std::vector<std::uint64_t>{5, 6}, .snapshots = {}});
  EXPECT_EQ(fleet.status(1), RowStatus::kOk);
  EXPECT_EQ(fleet.rows().game_state(1).position_m.x, offset_of(6, 0));
  EXPECT_NE(offset_of(6, 0), offset_of(101, 1));
}

// ---- restore and reset

TEST(RandomisedRowsTest, RestoreContinuesBitForBitWithInputsPending) {
  Fleet fleet(Settings(kEverything));
  fleet.Reset();
  for (int step = 0; step < 15; ++step) fleet.Step(ActionAt(step));
  const auto mine = fleet.Save(0), other = fleet.Save(1);
  const auto here = fleet.given().observations;
  std::vector<Given> given;
  for (int step = 15; step < 45; ++step) {
    fleet.Step(ActionAt(step));
    given.push_back(fleet.given());
  }
  fleet.Reset();  // other draws
  for (int step = 0; step < 5; ++step) fleet.Step(kBrake);
  for (int again = 0; again < 2; ++again) {
    fleet.Restore({mine, other});
    EXPECT_EQ(fleet.given().observations, here);
    for (int step = 15; step < 45; ++step) {
      fleet.Step(ActionAt(step));
      ASSERT_TRUE(fleet.given() == given[static_cast<std::size_t>(step - 15)]) << "step " << step;
    }
  }
  // In another row of another fleet too, which has drawn nothing yet.
  FleetSettings elsewhere = Settings(kEverything);
  elsewhere.seed = 7777;
  Fleet newcomer(elsewhere);
  ASSERT_TRUE(newcomer.Restore(1, mine));
  EXPECT_EQ(newcomer.Save(1), mine);
  ASSERT_TRUE(fleet.Restore(0, mine));
  newcomer.Reset({.mask = std::vector<std::uint8_t>{1, 0}, .seeds = {}, .snapshots = {}});
  for (int step = 15; step < 45; ++step) {
    newcomer.Step(ActionAt(step));
    fleet.Step(ActionAt(step));
    ASSERT_EQ(newcomer.observation(1), fleet.observation(0)) << "step " << step;
  }
}

TEST(RandomisedRowsTest, ResetToASnapshotDrawsAnew) {
  Randomisation mass;
  mass.mass = kEverything.mass;
  Fleet fleet(Settings(mass));
  fleet.Reset();
  for (int step = 0; step < 20; ++step) fleet.Step(kThrottle);
  const auto snapshot = fleet.Save(0);
  const auto speed_after = [&] {
    for (int step = 0; step < 20; ++step) fleet.Step(kThrottle);
    return fleet.rows().game_state(0).velocity_mps.z;
  };
  const float continued = speed_after();
  ASSERT_TRUE(fleet.Restore(0, snapshot));
  EXPECT_EQ(speed_after(), continued);
  const float was = DrawParameters(mass, 100, 0).vehicle.mass;
  for (std::uint64_t episode = 1; episode < 5; ++episode) {
    fleet.ResetRow(0, snapshot);
    const float is = DrawParameters(mass, 100, episode).vehicle.mass;
    ASSERT_NE(is, was);
    EXPECT_EQ(speed_after() > continued, is < was) << "the lighter one is faster";
  }
}

TEST(RandomisedRowsTest, SnapshotOfAnotherRandomisationIsRefusedByRestoreAlone) {
  Fleet saved(Settings(kEverything)), plain(Settings({}));
  saved.Reset();
  plain.Reset();
  saved.Step(kThrottle);
  const auto snapshot = saved.Save(0);
  EXPECT_THAT(plain.Restore(0, snapshot).error(), HasSubstr("randomisation differ"));
  plain.ResetRow(0, snapshot);
  EXPECT_EQ(plain.status(0), RowStatus::kOk);
}

// ---- noise

TEST(RandomisedRowsTest, NoiseIsOnMeasuredColumnsAloneAndChangesNoGame) {
  constexpr float kDeviation = 0.01f;
  Fleet clean(Settings({})), noisy(Settings({.observation_noise = {kDeviation, kDeviation}}));
  clean.Reset();
  noisy.Reset();
  const auto& columns = clean.rows().spec().observation;
  std::vector<int> changes(columns.size());
  double sum = 0, squares = 0;
  int count = 0;
  constexpr int kSteps = 60;
  for (int step = 0; step < kSteps; ++step) {
    clean.Step(kThrottle);
    noisy.Step(kThrottle);
    ASSERT_EQ(noisy.rows().game_state(0), clean.rows().game_state(0));
    ASSERT_EQ(noisy.reward(0), clean.reward(0));
    const auto exact = clean.observation(0), seen = noisy.observation(0);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      ASSERT_GE(seen[i], columns[i].low) << columns[i].name;
      ASSERT_LE(seen[i], columns[i].high) << columns[i].name;
      if (seen[i] != exact[i]) ++changes[i];
      constexpr float kReach = 4 * kDeviation;  // further than noise goes
      if (!columns[i].is_measured || exact[i] < columns[i].low + kReach ||
          exact[i] > columns[i].high - kReach) {
        continue;
      }
      const auto noise = static_cast<double>(seen[i] - exact[i]);
      sum += noise;
      squares += noise * noise;
      ++count;
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].is_measured) {
      EXPECT_GT(changes[i], kSteps / 3) << columns[i].name;
    } else {
      EXPECT_EQ(changes[i], 0) << columns[i].name;
    }
  }
  ASSERT_GT(count, 5000);
  EXPECT_NEAR(sum / count, 0, 0.05 * static_cast<double>(kDeviation));
  EXPECT_NEAR(std::sqrt(squares / count), static_cast<double>(kDeviation),
              0.03 * static_cast<double>(kDeviation));
}

TEST(RandomisedRowsTest, NoiseDiffersFromRowToRowEpisodeToEpisodeAndStepToStep) {
  Fleet fleet(Settings({.observation_noise = {0.01f, 0.01f}}));
  std::vector<std::vector<float>> seen;
  for (int episode = 0; episode < 3; ++episode) {
    fleet.Reset();
    seen.push_back(fleet.observation(0));
    seen.push_back(fleet.observation(1));
  }
  fleet.Reset({.mask = {}, .seeds = std::vector<std::uint64_t>{100, 101}, .snapshots = {}});
  EXPECT_EQ(fleet.observation(0), seen[0]) << "the seed decides";
  EXPECT_EQ(fleet.observation(1), seen[1]);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(seen[i], seen[k]) << i << " " << k;
  }
  // A car that stands shows the same but for the noise.
  const auto column = [&](std::string_view name) {
    const auto& columns = fleet.rows().spec().observation;
    const auto found = std::ranges::find(columns, name, &ObservationColumn::name);
    return static_cast<std::size_t>(found - columns.begin());
  };
  const std::size_t rpm = column("rpm");
  fleet.Step(kNothing);
  const float before = fleet.observation(0)[rpm];
  fleet.Step(kNothing);
  EXPECT_NE(fleet.observation(0)[rpm], before);
}

TEST(RandomisedRowsTest, LostGameShowsItsLastObservationAgainNoiseIncluded) {
  std::vector<std::unique_ptr<GameGroup>> games;
  auto group = std::make_unique<ScriptedGames>(2);
  ScriptedGames& scripted = *group;
  games.push_back(std::move(group));
  Fleet fleet(Settings({.observation_noise = {0.01f, 0.01f}}, Autoreset::kNextStep),
              std::move(games));
  fleet.Reset();
  for (int step = 0; step < 4; ++step) fleet.Step(kThrottle);
  const auto last_good = fleet.observation(1);
  scripted.Tell(1, {ScriptedGames::Answer::kLost, {}});
  scripted.Tell(1, {ScriptedGames::Answer::kLost, {}});
  for (int step = 0; step < 2; ++step) {
    fleet.Step(kThrottle);
    EXPECT_EQ(fleet.end_reason(1), EndReason::kGameLost);
    EXPECT_EQ(fleet.observation(1), last_good);
  }
}

// ---- modes

TEST(RandomisedRowsTest, ModesDrawAndShowTheSameEpisodes) {
  using Seen = std::map<std::pair<std::uint64_t, int>, std::vector<float>>;  // by episode and ticks
  const auto drive = [](Autoreset mode) {
    FleetSettings settings = Settings(kEverything, mode);
    settings.environment.rules.time_limit_ticks = 60;
    Fleet fleet(settings);
    fleet.Reset();
    Seen seen;
    for (int call = 0; call < 60; ++call) {
      const RowRecord before = fleet.RecordOf(0);
      seen[{before.episode, before.ticks}] = fleet.observation(0);
      fleet.Step(ActionAt(before.steps));
      for (int k = 0; k < fleet.num_final(); ++k) {
        if (fleet.final_row(k) == 0) seen[{before.episode, 60}] = fleet.final_observation(k);
      }
      if (mode == Autoreset::kDisabled && fleet.truncated(0)) {
        const RowRecord after = fleet.RecordOf(0);
        seen[{after.episode, after.ticks}] = fleet.observation(0);
        fleet.Reset();
      }
    }
    return seen;
  };
  const Seen next_step = drive(Autoreset::kNextStep), same_step = drive(Autoreset::kSameStep),
             disabled = drive(Autoreset::kDisabled);
  int compared = 0;
  for (const auto& [key, observation] : next_step) {
    ASSERT_TRUE(same_step.contains(key));
    EXPECT_EQ(same_step.at(key), observation) << key.first << " " << key.second;
    EXPECT_EQ(disabled.at(key), observation) << key.first << " " << key.second;
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

}  // namespace
}  // namespace hotlap::randomised_rows_test
