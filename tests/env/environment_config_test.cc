#include "env/environment_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hotlap::environment_config_test {
namespace {

using ::testing::HasSubstr;

const std::string kConfigs = std::string(HOTLAP_SOURCE_DIR) + "/configs/environments/";

EnvironmentSpec SpecOf(const std::string& text) {
  return MakeSpec(ParseEnvironmentConfig(text, "t.yaml"));
}

std::string ErrorOf(const std::string& text) {
  try {
    ParseEnvironmentConfig(text, "t.yaml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

bool HasColumn(const EnvironmentSpec& spec, std::string_view name) {
  return std::ranges::find(spec.observation, name, &ObservationColumn::name) !=
         spec.observation.end();
}

TEST(EnvironmentConfigTest, DefaultFileSaysTheDefaults) {
  const EnvironmentConfig file = LoadEnvironmentConfig(kConfigs + "default.yaml");
  const EnvironmentSpec from_file = MakeSpec(file);
  const EnvironmentSpec built_in = MakeSpec({});
  EXPECT_EQ(from_file.policy_hash, built_in.policy_hash);
  EXPECT_EQ(from_file.task_hash, built_in.task_hash);
  EXPECT_EQ(SpecOf("").policy_hash, built_in.policy_hash);
}

TEST(EnvironmentConfigTest, KeepsWhatItsBaseSaysAndItLeavesOut) {
  const EnvironmentConfig base = ParseEnvironmentConfig(
      "ticks_per_step: 7\nobservation: [{term: gear}]\nactions: {keys: [brake]}\n"
      "reward: {finish: 9, time: -2}\nrules: {time_limit: {after_s: 3}, fall: {drop_m: 4}}\n"
      "randomisation: {mass: [0.9, 1.1]}\n",
      "base.yaml");
  const auto spec_over_base = [&](const std::string& text) {
    return MakeSpec(ParseEnvironmentConfig(text, "t.yaml", base));
  };
  EXPECT_EQ(spec_over_base("").policy_hash, MakeSpec(base).policy_hash);
  EXPECT_EQ(spec_over_base("").task_hash, MakeSpec(base).task_hash);
  const EnvironmentConfig over = ParseEnvironmentConfig(
      "reward: {time: -1}\nrules: {time_limit: {after_s: 5}}\n", "t.yaml", base);
  EXPECT_EQ(MakeSpec(over).policy_hash, MakeSpec(base).policy_hash);
  EXPECT_EQ(over.rules.time_limit_ticks, 500);
  EXPECT_EQ(over.rules.fall_drop_m, 4);
  const EnvironmentConfig whole = ParseEnvironmentConfig(
      "ticks_per_step: 7\nobservation: [{term: gear}]\nactions: {keys: [brake]}\n"
      "reward: {finish: 9, time: -1}\nrules: {time_limit: {after_s: 5}, fall: {drop_m: 4}}\n"
      "randomisation: {mass: [0.9, 1.1]}\n",
      "whole.yaml");
  EXPECT_EQ(MakeSpec(over).task_hash, MakeSpec(whole).task_hash);
  EXPECT_EQ(spec_over_base("actions: {set: continuous}").action.kind, ActionKind::kContinuous);
  EXPECT_EQ(spec_over_base("ticks_per_step: 2").ticks_per_step, 2);
}

TEST(EnvironmentConfigTest, DefaultCarriesWhatARacingPolicyNeeds) {
  const EnvironmentSpec spec = MakeSpec({});
  EXPECT_EQ(spec.observation_size(), 195);
  for (const char* name : {"velocity.z",
                           "angular_velocity.y",
                           "gravity.x",
                           "wheel3.contact",
                           "wheel3.sliding",
                           "wheel3.damper",
                           "wheel3.surface.grass",
                           "gear",
                           "rpm",
                           "changing_gear",
                           "freewheeling",
                           "action4.steer",
                           "ahead0.x",
                           "ahead39.z",
                           "edge_left",
                           "edge_right",
                           "road_surface.turbo",
                           "lateral_offset",
                           "heading_error",
                           "checkpoint_distance",
                           "finish_distance"}) {
    EXPECT_TRUE(HasColumn(spec, name)) << name;
  }
  EXPECT_FALSE(HasColumn(spec, "time")) << "off by default";
}

TEST(EnvironmentConfigTest, CompactHasSixtyFourColumns) {
  const EnvironmentSpec spec = MakeSpec(LoadEnvironmentConfig(kConfigs + "compact.yaml"));
  EXPECT_EQ(spec.observation_size(), 64);
  EXPECT_EQ(spec.task_hash, MakeSpec({}).task_hash) << "the task is the default one";
  for (const char* name : {"velocity.x", "velocity.y", "velocity.z", "angular_velocity.y",
                           "ahead2.z", "lateral_offset"}) {
    EXPECT_TRUE(HasColumn(spec, name)) << name << ", which scripted drivers look up";
  }
}

TEST(EnvironmentConfigTest, RandomisedIsTheDefaultWithEverythingDrawn) {
  const EnvironmentSpec spec = MakeSpec(LoadEnvironmentConfig(kConfigs + "randomised.yaml"));
  EXPECT_EQ(spec.policy_hash, MakeSpec({}).policy_hash) << "a policy of the one drives the other";
  EXPECT_NE(spec.task_hash, MakeSpec({}).task_hash);
  std::vector<std::string> names;
  for (const RandomisedParameterSpec& parameter : spec.randomisation) {
    names.push_back(parameter.name);
    EXPECT_LT(parameter.low, parameter.high) << parameter.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"mass", "grip", "engine_force", "input_delay_ticks",
                                             "observation_noise"}));
  EXPECT_TRUE(MakeSpec({}).randomisation.empty());
}

TEST(EnvironmentConfigTest, PolicyHashChangesWithWhatAPolicySeesAndDoes) {
  const EnvironmentSpec base = MakeSpec({});
  std::set<std::uint64_t> hashes = {base.policy_hash};
  for (const char* text : {
           "ticks_per_step: 4",
           "observation: [{term: rpm}]",
           "observation: [{term: rpm, scale: 0.5}]",
           "observation: [{term: rpm, low: -1}]",
           "observation: [{term: rpm, high: 7}]",
           "observation: [{term: gear}, {term: rpm}]",
           "observation: [{term: rpm}, {term: gear}]",
           "observation: [{term: ahead, points: 3}]",
           "observation: [{term: ahead, points: 3, spacing_m: 9}]",
           "actions: {keys: [left, right]}",
           "actions: {keys: [right, left]}",
           "actions: {set: continuous}",
       }) {
    const EnvironmentSpec spec = SpecOf(text);
    EXPECT_TRUE(hashes.insert(spec.policy_hash).second) << text;
    EXPECT_EQ(spec.task_hash, base.task_hash) << text;
  }
}

TEST(EnvironmentConfigTest, TaskHashChangesWithRewardRulesAndRandomisation) {
  const EnvironmentSpec base = MakeSpec({});
  std::set<std::uint64_t> hashes = {base.task_hash};
  for (const char* text : {
           "reward: {progress: 0.03}",
           "reward: {time: 0}",
           "reward: {speed: 0.03}",
           "rules: {finish: {flag: truncate}}",
           "rules: {fall: {flag: truncate}}",
           "rules: {fall: {flag: off}}",
           "rules: {fall: {drop_m: 7}}",
           "rules: {no_progress: {after_s: 6}}",
           "rules: {no_progress: {gain_m: 6}}",
           "rules: {off_road: {after_s: 6}}",
           "rules: {off_road: {margin_m: 6}}",
           "rules: {roof: {after_s: 6}}",
           "rules: {time_limit: {after_s: 6}}",
           "randomisation: {mass: [0.9, 1.1]}",
           "randomisation: {mass: [0.9, 1.2]}",
           "randomisation: {mass: [0.8, 1.1]}",
           "randomisation: {grip: [0.9, 1.1]}",
           "randomisation: {engine_force: [0.9, 1.1]}",
           "randomisation: {input_delay_ticks: [0, 1]}",
           "randomisation: {observation_noise: [0, 1]}",
       }) {
    const EnvironmentSpec spec = SpecOf(text);
    EXPECT_TRUE(hashes.insert(spec.task_hash).second) << text;
    EXPECT_EQ(spec.policy_hash, base.policy_hash) << text;
  }
}

// A change on purpose comes with the new numbers: weights files carry the first one.
TEST(EnvironmentConfigTest, HashesOfTheDefaultStayAsTheyAre) {
  EXPECT_EQ(MakeSpec({}).policy_hash, 0x6ef04253043f3a16u);
  EXPECT_EQ(MakeSpec({}).task_hash, 0x4be508850c4bc595u);
}

TEST(EnvironmentConfigTest, InfoColumnsAreNamedWithTypeAndUnit) {
  const EnvironmentSpec spec = MakeSpec({});
  const auto find = [&](std::string_view name) {
    const auto found = std::ranges::find(spec.info, name, &InfoColumn::name);
    if (found == spec.info.end()) throw std::invalid_argument(std::string(name));
    return *found;
  };
  for (const char* name : {"ticks", "race_time", "progress", "checkpoint", "valid", "end_reason"}) {
    EXPECT_FALSE(find(name).only_at_end) << name;
  }
  for (const char* name :
       {"episode_length", "episode_return", "finish_time", "full_lap", "episode_reward.progress"}) {
    EXPECT_TRUE(find(name).only_at_end) << name;
  }
  EXPECT_FALSE(find("reward.progress").only_at_end);
  EXPECT_EQ(find("race_time").unit, "ms");
  EXPECT_EQ(find("progress").type, InfoType::kFloat32);
  EXPECT_EQ(find("end_reason").type, InfoType::kInt32);
}

TEST(EnvironmentConfigTest, UnknownKeysAndWrongValuesAreNamed) {
  EXPECT_EQ(
      ErrorOf("ticks_per_step: 5\nrewards: {}\n"),
      "t.yaml:2: rewards: unknown key; allowed: ticks_per_step, observation, actions, reward, "
      "rules, randomisation");
  EXPECT_EQ(ErrorOf("reward:\n  progres: 1\n"),
            "t.yaml:2: reward.progres: unknown key; allowed: progress, time, speed, finish, "
            "checkpoint, wall_contact, off_centre, failure");
  EXPECT_THAT(ErrorOf("ticks_per_step: 0"), HasSubstr("an integer in [1, 1000]"));
  EXPECT_THAT(ErrorOf("ticks_per_step: 2.5"), HasSubstr("an integer in [1, 1000]"));
  EXPECT_THAT(ErrorOf("rules:\n  time_limit: {after_s: 0.015}"),
              HasSubstr("t.yaml:2: rules.time_limit.after_s: '0.015' is no multiple of 10 ms"));
  EXPECT_THAT(ErrorOf("actions: 3"), HasSubstr("t.yaml:1: actions"));
}

TEST(EnvironmentConfigTest, TwoColumnsOfOneNameAreRefused) {
  EnvironmentConfig config;
  config.observation.push_back(MakeObservationTerm(ObservationKind::kRpm));
  EXPECT_THROW(MakeSpec(config), std::invalid_argument);
}

TEST(EnvironmentConfigTest, EndReasonsHaveNamesAndKeepTheirNumbers) {
  const std::vector<std::string> names = {"none", "finish", "no_progress", "off_road",
                                          "fall", "roof",   "time_limit",  "game_lost"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(EndReasonName(static_cast<EndReason>(i)), names[i]);
  }
}

}  // namespace
}  // namespace hotlap::environment_config_test
