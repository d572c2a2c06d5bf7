// Rows of a VectorEnvironment over games of every kind.
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "env/centreline.h"
#include "env/vector_environment.h"
#include "tests/conformance/games_under_test.h"

namespace hotlap {
namespace {

constexpr std::int32_t kFullThrottle = 0;  // of the default keys

// Two rows on the straight.
class Rows {
 public:
  explicit Rows(const std::string& kind, TMInterfaceSettings settings = {})
      : games_(kind, {"straight", "straight"}, std::move(settings)),
        rows_(Config(), Groups(games_.TakeGroup()), RowConfigs()),
        batch_(rows_) {}

  void Reset(const ResetOptions& options = {}) { rows_.Reset(options, batch_.view()); }
  void ResetTo(std::span<const std::byte> snapshot) {
    const std::vector<std::span<const std::byte>> snapshots(2, snapshot);
    Reset({.mask = {}, .seeds = {}, .snapshots = snapshots});
  }
  bool Restore(int row, std::span<const std::byte> snapshot) {
    return rows_.Restore(row, snapshot, batch_.view()).has_value();
  }
  void Step() {
    const std::vector<std::int32_t> actions(2, kFullThrottle);
    rows_.Step({.discrete = actions, .continuous = {}}, batch_.view());
  }
  std::vector<std::byte> Save(int row) { return rows_.Save(row); }
  RowStatus status(std::size_t row) const { return static_cast<RowStatus>(batch_.status[row]); }
  bool truncated(std::size_t row) const { return batch_.truncated[row] != 0; }
  int race_time(std::size_t row) const { return Info(0, row); }
  EndReason end_reason(std::size_t row) const { return static_cast<EndReason>(Info(1, row)); }
  const GameState& state(int row) const { return rows_.game_state(row); }
  RunningGame& running(int row) { return games_.running(row); }

 private:
  static VectorEnvironmentConfig Config() {
    VectorEnvironmentConfig config;
    config.info_columns = {"race_time", "end_reason"};
    config.environment.rules.no_progress = RuleFlag::kOff;
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

}  // namespace
}  // namespace hotlap
