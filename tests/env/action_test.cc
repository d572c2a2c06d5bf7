#include "env/action.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace hotlap::action_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

ActionSet Read(const std::string& text) {
  const ConfigMap config = ConfigMap::Parse(text, "t.yaml");
  ActionSet set = ReadActionSet(config);
  config.Finish();
  return set;
}

std::string ErrorOf(const std::string& text) {
  try {
    Read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

std::optional<Inputs> Continuous(float steer, float gas) {
  return InputsOf(std::array{steer, gas});
}

TEST(ActionTest, DefaultSetIsEveryPedalWithEverySteer) {
  const ActionSpec spec = SpecOf(ActionSet{});
  EXPECT_EQ(spec.kind, ActionKind::kDiscrete);
  EXPECT_EQ(spec.name, "keys");
  EXPECT_THAT(spec.names,
              ElementsAre("accelerate", "accelerate+left", "accelerate+right", "none", "left",
                          "right", "brake", "brake+left", "brake+right", "accelerate+brake",
                          "accelerate+brake+left", "accelerate+brake+right"));
}

TEST(ActionTest, KeysSetEveryChannel) {
  const ActionSet set;
  EXPECT_EQ(
      *InputsOf(set, 1),
      (Inputs{
          .steer = 0, .gas = 0, .left = true, .right = false, .accelerate = true, .brake = false}));
  EXPECT_EQ(*InputsOf(set, 3), Inputs{}) << "none";
  EXPECT_EQ(
      *InputsOf(set, 8),
      (Inputs{
          .steer = 0, .gas = 0, .left = false, .right = true, .accelerate = false, .brake = true}));
}

TEST(ActionTest, DiscreteActionsOutsideTheSetAreBad) {
  const ActionSet set;
  EXPECT_NE(InputsOf(set, 11), nullptr);
  EXPECT_EQ(InputsOf(set, 12), nullptr);
  EXPECT_EQ(InputsOf(set, -1), nullptr);
  EXPECT_EQ(InputsOf(set, std::numeric_limits<std::int32_t>::min()), nullptr);
}

TEST(ActionTest, ContinuousComponentsGoToTheAnalogChannels) {
  EXPECT_EQ(Continuous(0.5f, -0.25f)->steer, 32768) << "positive is right";
  EXPECT_EQ(Continuous(0.5f, -0.25f)->gas, -16384) << "negative brakes";
  EXPECT_EQ(*Continuous(0, 0), Inputs{});
  EXPECT_EQ(Continuous(1, -1)->steer, 65536);
  EXPECT_EQ(Continuous(1, -1)->gas, -65536);
}

TEST(ActionTest, ContinuousComponentsRoundToTheNearestInteger) {
  const float one = 1.0f / 65536;
  EXPECT_EQ(Continuous(0.49f * one, 0)->steer, 0);
  EXPECT_EQ(Continuous(0.5f * one, -0.5f * one)->steer, 1);
  EXPECT_EQ(Continuous(0.5f * one, -0.5f * one)->gas, -1) << "halves away from zero";
  EXPECT_EQ(Continuous(std::nextafter(0.5f, 0.0f) * one, 0)->steer, 0)
      << "the sum with a half must not round";
  EXPECT_EQ(Continuous(1000.4f * one, 0)->steer, 1000);
}

TEST(ActionTest, ContinuousComponentsBeyondTheBoxCountAsItsBound) {
  EXPECT_EQ(Continuous(1.5f, -1e30f)->steer, 65536);
  EXPECT_EQ(Continuous(1.5f, -1e30f)->gas, -65536);
}

TEST(ActionTest, ContinuousComponentsThatAreNotFiniteAreBad) {
  EXPECT_FALSE(Continuous(kNan, 0).has_value());
  EXPECT_FALSE(Continuous(0, kNan).has_value());
  EXPECT_FALSE(Continuous(kInf, 0).has_value());
  EXPECT_FALSE(Continuous(0, -kInf).has_value());
}

TEST(ActionTest, AppliedActionIsTheSameForKeysAndAnalog) {
  const auto applied = [](const Inputs& inputs) { return AppliedActionOf(inputs); };
  EXPECT_EQ(applied({.right = true, .accelerate = true}), applied({.steer = 65536, .gas = 65536}));
  EXPECT_EQ(applied({.left = true, .brake = true}), applied({.steer = -65536, .gas = -65536}));
  EXPECT_EQ(applied({.steer = 16384, .gas = -32768}), (AppliedAction{0.25f, 0, 0.5f}));
}

TEST(ActionTest, AppliedActionResolvesChannelsAsTheCarDoes) {
  EXPECT_EQ(AppliedActionOf({.steer = 65536, .left = true}).steer, 1) << "analog wins";
  EXPECT_EQ(AppliedActionOf({.gas = -65536, .accelerate = true}), (AppliedAction{0, 1, 1}));
}

TEST(ActionTest, ReadsTheSet) {
  EXPECT_EQ(SpecOf(Read("")).names.size(), 12u);
  EXPECT_THAT(SpecOf(Read("keys: [left+accelerate, none]")).names,
              ElementsAre("accelerate+left", "none"));
  const ActionSpec continuous = SpecOf(Read("set: continuous"));
  EXPECT_EQ(continuous.kind, ActionKind::kContinuous);
  EXPECT_THAT(continuous.names, ElementsAre("steer", "gas"));
  EXPECT_THAT(continuous.low, ElementsAre(-1, -1));
  EXPECT_THAT(continuous.high, ElementsAre(1, 1));
}

TEST(ActionTest, WrongSetsAreNamed) {
  EXPECT_EQ(ErrorOf("set: wheel"), "t.yaml:1: set: 'wheel'; allowed: keys, continuous");
  EXPECT_EQ(ErrorOf("keys:\n- up"),
            "t.yaml:1: keys: 'up'; allowed: none, or some of accelerate, brake, left, right joined "
            "by +, each once");
  for (const char* keys : {"left+", "+left", "left++right", "left+left", "none+left", "''"}) {
    EXPECT_THAT(ErrorOf(std::string("keys: [") + keys + "]"), HasSubstr("allowed: none")) << keys;
  }
  EXPECT_THAT(ErrorOf("keys: [left+brake, brake+left]"), HasSubstr("given twice"));
  EXPECT_EQ(ErrorOf("keys: [none, right+brake+left]"),
            "t.yaml:1: keys: 'right+brake+left' has left and right; allowed: one of them at most, "
            "because with both the car steers to the side that was pressed last");
  EXPECT_THAT(ErrorOf("keys: []"), HasSubstr("a list of 1 to 256"));
  EXPECT_THAT(ErrorOf("set: continuous\nkeys: [left]"), HasSubstr("t.yaml:2: keys"));
}

TEST(ActionTest, KeysAreKnownByTheNamesInASpec) {
  EXPECT_EQ(KeysOf(SpecOf(ActionSet{})), ActionSet::DefaultKeys());
  ActionSpec spec = SpecOf(ActionSet{});
  for (const char* name : {"jump", "", "left+right", "left+left", "+left"}) {
    spec.names[4] = name;
    EXPECT_THAT([&] { KeysOf(spec); }, ::testing::ThrowsMessage<std::invalid_argument>(HasSubstr(
                                           "'" + std::string(name) + "' of the set 'keys'")));
  }
}

}  // namespace
}  // namespace hotlap::action_test
