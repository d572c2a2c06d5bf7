#include "env/sim/track_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "env/sim/road_builder.h"

namespace hotlap::sim::track_check_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using Segments = std::vector<RoadSegment>;

RoadSegment Straight(float length_m, float rise_m = 0) {
  return {.length_m = length_m, .rise_m = rise_m};
}
RoadSegment Bend(float radius_m, float turn_deg, float rise_m = 0) {
  return {.kind = SegmentKind::kBend, .radius_m = radius_m, .turn_deg = turn_deg, .rise_m = rise_m};
}
RoadSegment Gap(float length_m, float rise_m = 0) {
  return {.kind = SegmentKind::kGap, .length_m = length_m, .rise_m = rise_m};
}
RoadSegment Loop(float radius_m, float sideways_m) {
  return {.kind = SegmentKind::kLoop, .radius_m = radius_m, .sideways_m = sideways_m};
}

// What the check says of an open road; "" when it is good.
std::string FaultOf(const Segments& segments, const std::vector<float>& checkpoints_s_m = {}) {
  BuiltRoad road = BuildRoad({1000, 50, 1000}, 0, segments);
  TrackSpec spec;
  spec.name = "checked";
  spec.line = road.line;
  spec.checkpoints_s_m = checkpoints_s_m;
  const auto fault = FindRoadFault(*Track::Build(spec), road.parts);
  if (!fault) return "";
  EXPECT_TRUE(fault->part.has_value());
  return fault->text;
}

TEST(TrackCheckTest, GoodRoadsHaveNoFault) {
  EXPECT_EQ(FaultOf({Straight(100), Bend(30, 180), Straight(100)}), "");
  EXPECT_EQ(FaultOf({Straight(100), Bend(30, 180), Straight(60), Bend(30, -180), Straight(100)}),
            "")
      << "legs side by side";
  EXPECT_EQ(FaultOf({Straight(100), Straight(40, 4), Gap(20), Straight(100, -4)}), "");
  EXPECT_EQ(FaultOf({Straight(100), Loop(20, 26), Straight(100)}), "");
}

TEST(TrackCheckTest, RoadThatCrossesItselfNeedsClearance) {
  const auto round = [](float rise_m) {
    return Segments{Straight(200), Bend(60, 270, rise_m), Straight(160)};
  };
  EXPECT_THAT(FaultOf(round(0)),
              StartsWith("segments[2] (straight): meets segments[0] (straight)"));
  EXPECT_THAT(FaultOf(round(4)), HasSubstr("at least 6.0 m above"));
  EXPECT_EQ(FaultOf(round(8)), "");
}

TEST(TrackCheckTest, RoadsSideBySideMustNotTouch) {
  EXPECT_EQ(FaultOf({Straight(150), Bend(13, 180), Straight(150)}), "");
  EXPECT_THAT(FaultOf({Straight(150), Bend(16, 180), Straight(60), Bend(16, 30), Straight(150)}),
              HasSubstr("meets segments[0]"));
}

TEST(TrackCheckTest, LoopNeedsItsEntryAndExitApart) {
  EXPECT_THAT(FaultOf({Straight(100), Loop(20, 12), Straight(100)}),
              HasSubstr("meets segments[0]"));
}

TEST(TrackCheckTest, BendIsNoTighterThanHalfTheWidth) {
  EXPECT_THAT(FaultOf({Straight(100), Bend(10, 180), Straight(100)}),
              StartsWith("segments[1] (bend): bends with a radius of"));
  RoadSegment narrow = Bend(10, 90);
  narrow.half_width_left_m = 5;  // the inside
  EXPECT_EQ(FaultOf({Straight(100), narrow, Straight(100)}), "");
}

TEST(TrackCheckTest, SlopesDipsAndCrestsAreGentle) {
  EXPECT_THAT(FaultOf({Straight(100), Straight(100, 150), Straight(100)}),
              HasSubstr("steeper than"));
  EXPECT_THAT(FaultOf({Straight(60, -40), Straight(60, 40)}), HasSubstr("has a dip with"));
  EXPECT_THAT(FaultOf({Straight(60, 40), Straight(60, -40)}), HasSubstr("has a crest with"));
}

TEST(TrackCheckTest, BankChangesGradually) {
  RoadSegment tilted = Straight(60), back = Straight(60);
  tilted.bank_deg = 60;
  back.bank_deg = -60;
  EXPECT_EQ(FaultOf({Straight(60), tilted, Straight(60)}), "");
  EXPECT_THAT(FaultOf({Straight(60), tilted, back, Straight(60)}), HasSubstr("changes its bank"));
}

TEST(TrackCheckTest, GapMustBeJumpableAtSomeSpeed) {
  EXPECT_THAT(FaultOf({Straight(100), Gap(20), Straight(100)}),
              StartsWith("segments[1] (gap): cannot be jumped at any speed up to 589.0 km/h"))
      << "from a flat road a car only falls";
  EXPECT_THAT(FaultOf({Straight(100), Straight(40, 4), Gap(20, 8), Straight(100)}),
              HasSubstr("8.0 m higher"));
  EXPECT_EQ(FaultOf({Straight(100), Gap(20, -3), Straight(100)}), "") << "lower, it flies over";
  EXPECT_EQ(FaultOf({Straight(100), Straight(40, 4), Gap(60), Straight(300, -4)}), "");
}

TEST(TrackCheckTest, LandingMustBeLongEnoughAndAhead) {
  EXPECT_THAT(FaultOf({Straight(100), Straight(40, 4), Gap(100, 8), Straight(2)}),
              HasSubstr("cannot be jumped"))
      << "only the fast clear it, and they fly beyond";
  Segments aside{Straight(100), Straight(40, 4), Gap(60), Straight(100)};
  aside[3].half_width_left_m = aside[3].half_width_right_m = 3;
  EXPECT_EQ(FaultOf(aside), "");
}

TEST(TrackCheckTest, StartAndFinishStandOnTheRoad) {
  EXPECT_THAT(FaultOf({Straight(100), Gap(20, -4)}), HasSubstr("the finish is over the gap"));
  EXPECT_THAT(FaultOf({Gap(20, -4), Straight(100)}), HasSubstr("the start is over the gap"));
}

TEST(TrackCheckTest, CheckpointsStandOnTheRoad) {
  const Segments segments{Straight(100), Gap(20, -3), Straight(100)};
  EXPECT_EQ(FaultOf(segments, {90, 130}), "");
  EXPECT_THAT(FaultOf(segments, {50, 110}),
              StartsWith("segments[1] (gap): checkpoint 2 is over the gap"));
}

TEST(TrackCheckTest, WithoutPartsTheDistanceIsNamed) {
  TrackSpec spec;
  spec.name = "eight";
  spec.line = PlainRoad(
      std::vector<Vec3>{{0, 20, 0}, {0, 20, 300}, {150, 20, 300}, {150, 20, 150}, {-150, 20, 150}});
  spec.smoothing_m = 120;
  const auto fault = FindRoadFault(*Track::Build(spec));
  ASSERT_TRUE(fault.has_value());
  EXPECT_FALSE(fault->part.has_value());
  EXPECT_THAT(fault->text, StartsWith("at "));
  EXPECT_THAT(fault->text, HasSubstr(" m: meets at "));
  EXPECT_GT(fault->s_m, 600);
}

}  // namespace
}  // namespace hotlap::sim::track_check_test
