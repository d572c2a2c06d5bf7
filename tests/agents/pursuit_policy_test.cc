#include "agents/pursuit_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tests/agents/driving_spec.h"

namespace hotlap::agents::pursuit_policy_test {
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
    const float s = kSpacing * static_cast<float>(i + 1);
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
  EXPECT_EQ(Drive(DrivingRow(70, LineAhead(150, 16))).pedal, 1);
  EXPECT_EQ(Drive(DrivingRow(70, LineAhead(40, 16))).pedal, -1);
  EXPECT_EQ(Drive(DrivingRow(20, LineAhead(40, 16))).pedal, 1);
}

TEST(PursuitPolicyTest, SlowsForACrestButNotForADip) {
  std::vector<Vec3> crest = LineAhead(500, 0);
  for (Vec3& p : crest) p.y = -std::max(0.0f, p.z - 30) * 0.4f;
  EXPECT_EQ(Drive(DrivingRow(70, crest)).pedal, -1);
  for (Vec3& p : crest) p.y = -p.y;
  EXPECT_EQ(Drive(DrivingRow(70, crest)).pedal, 1);
}

// A row and its spec with more columns than the road's line: their physical values.
class Sight {
 public:
  Sight(float speed_mps, const std::vector<Vec3>& points_m)
      : spec_(DrivingSpec(ContinuousActions(), kPoints)), row_(DrivingRow(speed_mps, points_m)) {}
  Sight& Shows(const std::string& column, float value) {
    spec_.observation.push_back({column, "1", 1, -1e3f, 1e3f});
    row_.push_back(value);
    return *this;
  }
  Sight& ShowsEdges(float left_m, float right_m) {
    return Shows("edge_left", left_m).Shows("edge_right", right_m);
  }
  // Asphalt up to a point, then this group.
  Sight& ShowsSurfaces(const std::string& group, int from) {
    for (int i = 0; i < kPoints; ++i) {
      for (const char* name : {"asphalt", "grass", "dirt", "turbo", "other"}) {
        const bool is_it = (i < from ? "asphalt" : group) == name;
        Shows("ahead" + std::to_string(i) + ".surface." + name, is_it ? 1.0f : 0.0f);
      }
    }
    return *this;
  }
  DriverWish Drive() const {
    PursuitPolicy policy(spec_);
    ActionBuffer actions(spec_.action, 1);
    policy.Act(row_, actions);
    return {actions.continuous[0], actions.continuous[1]};
  }

 private:
  EnvironmentSpec spec_;
  std::vector<float> row_;
};

TEST(PursuitPolicyTest, GoesOutBeforeABendWhereTheRoadIsWide) {
  const std::vector<Vec3> bend = LineAhead(50, 30);
  EXPECT_NEAR(Sight(40, bend).Drive().steer, 0, 0.02f);
  EXPECT_NEAR(Sight(40, bend).ShowsEdges(2, 2).Drive().steer, 0, 0.02f);
  EXPECT_GT(Sight(40, bend).ShowsEdges(10, 10).Drive().steer, 0.05f);
}

TEST(PursuitPolicyTest, SlowsForIceInABend) {
  const std::vector<Vec3> bend = LineAhead(60, 80);
  EXPECT_EQ(Sight(48, bend).ShowsSurfaces("asphalt", 0).Drive().pedal, 1);
  EXPECT_EQ(Sight(48, bend).ShowsSurfaces("other", 0).Drive().pedal, -1);
}

TEST(PursuitPolicyTest, SlowsBeforeATurboPadThatLeadsIntoABend) {
  const std::vector<Vec3> bend = LineAhead(80, 30);
  EXPECT_EQ(Sight(50, bend).ShowsSurfaces("asphalt", 0).Drive().pedal, 1);
  EXPECT_EQ(Sight(50, bend).ShowsSurfaces("turbo", 3).Drive().pedal, -1);
}

TEST(PursuitPolicyTest, LeansOnABankThatItSees) {
  const std::vector<Vec3> bend = LineAhead(10, 60);
  const auto sees_bank = [&](float bank_rad) {
    Sight sight(38, bend);
    sight.ShowsSurfaces("other", 0);
    for (int i = 0; i < kPoints; ++i) {
      const float angle = kSpacing * static_cast<float>(i) / 60;
      // Towards the middle of the bend, which is on the left.
      const Vec3 inwards{std::cos(angle), 0, -std::sin(angle)};
      const Vec3 normal = Vec3{0, std::cos(bank_rad), 0} + inwards * std::sin(bank_rad);
      const std::string name = "ahead" + std::to_string(i) + ".normal";
      sight.Shows(name + ".x", normal.x).Shows(name + ".y", normal.y).Shows(name + ".z", normal.z);
    }
    return sight.Drive().pedal;
  };
  EXPECT_EQ(sees_bank(0), -1);
  EXPECT_EQ(sees_bank(0.7f), 1);
}

// A limit at a point ahead is kept before the point, or it would move on for ever.
TEST(PursuitPolicyTest, KeepsInABendToTheSpeedThatTheBendAllows) {
  const auto fastest_mps = [](const std::vector<Vec3>& points) {
    int speed = 20;
    while (Drive(DrivingRow(static_cast<float>(speed), points)).pedal > 0) ++speed;
    return speed;
  };
  // The tyres hold sqrt(2.7 * 25 * 60) = 63.6 m/s; braking over 10 m would add 5 to that.
  EXPECT_GE(fastest_mps(LineAhead(0, 60)), 62);
  EXPECT_LE(fastest_mps(LineAhead(0, 60)), 67);
}

TEST(PursuitPolicyTest, BrakesToCatchASlide) {
  std::vector<float> row = DrivingRow(50, LineAhead(500, 0));
  row[0] = 2 * kSpecScale;  // to the left
  EXPECT_EQ(Drive(row).pedal, 1);
  for (const float sideways_mps : {-4.0f, 4.0f}) {
    row[0] = sideways_mps * kSpecScale;
    EXPECT_EQ(Drive(row).pedal, -1);
  }
  row = DrivingRow(10, LineAhead(500, 0));
  row[0] = 4 * kSpecScale;
  EXPECT_EQ(Drive(row).pedal, 1) << "slow, it drives out";
}

TEST(PursuitPolicyTest, BrakesInTheAirWhereThatStopsItsRotation) {
  const auto drive = [](float speed_mps, std::array<float, 4> contact) {
    Sight sight(speed_mps, LineAhead(500, 0));
    for (std::size_t i = 0; i < contact.size(); ++i) {
      sight.Shows("wheel" + std::to_string(i) + ".contact", contact[i]);
    }
    return sight.Drive().pedal;
  };
  EXPECT_EQ(drive(50, {0, 0, 0, 0}), -1);
  EXPECT_EQ(drive(50, {0, 0, 0, 1}), 1);
  EXPECT_EQ(drive(50, {1, 1, 1, 1}), 1);
  EXPECT_EQ(drive(5, {0, 0, 0, 0}), 1) << "dropped onto the start";
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
  EXPECT_EQ(DriveWithKeys(DrivingRow(70, LineAhead(40, 16))), "brake");
}

// The wheel follows keys at its own rate, so a part of the lock is held by pulses.
TEST(PursuitPolicyTest, PulsesKeysWhereItSeesThoseBefore) {
  const auto drive = [](const std::vector<float>& past_steer) {
    EnvironmentSpec spec = DrivingSpec(KeyActions(), kPoints);
    std::vector<float> row = DrivingRow(20, LineAhead(0, 50));  // about a quarter of the lock
    for (std::size_t i = 0; i < past_steer.size(); ++i) {
      spec.observation.push_back({"action" + std::to_string(i) + ".steer", "1", 1, -1, 1});
      row.push_back(past_steer[i]);
    }
    PursuitPolicy policy(spec);
    ActionBuffer actions(spec.action, 1);
    policy.Act(row, actions);
    return spec.action.names[static_cast<std::size_t>(actions.discrete[0])];
  };
  EXPECT_EQ(drive({}), "accelerate");
  EXPECT_EQ(drive({0, 0, 0}), "accelerate+left");
  EXPECT_EQ(drive({-1, -1, 0}), "accelerate");
  EXPECT_EQ(drive({1, 0, 0}), "accelerate+left");
}

TEST(PursuitPolicyTest, DecidesEachRowByItself) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), kPoints);
  PursuitPolicy policy(spec);
  ActionBuffer actions(spec.action, 2);
  std::vector<float> rows = DrivingRow(70, LineAhead(40, 16));
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
}  // namespace hotlap::agents::pursuit_policy_test
