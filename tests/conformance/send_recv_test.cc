// Send and Recv over games of every kind, some of them slow on purpose: each row tells what it
// tells in a plain loop over simulated rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "env/centreline.h"
#include "env/vector_environment.h"
#include "tests/conformance/games_under_test.h"
#include "tests/env/row_stories.h"
#include "tests/test_size.h"

namespace hotlap::send_recv_test {
namespace {

using ::testing::UnorderedElementsAre;

const std::vector<std::string> kFastTracks = {"straight", "ring"};
const std::vector<std::string> kSlowTracks = {"straight"};
constexpr double kSlow = 30;  // times real time: a step takes two milliseconds

// Rows 0 and 1 in one group; row 2 in another, whose games are slow where they can be.
class Rows {
 public:
  Rows(const std::string& kind, Autoreset autoreset, int num_threads,
       const TMInterfaceSettings& settings = {})
      : fast_(kind, kFastTracks, settings),
        slow_(kind, kSlowTracks, Slow(settings), /*minds_speed=*/true),
        environment_(Config(autoreset, num_threads), Groups(), RowConfigs()) {}

  VectorEnvironment& environment() { return environment_; }
  RunningGame& slow_game() { return slow_.running(0); }

 private:
  static TMInterfaceSettings Slow(TMInterfaceSettings settings) {
    settings.speed = kSlow;
    return settings;
  }
  static VectorEnvironmentConfig Config(Autoreset autoreset, int num_threads) {
    VectorEnvironmentConfig config;
    config.autoreset = autoreset;
    config.num_threads = num_threads;
    config.environment.rules.no_progress_ticks = 100;
    config.environment.rules.time_limit_ticks = 400;
    return config;
  }
  std::vector<std::unique_ptr<GameGroup>> Groups() {
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(fast_.TakeGroup());
    groups.push_back(slow_.TakeGroup());
    return groups;
  }
  static std::vector<RowConfig> RowConfigs() {
    std::vector<RowConfig> rows;
    for (const auto& tracks : {kFastTracks, kSlowTracks}) {
      for (const std::string& name : tracks) {
        const auto track = LoadTestTrack(name);
        rows.push_back({Centreline::FromTrack(*track), track->hash(), 5 + rows.size()});
      }
    }
    return rows;
  }

  GamesUnderTest fast_, slow_;
  VectorEnvironment environment_;
};

class SendRecvConformanceTest
    : public ::testing::TestWithParam<std::tuple<std::string, Autoreset>> {};

std::string NameOf(const ::testing::TestParamInfo<std::tuple<std::string, Autoreset>>& instance) {
  constexpr std::string_view kModes[] = {"next_step", "same_step", "disabled"};
  const auto& [kind, mode] = instance.param;
  return kind + "_" + std::string(kModes[static_cast<std::size_t>(mode)]);
}

INSTANTIATE_TEST_SUITE_P(EveryKindAndMode, SendRecvConformanceTest,
                         ::testing::Combine(::testing::Values("simulated", "tminterface"),
                                            ::testing::Values(Autoreset::kNextStep,
                                                              Autoreset::kSameStep,
                                                              Autoreset::kDisabled)),
                         NameOf);

TEST_P(SendRecvConformanceTest, LosesRepeatsAndMixesUpNoRow) {
  const auto& [kind, mode] = GetParam();
  const int steps = TestCount(60, 200, 2000);
  Rows plain("simulated", mode, 1);
  const auto expected = StoryTeller(plain.environment()).InPlainLoop(steps);
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const int num_threads : {1, 2}) {
    SCOPED_TRACE(std::to_string(num_threads) + " threads");
    Rows rows(kind, mode, num_threads);
    ASSERT_NO_FATAL_FAILURE(
        ExpectEqual(StoryTeller(rows.environment()).InParts(steps, seed), expected));
  }
}

// A stopped process is as slow as can be.
TEST(SendRecvOfSlowGamesTest, SlowGameHoldsUpNobody) {
  TMInterfaceSettings settings;
  settings.game_timeout = std::chrono::hours(1);
  for (const int num_threads : {1, 2}) {
    Rows rows("tminterface", Autoreset::kNextStep, num_threads, settings);
    VectorEnvironment& environment = rows.environment();
    BatchBuffer batch(environment), two(environment, 2);
    environment.Reset({}, batch.view());
    rows.slow_game().process().Signal(SIGSTOP);
    const std::vector<std::int32_t> all = {0, 1, 2}, fast = {0, 1}, actions(3);
    std::vector<std::int32_t> received(2);
    environment.Send(all, {.discrete = actions, .continuous = {}});
    for (int step = 1; step <= 20; ++step) {
      ASSERT_EQ(environment.Recv(received, kNoDeadline, two.view()).num_rows, 2);
      EXPECT_THAT(received, UnorderedElementsAre(0, 1));
      EXPECT_EQ(environment.game_state(0).race_time_ms, 50 * step);
      environment.Send(fast, {.discrete = std::span(actions).first(2), .continuous = {}});
    }
    ASSERT_EQ(environment.Recv(received, kNoDeadline, two.view()).num_rows, 2);
    EXPECT_TRUE(environment.is_under_way(2));
    EXPECT_EQ(
        environment.Recv(received, DeadlineIn(std::chrono::milliseconds(1)), two.view()).num_rows,
        0);
    rows.slow_game().process().Signal(SIGCONT);
    ASSERT_EQ(environment.Recv(received, kNoDeadline, two.view()).num_rows, 1);
    EXPECT_EQ(received[0], 2);
    EXPECT_EQ(environment.game_state(2).race_time_ms, 50);
  }
}

// The game dies with a step under way.
TEST(SendRecvOfLostGamesTest, LossInFlightIsToldOnceAndTheOthersGoOn) {
  Rows rows("tminterface", Autoreset::kNextStep, 1);
  VectorEnvironment& environment = rows.environment();
  BatchBuffer batch(environment);
  environment.Reset({}, batch.view());
  rows.slow_game().process().Signal(SIGSTOP);
  const std::vector<std::int32_t> all = {0, 1, 2}, actions(3);
  environment.Send(all, {.discrete = actions, .continuous = {}});
  rows.slow_game().process().Signal(SIGKILL);
  rows.slow_game().process().Wait();
  std::vector<std::int32_t> received(3);
  ASSERT_EQ(environment.Recv(received, kNoDeadline, batch.view()).num_rows, 3);
  EXPECT_THAT(received, UnorderedElementsAre(0, 1, 2));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(batch.truncated[i], received[i] == 2 ? 1 : 0);
  EXPECT_EQ(environment.num_under_way(), 0);
  rows.slow_game().StartAgain();
  const std::vector<std::int32_t> lost = {2};
  std::vector<std::int32_t> one(1);
  BatchBuffer of_one(environment, 1);
  const Deadline deadline = DeadlineIn(kLongEnough);
  do {
    environment.Send(lost, {.discrete = std::span(actions).first(1), .continuous = {}});
    ASSERT_EQ(environment.Recv(one, kNoDeadline, of_one.view()).num_rows, 1);
  } while (of_one.truncated[0] != 0 && Clock::now() < deadline);
  EXPECT_EQ(of_one.truncated[0], 0);
  EXPECT_EQ(environment.game_state(2).race_time_ms, 0);
}

}  // namespace
}  // namespace hotlap::send_recv_test
