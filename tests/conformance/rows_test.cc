// Rows of a VectorEnvironment over games of every kind.
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "env/centreline.h"
#include "env/environment_snapshot.h"
#include "env/vector_environment.h"
#include "tests/conformance/games_under_test.h"

namespace hotlap::rows_test {
namespace {

constexpr std::int32_t kFullThrottle = 0;  // of the default keys
constexpr int kTimeLimitTicks = 300;       // 60 steps

// Two rows on the straight.
class Rows {
 public:
  explicit Rows(const std::string& kind, TMInterfaceSettings settings = {},
                const Randomisation& randomisation = {}, Autoreset autoreset = Autoreset::kNextStep)
      : games_(kind, {"straight", "straight"}, std::move(settings)),
        rows_(Config(randomisation, autoreset), Groups(games_.TakeGroup()), RowConfigs()),
        batch_(rows_) {}

  void Reset(const ResetOptions& options = {}) { rows_.Reset(options, batch_.view()); }
  void ResetTo(std::span<const std::byte> snapshot) {
    const std::vector<std::span<const std::byte>> snapshots(2, snapshot);
    Reset({.mask = {}, .seeds = {}, .snapshots = snapshots});
  }
  bool Restore(int row, std::span<const std::byte> snapshot) {
    return rows_.Restore(row, snapshot, batch_.view()).has_value();
  }
  // Full throttle; of a number, one action after the other.
  void Step(int number = kFullThrottle) {
    const std::vector<std::int32_t> actions(2, number % 12);
    rows_.Step({.discrete = actions, .continuous = {}}, batch_.view());
  }
  std::vector<float> observation(std::size_t row) const {
    const std::size_t width = batch_.observations.size() / 2;
    const auto first = batch_.observations.begin() + static_cast<std::ptrdiff_t>(row * width);
    return {first, first + static_cast<std::ptrdiff_t>(width)};
  }
  std::vector<std::byte> Save(int row) { return rows_.Save(row); }
  void Branch(int row, const std::vector<std::uint8_t>& mask) {
    rows_.Branch(row, mask, batch_.view());
  }
  tl::expected<void, std::string> Check(std::span<const std::byte> snapshot) const {
    return rows_.Check(snapshot);
  }
  RowStatus status(std::size_t row) const { return static_cast<RowStatus>(batch_.status[row]); }
  bool truncated(std::size_t row) const { return batch_.truncated[row] != 0; }
  int race_time(std::size_t row) const { return Info(0, row); }
  EndReason end_reason(std::size_t row) const { return static_cast<EndReason>(Info(1, row)); }
  const GameState& state(int row) const { return rows_.game_state(row); }
  std::uint64_t episode(int row) const { return rows_.record(row).episode; }
  RunningGame& running(int row) { return games_.running(row); }

 private:
  static VectorEnvironmentConfig Config(const Randomisation& randomisation, Autoreset autoreset) {
    VectorEnvironmentConfig config;
    config.autoreset = autoreset;
    config.environment.randomisation = randomisation;
    config.info_columns = {"race_time", "end_reason"};
    config.environment.rules.no_progress = RuleFlag::kOff;
    config.environment.rules.time_limit_ticks = kTimeLimitTicks;
    return config;
  }
  static std::vector<std::unique_ptr<GameGroup>> Groups(std::unique_ptr<GameGroup> group) {
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(std::move(group));
    return groups;
  }
  static std::vector<RowConfig> RowConfigs() {
    const auto track = LoadTestTrack("straight");
    return std::vector<RowConfig>(2, {Centreline::FromTrack(*track), track->hash(), 1});
  }
  int Info(std::size_t column, std::size_t row) const {
    std::int32_t value = 0;
    std::memcpy(&value, &batch_.info[(column * 2 + row) * 4], sizeof value);
    return value;
  }

  GamesUnderTest games_;
  VectorEnvironment rows_;
  BatchBuffer batch_;
};

class RowsConformanceTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(EveryKind, RowsConformanceTest,
                         ::testing::Values("simulated", "tminterface"),
                         [](const auto& instance) { return instance.param; });

TEST_P(RowsConformanceTest, FirstResetAndFirstRestoreMayBeToASnapshot) {
  Rows saved(GetParam());
  saved.Reset();
  for (int step = 0; step < 5; ++step) saved.Step();
  const auto snapshot = saved.Save(0);
  saved.Step();

  Rows reset(GetParam());
  reset.ResetTo(snapshot);
  for (const std::size_t row : {0u, 1u}) {
    EXPECT_EQ(reset.status(row), RowStatus::kOk);
    EXPECT_EQ(reset.race_time(row), 250);
    EXPECT_FALSE(reset.truncated(row));
  }
  reset.Step();
  EXPECT_EQ(BitsOf(reset.state(0)), BitsOf(saved.state(0)));

  Rows restored(GetParam());
  ASSERT_TRUE(restored.Restore(1, snapshot));
  EXPECT_EQ(restored.race_time(1), 250);
  restored.Step();
  EXPECT_EQ(restored.status(0), RowStatus::kNotReset);
  EXPECT_EQ(BitsOf(restored.state(1)), BitsOf(saved.state(1)));
}

// What a kind of game cannot apply is refused before anything is driven, not ignored.
TEST_P(RowsConformanceTest, RandomisedVehicleIsAppliedOrRefusedByName) {
  const Randomisation heavy{.mass = {1.5f, 1.5f}};
  if (GetParam() == "tminterface") {
    try {
      const Rows rows(GetParam(), {}, heavy);
      FAIL() << "it is ignored";
    } catch (const std::invalid_argument& error) {
      EXPECT_STREQ(error.what(),
                   "randomisation.mass cannot be applied to games of kind 'tminterface'");
    }
    return;
  }
  Rows light(GetParam()), rows(GetParam(), {}, heavy);
  light.Reset();
  rows.Reset();
  EXPECT_EQ(BitsOf(rows.state(0)), BitsOf(light.state(0))) << "every car starts alike";
  for (int step = 0; step < 20; ++step) {
    light.Step();
    rows.Step();
  }
  EXPECT_NEAR(1.5f * rows.state(0).velocity_mps.z, light.state(0).velocity_mps.z, 1.0f);
}

TEST_P(RowsConformanceTest, DelayAndNoiseGoOnBitForBitAfterARestore) {
  const Randomisation randomisation{.input_delay_ticks = {3, 12}, .observation_noise = {0, 0.02f}};
  Rows rows(GetParam(), {}, randomisation);
  rows.Reset();
  for (int step = 0; step < 8; ++step) rows.Step(step);
  const auto snapshot = rows.Save(0);
  const auto drive = [&] {
    std::vector<std::vector<float>> seen;
    for (int step = 8; step < 20; ++step) {
      rows.Step(step);
      seen.push_back(rows.observation(0));
    }
    return seen;
  };
  const auto seen = drive();
  rows.Reset();
  rows.Step(2);
  ASSERT_TRUE(rows.Restore(0, snapshot));
  EXPECT_EQ(drive(), seen);
  rows.ResetTo(snapshot);
  EXPECT_NE(drive(), seen) << "a new episode draws anew";
}

// Both rows have base seed 1.
constexpr Randomisation kStartOffset{.start_offset_m = {-2, 1}};
float StartOffsetOf(std::uint64_t base_seed, std::uint64_t episode) {
  return DrawParameters(kStartOffset, base_seed, episode).start_offset_m;
}

TEST_P(RowsConformanceTest, EpisodeBeginsBesideTheStartWhereItDrew) {
  Rows centred(GetParam()), rows(GetParam(), {}, kStartOffset);
  centred.Reset();
  const float start_x = centred.state(0).position_m.x;
  const auto expect_at = [&](int row, float offset_m) {
    GameState expected = centred.state(row);
    expected.position_m += StartOffset(expected.rotation, offset_m);
    EXPECT_EQ(BitsOf(rows.state(row)), BitsOf(expected));
    EXPECT_NEAR(rows.state(row).position_m.x, start_x + offset_m, 1e-4f) << "left is +x here";
    EXPECT_EQ(rows.race_time(static_cast<std::size_t>(row)), 0);
  };
  for (std::uint64_t episode = 0; episode < 3; ++episode) {
    rows.Reset();
    expect_at(0, StartOffsetOf(1, episode));
    expect_at(1, StartOffsetOf(1, episode));
    for (int step = 0; step < 3; ++step) rows.Step();
  }
  const std::vector<std::uint64_t> seeds = {7, 9};
  for (int again = 0; again < 2; ++again) {
    rows.Reset({.mask = {}, .seeds = seeds, .snapshots = {}});
    expect_at(0, StartOffsetOf(7, 0));
    expect_at(1, StartOffsetOf(9, 0));
  }
}

TEST_P(RowsConformanceTest, EpisodeBesideTheStartIsTheSameAgainOnItsSeed) {
  Rows rows(GetParam(), {}, kStartOffset);
  const auto drive = [&](std::uint64_t seed) {
    const std::vector<std::uint64_t> seeds(2, seed);
    rows.Reset({.mask = {}, .seeds = seeds, .snapshots = {}});
    std::vector<std::vector<float>> seen = {rows.observation(0)};
    for (int step = 0; step < 20; ++step) {
      rows.Step(step);
      seen.push_back(rows.observation(0));
    }
    return seen;
  };
  const auto first = drive(3), other = drive(4);
  EXPECT_EQ(drive(3), first);
  EXPECT_EQ(drive(4), other);
  EXPECT_NE(first.front(), other.front());
}

TEST_P(RowsConformanceTest, AutoresetBeginsBesideTheStartToo) {
  for (const Autoreset autoreset : {Autoreset::kNextStep, Autoreset::kSameStep}) {
    Rows rows(GetParam(), {}, kStartOffset, autoreset);
    rows.Reset();
    const float start_x = rows.state(0).position_m.x - StartOffsetOf(1, 0);
    for (std::uint64_t episode = 1; episode < 4; ++episode) {
      for (int step = 0; step < kTimeLimitTicks / 5; ++step) rows.Step();
      ASSERT_TRUE(rows.truncated(0));
      if (autoreset == Autoreset::kNextStep) rows.Step();
      EXPECT_EQ(rows.episode(0), episode);
      EXPECT_EQ(rows.race_time(0), 0);
      EXPECT_NEAR(rows.state(0).position_m.x, start_x + StartOffsetOf(1, episode), 1e-4f);
    }
  }
}

TEST_P(RowsConformanceTest, SavedStatesAreWhereTheyAreWhateverIsDrawn) {
  Rows rows(GetParam(), {}, kStartOffset);
  rows.Reset();
  const auto at_start = rows.Save(0);  // the game has not been told of its place yet
  for (int step = 0; step < 5; ++step) rows.Step();
  const auto on_the_way = rows.Save(0);
  const auto place = BitsOf(rows.state(0));
  rows.Reset();
  ASSERT_TRUE(rows.Restore(0, at_start));
  for (int step = 0; step < 5; ++step) rows.Step();
  EXPECT_EQ(BitsOf(rows.state(0)), place);
  rows.ResetTo(on_the_way);
  EXPECT_EQ(BitsOf(rows.state(0)), place) << "an offset is of the start alone";
  EXPECT_EQ(BitsOf(rows.state(1)), place);
}

TEST_P(RowsConformanceTest, BranchGivesAnotherRowTheSameFuture) {
  Rows rows(GetParam());
  rows.Branch(0, {0, 1});
  EXPECT_EQ(rows.status(0), RowStatus::kSkipped);
  EXPECT_EQ(rows.status(1), RowStatus::kNotReset) << "there is no state yet";
  rows.Reset();
  for (int step = 0; step < 5; ++step) rows.Step();
  const auto snapshot = rows.Save(0);
  rows.ResetTo({});
  ASSERT_TRUE(rows.Restore(0, snapshot));
  rows.Branch(0, {0, 1});
  EXPECT_EQ(rows.status(0), RowStatus::kSkipped);
  EXPECT_EQ(rows.status(1), RowStatus::kOk);
  EXPECT_EQ(rows.Save(1), snapshot);
  EXPECT_EQ(rows.Save(0), snapshot) << "the one stays as it is";
  rows.Branch(0, {1, 1});
  EXPECT_EQ(rows.status(0), RowStatus::kOk);
  EXPECT_EQ(rows.Save(0), snapshot);
  for (int step = 0; step < 20; ++step) {
    rows.Step();
    ASSERT_EQ(BitsOf(rows.state(0)), BitsOf(rows.state(1)));
  }
}

TEST_P(RowsConformanceTest, SnapshotTellsItsTickAndFitsTheRowsOfItsKind) {
  Rows rows(GetParam());
  rows.Reset();
  for (int step = 0; step < 5; ++step) rows.Step();
  const auto snapshot = rows.Save(0);
  const auto header = ReadSnapshotHeader(snapshot);
  ASSERT_TRUE(header) << header.error();
  EXPECT_EQ(header->origin.game_kind, GetParam());
  EXPECT_EQ(header->tick, 25);
  EXPECT_TRUE(rows.Check(snapshot));
  auto foreign = snapshot;
  foreign[16] = std::byte{'x'};
  EXPECT_EQ(rows.Check(foreign).error(), "no row has the snapshot's kind of game and track");
}

// With the game's place empty for a while, in which the other row is waited for and not held up.
TEST(RowsOfLostGamesTest, NewGameIsTakenUpWithoutAnyStepWaitingForIt) {
  TMInterfaceSettings settings;
  settings.start_timeout = std::chrono::hours(1);  // a step that waited would not come back
  Rows rows("tminterface", settings);
  rows.Reset();
  rows.Step();
  rows.running(0).process().Signal(SIGKILL);
  rows.running(0).process().Wait();
  for (int step = 2; step <= 40; ++step) {
    rows.Step();
    EXPECT_TRUE(rows.truncated(0));
    EXPECT_EQ(rows.end_reason(0), EndReason::kGameLost);
    ASSERT_EQ(rows.race_time(1), 50 * step) << "it does not notice";
  }
  rows.running(0).StartAgain();
  const Deadline deadline = DeadlineIn(kLongEnough);
  while (rows.truncated(0) && Clock::now() < deadline) rows.Step();
  EXPECT_EQ(rows.end_reason(0), EndReason::kNone);
  EXPECT_EQ(rows.race_time(0), 0);
  rows.Step();
  EXPECT_EQ(rows.race_time(0), 50);
}

TEST(RowsOfLostGamesTest, ResetWaitsForTheNewGame) {
  Rows* running = nullptr;
  TMInterfaceSettings settings;
  settings.on_lost = [&](int row, const GameLoss&) { running->running(row).StartAgain(); };
  Rows rows("tminterface", settings);
  running = &rows;
  rows.Reset();
  rows.Step();
  rows.running(0).process().Signal(SIGKILL);
  rows.running(0).process().Wait();
  rows.Reset();
  EXPECT_FALSE(rows.truncated(0));
  EXPECT_EQ(rows.race_time(0), 0);
}

TEST(RowsOfLostGamesTest, NewGameStandsBesideItsStartToo) {
  Rows* running = nullptr;
  TMInterfaceSettings settings;
  settings.on_lost = [&](int row, const GameLoss&) { running->running(row).StartAgain(); };
  Rows rows("tminterface", settings, kStartOffset), undisturbed("simulated", {}, kStartOffset);
  running = &rows;
  rows.Reset();
  undisturbed.Reset();
  rows.running(0).process().Signal(SIGKILL);
  rows.running(0).process().Wait();
  rows.Reset();
  undisturbed.Reset();
  EXPECT_FALSE(rows.truncated(0));
  for (int step = 0; step < 5; ++step) {
    EXPECT_EQ(BitsOf(rows.state(0)), BitsOf(undisturbed.state(0)));
    rows.Step();
    undisturbed.Step();
  }
}

// Which no command to go there has to talk to: it goes there with the next step.
TEST(RowsOfLostGamesTest, ResetToASnapshotAndRestoreWaitForTheNewGame) {
  Rows* running = nullptr;
  int losses = 0;
  TMInterfaceSettings settings;
  settings.on_lost = [&](int row, const GameLoss&) {
    ++losses;
    running->running(row).StartAgain();
  };
  Rows rows("tminterface", settings);
  running = &rows;
  rows.Reset();
  for (int step = 0; step < 5; ++step) rows.Step();
  const auto snapshot = rows.Save(0);
  const auto kill = [&] {
    rows.running(0).process().Signal(SIGKILL);
    rows.running(0).process().Wait();
  };
  for (const bool is_reset : {true, false}) {
    kill();
    if (is_reset) {
      rows.ResetTo(snapshot);
    } else {
      EXPECT_TRUE(rows.Restore(0, snapshot));
    }
    EXPECT_EQ(rows.status(0), RowStatus::kOk);
    EXPECT_EQ(rows.race_time(0), 250);
    rows.Step();
    EXPECT_FALSE(rows.truncated(0)) << "there is a game";
    EXPECT_EQ(rows.race_time(0), 300);
  }
  EXPECT_EQ(losses, 2);
}

}  // namespace
}  // namespace hotlap::rows_test
