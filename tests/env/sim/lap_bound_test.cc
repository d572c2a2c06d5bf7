#include "env/sim/lap_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "env/sim/race.h"
#include "env/sim/racing_line.h"

namespace hotlap::sim {
namespace {

constexpr float kWidth = 16;

// Arcs and straights on the flat, a point every metre.
class Road {
 public:
  Road& Straight(float length_m) {
    for (float s = 0; s < length_m; s += 1) Step(0);
    return *this;
  }
  Road& Bend(float radius_m, float turn_rad) {
    const float length = radius_m * std::fabs(turn_rad);
    const float steps = std::ceil(length);
    for (float k = 0; k < steps; k += 1) Step(turn_rad / steps, length / steps);
    return *this;
  }
  TrackSpec Spec(Surface surface = Surface::kAsphalt) const {
    TrackSpec spec;
    spec.name = "road";
    spec.line = PlainRoad(line_, kWidth, surface);
    return spec;
  }

 private:
  void Step(float turn, float length = 1) {
    heading_ += turn / 2;
    const Vec3 step = Vec3{std::sin(heading_), 0, std::cos(heading_)} * length;
    line_.push_back(line_.back() + step);
    heading_ += turn / 2;
  }
  std::vector<Vec3> line_{{0, 10, 0}};
  float heading_ = 0;
};

TrackSpec Ring(float radius_m, int laps, Surface surface = Surface::kAsphalt, float bank_rad = 0) {
  TrackSpec spec;
  spec.name = "ring";
  const int n = static_cast<int>(2 * std::numbers::pi_v<float> * radius_m / 2);
  std::vector<Vec3> line;
  for (int i = 0; i < n; ++i) {
    const float angle =
        2 * std::numbers::pi_v<float> * static_cast<float>(i) / static_cast<float>(n);
    line.push_back({radius_m * std::cos(angle), 10, radius_m * std::sin(angle)});
  }
  spec.line = PlainRoad(line, kWidth, surface);
  for (std::size_t i = 0; i < line.size(); ++i) {  // the middle is to the right
    const Vec3 out = Vec3{line[i].x, 0, line[i].z} * (1 / radius_m);
    spec.line[i].left = out * std::cos(bank_rad) + Vec3{0, std::sin(bank_rad), 0};
  }
  spec.closed = true;
  spec.laps = laps;
  spec.checkpoints_s_m = {std::numbers::pi_v<float> * radius_m};
  return spec;
}

LapBound BoundOf(const TrackSpec& spec, const VehicleParams& params = {}) {
  return BoundLap(*Track::Build(spec), params);
}
float TopSpeed(const LapBound& bound) {
  float top = 0;
  for (const LapBoundPoint& p : bound.widest) top = std::max(top, p.speed_mps);
  return top;
}
// The highest speed that full lock still turns so tightly.
double SpeedAtLock(const VehicleParams& params, double curvature_per_m) {
  double speed = 277;
  while (FullLockCurvature(params, speed) < curvature_per_m) speed -= 0.05;
  return speed;
}

TEST(RacingLineTest, GoesRoundAHairpinOnTheWidestArcThatFits) {
  constexpr float kRadius = 20;
  const auto track = Track::Build(
      Road().Straight(150).Bend(kRadius, std::numbers::pi_v<float>).Straight(150).Spec());
  double most = 0;
  const auto lines = RacingLines(*track, 0, 2);
  for (const LineStation& at : lines.front()) {
    most = std::max(most, std::abs(at.curvature_per_m));
    ASSERT_LE(std::abs(at.lateral_m), kWidth / 2);
  }
  // From the outer edge to the inner one and out again: an arc as wide as the road's outer edge.
  EXPECT_NEAR(most * (kRadius + kWidth / 2), 1, 0.2);
}

TEST(RacingLineTest, GoesTheShortestWayRoundTheInside) {
  constexpr float kRadius = 30;
  const auto track = Track::Build(Ring(kRadius, 1));
  const auto lines = RacingLines(*track, 0, 3);
  double length = 0;
  for (const LineStation& at : lines.back()) length += at.step_m;
  EXPECT_NEAR(length, 2 * std::numbers::pi * (kRadius - kWidth / 2), 1);
}

TEST(RacingLineTest, KeepsAwayFromWalls) {
  TrackSpec spec = Road().Straight(50).Bend(20, 1.5f).Straight(50).Spec();
  for (TrackPoint& p : spec.line) p.wall_left_m = 1;
  double left = 0, right = 0;
  const auto lines = RacingLines(*Track::Build(spec), 0.6f, 2);
  for (const LineStation& at : lines.back()) {
    left = std::max(left, at.lateral_m);
    right = std::max(right, -at.lateral_m);
  }
  EXPECT_NEAR(left, kWidth / 2 - 0.6, 1e-5);
  EXPECT_LE(right, kWidth / 2);
}

TEST(LapBoundTest, OfAStraightIsTheTimeThatItsAccelerationTakes) {
  VehicleParams params;
  params.drag_per_m = 0;
  params.drive_low_mps2.fill(10);
  params.drive_high_mps2.fill(10);
  const LapBound bound = BoundOf(Road().Straight(400).Spec(), params);
  EXPECT_NEAR(bound.time_s, kLineAllowance * std::sqrt(2 * 400 / 10.0), 0.03);
  EXPECT_NEAR(TopSpeed(bound), std::sqrt(2 * 400 * 10.0), 0.5);
}

TEST(LapBoundTest, OfASlopeCountsGravity) {
  VehicleParams params;
  params.drag_per_m = 0;
  params.drive_low_mps2.fill(10);
  params.drive_high_mps2.fill(10);
  TrackSpec spec = Road().Straight(400).Spec();
  for (TrackPoint& p : spec.line) p.position_m.y += 0.2f * p.position_m.z;
  const double length = 400 * std::sqrt(1.04), sine = 0.2 / std::sqrt(1.04);
  const double push = 10 - 25 * sine;
  EXPECT_NEAR(BoundOf(spec, params).time_s, kLineAllowance * std::sqrt(2 * length / push), 0.05);
}

// Of the second lap and all but the last after it.
double LapSeconds(float radius_m, Surface surface, float bank_rad, const VehicleParams& params) {
  const double more = BoundOf(Ring(radius_m, 10, surface, bank_rad), params).time_s;
  return (more - BoundOf(Ring(radius_m, 4, surface, bank_rad), params).time_s) / 6;
}

// Round and round, the shortest way is the quickest.
TEST(LapBoundTest, OfARingIsFullLockOnItsInnerEdge) {
  const VehicleParams params;
  constexpr float kRadius = 60;
  const double radius = kRadius - kWidth / 2;
  const double lap_s = 2 * std::numbers::pi * radius / SpeedAtLock(params, 1 / radius);
  EXPECT_NEAR(LapSeconds(kRadius, Surface::kAsphalt, 0, params), kLineAllowance * lap_s,
              0.01 * lap_s);
}

TEST(LapBoundTest, OfAnIcyRingIsWhatTheTyresHold) {
  VehicleParams params;
  params.load_sensitivity = 0;
  constexpr float kRadius = 60;
  const double radius = kRadius - kWidth / 2, hold = params.grip_ice * params.gravity_mps2;
  const double lap_s = 2 * std::numbers::pi * std::sqrt(radius / hold);
  EXPECT_NEAR(LapSeconds(kRadius, Surface::kIce, 0, params), kLineAllowance * lap_s, 0.02 * lap_s);
}

TEST(LapBoundTest, OfABankedRingHasTheBanksHelp) {
  VehicleParams params;
  params.load_sensitivity = 0;
  constexpr float kRadius = 60, kBank = 0.4f;
  // Friction and bank: v^2 = g r (tan b + m) / (1 - m tan b).
  const double tangent = std::tan(kBank), grip = params.grip_ice;
  const double radius = kRadius - kWidth / 2 * std::cos(kBank);
  const double square = params.gravity_mps2 * radius * (tangent + grip) / (1 - grip * tangent);
  const double lap_s = 2 * std::numbers::pi * radius / std::sqrt(square);
  EXPECT_NEAR(LapSeconds(kRadius, Surface::kIce, kBank, params), kLineAllowance * lap_s,
              0.02 * lap_s);
}

TEST(LapBoundTest, BrakesInTimeForABend) {
  const VehicleParams params;
  const LapBound bound = BoundOf(Road().Straight(400).Bend(16, 3.1416f).Straight(60).Spec());
  const double slowest = SpeedAtLock(params, 0.8 / 24);
  for (const LapBoundPoint& p : bound.widest) {
    const double before = 400 - p.s_m;
    if (before < 20) continue;
    const double most = params.brake_mps2 + params.engine_brake_mps2 + 0.0003 * 90 * 90;
    EXPECT_LT(p.speed_mps * p.speed_mps, slowest * slowest + 2 * most * (before + 12)) << p.s_m;
  }
  EXPECT_GT(TopSpeed(bound), 60);
}

TEST(LapBoundTest, CountsATurboPadAndAGap) {
  const TrackSpec plain = Road().Straight(600).Spec();
  TrackSpec turbo = plain, strong = plain, gap = plain;
  for (std::size_t i = 200; i < 216; ++i) {
    turbo.line[i].surface = Surface::kTurbo;
    strong.line[i].surface = Surface::kTurbo2;
  }
  for (std::size_t i = 200; i < 280; ++i) gap.line[i].is_gap = true;
  const double time_s = BoundOf(plain).time_s;
  EXPECT_LT(BoundOf(turbo).time_s, time_s - 0.5);
  EXPECT_LT(BoundOf(strong).time_s, BoundOf(turbo).time_s - 0.1);
  EXPECT_GT(BoundOf(gap).time_s, time_s + 0.1);
}

TEST(LapBoundTest, IsTheSameOnEveryMachine) {
  TrackSpec spec;
  spec.name = "crank";
  const Vec3 corners[] = {{0, 10, 0}, {0, 10, 120}, {60, 12, 180}, {60, 12, 300}, {-20, 10, 330}};
  spec.line = PlainRoad(corners, kWidth);
  spec.smoothing_m = 40;
  EXPECT_EQ(BoundOf(spec).time_s, 0x1.02a1d8933088dp+3) << std::hexfloat << BoundOf(spec).time_s;
}

// Held at full lock and a steady speed, as tightly as any car can be driven without a slide.
TEST(LapBoundTest, NoCarTurnsTighterThanFullLockCurvature) {
  const FloatingPointGuard guard;
  TrackSpec plain = Road().Straight(800).Spec();
  for (TrackPoint& p : plain.line) p.half_width_left_m = p.half_width_right_m = 100;
  const auto track = Track::Build(plain);
  const VehicleParams params;
  for (const float speed : {12.0f, 25.0f, 40.0f, 60.0f, 90.0f, 120.0f}) {
    VehicleState car = CarAt(params, *track, track->start(), false);
    for (int tick = 0; tick < 40; ++tick) Advance(params, *track, {}, car);  // settled
    car.body.velocity_mps = {0, 0, speed};
    Inputs inputs;
    inputs.steer = 65536;
    double most = 0;
    for (int tick = 0; tick < 80; ++tick) {
      const Vec3 before = car.body.velocity_mps;
      inputs.accelerate = Length(before) < speed;
      Advance(params, *track, inputs, car);
      const Vec3 v = car.body.velocity_mps;
      const double turn = std::abs(double{before.x} * v.z - double{before.z} * v.x) /
                          (double{Length(before)} * Length(v));
      if (tick > 40) most = std::max(most, turn / (0.01 * Length(v)));
    }
    ASSERT_EQ(car.has_left_road, 0);
    EXPECT_LE(most, FullLockCurvature(params, Length(car.body.velocity_mps))) << speed << " m/s";
    EXPECT_GE(most, 0.9 * FullLockCurvature(params, Length(car.body.velocity_mps)))
        << speed << " m/s";
  }
}

}  // namespace
}  // namespace hotlap::sim
