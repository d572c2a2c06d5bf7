#include "env/sim/vehicle_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "env/sim/scalar_math.h"
#include "tests/env/sim/scenarios.h"
#include "tests/test_size.h"

namespace hotlap::sim::vehicle_model_test {
namespace {

constexpr float kDegrees = 180 / kPi;
const Inputs kThrottle{.accelerate = true};
const Inputs kBrake{.brake = true};

// A car on a wide flat road, towards +z.
class VehicleModelTest : public ::testing::Test {
 protected:
  void SetUp() override { Place(0, false); }

  // Standing (or at the start, dropped), then set rolling.
  void Place(float kmh, bool dropped) {
    Pose pose = track_->start();
    pose.position_m.z += 200;  // room to reverse
    if (!dropped) pose.position_m.y -= kDropHeightM;
    car_ = CarAt(params_, *track_, pose, dropped);
    car_.body.velocity_mps = {0, 0, kmh / 3.6f};
    car_.gear = kmh < 90 ? 1 : kmh < 165 ? 2 : kmh < 203 ? 3 : kmh < 400 ? 4 : 5;
  }
  void Drive(const Inputs& inputs, int ticks) {
    for (int i = 0; i < ticks; ++i) Advance(params_, *track_, inputs, car_);
  }
  float Kmh() const { return Length(car_.body.velocity_mps) * 3.6f; }
  float ForwardKmh() const {
    return TransposeTimes(RotationOf(car_.body.orientation), car_.body.velocity_mps).z * 3.6f;
  }
  float YawDegrees() const { return -car_.body.angular_velocity_radps.y * kDegrees; }

  VehicleParams params_;
  std::shared_ptr<const Track> track_ = FlatTrack(20000);
  VehicleState car_;
};

// The rows of the measured Stadium car ("What the Stadium car does").

TEST_F(VehicleModelTest, LaunchMeetsTheMeasuredRow) {
  Place(0, true);
  const float kmh[] = {28, 57.5f, 88.5f, 102, 123};
  for (int i = 0; i < 5; ++i) {
    Drive(kThrottle, 50);
    EXPECT_NEAR(Kmh(), kmh[i], 2) << "at " << 0.5 * (i + 1) << " s";
  }
}

TEST_F(VehicleModelTest, FreeFallMeetsTheMeasuredGravity) {
  for (float kmh : {100.0f, 190.0f}) {
    Place(kmh, false);
    car_.body.position_m.y += 100;
    const float before = car_.body.velocity_mps.y;
    Drive({}, 100);
    EXPECT_NEAR(before - car_.body.velocity_mps.y, 25.0f, 0.25f);
  }
}

TEST_F(VehicleModelTest, TopSpeedIsApproachedAndNotPassed) {
  Place(500, false);
  float last = 0;
  for (int i = 0; i < 4000; ++i) {
    Drive(kThrottle, 1);
    ASSERT_LT(Kmh(), 556);
    last = Kmh();
  }
  EXPECT_GT(last, 552);
}

TEST_F(VehicleModelTest, NothingPassesTheMaximumLinearSpeed) {
  Place(5000, false);
  Drive({}, 1);
  EXPECT_LE(Kmh(), 1000.1f);
}

TEST_F(VehicleModelTest, AccelerationFollowsTheMeasuredRows) {
  struct Row {
    float kmh, low, high;
  };
  // Within 10 % of the measured spans.
  for (const Row& row :
       {Row{20, 15.8f, 15.8f}, Row{70, 15.8f, 15.8f}, Row{112, 9.9f, 10.9f}, Row{130, 10.9f, 10.9f},
        Row{185, 8.5f, 9.9f}, Row{212, 6.5f, 6.5f}, Row{320, 6.9f, 6.9f}, Row{390, 7.1f, 7.1f},
        Row{412, 5.6f, 5.6f}, Row{460, 5.1f, 5.6f}}) {
    Place(row.kmh, false);
    Drive(kThrottle, 5);
    const float before = Kmh();
    Drive(kThrottle, 10);
    const float acceleration = (Kmh() - before) / 3.6f / 0.1f;
    EXPECT_GE(acceleration, 0.9f * row.low) << row.kmh;
    EXPECT_LE(acceleration, 1.1f * row.high) << row.kmh;
  }
}

TEST_F(VehicleModelTest, FullLockYawRateFollowsTheMeasuredRows) {
  struct Row {
    float kmh, low, high;
  };
  // Within 20 % of the measured spans. The speed goes on growing; it is taken back each tick.
  for (const Row& row : {Row{100, 100, 100}, Row{180, 70, 70}, Row{290, 47, 47}, Row{370, 45, 45},
                         Row{410, 30, 39}, Row{460, 24, 24}}) {
    Place(row.kmh, false);
    for (int i = 0; i < 100; ++i) {
      Drive({.right = true, .accelerate = true}, 1);
      car_.body.velocity_mps = car_.body.velocity_mps * (row.kmh / Kmh());
    }
    EXPECT_GE(YawDegrees(), 0.8f * row.low) << row.kmh;
    EXPECT_LE(YawDegrees(), 1.2f * row.high) << row.kmh;
    for (const WheelContact& wheel : car_.wheels) EXPECT_EQ(wheel.is_sliding, 0) << row.kmh;
  }
}

TEST_F(VehicleModelTest, CoastingAndBrakingSlowTheCar) {
  Place(150, false);
  Drive({}, 20);
  EXPECT_NEAR((150 - Kmh()) / 3.6f / 0.2f, 13.5f, 1.5f);
  Place(150, false);
  Drive(kBrake, 20);
  EXPECT_GT((150 - Kmh()) / 3.6f / 0.2f, 30);
}

// How it stands and falls.

TEST_F(VehicleModelTest, StandsAtTheRideHeightWithItsRestExtension) {
  Place(0, true);
  Drive({}, 300);
  EXPECT_NEAR(car_.body.position_m.y, 9.4f, 0.001f) << "the line is the car's origin";
  for (const WheelContact& wheel : car_.wheels) {
    EXPECT_EQ(wheel.has_contact, 1);
    EXPECT_EQ(wheel.material, static_cast<int>(Surface::kAsphalt));
    EXPECT_NEAR(wheel.extension_m, 0.0126f, 0.001f);
  }
  EXPECT_LT(Kmh(), 0.01f);
}

TEST_F(VehicleModelTest, EngineActsInTheAirOnlyBeforeTheFirstTouchdown) {
  Place(0, true);
  Drive(kThrottle, 10);
  EXPECT_EQ(car_.has_touched_down, 0);
  EXPECT_NEAR(ForwardKmh(), 16.2f * 0.1f * 3.6f, 0.1f);
  Drive(kThrottle, 40);
  EXPECT_EQ(car_.has_touched_down, 1);
  car_.body.position_m.y += 100;
  const float before = ForwardKmh();
  Drive(kThrottle, 50);
  EXPECT_LT(ForwardKmh(), before + 0.1f) << "off a jump there is nothing to push against";
}

TEST_F(VehicleModelTest, HardLandingsBounceLittle) {
  Place(200, false);
  car_.body.position_m.y += 30;
  float highest_after = 0;
  bool landed = false;
  for (int i = 0; i < 600; ++i) {
    Drive({}, 1);
    landed = landed || car_.wheels[0].has_contact != 0;
    if (landed) highest_after = std::max(highest_after, car_.body.position_m.y);
    ASSERT_GT(car_.body.position_m.y, 9.4f - 1.5f);
  }
  EXPECT_TRUE(landed);
  EXPECT_LT(highest_after, 9.4f + 1);
}

TEST_F(VehicleModelTest, CarOnItsRoofComesToRestAboveTheGround) {
  Place(100, false);
  car_.body.position_m.y += 3;
  car_.body.orientation = {0, 0, 0, 1};  // half a roll
  Drive(kThrottle, 1000);
  EXPECT_LT(Kmh(), 0.5f);
  EXPECT_GT(car_.body.position_m.y, 9.9f);
  EXPECT_EQ(car_.has_wall_contact, 0) << "the ground is none";
  for (const WheelContact& wheel : car_.wheels) EXPECT_EQ(wheel.has_contact, 0);
}

TEST_F(VehicleModelTest, CarRollsOverAndStaysWhereItFell) {
  Place(60, false);
  car_.body.position_m.y += 3;
  car_.body.velocity_mps.x = 8;
  car_.body.angular_velocity_radps = {0, 0, 6};
  float least_up = 1;
  for (int tick = 0; tick < 1500; ++tick) {
    Drive({}, 1);
    least_up = std::min(least_up, RotationOf(car_.body.orientation).Column(1).y);
  }
  EXPECT_LT(least_up, 0) << "it was upside down";
  EXPECT_LT(Kmh(), 0.5f);
  EXPECT_GT(car_.body.position_m.y, 9.4f - 0.1f);
}

TEST_F(VehicleModelTest, CarThatLeavesTheRoadFallsToTheGrass) {
  track_ = FlatTrack(4000, 20);
  Place(100, false);
  Drive({.right = true, .accelerate = true}, 150);
  Drive({}, 150);
  EXPECT_NEAR(car_.body.position_m.y, track_->ground_y_m() + kRideHeightM, 0.1f);
  EXPECT_EQ(car_.wheels[0].material, static_cast<int>(Surface::kGrass));
}

TEST_F(VehicleModelTest, SpinInTheAirKeepsEnergyAndAngularMomentum) {
  params_.air_angular_damping_per_s = 0;
  Place(0, false);
  car_.body.position_m.y += 1000;
  car_.body.angular_velocity_radps = {3, -2, 5};
  const auto spin = [&] {
    return TransposeTimes(RotationOf(car_.body.orientation), car_.body.angular_velocity_radps);
  };
  const auto momentum = [&] {
    const Vec3 w = spin();
    return RotationOf(car_.body.orientation) * Vec3{w.x / 0.48f, w.y / 0.48f, w.z / 1.2f};
  };
  const auto energy = [&] { return 0.5f * Dot(momentum(), car_.body.angular_velocity_radps); };
  const float energy_before = energy();
  const Vec3 momentum_before = momentum();
  Drive({}, 500);
  EXPECT_NEAR(energy() / energy_before, 1, 1e-3f);
  EXPECT_LT(Length(momentum() - momentum_before), 0.05f * Length(momentum_before));
}

TEST_F(VehicleModelTest, CarUnderTheGroundIsPushedOutGently) {
  track_ = FlatTrack(4000, 20);
  Place(0, false);
  car_.body.position_m.x += 50;
  car_.body.position_m.y = track_->ground_y_m() - 5;
  for (int i = 0; i < 500; ++i) {
    Drive({}, 1);
    ASSERT_LT(Length(car_.body.velocity_mps), 15);
  }
  EXPECT_NEAR(car_.body.position_m.y, track_->ground_y_m() + kRideHeightM, 0.05f);
}

TEST_F(VehicleModelTest, CarIsHeldInsideTheWorld) {
  Place(0, false);
  car_.body.position_m = {kWorldLimitM - 0.1f, 100, 0};
  car_.body.velocity_mps = {100, 0, 0};
  Drive({}, 1);
  EXPECT_EQ(car_.body.position_m.x, kWorldLimitM);
}

// What the driver does.

TEST_F(VehicleModelTest, SteeringBuildsUpAndRightIsRight) {
  Place(100, false);
  Drive({.right = true}, 1);
  const float first = car_.steering;
  EXPECT_GT(first, 0);
  EXPECT_LT(first, 0.2f);
  Drive({.right = true}, 30);
  EXPECT_EQ(car_.steering, 1);
  EXPECT_GT(YawDegrees(), 0);
  EXPECT_LT(car_.body.position_m.x, 1000) << "right of a car towards +z is -x";
  Drive({}, 30);
  EXPECT_EQ(car_.steering, 0);
}

TEST_F(VehicleModelTest, AnalogSteerIsProportionalAndWinsOverKeys) {
  Place(100, false);
  Drive({.steer = 32768}, 50);
  EXPECT_FLOAT_EQ(car_.steering, 0.5f);
  Drive({.steer = -16384, .right = true}, 50);
  EXPECT_FLOAT_EQ(car_.steering, -0.25f);
  Drive({.steer = 0, .right = true}, 50);
  EXPECT_FLOAT_EQ(car_.steering, 1) << "a key wins over an analog zero";
  Drive({.steer = 6553600}, 50);
  EXPECT_FLOAT_EQ(car_.steering, 1) << "clipped";
}

TEST_F(VehicleModelTest, LastPressedOfLeftAndRightWins) {
  Place(100, false);
  Drive({.left = true}, 1);
  EXPECT_EQ(car_.steer_key, -1);
  Drive({.left = true, .right = true}, 5);
  EXPECT_EQ(car_.steer_key, 1);
  Drive({.left = true}, 1);
  EXPECT_EQ(car_.steer_key, -1) << "the one still held acts again";
  Drive({}, 1);
  EXPECT_EQ(car_.steer_key, 0);
  Drive({.right = true}, 1);
  Drive({.left = true, .right = true}, 1);
  EXPECT_EQ(car_.steer_key, -1);
  Drive({}, 1);
  Drive({.left = true, .right = true}, 3);
  EXPECT_EQ(car_.steer_key, 0) << "both in one tick cancel out";
}

TEST_F(VehicleModelTest, AnalogGasAcceleratesAndBrakes) {
  Place(50, false);
  Drive({.gas = kMaxAnalog}, 20);
  const float full = Kmh();
  Place(50, false);
  Drive({.gas = kMaxAnalog / 2}, 20);
  EXPECT_NEAR(Kmh() - 50, (full - 50) / 2, 0.3f);
  Place(50, false);
  Drive({.gas = -kMaxAnalog}, 20);
  const float braked = Kmh();
  Place(50, false);
  Drive(kBrake, 20);
  EXPECT_FLOAT_EQ(Kmh(), braked);
}

TEST_F(VehicleModelTest, BrakeBecomesReverseAtStandstillAndThrottleLeavesIt) {
  Place(60, false);
  Drive(kBrake, 300);
  EXPECT_EQ(car_.gear, 0);
  EXPECT_LT(ForwardKmh(), -10);
  EXPECT_GT(ForwardKmh(), -61) << "reverse has a top speed";
  Drive(kThrottle, 300);
  EXPECT_GE(car_.gear, 1);
  EXPECT_GT(ForwardKmh(), 20);
}

TEST_F(VehicleModelTest, GearsShiftUpAndDownWithADipInBetween) {
  Place(0, false);
  int highest = 1, shifting = 0;
  float last_rpm = 0, highest_rpm = 0;
  bool dropped = false;
  for (int i = 0; i < 2500; ++i) {
    Drive(kThrottle, 1);
    highest = std::max(highest, car_.gear);
    shifting += car_.shift_ticks_left > 0 ? 1 : 0;
    dropped = dropped || car_.rpm < last_rpm - 500;
    highest_rpm = std::max(highest_rpm, car_.rpm);
    last_rpm = car_.rpm;
  }
  EXPECT_EQ(highest, 5);
  EXPECT_EQ(shifting, 4 * 18);
  EXPECT_TRUE(dropped);
  EXPECT_GT(highest_rpm, 10000);
  EXPECT_LE(highest_rpm, 11000);
  Drive(kBrake, 450);
  EXPECT_EQ(car_.gear, 0);
}

TEST_F(VehicleModelTest, LeftAndRightAreMirrorImages) {
  Place(150, false);
  Drive({.left = true, .accelerate = true}, 200);
  const BodyState left = car_.body;
  Place(150, false);
  Drive({.right = true, .accelerate = true}, 200);
  EXPECT_NEAR(left.position_m.x - 1000, -(car_.body.position_m.x - 1000), 0.02f);
  EXPECT_NEAR(left.position_m.z, car_.body.position_m.z, 0.02f);
}

TEST_F(VehicleModelTest, SurfacesGripInTheOrderAsphaltDirtGrassIce) {
  const auto yaw_on = [&](Surface surface) {
    TrackSpec spec;
    spec.name = "surface";
    spec.line = PlainRoad(std::vector<Vec3>{{1000, 9.4f, 500}, {1000, 9.4f, 1500}}, 200, surface);
    track_ = Track::Build(spec);
    Place(240, false);
    Drive({.right = true}, 60);
    EXPECT_EQ(car_.wheels[0].material, static_cast<int>(surface));
    return YawDegrees();
  };
  float more = yaw_on(Surface::kAsphalt);
  for (const Surface surface : {Surface::kDirt, Surface::kGrass, Surface::kIce}) {
    const float less = yaw_on(surface);
    EXPECT_LT(less, 0.95f * more) << static_cast<int>(surface);
    EXPECT_EQ(car_.wheels[0].is_sliding, 1);
    more = less;
  }
}

TEST_F(VehicleModelTest, RollingWheelsTurnWithTheSpeedOfATickAgo) {
  Place(100, false);
  Drive(kThrottle, 20);
  const float forward =
      TransposeTimes(RotationOf(car_.previous_body.orientation), car_.previous_body.velocity_mps).z;
  for (const WheelContact& wheel : car_.wheels) {
    EXPECT_EQ(wheel.angular_speed_radps, forward / 0.364f);
  }
}

// Surfaces that do more than grip.

// Flat, 20 km long, one surface from z = 700 on for `length_m`, asphalt before and after.
std::shared_ptr<const Track> PadTrack(Surface surface, float length_m) {
  TrackSpec spec;
  spec.name = "pad";
  for (int i = 0; i <= 10000; ++i) {
    const float z = 500 + 2 * static_cast<float>(i);
    const bool on_pad = z >= 700 && z < 700 + length_m;
    spec.line.push_back({.position_m = {1000, 9.4f, z},
                         .left = {},
                         .half_width_left_m = 100,
                         .half_width_right_m = 100,
                         .surface = on_pad ? surface : Surface::kAsphalt});
  }
  return Track::Build(spec);
}

TEST_F(VehicleModelTest, TurboFollowsTheMeasuredRows) {
  track_ = PadTrack(Surface::kTurbo, 6);
  const auto meets_pad_at = [&](float kmh) {
    Place(kmh, false);
    car_.body.position_m.z = 699;
    while (car_.turbo_ticks_left == 0) Drive(kThrottle, 1);
  };
  struct Row {
    float kmh, acceleration;
  };
  // Medians at 200 to 360 and 400 to 540 km/h, within 20 %.
  for (const Row& row : {Row{230, 41}, Row{280, 41}, Row{420, 33}, Row{470, 33}}) {
    meets_pad_at(row.kmh);
    Drive(kThrottle, 5);
    const float before = Kmh();
    Drive(kThrottle, 20);
    EXPECT_NEAR((Kmh() - before) / 3.6f / 0.2f, row.acceleration, 0.2f * row.acceleration)
        << row.kmh;
  }
  // A pad entered at 114 km/h left the car at 273 km/h 0.8 s later.
  meets_pad_at(114);
  Drive(kThrottle, 80);
  EXPECT_NEAR(Kmh() - 114, 273 - 114, 0.2f * (273 - 114));
}

TEST_F(VehicleModelTest, TurboLastsItsTimeAndAPadBeginsItAgain) {
  track_ = PadTrack(Surface::kTurbo, 6);
  Place(100, false);
  car_.body.position_m.z = 699;
  int ticks = 0, on_pad = 0;
  for (int i = 0; i < 300; ++i) {
    Drive({}, 1);
    ticks += car_.turbo_ticks_left > 0 ? 1 : 0;
    on_pad += car_.wheels[0].material == static_cast<int>(Surface::kTurbo) ? 1 : 0;
  }
  EXPECT_GT(on_pad, 1);
  EXPECT_EQ(ticks, on_pad + 79) << "0.8 s from the last tick on the pad";
  EXPECT_EQ(car_.turbo_surface, static_cast<int>(Surface::kTurbo));
  EXPECT_EQ(car_.turbo_ticks_left, 0);
}

TEST_F(VehicleModelTest, StrongPadsPushMore) {
  const auto after = [&](Surface surface) {
    track_ = PadTrack(surface, 6);
    Place(200, false);
    car_.body.position_m.z = 699;
    Drive(kThrottle, 60);
    return Kmh();
  };
  EXPECT_GT(after(Surface::kTurbo2), after(Surface::kTurbo) + 10);
}

TEST_F(VehicleModelTest, FreeWheelingCutsTheEngineUntilTheNextTurbo) {
  track_ = PadTrack(Surface::kFreeWheeling, 6);
  Place(200, false);
  car_.body.position_m.z = 690;
  Drive(kThrottle, 60);
  EXPECT_EQ(car_.is_freewheeling, 1);
  const float before = Kmh();
  Drive(kThrottle, 100);
  EXPECT_LT(Kmh(), before) << "the throttle does nothing";
  Drive(kBrake, 50);
  EXPECT_LT(Kmh(), before - 40) << "the brake still does";
  track_ = PadTrack(Surface::kTurbo, 6);
  car_.body.position_m.z = 699;
  Drive(kThrottle, 30);
  EXPECT_EQ(car_.is_freewheeling, 0);
}

TEST_F(VehicleModelTest, SlideIsEnteredAtTheGripLimitAndLeftFarBelowIt) {
  track_ = PadTrack(Surface::kIce, 19000);
  Place(150, false);
  car_.body.position_m.z = 1000;
  // Turned to the road a little: on ice it slides at once.
  car_.body.orientation = {Cos(0.25f), 0, Sin(0.25f), 0};
  Drive({}, 3);
  for (const WheelContact& wheel : car_.wheels) EXPECT_EQ(wheel.is_sliding, 1);
  const VehicleState sliding = car_;
  // What it slides with is less than what it would hold with.
  const float lateral_force = Length(car_.force_mps2);
  for (WheelContact& wheel : car_.wheels) wheel.is_sliding = 0;
  Drive({}, 1);
  EXPECT_GT(Length(car_.force_mps2), 1.05f * lateral_force);
  // Two cars in the same motion, one sliding, one not: the slide goes on where grip would hold.
  track_ = PadTrack(Surface::kAsphalt, 10);
  car_ = sliding;
  car_.body.orientation = {Cos(0.11f), 0, Sin(0.11f), 0};  // 12.6 degrees
  car_.body.angular_velocity_radps = {};
  car_.body.velocity_mps = {0, 0, 6};
  VehicleState gripping = car_;
  for (WheelContact& wheel : gripping.wheels) wheel.is_sliding = 0;
  Drive({}, 1);
  std::swap(car_, gripping);
  Drive({}, 1);
  EXPECT_EQ(gripping.wheels[0].is_sliding, 1);
  EXPECT_EQ(car_.wheels[0].is_sliding, 0);
  // And ends when the car has turned into its way again.
  std::swap(car_, gripping);
  Drive({}, 200);
  for (const WheelContact& wheel : car_.wheels) EXPECT_EQ(wheel.is_sliding, 0);
}

TEST_F(VehicleModelTest, GripGrowsLessThanTheLoad) {
  const auto limit_of_slide = [&](float gravity) {
    params_.gravity_mps2 = gravity;
    track_ = PadTrack(Surface::kIce, 19000);
    Place(0, false);
    car_.body.position_m.z = 1000;
    Drive({}, 100);
    car_.body.velocity_mps.x = 30;
    Drive({}, 1);
    return std::fabs(car_.force_mps2.x);
  };
  const float once = limit_of_slide(20), twice = limit_of_slide(40);
  EXPECT_GT(twice, 1.7f * once);
  EXPECT_LT(twice, 1.98f * once);
}

// Walls.

std::shared_ptr<const Track> WalledTrack(float wall_m, float width_m = 24) {
  TrackSpec spec;
  spec.name = "walls";
  spec.line = PlainRoad(std::vector<Vec3>{{1000, 9.4f, 500}, {1000, 9.4f, 4500}}, width_m);
  for (TrackPoint& point : spec.line) point.wall_left_m = point.wall_right_m = wall_m;
  return Track::Build(spec);
}

TEST_F(VehicleModelTest, WallHoldsTheCarAndAScrapeSlowsIt) {
  track_ = WalledTrack(1.5f);
  for (const float degrees : {10.0f, 45.0f, 90.0f, -30.0f}) {
    Place(300, false);
    const float half = degrees / kDegrees / 2;
    car_.body.orientation = {Cos(half), 0, Sin(half), 0};
    car_.body.velocity_mps = RotationOf(car_.body.orientation).Column(2) * (300 / 3.6f);
    bool touched = false;
    for (int tick = 0; tick < 300; ++tick) {
      Drive({}, 1);
      touched |= car_.has_wall_contact != 0;
      ASSERT_LE(std::fabs(car_.body.position_m.x - 1000), 12 - 0.59f) << degrees;
      ASSERT_LT(car_.body.position_m.y, 9.4f + 3) << degrees;
    }
    EXPECT_TRUE(touched) << degrees;
  }
  const auto speed_after_scrape = [&] {
    Place(300, false);
    car_.body.position_m.x = 1006;
    const float half = 10 / kDegrees / 2;
    car_.body.orientation = {Cos(half), 0, Sin(half), 0};
    car_.body.velocity_mps = RotationOf(car_.body.orientation).Column(2) * (300 / 3.6f);
    Drive({}, 60);
    return Kmh();
  };
  const float scraped = speed_after_scrape();
  params_.wall_friction = 0;
  EXPECT_GT(speed_after_scrape(), scraped + 3);
}

TEST_F(VehicleModelTest, WallThrowsTheCarBackSlowerThanItCame) {
  track_ = WalledTrack(1.5f);
  Place(0, false);
  car_.body.position_m.x = 1008;
  car_.body.velocity_mps = {30, 0, 0};
  float back = 0;
  for (int tick = 0; tick < 60; ++tick) {
    Drive({}, 1);
    back = std::max(back, -car_.body.velocity_mps.x);
  }
  EXPECT_GT(back, 1);
  EXPECT_LT(back, 15);
}

TEST_F(VehicleModelTest, CarFliesOverALowWallAndThroughAnOpenEdge) {
  track_ = WalledTrack(0.5f);
  Place(200, false);
  car_.body.position_m.y += 3;
  car_.body.velocity_mps.x = 60;
  Drive({}, 40);
  EXPECT_GT(car_.body.position_m.x, 1012);
  track_ = WalledTrack(0);
  Place(200, false);
  car_.body.velocity_mps.x = 60;
  car_.body.position_m.x = 1010;
  Drive({}, 100);
  EXPECT_GT(car_.body.position_m.x, 1012);
  EXPECT_LT(car_.body.position_m.y, 9);
}

TEST_F(VehicleModelTest, GapLetsTheCarFallAndALandingHoldsIt) {
  TrackSpec spec;
  spec.name = "gap";
  for (int i = 0; i <= 2000; ++i) {
    const float z = 500 + static_cast<float>(i);
    spec.line.push_back({.position_m = {1000, z < 710 ? 12.4f : 9.4f, z},
                         .left = {},
                         .surface = Surface::kAsphalt,
                         .is_gap = z >= 700 && z < 720});
  }
  spec.ground_drop_m = 20;
  track_ = Track::Build(spec);
  const auto drop = [&](float kmh) {
    Place(kmh, false);
    car_.body.position_m.z = 680;
    car_.body.position_m.y = 12.4f;
    Drive(kThrottle, 300);
    return car_.body.position_m.y;
  };
  EXPECT_NEAR(drop(200), 9.4f, 0.1f) << "over it";
  EXPECT_LT(drop(40), 0) << "into it";
}

// The far side of the gap is what holds the road, not a ramp.
TEST_F(VehicleModelTest, JumpThatFallsShortHitsTheFarEdge) {
  TrackSpec spec;
  spec.name = "gap";
  for (int i = 0; i <= 2000; ++i) {
    const float z = 500 + static_cast<float>(i);
    spec.line.push_back({.position_m = {1000, z < 710 ? 29.4f : 27.4f, z},
                         .left = {},
                         .is_gap = z >= 700 && z < 720});
  }
  spec.ground_drop_m = 20;
  track_ = Track::Build(spec);
  params_.engine_brake_mps2 = params_.drag_per_m = 0;
  int num_landed = 0, num_short = 0;
  for (float kmh = 100; kmh < 500; kmh += 4) {
    Place(kmh, false);
    car_.body.position_m = {1000, 29.4f, 690};
    const float height = car_.body.position_m.y;
    const float energy = 0.5f * Dot(car_.body.velocity_mps, car_.body.velocity_mps) + 25 * height;
    float lowest_over_gap = height;
    for (int tick = 0; tick < 120; ++tick) {
      Drive({}, 1);
      const Vec3 at = car_.body.position_m;
      if (at.z < 720) lowest_over_gap = std::min(lowest_over_gap, at.y);
      const float now = 0.5f * Dot(car_.body.velocity_mps, car_.body.velocity_mps) + 25 * at.y;
      ASSERT_LE(now, energy + 1) << kmh << " km/h at " << at.z;
    }
    const bool is_on_the_road = car_.body.position_m.z > 722 && car_.body.position_m.y > 26;
    ++(is_on_the_road ? num_landed : num_short);
    // Its wheels may still reach the edge while its origin is a little lower.
    if (is_on_the_road) {
      EXPECT_GT(lowest_over_gap, 27.4f - kRideHeightM - 0.15f) << kmh;
    }
  }
  EXPECT_GT(num_landed, 10);
  EXPECT_GT(num_short, 10);
}

// Whoever is under a road does not come up through it.
TEST_F(VehicleModelTest, CarBelowTheRoadStaysBelow) {
  track_ = FlatTrack(4000, 20);
  Place(150, false);
  car_.body.position_m.x += 12;
  car_.body.position_m.y -= 1.2f;
  car_.body.velocity_mps.x = -15;
  for (int tick = 0; tick < 200; ++tick) {
    Drive({}, 1);
    ASSERT_LT(car_.body.position_m.y, 9.4f - 1) << tick;
  }
  EXPECT_LT(car_.body.position_m.x, 1010);
}

// In the air.

TEST_F(VehicleModelTest, BrakeStopsRotationInTheAirAndSteeringTurnsTheCar) {
  const auto spin_after = [&](const Inputs& inputs) {
    Place(100, false);
    car_.body.position_m.y += 100;
    car_.body.angular_velocity_radps = {4, 0, 1};
    Drive(inputs, 50);
    return car_.body.angular_velocity_radps;
  };
  EXPECT_GT(Length(spin_after({})), 2.5f);
  EXPECT_LT(Length(spin_after(kBrake)), 0.5f);
  EXPECT_LT(spin_after({.right = true, .brake = true}).y, -0.1f);
  EXPECT_GT(spin_after({.left = true, .brake = true}).y, 0.1f);
}

// Energy: what the car has can only come from where it stood and from the engine.

float Energy(const VehicleParams& params, const VehicleState& car) {
  const BodyState& body = car.body;
  const Vec3 w = TransposeTimes(RotationOf(body.orientation), body.angular_velocity_radps);
  const float spin = (w.x * w.x + w.y * w.y) / params.inverse_inertia_pitch_yaw +
                     w.z * w.z / params.inverse_inertia_roll;
  return 0.5f * (Dot(body.velocity_mps, body.velocity_mps) + spin) +
         params.gravity_mps2 * body.position_m.y;
}

TEST_F(VehicleModelTest, EnergyDoesNotComeFromNothing) {
  const std::uint64_t seed = 20240817;
  SCOPED_TRACE(seed);
  Draws draws(seed);
  const float strongest = 16.5f;  // m/s^2, of any gear and of reverse
  for (int run = 0; run < TestCount(20, 100, 3000); ++run) {
    // Thrown in any attitude at any speed, then driven at random.
    Place(0, false);
    car_.body.position_m = {draws.Within(920, 1080), draws.Within(13, 60), draws.Within(600, 9000)};
    car_.body.velocity_mps = {draws.Within(-100, 100), draws.Within(-60, 40),
                              draws.Within(-100, 150)};
    car_.body.angular_velocity_radps = {draws.Within(-12, 12), draws.Within(-12, 12),
                                        draws.Within(-12, 12)};
    const Quaternion q{draws.Within(-1, 1), draws.Within(-1, 1), draws.Within(-1, 1),
                       draws.Within(-1, 1)};
    const float scale = 1 / std::sqrt(q.w * q.w + q.x * q.x + q.y * q.y + q.z * q.z + 1e-6f);
    car_.body.orientation = {q.w * scale, q.x * scale, q.y * scale, q.z * scale};
    const bool coasts = run % 2 == 0;
    double budget = static_cast<double>(Energy(params_, car_));
    Inputs inputs;
    for (int tick = 0; tick < 1000; ++tick) {
      if (tick % 20 == 0) inputs = AnyInputs(draws);
      if (coasts) inputs = {.steer = inputs.steer};
      Advance(params_, *track_, inputs, car_);
      if (!coasts) {
        budget += static_cast<double>(strongest * kTickSeconds * Length(car_.body.velocity_mps));
      }
      ASSERT_LE(static_cast<double>(Energy(params_, car_)), budget * 1.0001 + 0.5)
          << "run " << run << " tick " << tick;
    }
  }
}

}  // namespace
}  // namespace hotlap::sim::vehicle_model_test
