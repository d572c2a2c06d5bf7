#include "agents/run_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/pursuit_policy.h"
#include "tests/agents/game_replay.h"
#include "tests/agents/recorded_drive.h"
#include "tests/test_size.h"

namespace hotlap::agents::run_script_test {
namespace {

using ::testing::HasSubstr;

Run StartedRun(std::vector<Inputs> inputs) {
  agents::Run run;
  run.track = "oval";
  run.kind = "simulated";
  run.ticks_per_step = 5;
  run.end_reason = EndReason::kFall;
  for (std::size_t i = 0; i <= inputs.size(); ++i) {
    run.points.push_back({.race_time_ms = static_cast<std::int32_t>(50 * i)});
  }
  run.inputs = std::move(inputs);
  return run;
}

std::string ErrorOf(const Run& run) {
  const auto script = ScriptOf(run);
  return script ? "no error" : script.error();
}

TEST(RunScriptTest, SaysWhatChangesWhereItComesIntoForce) {
  const auto text = ScriptText(StartedRun({{.left = true, .accelerate = true},
                                           {.left = true, .accelerate = true},
                                           {.right = true, .brake = true},
                                           {.steer = -65536, .gas = 300},
                                           {.gas = 300}}));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            "# oval, simulated, ended by fall at 250 ms\n"
            "0 press up\n0 press left\n"
            "100 rel up\n100 rel left\n100 press down\n100 press right\n"
            "150 rel down\n150 rel right\n150 steer -65536\n150 gas 300\n"
            "200 steer 0\n");
}

TEST(RunScriptTest, KeepsTheNameOfTheTrackInItsComment) {
  agents::Run run = StartedRun({{.brake = true}});
  run.track = "a\n10 press up";
  const auto text = ScriptText(run);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "# a 10 press up, simulated, ended by fall at 50 ms\n0 press down\n");
}

TEST(RunScriptTest, RefusesWhatInputsAloneDoNotGiveAgain) {
  EXPECT_EQ(ErrorOf(StartedRun({})), "it has no step");
  agents::Run run = StartedRun({{.accelerate = true}});
  EXPECT_EQ(ErrorOf(run), "no error");
  run.randomised = {"mass", "input_delay_ticks"};
  EXPECT_THAT(ErrorOf(run), HasSubstr("draws mass, input_delay_ticks at random"));
  run.randomised.clear();
  run.invalid_steps = 1;
  EXPECT_THAT(ErrorOf(run), HasSubstr("missed inputs in 1 of 1 steps"));
  run.invalid_steps = 0;
  run.points[0].race_time_ms = 1200;
  EXPECT_THAT(ErrorOf(run), HasSubstr("at a race time of 1200 ms; a script plays from the start"));
}

TEST(RunScriptTest, RefusesARunOfAnEnvironmentThatDraws) {
  const agents::Run run = RecordedDrive(
      PracticeConfig("randomised"), "short_sprint",
      [](const EnvironmentSpec& spec) { return std::make_unique<PursuitPolicy>(spec); });
  EXPECT_THAT(ErrorOf(run), HasSubstr("draws mass, grip, engine_force, input_delay_ticks"));
}

agents::Run Pursuit(const std::string& track, ActionKind actions) {
  return RecordedDrive(PracticeConfig("full_view", actions), track,
                       [](const auto& spec) { return std::make_unique<PursuitPolicy>(spec); });
}

struct Drive {
  std::string track;
  ActionKind actions;
};
std::string DriveName(const ::testing::TestParamInfo<Drive>& info) {
  return info.param.track + (info.param.actions == ActionKind::kDiscrete ? "_keys" : "_continuous");
}
std::vector<Drive> EveryDrive() {
  std::vector<Drive> drives;
  for (const std::string& track : PracticeCatalogue().track_names()) {
    drives.push_back({track, ActionKind::kDiscrete});
    drives.push_back({track, ActionKind::kContinuous});
  }
  return drives;
}

class ScriptTest : public ::testing::TestWithParam<Drive> {};

TEST_P(ScriptTest, DrivesTheRaceToTheSameHundredth) {
  const agents::Run run = Pursuit(GetParam().track, GetParam().actions);
  const auto script = ScriptText(run);
  ASSERT_TRUE(script) << script.error();
  const auto finish =
      PlayedFinish(PracticeTrack(run.track).track, PracticeCatalogue().vehicle(), *script);
  if (run.finished()) {
    EXPECT_EQ(finish, run.finish_time_ms);
  } else {
    EXPECT_EQ(finish, std::nullopt) << EndReasonName(run.end_reason);
  }
}
INSTANTIATE_TEST_SUITE_P(EveryTrack, ScriptTest, ::testing::ValuesIn(EveryDrive()), DriveName);

class ReplayTest : public ::testing::TestWithParam<Drive> {};

TEST_P(ReplayTest, FinishesInAGameAtTheSameHundredth) {
  const agents::Run run = Pursuit(GetParam().track, GetParam().actions);
  ASSERT_TRUE(run.finished()) << EndReasonName(run.end_reason);
  EXPECT_EQ(ReplayedFinish(PracticeTrack(run.track).track, PracticeCatalogue().vehicle(),
                           ScriptText(run).value()),
            run.finish_time_ms);
}
// A tick wants both threads in turn: where the machine is busy, that takes long.
std::vector<Drive> SomeDrives() {
  std::vector<Drive> drives = {{"short_sprint", ActionKind::kDiscrete},
                               {"loop", ActionKind::kContinuous},
                               {"oval", ActionKind::kContinuous}};
  drives.resize(static_cast<std::size_t>(TestCount(1, 2, 3)));
  return drives;
}
INSTANTIATE_TEST_SUITE_P(SomeTracks, ReplayTest, ::testing::ValuesIn(SomeDrives()), DriveName);

TEST(ShiftedScriptTest, DrivesAnotherRaceWithOneInputATickLater) {
  const agents::Run run = Pursuit("short_sprint", ActionKind::kContinuous);
  auto script = ScriptOf(run);
  ASSERT_TRUE(script);
  std::get<tminterface::TimedInput>(script->timed.front()).time_ms += 10;
  EXPECT_NE(
      PlayedFinish(PracticeTrack(run.track).track, PracticeCatalogue().vehicle(), script->ToText()),
      run.finish_time_ms);
}

}  // namespace
}  // namespace hotlap::agents::run_script_test
