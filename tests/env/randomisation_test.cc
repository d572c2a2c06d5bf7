#include "env/randomisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "env/environment_config.h"

namespace hotlap::randomisation_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Randomisation kEverything{.mass = {0.8f, 1.25f},
                                    .grip = {0.5f, 1},
                                    .engine_force = {0.9f, 2},
                                    .input_delay_ticks = {2, 6},
                                    .observation_noise = {0, 0.02f},
                                    .start_offset_m = {-3, 1}};

Randomisation Read(const std::string& text) {
  const ConfigMap config = ConfigMap::Parse(text, "t.yaml");
  const Randomisation randomisation = ReadRandomisation(config.Map("randomisation"));
  config.Finish();
  return randomisation;
}

std::string ErrorOf(const std::string& text) {
  try {
    Read("randomisation:\n  " + text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

// ---- settings

TEST(RandomisationTest, IsOffByDefault) {
  for (const char* text : {"", "randomisation:", "randomisation: {mass: [1, 1]}",
                           "randomisation: {input_delay_ticks: [0, 0]}"}) {
    EXPECT_THAT(SpecOf(Read(text)), IsEmpty()) << text;
    EXPECT_EQ(DrawParameters(Read(text), 3, 4), EpisodeParameters{}) << text;
  }
  EXPECT_EQ(VariedVehicleParameter({}), "");
}

TEST(RandomisationTest, ReadsRangesAndTellsThem) {
  const auto spec = SpecOf(Read(R"(
randomisation:
  observation_noise: [0, 0.02]
  mass: [0.8, 1.25]
  grip: [1, 1]
  engine_force: [1.1, 1.1]
  input_delay_ticks: [0, 25]
  start_offset_m: [-4, 4]
)"));
  ASSERT_EQ(spec.size(), 5u) << "of what is drawn";
  EXPECT_EQ(spec[0].name, "mass");
  EXPECT_EQ(spec[0].low, 0.8f);
  EXPECT_EQ(spec[0].high, 1.25f);
  EXPECT_EQ(spec[0].unit, "1");
  EXPECT_EQ(spec[1].name, "engine_force");
  EXPECT_EQ(spec[2].name, "input_delay_ticks");
  EXPECT_EQ(spec[2].high, 25);
  EXPECT_EQ(spec[2].unit, "10 ms");
  EXPECT_EQ(spec[3].name, "observation_noise");
  EXPECT_EQ(spec[4].name, "start_offset_m");
  EXPECT_EQ(spec[4].low, -4);
  EXPECT_EQ(spec[4].high, 4);
  EXPECT_EQ(spec[4].unit, "m");
}

TEST(RandomisationTest, WrongRangesAreNamed) {
  EXPECT_EQ(ErrorOf("weight: [1, 2]"),
            "t.yaml:2: randomisation.weight: unknown key; allowed: mass, grip, engine_force, "
            "input_delay_ticks, observation_noise, start_offset_m");
  EXPECT_THAT(ErrorOf("mass: [0.6, 1]"), HasSubstr("t.yaml:2: randomisation.mass[0]: '0.6'"));
  EXPECT_THAT(ErrorOf("grip: [1, 2.1]"), HasSubstr("randomisation.grip[1]: '2.1'"));
  EXPECT_THAT(ErrorOf("engine_force: [1, .nan]"), HasSubstr("randomisation.engine_force[1]"));
  EXPECT_THAT(ErrorOf("engine_force: [1]"), HasSubstr("randomisation.engine_force"));
  EXPECT_THAT(ErrorOf("mass: 1"), HasSubstr("randomisation.mass"));
  EXPECT_THAT(ErrorOf("mass: [1.2, 1]"), HasSubstr("randomisation.mass: the first number"));
  EXPECT_THAT(ErrorOf("input_delay_ticks: [0, 26]"), HasSubstr("input_delay_ticks[1]: '26'"));
  EXPECT_THAT(ErrorOf("input_delay_ticks: [0, 2.5]"),
              HasSubstr("input_delay_ticks: must be whole"));
  EXPECT_THAT(ErrorOf("observation_noise: [-1, 0]"), HasSubstr("observation_noise[0]: '-1'"));
  EXPECT_THAT(ErrorOf("start_offset_m: [-4.1, 0]"),
              HasSubstr("t.yaml:2: randomisation.start_offset_m[0]: '-4.1'"));
  EXPECT_THAT(ErrorOf("start_offset_m: [0, 5]"), HasSubstr("start_offset_m[1]: '5'"));
  EXPECT_THAT(ErrorOf("start_offset_m: [1, -1]"), HasSubstr("start_offset_m: the first number"));
}

TEST(RandomisationTest, RangesFromAProgramAreCheckedToo) {
  EnvironmentConfig config;
  for (const Range& range : {Range{0, 26}, Range{-1, 0}, Range{2, 1}, Range{0.5f, 1}}) {
    config.randomisation.input_delay_ticks = range;
    EXPECT_THROW(MakeSpec(config), std::invalid_argument) << range.low << " " << range.high;
  }
  config.randomisation = {.start_offset_m = {-5, 0}};
  EXPECT_THROW(MakeSpec(config), std::invalid_argument);
}

TEST(RandomisationTest, TellsWhetherTheVehicleVaries) {
  EXPECT_EQ(VariedVehicleParameter(kEverything), "mass");
  EXPECT_EQ(VariedVehicleParameter({.grip = {1, 1.1f}}), "grip");
  EXPECT_EQ(VariedVehicleParameter({.engine_force = {0.9f, 0.9f}}), "engine_force");
  constexpr Randomisation kSameVehicle{
      .input_delay_ticks = {1, 2}, .observation_noise = {0, 1}, .start_offset_m = {-1, 1}};
  EXPECT_EQ(VariedVehicleParameter(kSameVehicle), "");
}

TEST(RandomisationTest, TellsItOfASpecToo) {
  EXPECT_FALSE(VariesVehicle(SpecOf(Randomisation{})));
  EXPECT_TRUE(VariesVehicle(SpecOf(kEverything)));
  EXPECT_TRUE(VariesVehicle(SpecOf(Randomisation{.engine_force = {0.9f, 0.9f}})));
  EXPECT_FALSE(VariesVehicle(SpecOf(
      {.input_delay_ticks = {1, 2}, .observation_noise = {0, 1}, .start_offset_m = {-1, 1}})));
}

// ---- draws

TEST(RandomisationTest, DrawIsAFunctionOfSeedAndEpisode) {
  EXPECT_EQ(DrawParameters(kEverything, 7, 3), DrawParameters(kEverything, 7, 3));
  EXPECT_NE(DrawParameters(kEverything, 7, 3), DrawParameters(kEverything, 7, 4));
  EXPECT_NE(DrawParameters(kEverything, 7, 3), DrawParameters(kEverything, 8, 3));
}

TEST(RandomisationTest, ParameterDoesNotDependOnTheOthersRanges) {
  Randomisation grip_alone;
  grip_alone.grip = kEverything.grip;
  for (std::uint64_t episode = 0; episode < 20; ++episode) {
    const EpisodeParameters alone = DrawParameters(grip_alone, 7, episode);
    EXPECT_EQ(alone.vehicle.grip, DrawParameters(kEverything, 7, episode).vehicle.grip);
    EXPECT_EQ(alone.vehicle.mass, 1);
    EXPECT_EQ(alone.input_delay_ticks, 0);
  }
}

// What a seed means stays as it is.
TEST(RandomisationTest, FirstEpisodeOfSeedZeroIsKnown) {
  const EpisodeParameters first = DrawParameters(kEverything, 0, 0);
  EXPECT_EQ(first.vehicle, (VehicleFactors{0.976971924f, 0.630284011f, 1.81161642f}));
  EXPECT_EQ(first.input_delay_ticks, 4);
  EXPECT_EQ(first.observation_noise, 0.0072499546f);
  EXPECT_EQ(first.start_offset_m, 0.352268457f);
}

TEST(RandomisationTest, DrawsCoverTheirRangesEvenly) {
  struct Drawn {
    Range range;
    std::vector<float> values;
  };
  std::map<std::string, Drawn> drawn = {{"mass", {kEverything.mass, {}}},
                                        {"grip", {kEverything.grip, {}}},
                                        {"engine_force", {kEverything.engine_force, {}}},
                                        {"observation_noise", {kEverything.observation_noise, {}}},
                                        {"start_offset_m", {kEverything.start_offset_m, {}}}};
  std::map<int, int> delays;
  constexpr int kEpisodes = 10000;
  for (int episode = 0; episode < kEpisodes; ++episode) {
    const auto parameters = DrawParameters(kEverything, 5 + static_cast<std::uint64_t>(episode) % 7,
                                           static_cast<std::uint64_t>(episode) / 7);
    drawn["mass"].values.push_back(parameters.vehicle.mass);
    drawn["grip"].values.push_back(parameters.vehicle.grip);
    drawn["engine_force"].values.push_back(parameters.vehicle.engine_force);
    drawn["observation_noise"].values.push_back(parameters.observation_noise);
    drawn["start_offset_m"].values.push_back(parameters.start_offset_m);
    ++delays[parameters.input_delay_ticks];
  }
  for (const auto& [name, parameter] : drawn) {
    const auto [low, high] = parameter.range;
    const float width = high - low;
    // In each tenth a tenth of them, within five standard deviations.
    std::array<int, 10> tenths{};
    for (const float value : parameter.values) {
      ASSERT_GE(value, low) << name;
      ASSERT_LE(value, high) << name;
      ++tenths[static_cast<std::size_t>(std::min(9.0f, (value - low) / width * 10))];
    }
    for (const int count : tenths) EXPECT_NEAR(count, 0.1 * kEpisodes, 150) << name;
    EXPECT_LT(std::ranges::min(parameter.values), low + 0.01f * width) << name;
    EXPECT_GT(std::ranges::max(parameter.values), high - 0.01f * width) << name;
  }
  ASSERT_EQ(delays.size(), 5u) << "both ends included";
  for (const auto& [ticks, count] : delays) {
    EXPECT_GE(ticks, 2);
    EXPECT_LE(ticks, 6);
    EXPECT_NEAR(count, 0.2 * kEpisodes, 200) << ticks;
  }
}

TEST(RandomisationTest, ParametersAreDrawnApart) {
  // Of equal ranges, no two draws of an episode go together.
  constexpr Range kRange{0.7f, 1.7f};
  const Randomisation alike{.mass = kRange, .grip = kRange, .engine_force = kRange};
  double mass_and_grip = 0, grip_and_engine = 0;
  constexpr int kEpisodes = 4000;
  for (std::uint64_t episode = 0; episode < kEpisodes; ++episode) {
    const VehicleFactors factors = DrawParameters(alike, 1, episode).vehicle;
    const auto centred = [](float factor) { return static_cast<double>(factor) - 1.2; };
    mass_and_grip += centred(factors.mass) * centred(factors.grip);
    grip_and_engine += centred(factors.grip) * centred(factors.engine_force);
  }
  constexpr double kVariance = 1.0 / 12;
  EXPECT_NEAR(mass_and_grip / kEpisodes / kVariance, 0, 0.08);
  EXPECT_NEAR(grip_and_engine / kEpisodes / kVariance, 0, 0.08);
}

}  // namespace
}  // namespace hotlap::randomisation_test
