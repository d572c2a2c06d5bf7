#include "env/episode_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/env/row_under_test.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;

class EpisodeRulesTest : public ::testing::Test {
 protected:
  Verdict Step(int ticks = 5, bool finished = false) {
    return Judge(rules, finished, ticks, row.view(), row.record);
  }
  // So that standing still is no failure.
  void Progress() { row.record.best_m = -1e6f; }
  void Upend() {
    row.state.rotation = {{{-1, 0, 0}, {0, -1, 0}, {0, 0, 1}}};
    for (WheelState& wheel : row.state.wheels) wheel.has_contact = false;
  }
  // The end after exactly this many steps of 5 ticks, none before.
  void ExpectEndAfter(int steps, EndReason reason) {
    for (int i = 1; i < steps; ++i) ASSERT_EQ(Step().reason, EndReason::kNone) << i;
    EXPECT_EQ(Step().reason, reason);
  }

  EpisodeRules rules;
  RowUnderTest row;
};

TEST_F(EpisodeRulesTest, FinishTerminates) {
  const Verdict verdict = Step(3, true);
  EXPECT_EQ(verdict.reason, EndReason::kFinish);
  EXPECT_TRUE(verdict.terminated);
  EXPECT_FALSE(verdict.truncated);
  EXPECT_FALSE(verdict.failed);
}

TEST_F(EpisodeRulesTest, NoProgressEndsAfterItsTime) {
  rules.no_progress_ticks = 20;
  row.record.best_m = 100;
  ExpectEndAfter(4, EndReason::kNoProgress);
}

TEST_F(EpisodeRulesTest, ProgressIsANewMetreBeyondTheFarthest) {
  rules.no_progress_ticks = 20;
  row.record.best_m = 100;
  Step();
  row.PlaceAt(100.9f);
  Step();
  EXPECT_EQ(row.record.ticks_without_progress, 10) << "not a whole metre yet";
  row.PlaceAt(101.1f);
  Step();
  EXPECT_EQ(row.record.ticks_without_progress, 0);
  EXPECT_FLOAT_EQ(row.record.best_m, 101.1f);
  row.PlaceAt(50);
  Step();
  row.PlaceAt(101.5f);
  Step();
  EXPECT_EQ(row.record.ticks_without_progress, 10) << "metres driven again are no progress";
}

TEST_F(EpisodeRulesTest, OffRoadEndsAfterItsTimeBeyondTheMargin) {
  rules.off_road_ticks = 20;
  Progress();
  row.PlaceAt(100, 13.9f);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Step().reason, EndReason::kNone) << "within the margin";
  row.PlaceAt(100, 14.1f);
  ExpectEndAfter(4, EndReason::kOffRoad);
}

TEST_F(EpisodeRulesTest, OffRoadHoldsOnBothSidesWithTheirOwnWidths) {
  rules.off_road_ticks = 0;
  row.here.half_width_left_m = 5;
  row.record.place.lateral_m = 7.5f;
  EXPECT_EQ(Step().reason, EndReason::kOffRoad);
  row.record.place.lateral_m = -7.5f;
  EXPECT_EQ(Step().reason, EndReason::kNone);
  row.record.place.lateral_m = -14.5f;
  EXPECT_EQ(Step().reason, EndReason::kOffRoad);
}

TEST_F(EpisodeRulesTest, BackOnTheRoadTheTimeBeginsAnew) {
  rules.off_road_ticks = 20;
  Progress();
  for (int i = 0; i < 5; ++i) {
    row.PlaceAt(100, 15);
    ASSERT_EQ(Step(15).reason, EndReason::kNone);
    row.PlaceAt(100, 10);
    ASSERT_EQ(Step().reason, EndReason::kNone);
  }
}

TEST_F(EpisodeRulesTest, FallEndsAtOnce) {
  row.PlaceAt(100, 0, -5.9f);
  EXPECT_EQ(Step().reason, EndReason::kNone);
  row.PlaceAt(100, 0, -6.1f);
  EXPECT_EQ(Step().reason, EndReason::kFall);
}

TEST_F(EpisodeRulesTest, RoofEndsAfterItsTime) {
  rules.roof_ticks = 20;
  Progress();
  Upend();
  ExpectEndAfter(4, EndReason::kRoof);
}

TEST_F(EpisodeRulesTest, WheelsOnTheRoadAreNoRoof) {
  rules.roof_ticks = 0;
  Upend();
  row.state.wheels[2].has_contact = true;  // in a loop, say
  EXPECT_EQ(Step().reason, EndReason::kNone);
}

TEST_F(EpisodeRulesTest, TimeLimitTruncates) {
  rules.time_limit_ticks = 20;
  ExpectEndAfter(4, EndReason::kTimeLimit);
  const Verdict verdict = Step();
  EXPECT_TRUE(verdict.truncated);
  EXPECT_FALSE(verdict.terminated);
  EXPECT_FALSE(verdict.failed);
}

TEST_F(EpisodeRulesTest, ClocksCountTicksThatRan) {
  Step(3);
  Step(5);
  EXPECT_EQ(row.record.ticks, 8);
}

TEST_F(EpisodeRulesTest, FinishThenFailureThenTimeLimit) {
  rules.time_limit_ticks = 5;
  rules.off_road_ticks = 0;
  rules.no_progress_ticks = 5;
  rules.roof_ticks = 0;
  row.record.best_m = 1000;
  Upend();
  row.record.place.lateral_m = 50;
  row.state.position_m.y -= 50;
  EXPECT_EQ(Step(5, true).reason, EndReason::kFinish);
  EXPECT_EQ(Step().reason, EndReason::kFall);
  rules.fall = RuleFlag::kOff;
  EXPECT_EQ(Step().reason, EndReason::kRoof);
  rules.roof = RuleFlag::kOff;
  EXPECT_EQ(Step().reason, EndReason::kOffRoad);
  rules.off_road = RuleFlag::kOff;
  EXPECT_EQ(Step().reason, EndReason::kNoProgress);
  rules.no_progress = RuleFlag::kOff;
  EXPECT_EQ(Step().reason, EndReason::kTimeLimit);
  rules.time_limit = RuleFlag::kOff;
  EXPECT_EQ(Step().reason, EndReason::kNone);
}

TEST_F(EpisodeRulesTest, FailuresFailWhateverTheirFlag) {
  row.state.position_m.y -= 50;
  EXPECT_TRUE(Step().terminated && Step().failed);
  rules.fall = RuleFlag::kTruncate;
  const Verdict verdict = Step();
  EXPECT_TRUE(verdict.truncated && !verdict.terminated && verdict.failed);
}

TEST_F(EpisodeRulesTest, SpecNamesTheFlagOfEachRule) {
  const auto flags_of = [](const EpisodeRules& some) {
    std::map<std::string, bool> flags;
    for (const EpisodeRuleSpec& rule : SpecOf(some)) flags[rule.name] = rule.terminates;
    return flags;
  };
  using Flags = std::map<std::string, bool>;
  EXPECT_EQ(flags_of(rules), (Flags{{"finish", true},
                                    {"fall", true},
                                    {"roof", true},
                                    {"off_road", true},
                                    {"no_progress", true},
                                    {"time_limit", false},
                                    {"game_lost", false}}));
  rules.roof = rules.off_road = RuleFlag::kOff;
  rules.fall = RuleFlag::kTruncate;
  EXPECT_EQ(flags_of(rules), (Flags{{"finish", true},
                                    {"fall", false},
                                    {"no_progress", true},
                                    {"time_limit", false},
                                    {"game_lost", false}}));
}

TEST_F(EpisodeRulesTest, ReadsEveryRule) {
  const ConfigMap config = ConfigMap::Parse(R"(
finish: {flag: truncate}
no_progress: {flag: truncate, after_s: 2.5, gain_m: 3}
off_road: {flag: off, after_s: 0.25, margin_m: -1}
fall: {flag: truncate, drop_m: 20}
roof: {flag: off, after_s: 3}
time_limit: {flag: terminate, after_s: 60}
)",
                                            "t.yaml");
  rules = ReadEpisodeRules(config);
  config.Finish();
  EXPECT_EQ(rules.finish, RuleFlag::kTruncate);
  EXPECT_EQ(rules.no_progress, RuleFlag::kTruncate);
  EXPECT_EQ(rules.no_progress_ticks, 250);
  EXPECT_EQ(rules.no_progress_gain_m, 3);
  EXPECT_EQ(rules.off_road, RuleFlag::kOff);
  EXPECT_EQ(rules.off_road_ticks, 25);
  EXPECT_EQ(rules.off_road_margin_m, -1);
  EXPECT_EQ(rules.fall, RuleFlag::kTruncate);
  EXPECT_EQ(rules.fall_drop_m, 20);
  EXPECT_EQ(rules.roof, RuleFlag::kOff);
  EXPECT_EQ(rules.roof_ticks, 300);
  EXPECT_EQ(rules.time_limit, RuleFlag::kTerminate);
  EXPECT_EQ(rules.time_limit_ticks, 6000);
}

TEST_F(EpisodeRulesTest, WrongRulesAreNamed) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      const ConfigMap config = ConfigMap::Parse(text, "t.yaml");
      ReadEpisodeRules(config);
      config.Finish();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error_of("finish: {flag: off}"),
            "t.yaml:1: finish.flag: 'off'; allowed: terminate, truncate");
  EXPECT_EQ(error_of("fall:\n  after_s: 1"),
            "t.yaml:2: fall.after_s: unknown key; allowed: flag, "
            "drop_m");
  EXPECT_THAT(error_of("roof:\n  after_s: 0.005"), HasSubstr("t.yaml:2: roof.after_s"));
  EXPECT_THAT(error_of("flying: {}"), HasSubstr("unknown key; allowed: finish, no_progress"));
}

}  // namespace
}  // namespace hotlap
