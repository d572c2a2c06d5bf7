#include "agents/script_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "agents/policy_source.h"
#include "agents/pursuit_policy.h"
#include "agents/run_csv.h"
#include "agents/run_script.h"
#include "tests/agents/driving_spec.h"
#include "tests/agents/recorded_drive.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tminterface::InputScript;

EnvironmentSpec SpecWith(const ActionSpec& action, int ticks_per_step) {
  EnvironmentSpec spec = DrivingSpec(action, 3);
  spec.ticks_per_step = ticks_per_step;
  return spec;
}

// Names of the actions of the first steps.
std::vector<std::string> Keys(const std::string& script, int ticks_per_step, int steps) {
  const EnvironmentSpec spec = SpecWith(KeyActions(), ticks_per_step);
  ScriptPolicy policy(spec, InputScript::Parse(script), "script");
  ActionBuffer actions(spec.action, 1);
  policy.BeginEpisode(0, 1);
  std::vector<std::string> names;
  for (int i = 0; i < steps; ++i) {
    policy.Act({}, actions);
    names.push_back(spec.action.names.at(static_cast<std::size_t>(actions.discrete[0])));
  }
  return names;
}

std::vector<std::pair<float, float>> Analog(const std::string& script, int steps) {
  const EnvironmentSpec spec = SpecWith(ContinuousActions(), 1);
  ScriptPolicy policy(spec, InputScript::Parse(script), "script");
  ActionBuffer actions(spec.action, 1);
  policy.BeginEpisode(0, 1);
  std::vector<std::pair<float, float>> pairs;
  for (int i = 0; i < steps; ++i) {
    policy.Act({}, actions);
    pairs.emplace_back(actions.continuous[0], actions.continuous[1]);
  }
  return pairs;
}

std::string KeysError(const std::string& script, int ticks_per_step = 1) {
  try {
    Keys(script, ticks_per_step, 0);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

std::string AnalogError(const std::string& script) {
  try {
    Analog(script, 0);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(ScriptPolicyTest, HoldsTheInputsOfEachStepAndTheLastOnesForEver) {
  EXPECT_THAT(Keys("0 press up\n10-30 press left\n40 rel up; 40 press down", 1, 7),
              ElementsAre("accelerate", "accelerate+left", "accelerate+left", "accelerate", "brake",
                          "brake", "brake"));
  EXPECT_THAT(Keys("100 press up", 5, 4), ElementsAre("none", "none", "accelerate", "accelerate"));
}

TEST(ScriptPolicyTest, GivesAnalogInputsToTheLastUnit) {
  EXPECT_THAT(Analog("0 steer 1\n0 gas 65535\n10 steer -70000\n10 gas -65536", 2),
              ElementsAre(std::pair(1 / 65536.0f, 65535 / 65536.0f), std::pair(-1.0f, -1.0f)));
}

TEST(ScriptPolicyTest, TakesKeysForWhatTheCarMakesOfThem) {
  EXPECT_THAT(
      Analog("0 press up\n0 steer 300\n10 rel up\n10 press down\n20 steer 0\n20 press left", 3),
      ElementsAre(std::pair(300 / 65536.0f, 1.0f), std::pair(300 / 65536.0f, -1.0f),
                  std::pair(-1.0f, -1.0f)));
  EXPECT_THAT(Keys("0 gas 65536\n10 steer -65536", 1, 2),
              ElementsAre("accelerate", "accelerate+left"));
}

TEST(ScriptPolicyTest, TakesATimeBetweenTwoTicksForTheNextOne) {
  EXPECT_THAT(Keys("1 press up\n11 press left", 1, 4),
              ElementsAre("none", "accelerate", "accelerate+left", "accelerate+left"));
}

TEST(ScriptPolicyTest, TakesLinesInAnyOrderAndCommentsAndTheHorn) {
  EXPECT_THAT(Keys("# a comment\n20 press horn\n10 rel up\n0 press up\n", 1, 3),
              ElementsAre("accelerate", "none", "none"));
  EXPECT_THAT(Keys("", 1, 2), ElementsAre("none", "none"));
}

TEST(ScriptPolicyTest, BeginsAgainInTheRowWhoseEpisodeBegins) {
  const EnvironmentSpec spec = SpecWith(KeyActions(), 1);
  ScriptPolicy policy(spec, InputScript::Parse("10 press up"), "script");
  ActionBuffer actions(spec.action, 2);
  policy.BeginEpisode(0, 1);
  policy.BeginEpisode(1, 2);
  policy.Act({}, actions);
  policy.BeginEpisode(1, 3);
  policy.Act({}, actions);
  EXPECT_THAT(actions.discrete, ElementsAre(3, 0)) << "accelerate, and none";
  policy.Act({}, actions);
  EXPECT_THAT(actions.discrete, ElementsAre(3, 3));
}

TEST(ScriptPolicyTest, RefusesInputsThatChangeWithinAStep) {
  EXPECT_THAT(KeysError("0 press up\n130 press left", 5),
              HasSubstr("script: at 130 ms: inputs change within a step of 50 ms; drive it in an "
                        "environment with ticks_per_step 1"));
  EXPECT_EQ(KeysError("0 press up\n130 press up", 5), "no error") << "nothing changes";
  EXPECT_EQ(KeysError("0 press up\n100 press left\n100 rel left\n130 press up", 5), "no error");
}

TEST(ScriptPolicyTest, RefusesWhatNoActionIs) {
  EXPECT_THAT(KeysError("70 press up\n70 steer 300"),
              HasSubstr("script: at 70 ms: up, steer 300: the set 'keys' has no action for it"));
  EXPECT_THAT(KeysError("70 press up\n80 press down"), HasSubstr("at 80 ms: up, down: the set"));
  EXPECT_THAT(AnalogError("70 press up\n80 press down"),
              HasSubstr("at 80 ms: up, down: steer and gas cannot accelerate and brake at once"));
  EXPECT_THAT(KeysError("0 press left\n20 press right"), HasSubstr("at 20 ms: left and right"));
  EXPECT_THAT(KeysError("500 press enter"), HasSubstr("at 500 ms: a respawn or restart"));
  EXPECT_THAT(KeysError("500 press delete"), HasSubstr("at 500 ms: a respawn or restart"));
  EXPECT_THAT(KeysError("500 press space"), HasSubstr("at 500 ms: a key that there is not"));
}

TEST(ScriptPolicyTest, RefusesWhatIsNoScript) {
  EXPECT_THAT(KeysError("set speed 2"), HasSubstr("script: 'set speed 2' is no timed input"));
  EXPECT_THAT(KeysError("100 load\x1b[2Jx"), HasSubstr("'load?[2Jx' is no timed input"));
  EXPECT_THAT(KeysError("-20 press up"), HasSubstr("is no timed input"));
}

class ScriptFileTest : public ::testing::Test {
 public:
  ~ScriptFileTest() override {
    std::filesystem::remove(Path("txt"));
    std::filesystem::remove(Path("csv"));
  }

 protected:
  static std::filesystem::path Path(const std::string& extension) {
    return testing::TempDir() + "hotlap-script-policy-" + std::to_string(getpid()) + "." +
           extension;
  }
  static void Write(const std::string& extension, const std::string& text) {
    std::ofstream(Path(extension)) << text;
  }
  static agents::Run Pursuit(const EnvironmentConfig& config, const std::string& track) {
    return RecordedDrive(config, track,
                         [](const auto& spec) { return std::make_unique<PursuitPolicy>(spec); });
  }
  static agents::Run Scripted(const EnvironmentConfig& config, const std::string& track,
                              const std::string& extension) {
    return RecordedDrive(config, track, [&](const auto& spec) {
      return PolicySource(Path(extension).string()).Make(spec, 1);
    });
  }
};

TEST_F(ScriptFileTest, KnowsScriptsByTheirNames) {
  EXPECT_TRUE(IsScriptFile("runs/oval.txt"));
  EXPECT_TRUE(IsScriptFile("runs/oval.csv"));
  EXPECT_FALSE(IsScriptFile("pursuit"));
  EXPECT_FALSE(IsScriptFile("weights.bin"));
}

TEST_F(ScriptFileTest, DrivesARecordedRunAgain) {
  for (const ActionKind kind : {ActionKind::kDiscrete, ActionKind::kContinuous}) {
    const EnvironmentConfig config = PracticeConfig("full_view", kind);
    const agents::Run run = Pursuit(config, "oval");
    ASSERT_TRUE(run.finished());
    Write("txt", ScriptText(run).value());
    EXPECT_EQ(Scripted(config, "oval", "txt"), run) << "every point of it";
    std::ostringstream csv;
    WriteRun(csv, run);
    Write("csv", csv.str());
    EXPECT_EQ(Scripted(config, "oval", "csv"), run);
  }
}

TEST_F(ScriptFileTest, DrivesKeysAndAnalogInputsTickByTick) {
  const agents::Run keys = Pursuit(PracticeConfig("default"), "hairpins");
  Write("txt", ScriptText(keys).value());
  const agents::Run by_tick = Scripted(PracticeConfig("tick_keys"), "hairpins", "txt");
  EXPECT_EQ(by_tick.ticks_per_step, 1);
  EXPECT_EQ(by_tick.finish_time_ms, keys.finish_time_ms);
  EXPECT_EQ(Scripted(PracticeConfig("tick_continuous"), "hairpins", "txt").finish_time_ms,
            keys.finish_time_ms)
      << "a key is a full deflection";

  const agents::Run analog = Pursuit(PracticeConfig("full_view"), "hairpins");
  Write("txt", ScriptText(analog).value());
  EXPECT_EQ(Scripted(PracticeConfig("tick_continuous"), "hairpins", "txt").finish_time_ms,
            analog.finish_time_ms);
}

TEST_F(ScriptFileTest, NamesTheFileAndWhyItDoesNotFit) {
  const auto error = [](const std::string& extension, const std::string& environment) {
    try {
      Scripted(PracticeConfig(environment), "oval", extension);
    } catch (const std::exception& thrown) {
      return std::string(thrown.what());
    }
    return std::string("no error");
  };
  Write("txt", "10 press up");
  EXPECT_EQ(error("txt", "default").find(Path("txt").string() + ": at 10 ms"), 0u);
  Write("csv", "10 press up\n");
  EXPECT_THAT(error("csv", "default"), HasSubstr(Path("csv").string() + ": line 1"));
  std::ostringstream csv;
  WriteRun(csv, Pursuit(PracticeConfig("randomised"), "short_sprint"));
  Write("csv", csv.str());
  EXPECT_THAT(error("csv", "default"), HasSubstr(Path("csv").string() + ": its environment draws"));
  std::filesystem::remove(Path("csv"));
  EXPECT_THAT(error("csv", "default"), HasSubstr(Path("csv").string() + ": cannot be read"));
}

}  // namespace
}  // namespace hotlap::agents
