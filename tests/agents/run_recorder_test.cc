#include "agents/run_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "agents/pursuit_policy.h"
#include "env/simulated_games.h"
#include "tests/agents/recorded_drive.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

const PolicyMaker kPursuit = [](const EnvironmentSpec& spec) {
  return std::make_unique<PursuitPolicy>(spec);
};

// Always the same action.
class ConstantPolicy : public Policy {
 public:
  ConstantPolicy(std::int32_t key, float steer, float gas) : key_(key), steer_(steer), gas_(gas) {}
  void Act(std::span<const float>, ActionBuffer& actions) override {
    std::ranges::fill(actions.discrete, key_);
    for (std::size_t i = 0; i < actions.continuous.size(); i += 2) {
      actions.continuous[i] = steer_;
      actions.continuous[i + 1] = gas_;
    }
  }

 private:
  std::int32_t key_;
  float steer_, gas_;
};
PolicyMaker Constantly(std::int32_t key, float steer = 0, float gas = 0) {
  return [=](const EnvironmentSpec&) { return std::make_unique<ConstantPolicy>(key, steer, gas); };
}

TEST(RunRecorderTest, TellsTheWayFromTheStartToTheFinish) {
  const agents::Run run = RecordedDrive(PracticeConfig("default"), "short_sprint", kPursuit);
  EXPECT_EQ(run.track, "short_sprint");
  EXPECT_EQ(run.kind, "simulated");
  EXPECT_EQ(run.ticks_per_step, 5);
  EXPECT_THAT(run.randomised, IsEmpty());
  EXPECT_EQ(run.invalid_steps, 0);
  EXPECT_TRUE(run.finished());
  ASSERT_EQ(run.points.size(), run.inputs.size() + 1);

  EXPECT_EQ(run.points.front().race_time_ms, 0);
  EXPECT_EQ(run.points.front().progress_m, 0);
  for (std::size_t i = 1; i + 1 < run.points.size(); ++i) {
    ASSERT_EQ(run.points[i].race_time_ms, static_cast<int>(50 * i));
  }
  EXPECT_EQ(run.points.back().race_time_ms, run.finish_time_ms) << "the last step ends early";
  EXPECT_EQ(run.finish_time_ms % 10, 0);

  const Centreline& line = *PracticeTrack("short_sprint").centreline;
  EXPECT_NEAR(run.points.back().progress_m, line.finish_s_m() - line.start_s_m(), 0.5f);
  const auto fastest = std::ranges::max_element(run.points, {}, &RunPoint::speed_mps);
  EXPECT_GT(fastest->speed_mps, 30.0f);
  EXPECT_GE(fastest->gear, 3);
  EXPECT_TRUE(run.points.back().lateral_m);
}

TEST(RunRecorderTest, WritesDownTheInputsOfEachKindOfAction) {
  const agents::Run keys = RecordedDrive(PracticeConfig("default"), "short_sprint", Constantly(1));
  for (const Inputs& inputs : keys.inputs) {
    ASSERT_EQ(inputs, (Inputs{.left = true, .accelerate = true}));
  }
  const agents::Run analog = RecordedDrive(PracticeConfig("default", ActionKind::kContinuous),
                                           "short_sprint", Constantly(0, -0.25f, 2));
  for (const Inputs& inputs : analog.inputs) {
    ASSERT_EQ(inputs, (Inputs{.steer = -16384, .gas = 65536}));
  }
  EXPECT_FALSE(keys.finished());
  EXPECT_EQ(keys.finish_time_ms, 0);
  EXPECT_NE(keys.end_reason, EndReason::kNone);
}

TEST(RunRecorderTest, LeavesOutWhatTheEnvironmentDoesNotShow) {
  EnvironmentConfig config = PracticeConfig("default");
  std::erase_if(config.observation, [](const ObservationTerm& term) {
    return term.kind == ObservationKind::kGear || term.kind == ObservationKind::kVelocity ||
           term.kind == ObservationKind::kLateralOffset;
  });
  const agents::Run run = RecordedDrive(config, "short_sprint", Constantly(0));
  for (const RunPoint& point : run.points) {
    ASSERT_FALSE(point.gear);
    ASSERT_FALSE(point.speed_mps);
    ASSERT_FALSE(point.lateral_m);
  }
}

TEST(RunRecorderTest, NamesWhatIsDrawnAtRandomButNotTheNoiseOnWhatIsSeen) {
  const agents::Run run =
      RecordedDrive(PracticeConfig("randomised"), "short_sprint", Constantly(0));
  EXPECT_THAT(run.randomised, ElementsAre("mass", "grip", "engine_force", "input_delay_ticks"));
}

TEST(RunRecorderTest, LeavesOutTheStepInWhichTheGameWasLost) {
  const auto environment =
      MakeSimulatedEnvironment({.environment = PracticeConfig("default"),
                                .autoreset = Autoreset::kDisabled,
                                .rows = 1,
                                .threads = 1},
                               PracticeTrack("oval"), PracticeCatalogue().vehicle());
  const RunRecorder recorder(*environment);
  const auto reset = environment->Reset({}, DeadlineIn(std::chrono::seconds(9)));
  ASSERT_TRUE(reset);
  agents::Run run = recorder.Begin("oval", "simulated", *reset, 0);
  const ActionBuffer actions(environment->spec().action, 1);
  const auto step = environment->Step(actions.view(), DeadlineIn(std::chrono::seconds(9)));
  ASSERT_TRUE(step);
  recorder.Add(actions.view(), *step, 0, run);
  ASSERT_EQ(run.points.size(), 2u);

  // The same batch, as the loss of the game would have it.
  std::vector<std::byte> info(step->info.begin(), step->info.end());
  const auto columns = environment->info_columns();
  const auto reason = std::ranges::find(columns, "end_reason", &InfoColumn::name);
  const auto lost = EndReason::kGameLost;
  std::memcpy(&info[static_cast<std::size_t>(reason - columns.begin()) * 4], &lost, 4);
  const std::uint8_t truncated = 1;
  transport::ConstBatchView batch = *step;
  batch.info = info;
  batch.truncated = {&truncated, 1};
  recorder.Add(actions.view(), batch, 0, run);
  EXPECT_EQ(run.points.size(), 2u);
  EXPECT_EQ(run.inputs.size(), 1u);
  EXPECT_EQ(run.end_reason, EndReason::kGameLost);

  const agents::Run never = recorder.Begin("oval", "simulated", batch, 0);
  EXPECT_THAT(never.points, IsEmpty()) << "what is shown is of an episode before";
  EXPECT_EQ(never.end_reason, EndReason::kGameLost);
}

TEST(RunRecorderTest, NamesTheInfoColumnThatItMisses) {
  // The rows of an environment whose learner chose other columns.
  const transport::OfferedTrack& track = PracticeTrack("oval");
  std::vector<std::unique_ptr<GameGroup>> groups;
  groups.push_back(MakeSimulatedGames({{track.track, PracticeCatalogue().vehicle()}}));
  VectorEnvironmentConfig config;
  config.info_columns = {"ticks", "progress"};
  const transport::LocalVectorEnvironment environment(std::make_unique<VectorEnvironment>(
      config, std::move(groups),
      std::vector<RowConfig>{{track.centreline, track.track->hash(), 1}}));
  EXPECT_THAT([&] { RunRecorder{environment}; },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'race_time'")));
}

}  // namespace
}  // namespace hotlap::agents
