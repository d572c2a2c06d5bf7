#include "agents/reference_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "env/npy.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Points of a track's own line, this far to the left of it.
std::vector<Vec3> Beside(const Centreline& centreline, float from_m, float to_m, float left_m) {
  std::vector<Vec3> points;
  const auto count = static_cast<int>((to_m - from_m) / 1.5f);
  for (int i = 0; i <= count; ++i) {
    const float s_m = from_m + 1.5f * static_cast<float>(i);
    const LinePoint at = centreline.At(centreline.start_s_m() + s_m);
    points.push_back(at.position_m + at.left * left_m);
  }
  return points;
}

void ExpectBeside(const std::string& track, float from_m, float to_m) {
  const Centreline& centreline = *PracticeTrack(track).centreline;
  const auto points = Beside(centreline, from_m, to_m, 2);
  const auto line = PlaceOnTrack("line", points, centreline);
  ASSERT_EQ(line.points.size(), points.size());
  float s_m = from_m;
  for (const ReferencePoint& point : line.points) {
    EXPECT_NEAR(point.progress_m, s_m, 0.4f) << track;
    EXPECT_NEAR(point.lateral_m, 2, 0.1f) << track << " at " << s_m;
    s_m += 1.5f;
  }
}

TEST(ReferenceLineTest, KnowsWhereOnTheTrackItIs) {
  ExpectBeside("hairpins", 0, 400);
  ExpectBeside("hairpins", 300, 500);
  ExpectBeside("loop", 0, 500);
}

TEST(ReferenceLineTest, MayBeginBeforeTheStartOfACircuitAndGoOnForLaps) {
  const Centreline& centreline = *PracticeTrack("oval").centreline;
  ExpectBeside("oval", -30, static_cast<float>(centreline.laps()) * centreline.length_m() - 1);
}

TEST(ReferenceLineTest, LeavesOutWhereItRollsOut) {
  for (const char* track : {"hairpins", "oval"}) {
    const Centreline& centreline = *PracticeTrack(track).centreline;
    const float race_m = centreline.finish_s_m() - centreline.start_s_m();
    const auto line = PlaceOnTrack("line", Beside(centreline, 0, race_m + 200, 2), centreline);
    EXPECT_NEAR(line.points.back().progress_m, race_m, 1.5f) << track;
    EXPECT_TRUE(std::ranges::is_sorted(line.points, {}, &ReferencePoint::progress_m)) << track;
  }
}

TEST(ReferenceLineTest, MayHaveFewPointsAndRollOutAnywhere) {
  const Centreline& hairpins = *PracticeTrack("hairpins").centreline;
  const float race_m = hairpins.finish_s_m() - hairpins.start_s_m();
  const auto all = Beside(hairpins, 0, race_m - 40, 0);
  std::vector<Vec3> points;
  for (std::size_t i = 0; i < all.size(); i += 10) points.push_back(all[i]);
  const std::size_t on_track = points.size();
  points.push_back(hairpins.PositionAt(hairpins.finish_s_m() + 100));
  points.push_back({0, 0, 0});
  EXPECT_EQ(PlaceOnTrack("line", points, hairpins).points.size(), on_track);
}

TEST(ReferenceLineTest, MayBeALapOfACircuitThatBeginsAnywhere) {
  const Centreline& centreline = *PracticeTrack("oval").centreline;
  const float race_m = centreline.finish_s_m() - centreline.start_s_m();
  const auto points = Beside(centreline, 0.7f * race_m, 1.69f * race_m, 2);
  const auto line = PlaceOnTrack("line", points, centreline);
  EXPECT_EQ(line.points.size(), points.size());
  EXPECT_NEAR(line.points.front().progress_m, 0, 1.5f);
  EXPECT_NEAR(line.points.back().progress_m, race_m, 1.5f);
  EXPECT_TRUE(std::ranges::is_sorted(line.points, {}, &ReferencePoint::progress_m));
  for (const ReferencePoint& point : line.points) {
    const LinePoint at = centreline.At(centreline.start_s_m() + point.progress_m);
    ASSERT_LT(Length(point.position_m - (at.position_m + at.left * point.lateral_m)), 1.6f);
  }
}

TEST(ReferenceLineTest, FollowsTheRecordingThatATrackIsMadeOf) {
  const auto points =
      ReadNpyPoints(HOTLAP_SOURCE_DIR "/configs/tracks/ESL-Hockolicious_0.5m_cl2.npy");
  const Centreline& centreline = *PracticeTrack("hockolicious").centreline;
  const ReferenceLine line = PlaceOnTrack("recording", points, centreline);
  EXPECT_EQ(line.name, "recording");
  ASSERT_EQ(line.points.size(), points.size());
  EXPECT_NEAR(line.points.back().progress_m, centreline.finish_s_m() - centreline.start_s_m(), 2);
  for (const ReferencePoint& point : line.points) ASSERT_LT(std::abs(point.lateral_m), 2);
}

TEST(ReferenceLineTest, RefusesALineOfAnotherTrackOrThatLeadsTheOtherWay) {
  const Centreline& hairpins = *PracticeTrack("hairpins").centreline;
  auto points = Beside(hairpins, 0, 500, 0);
  EXPECT_THAT([&] { PlaceOnTrack("mine", points, *PracticeTrack("map5").centreline); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("m off the track")));
  std::ranges::reverse(points);
  EXPECT_THAT([&] { PlaceOnTrack("mine", points, hairpins); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("mine: it leads from ")));
  points[100].x += 500;
  EXPECT_THAT([&] { PlaceOnTrack("mine", points, hairpins); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("mine: its point 100 is ")));
}

}  // namespace
}  // namespace hotlap::agents
