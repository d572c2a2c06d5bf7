#include "agents/pursuit_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/agents/driving_spec.h"

namespace hotlap::agents {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kPoints = 20;
constexpr float kSpacing = 10;

// Straight for so long, then a bend of this radius; left positive, 0 is straight on.
std::vector<Vec3> LineAhead(float straight_m, float radius_m) {
  std::vector<Vec3> points;
  for (int i = 0; i < kPoints; ++i) {
    const float s = kSpacing * static_cast<float>(i);
    if (s <= straight_m || radius_m == 0) {
      points.push_back({0, 0, s});
      continue;
    }
    const float angle = (s - straight_m) / radius_m;
    points.push_back(
        {radius_m * (1 - std::cos(angle)), 0, straight_m + radius_m * std::sin(angle)});
  }
  return points;
}

// What pursuit does with the continuous set: positive steer is right, positive pedal accelerates.
DriverWish Drive(const std::vector<float>& row, const PursuitSettings& settings = {}) {
  const EnvironmentSpec spec = DrivingSpec(ContinuousActions(), kPoints);
  PursuitPolicy policy(spec, settings);
  ActionBuffer actions(spec.action, 1);
  policy.Act(row, actions);
  return {actions.continuous[0], actions.continuous[1]};
}

std::string DriveWithKeys(const std::vector<float>& row) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), kPoints);
  PursuitPolicy policy(spec);
  ActionBuffer actions(spec.action, 1);
  policy.Act(row, actions);
  return spec.action.names[static_cast<std::size_t>(actions.discrete[0])];
}

TEST(PursuitPolicyTest, AcceleratesStraightOnAnEmptyStraight) {
  const DriverWish wish = Drive(DrivingRow(40, LineAhead(500, 0)));
  EXPECT_EQ(wish.steer, 0);
  EXPECT_EQ(wish.pedal, 1);
}

TEST(PursuitPolicyTest, SteersTowardsTheBend) {
  EXPECT_LT(Drive(DrivingRow(20, LineAhead(0, 30))).steer, -0.1f);
  EXPECT_GT(Drive(DrivingRow(20, LineAhead(0, -30))).steer, 0.1f);
}

TEST(PursuitPolicyTest, SteersBackToTheLine) {
  std::vector<Vec3> points = LineAhead(500, 0);
  for (Vec3& p : points) p.x += 5;  // the line is to the left
  EXPECT_LT(Drive(DrivingRow(40, points)).steer, -0.1f);
}

TEST(PursuitPolicyTest, CountersAYawRateThatTheLineDoesNotAskFor) {
  std::vector<float> row = DrivingRow(40, LineAhead(500, 0));
  row[3] = 0.5f * kSpecScale;  // turning left
  EXPECT_GT(Drive(row).steer, 0.05f);
}

TEST(PursuitPolicyTest, TurnsAroundWhenTheLineLiesBehind) {
  std::vector<Vec3> points = LineAhead(500, 0);
  for (Vec3& p : points) p = {2, 0, -p.z - 1};
  EXPECT_LT(Drive(DrivingRow(5, points)).steer, -0.9f);
}

TEST(PursuitPolicyTest, BrakesForAHairpinOnlyWhenItIsNear) {
  EXPECT_EQ(Drive(DrivingRow(60, LineAhead(150, 16))).pedal, 1);
  EXPECT_EQ(Drive(DrivingRow(60, LineAhead(40, 16))).pedal, -1);
  EXPECT_EQ(Drive(DrivingRow(20, LineAhead(40, 16))).pedal, 1);
}

TEST(PursuitPolicyTest, SlowsForACrestButNotForADip) {
  std::vector<Vec3> crest = LineAhead(500, 0);
  for (Vec3& p : crest) p.y = -std::max(0.0f, p.z - 30) * 0.4f;
  EXPECT_EQ(Drive(DrivingRow(70, crest)).pedal, -1);
  for (Vec3& p : crest) p.y = -p.y;
  EXPECT_EQ(Drive(DrivingRow(70, crest)).pedal, 1);
}

TEST(PursuitPolicyTest, KeepsToItsTopSpeed) {
  PursuitSettings settings;
  settings.top_speed_mps = 15;
  EXPECT_EQ(Drive(DrivingRow(14, LineAhead(500, 0)), settings).pedal, 1);
  EXPECT_EQ(Drive(DrivingRow(15.5f, LineAhead(500, 0)), settings).pedal, 0);
  EXPECT_EQ(Drive(DrivingRow(18, LineAhead(500, 0)), settings).pedal, -1);
}

TEST(PursuitPolicyTest, DrivesTheSameWithKeys) {
  EXPECT_EQ(DriveWithKeys(DrivingRow(40, LineAhead(500, 0))), "accelerate");
  EXPECT_EQ(DriveWithKeys(DrivingRow(15, LineAhead(0, 18))), "accelerate+left");
  EXPECT_EQ(DriveWithKeys(DrivingRow(15, LineAhead(0, -18))), "accelerate+right");
  EXPECT_EQ(DriveWithKeys(DrivingRow(60, LineAhead(40, 16))), "brake");
}

TEST(PursuitPolicyTest, DecidesEachRowByItself) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), kPoints);
  PursuitPolicy policy(spec);
  ActionBuffer actions(spec.action, 2);
  std::vector<float> rows = DrivingRow(60, LineAhead(40, 16));
  const std::vector<float> straight = DrivingRow(40, LineAhead(500, 0));
  rows.insert(rows.end(), straight.begin(), straight.end());
  policy.Act(rows, actions);
  EXPECT_EQ(spec.action.names[static_cast<std::size_t>(actions.discrete[0])], "brake");
  EXPECT_EQ(spec.action.names[static_cast<std::size_t>(actions.discrete[1])], "accelerate");
}

TEST(PursuitPolicyTest, NamesTheColumnThatASpecLacks) {
  for (const char* column : {"velocity.z", "angular_velocity.y", "ahead0.x", "ahead2.z"}) {
    EnvironmentSpec spec = DrivingSpec(KeyActions(), 3);
    std::erase_if(spec.observation, [&](const auto& c) { return c.name == column; });
    EXPECT_THAT([&] { PursuitPolicy policy(spec); }, ThrowsMessage<std::invalid_argument>(AllOf(
                                                         HasSubstr(column), HasSubstr("pursuit"))));
  }
}

TEST(PursuitPolicyTest, NamesTheActionThatASetLacks) {
  EnvironmentSpec keys = DrivingSpec(KeyActions(), 3);
  std::erase(keys.action.names, "brake+left");
  EXPECT_THAT([&] { PursuitPolicy policy(keys); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("brake+left")));
  EnvironmentSpec continuous = DrivingSpec(ContinuousActions(), 3);
  continuous.action.names[1] = "throttle";
  EXPECT_THAT([&] { PursuitPolicy policy(continuous); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'gas'")));
}

}  // namespace
}  // namespace hotlap::agents
