#include "env/sim/road_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "env/sim/scalar_math.h"
#include "env/sim/track.h"

namespace hotlap::sim::road_builder_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr Vec3 kStart{100, 10, 200};

RoadSegment Straight(float length_m) { return {.length_m = length_m}; }
RoadSegment Bend(float radius_m, float turn_deg) {
  return {.kind = SegmentKind::kBend, .radius_m = radius_m, .turn_deg = turn_deg};
}
RoadSegment Gap(float length_m) { return {.kind = SegmentKind::kGap, .length_m = length_m}; }
RoadSegment Chicane(float length_m, float sideways_m) {
  return {.kind = SegmentKind::kChicane, .length_m = length_m, .sideways_m = sideways_m};
}
RoadSegment Loop(float radius_m, float sideways_m) {
  return {.kind = SegmentKind::kLoop, .radius_m = radius_m, .sideways_m = sideways_m};
}

std::shared_ptr<const Track> TrackOf(const BuiltRoad& road, bool closed = false) {
  TrackSpec spec;
  spec.name = "built";
  spec.line = road.line;
  spec.closed = closed;
  if (closed) spec.checkpoints_s_m = {road.length_m / 2};
  return Track::Build(spec);
}

float Largest(const Track& track, float (*of)(const RoadPoint&, const RoadPoint&)) {
  float largest = 0;
  for (std::size_t i = 0; i + 1 < track.points().size(); ++i) {
    largest = std::max(largest, std::fabs(of(track.points()[i], track.points()[i + 1])));
  }
  return largest;
}

std::string ErrorOf(const std::vector<RoadSegment>& segments) {
  try {
    BuildRoad(kStart, 0, segments);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(RoadBuilderTest, GoesStraightAndTurnsLeftForPositiveAngles) {
  const std::vector segments{Straight(50), Bend(40, 90), Straight(80)};
  const BuiltRoad road = BuildRoad(kStart, 0, segments, false, {.bend_m = 0, .slope_m = 0});
  EXPECT_EQ(road.line.front().position_m, kStart);
  const Vec3 end = road.line.back().position_m;
  EXPECT_NEAR(end.x, 100 + 40 + 80, 0.02f) << "left is +x";
  EXPECT_NEAR(end.z, 200 + 50 + 40, 0.02f);
  EXPECT_NEAR(road.length_m, 50 + 20 * kPi + 80, 0.02f);
  ASSERT_EQ(road.parts.size(), 3u);
  EXPECT_NEAR(road.parts[1].start_s_m, 50, 0.01f);
  EXPECT_NEAR(road.parts[2].start_s_m, 50 + 20 * kPi, 0.02f);
  EXPECT_EQ(road.parts[1].kind, SegmentKind::kBend);
}

TEST(RoadBuilderTest, HeadingIsWhereTheLineLeaves) {
  const BuiltRoad road = BuildRoad(kStart, 90, std::vector{Straight(50)});
  EXPECT_NEAR(road.line.back().position_m.x, 150, 0.01f);
  EXPECT_NEAR(road.line.back().position_m.z, 200, 0.01f);
}

TEST(RoadBuilderTest, BendsBeginAndEndGentlyAndTurnAsFarAsAsked) {
  const auto track = TrackOf(BuildRoad(
      kStart, 0, std::vector{Straight(60), Bend(40, 90), Straight(60)}, false, {.bend_m = 24}));
  const auto points = track->points();
  EXPECT_NEAR(points.back().tangent.x, 1, 1e-4f);
  float last = 0, tightest = 0;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const float bend = Dot(points[i + 1].tangent - points[i].tangent, points[i].left);
    EXPECT_NEAR(bend, last, 1.0f / 40 / 8) << "curvature is continuous, at " << i;
    last = bend;
    tightest = std::max(tightest, bend);
  }
  EXPECT_NEAR(tightest, 1.0f / 40, 2e-4f);
}

TEST(RoadBuilderTest, RiseIsGainedWithoutCorners) {
  RoadSegment hill = Straight(100);
  hill.rise_m = 20;
  const BuiltRoad road =
      BuildRoad(kStart, 0, std::vector{Straight(80), hill, Straight(80)}, false, {.slope_m = 60});
  EXPECT_NEAR(road.line.back().position_m.y, 30, 0.05f);
  const auto track = TrackOf(road);
  EXPECT_NEAR(Largest(*track, [](const RoadPoint& a, const RoadPoint&) { return a.tangent.y; }),
              Sin(Atan2(0.2f, 1)), 1e-3f);
  EXPECT_LT(
      Largest(*track, [](const RoadPoint& a,
                         const RoadPoint& b) { return Dot(b.tangent - a.tangent, a.normal); }),
      0.2f / 25);
}

TEST(RoadBuilderTest, BankLeansToTheLeftAndComesGradually) {
  RoadSegment bend = Bend(80, 90);
  bend.bank_deg = 30;
  const auto track = TrackOf(BuildRoad(kStart, 0, std::vector{Straight(80), bend, Straight(80)}));
  const RoadPoint& middle = track->points()[track->points().size() / 2];
  EXPECT_NEAR(middle.left.y, -0.5f, 1e-3f) << "the left edge is the lower one";
  EXPECT_EQ(track->points()[5].left.y, 0);
  EXPECT_LT(
      Largest(*track, [](const RoadPoint& a, const RoadPoint& b) { return b.left.y - a.left.y; }),
      0.025f);
}

TEST(RoadBuilderTest, WidthSurfaceAndWallsAreThoseOfTheSegment) {
  RoadSegment narrow = Straight(100);
  narrow.half_width_left_m = 5;
  narrow.wall_left_m = 1;
  narrow.wall_right_m = 2;
  narrow.surface = Surface::kDirt;
  const auto track =
      TrackOf(BuildRoad(kStart, 0, std::vector{Straight(100), narrow, Straight(100)}));
  const auto points = track->points();
  EXPECT_EQ(points[150].half_width_left_m, 5);
  EXPECT_EQ(points[150].half_width_right_m, 12);
  EXPECT_EQ(points[150].wall_left_m, 1);
  EXPECT_EQ(points[150].wall_right_m, 2);
  EXPECT_EQ(points[150].surface, Surface::kDirt);
  EXPECT_EQ(points[98].surface, Surface::kAsphalt);
  EXPECT_EQ(points[98].wall_right_m, 0);
  EXPECT_EQ(points[202].surface, Surface::kAsphalt);
  EXPECT_LT(
      Largest(*track, [](const RoadPoint& a,
                         const RoadPoint& b) { return b.half_width_left_m - a.half_width_left_m; }),
      1.0f)
      << "no step in the edge";
}

TEST(RoadBuilderTest, ChicaneComesOutBesideItsWayInFacingTheSameWay) {
  const BuiltRoad road =
      BuildRoad(kStart, 0, std::vector{Straight(30), Chicane(60, 8), Straight(30)});
  EXPECT_NEAR(road.line.back().position_m.x, 108, 0.01f);
  EXPECT_NEAR(road.line.back().position_m.z, 320, 0.01f);
  const auto track = TrackOf(road);
  EXPECT_NEAR(track->points().back().tangent.z, 1, 1e-4f);
  for (const RoadPoint& p : track->points()) EXPECT_NEAR(p.left.y, 0, 1e-5f);
}

TEST(RoadBuilderTest, RampKeepsItsSlopeUpToTheGapAndTheLandingHasItsOwn) {
  RoadSegment ramp = Straight(40), landing = Straight(60), gap = Gap(20);
  ramp.rise_m = 4;
  landing.rise_m = -6;
  gap.rise_m = -1;
  const BuiltRoad road = BuildRoad(kStart, 0, std::vector{Straight(60), ramp, gap, landing});
  const auto slope_at = [&](std::size_t i) {
    const Vec3 step = road.line[i + 1].position_m - road.line[i].position_m;
    return step.y / std::sqrt(step.x * step.x + step.z * step.z);
  };
  EXPECT_NEAR(slope_at(99), 0.1f, 1e-3f);
  EXPECT_NEAR(slope_at(100), 0.1f, 0.03f) << "no corner at the lip";
  EXPECT_NEAR(slope_at(119), -0.1f, 0.03f);
  EXPECT_NEAR(slope_at(121), -0.1f, 1e-3f);
  EXPECT_NEAR(road.line[120].position_m.y - road.line[100].position_m.y, -1, 0.01f);
  for (std::size_t i = 0; i < road.line.size(); ++i) {
    EXPECT_EQ(road.line[i].is_gap, i >= 100 && i < 120) << i;
  }
}

TEST(RoadBuilderTest, LoopGoesOverItsTopAndComesOutBesideItsEntry) {
  const BuiltRoad road =
      BuildRoad(kStart, 0, std::vector{Straight(60), Loop(20, 16), Straight(60)});
  const auto track = TrackOf(road);
  float highest = 0, lowest_normal = 1;
  for (const RoadPoint& p : track->points()) {
    highest = std::max(highest, p.position_m.y - 10);
    lowest_normal = std::min(lowest_normal, p.normal.y);
    EXPECT_NEAR(Length(p.normal), 1, 1e-4f);
  }
  EXPECT_GT(highest, 40);
  EXPECT_LT(lowest_normal, -0.95f) << "upside down at the top";
  const RoadPoint& end = track->points().back();
  EXPECT_NEAR(end.position_m.x, 116, 0.05f);
  EXPECT_NEAR(end.position_m.y, 10, 0.05f);
  EXPECT_NEAR(end.tangent.z, 1, 1e-3f);
  EXPECT_NEAR(end.normal.y, 1, 1e-3f);
  EXPECT_LT(
      Largest(*track, [](const RoadPoint& a,
                         const RoadPoint& b) { return Dot(b.tangent - a.tangent, a.normal); }),
      1.1f / 20);
}

TEST(RoadBuilderTest, CircuitIsBentTogether) {
  const std::vector oval{Straight(100), Bend(50, 180), Straight(198), Bend(50, 180), Straight(100)};
  const BuiltRoad road = BuildRoad(kStart, 0, oval, true);
  EXPECT_NEAR(road.open_by_m, 2, 0.1f);
  EXPECT_NEAR(road.open_by_deg, 0, 0.01f);
  const auto track = TrackOf(road, true);
  EXPECT_NEAR(track->length_m(), road.length_m, 0.1f);
  for (std::size_t i = 0; i + 1 < track->points().size(); ++i) {
    ASSERT_GT(Dot(track->points()[i].tangent, track->points()[i + 1].tangent), 0.999f) << i;
  }
  EXPECT_NEAR(BuildRoad(kStart, 0, std::vector{Straight(100), Bend(50, 90)}, true).open_by_deg, 90,
              0.1f);
}

TEST(RoadBuilderTest, EqualSegmentsGiveEqualBits) {
  const std::vector segments{Straight(60), Bend(40, 70), Chicane(60, 8), Loop(20, 26),
                             Straight(60)};
  EXPECT_EQ(TrackOf(BuildRoad(kStart, 30, segments))->hash(), 13629503547878564939u)
      << "changed on purpose? golden runs end with it";
}

TEST(RoadBuilderTest, ImpossibleSegmentsAreRefusedByNumberAndKind) {
  EXPECT_EQ(ErrorOf({Straight(50), Bend(20, 90)}), "");
  EXPECT_THAT(ErrorOf({Straight(50), Straight(0)}),
              StartsWith("segments[1] (straight): length_m must be from 1"));
  EXPECT_THAT(ErrorOf({Bend(2, 90)}), StartsWith("segments[0] (bend): radius_m"));
  EXPECT_THAT(ErrorOf({Bend(20, 800)}), StartsWith("segments[0] (bend): turn_deg"));
  EXPECT_THAT(ErrorOf({Straight(50), Loop(5, 20)}), StartsWith("segments[1] (loop): radius_m"));
  EXPECT_THAT(ErrorOf({Gap(std::numeric_limits<float>::quiet_NaN())}),
              StartsWith("segments[0] (gap): length_m"));
  EXPECT_THAT(ErrorOf({Straight(10000), Straight(10000), Straight(10000), Straight(10)}),
              HasSubstr("segments[3] (straight): the road is longer than 30 km"));
  EXPECT_THAT(ErrorOf({}), StartsWith("segments"));
}

}  // namespace
}  // namespace hotlap::sim::road_builder_test
