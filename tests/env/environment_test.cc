#include "env/environment.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <vector>

#include "env/simulated_games.h"
#include "tests/env/roads.h"

namespace hotlap {
namespace {

class EnvironmentTest : public ::testing::Test {
 protected:
  std::unique_ptr<Environment> Make(const EnvironmentConfig& config = {}) const {
    return std::make_unique<Environment>(config, MakeSimulatedGames({{track_, {}}}),
                                         RowConfig{line_, track_->hash(), 5});
  }

  const std::shared_ptr<const sim::Track> track_ = sim::Track::Build(StraightRoad(80));
  const std::shared_ptr<const Centreline> line_ = Centreline::FromTrack(*track_);
};

TEST_F(EnvironmentTest, DrivesAnEpisodeToItsFinish) {
  const auto env = Make();
  ASSERT_EQ(env->Reset(), RowStatus::kOk);
  EXPECT_EQ(env->observation().size(), env->spec().observation.size());
  double sum = 0;
  while (!env->done()) {
    ASSERT_EQ(env->Step(0), RowStatus::kOk);
    sum += static_cast<double>(env->reward());
  }
  EXPECT_TRUE(env->terminated());
  EXPECT_FALSE(env->truncated());
  EXPECT_EQ(env->end_reason(), EndReason::kFinish);
  EXPECT_NEAR(env->info("episode_return"), sum, 1e-4);
  EXPECT_EQ(env->info("finish_time"), env->game_state().race_time_ms);
  EXPECT_EQ(env->Step(0), RowStatus::kNotReset);
  EXPECT_EQ(env->Reset(), RowStatus::kOk);
  EXPECT_FALSE(env->done());
}

TEST_F(EnvironmentTest, StepsContinuousActions) {
  EnvironmentConfig config;
  config.actions.kind = ActionKind::kContinuous;
  const auto env = Make(config);
  env->Reset();
  EXPECT_EQ(env->Step(std::array{0.5f, 1.0f}), RowStatus::kOk);
  EXPECT_EQ(env->game_state().inputs.steer, 32768);
}

TEST_F(EnvironmentTest, SavesRestoresAndResetsToASnapshot) {
  const auto env = Make();
  EXPECT_EQ(env->Step(0), RowStatus::kNotReset);
  env->Reset(9);
  for (int i = 0; i < 10; ++i) env->Step(1);
  const auto snapshot = env->Save();
  const std::vector<float> there(env->observation().begin(), env->observation().end());
  const GameState state = env->game_state();
  env->Step(0);
  ASSERT_TRUE(env->Restore(snapshot));
  EXPECT_EQ(std::vector(env->observation().begin(), env->observation().end()), there);
  EXPECT_EQ(env->Save(), snapshot);
  ASSERT_EQ(env->Reset({}, snapshot), RowStatus::kOk);
  EXPECT_EQ(env->game_state(), state);
  EXPECT_EQ(env->info("progress"), 0);
  const std::array<std::byte, 3> foreign{};
  EXPECT_EQ(env->Reset({}, foreign), RowStatus::kBadSnapshot);
  EXPECT_FALSE(env->Restore(foreign));
}

TEST_F(EnvironmentTest, BadActionsAndUnknownColumnsAreRefused) {
  const auto env = Make();
  env->Reset();
  EXPECT_EQ(env->Step(12), RowStatus::kBadAction);
  EXPECT_THROW(env->info("wall_clock"), std::invalid_argument);
}

TEST_F(EnvironmentTest, WantsOneSlot) {
  EXPECT_THROW(
      Environment({}, MakeSimulatedGames({{track_, {}}, {track_, {}}}), {line_, track_->hash(), 5}),
      std::invalid_argument);
}

}  // namespace
}  // namespace hotlap
