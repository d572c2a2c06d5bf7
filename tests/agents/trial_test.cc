#include "agents/trial.h"

#include <gtest/gtest.h>

#include <memory>
#include <tuple>
#include <vector>

#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

constexpr TrialLap Finish(int time_ms) { return {EndReason::kFinish, time_ms, 100}; }
constexpr TrialLap Fall(double progress_m) { return {EndReason::kFall, 0, progress_m}; }

TEST(TrialTest, MoreFinishesAreBetterThenLessTimeThenMoreMetres) {
  const std::vector<std::vector<TrialLap>> from_best = {
      {Finish(5000), Finish(6000)}, {Finish(7000), Finish(4500)}, {Finish(1000), Fall(90)},
      {Finish(1000), Fall(80)},     {Fall(99), Fall(90)},         {Fall(10), Fall(20)}};
  for (std::size_t i = 0; i < from_best.size(); ++i) {
    for (std::size_t j = 0; j < from_best.size(); ++j) {
      EXPECT_EQ(IsBetter(from_best[i], from_best[j]), i < j) << i << ' ' << j;
    }
  }
}

TEST(TrialTest, TimesAreComparedOnTracksThatBothFinished) {
  const std::vector<TrialLap> finishes_a_long_one = {Finish(9000), Finish(60'000), Fall(10)},
                              finishes_a_short_one = {Finish(9500), Fall(90), Finish(5000)};
  EXPECT_TRUE(IsBetter(finishes_a_long_one, finishes_a_short_one));
  EXPECT_FALSE(IsBetter(finishes_a_short_one, finishes_a_long_one));
}

// Also where episodes draw their car.
TEST(TrialTest, IsAFunctionOfTheWeightsWhateverTrialsWentBefore) {
  const EnvironmentConfig config = PracticeConfig("randomised");
  const ActorCritic network(MakeSpec(config), {.hidden = {8}});
  const auto make_rows = [&] {
    return MakeSimulatedEnvironment({.environment = config,
                                     .autoreset = Autoreset::kDisabled,
                                     .rows = 3,
                                     .info = {"end_reason", "finish_time", "progress"}},
                                    PracticeTrack("short_sprint"), PracticeCatalogue().vehicle());
  };
  const auto told = [&](transport::LearnerEnvironment& rows, std::uint64_t seed) {
    const auto laps = DriveTrial(rows, network, network.Initial(seed, 0), std::chrono::seconds(30));
    EXPECT_TRUE(laps);
    std::vector<std::tuple<EndReason, int, double>> all;
    for (const TrialLap& lap : *laps) {
      EXPECT_NE(lap.reason, EndReason::kNone);
      all.emplace_back(lap.reason, lap.finish_time_ms, lap.progress_m);
    }
    return all;
  };
  const auto rows = make_rows(), others = make_rows();
  const auto first = told(*rows, 1);
  EXPECT_EQ(first.size(), 3u);
  EXPECT_NE(told(*rows, 2), first);
  EXPECT_EQ(told(*rows, 1), first);
  EXPECT_EQ(told(*others, 1), first);
}

TEST(TrialTest, IsGivenUpWithinAStepAndTheNextOneBeginsAnew) {
  const EnvironmentConfig config = PracticeConfig("coarse");
  const ActorCritic network(MakeSpec(config), {.hidden = {8}});
  const auto rows =
      MakeSimulatedEnvironment({.environment = config,
                                .autoreset = Autoreset::kDisabled,
                                .info = {"end_reason", "finish_time", "progress"}},
                               PracticeTrack("short_sprint"), PracticeCatalogue().vehicle());
  const auto drive = [&](int steps) {
    int asked = 0;
    const auto laps = DriveTrial(*rows, network, network.Initial(1, 0), std::chrono::seconds(30),
                                 [&] { return ++asked > steps; });
    EXPECT_TRUE(laps);
    EXPECT_LE(asked, steps + 1);
    return laps.value();
  };
  const auto whole = drive(1 << 30);
  ASSERT_EQ(whole.size(), 1u);
  for (const int steps : {0, 3}) EXPECT_TRUE(drive(steps).empty());
  const auto again = drive(1 << 30);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].reason, whole[0].reason);
  EXPECT_EQ(again[0].progress_m, whole[0].progress_m);
}

}  // namespace
}  // namespace hotlap::agents
