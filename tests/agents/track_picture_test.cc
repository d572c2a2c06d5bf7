#include "agents/track_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "agents/speed_scale.h"
#include "agents/svg.h"
#include "tests/agents/well_formed.h"

namespace hotlap::agents::track_picture_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

LinePoint At(float x, float z) {
  LinePoint p;
  p.position_m = {x, 10, z};
  p.tangent = {0, 0, 1};
  p.left = {1, 0, 0};
  p.half_width_left_m = p.half_width_right_m = 12;
  return p;
}

PicturePanel NorthPanel() {
  PicturePanel panel;
  panel.title = "north";
  panel.remarks = {"600 m", "1 of 1 finished"};
  for (int i = 0; i <= 200; ++i) panel.outline.road.push_back(At(0, 3.0f * static_cast<float>(i)));
  panel.outline.checkpoints = {At(0, 200), At(0, 400)};
  panel.outline.start = panel.outline.road.front();
  panel.outline.finish = panel.outline.road.back();
  DrivenLine line;
  line.finished = true;
  for (int i = 0; i <= 100; ++i) {
    const auto step = static_cast<float>(i);
    line.points.push_back({{2, 10, 6 * step}, 0.9f * step});
  }
  panel.lines = {line};
  return panel;
}

std::string Draw(const std::vector<PicturePanel>& panels, const std::string& title = "test") {
  std::ostringstream out;
  WritePicture(out, title, panels);
  return out.str();
}

TEST(TrackPictureTest, IsWellFormedWhateverTheNames) {
  PicturePanel panel = NorthPanel();
  panel.title = "<b>\"Tom's\" & co\x01</b>";
  panel.remarks = {"a & b", "]]>"};
  ExpectWellFormed(Draw({panel, NorthPanel(), NorthPanel(), NorthPanel()}, "<&>"));
}

TEST(TrackPictureTest, IsWellFormedWithoutAnythingDriven) {
  PicturePanel panel = NorthPanel();
  panel.lines = {DrivenLine{}};
  ExpectWellFormed(Draw({panel}));
  ExpectWellFormed(Draw({}));
}

TEST(TrackPictureTest, NeedsNothingFromOutside) {
  const std::string picture = Draw({NorthPanel()});
  EXPECT_THAT(picture, Not(HasSubstr("href")));
  EXPECT_THAT(picture, Not(HasSubstr("@import")));
  EXPECT_EQ(Count(picture, "http"), 1u) << "the namespace alone";
}

TEST(TrackPictureTest, ColoursTheLineBySpeed) {
  const std::string picture = Draw({NorthPanel()});
  // From standstill to 324 km/h on a scale to 350: nearly every level is there.
  EXPECT_GE(Count(picture, "class=\"line\""), 25u);
  EXPECT_THAT(picture, HasSubstr("class=\"line\" stroke=\"" + SpeedScale::Colour(0)));
  EXPECT_THAT(picture,
              HasSubstr("class=\"line\" stroke=\"" + SpeedScale::Colour(SpeedScale(90).Level(90))));
}

TEST(TrackPictureTest, DrawsEqualLinesOnce) {
  PicturePanel panel = NorthPanel();
  const std::size_t strokes = Count(Draw({panel}), "class=\"line\"");
  panel.lines.assign(5, panel.lines[0]);
  EXPECT_EQ(Count(Draw({panel}), "class=\"line\""), strokes);
}

TEST(TrackPictureTest, DrawsALineToCompareWithOnTopOfTheRoad) {
  PicturePanel panel = NorthPanel();
  EXPECT_EQ(Count(Draw({panel}), "class=\"reference\""), 0u);
  panel.references = {{{0, 10, 0}, {3, 10, 300}, {0, 10, 600}}};
  const std::string picture = Draw({panel});
  ExpectWellFormed(picture);
  EXPECT_EQ(Count(picture, "class=\"reference\""), 1u);
  EXPECT_GT(picture.find("class=\"reference\""), picture.rfind("class=\"road\""));
}

TEST(TrackPictureTest, MarksCheckpointsAndWhereALineEndedEarly) {
  PicturePanel panel = NorthPanel();
  const std::string finished = Draw({panel});
  panel.lines[0].finished = false;
  const std::string ended = Draw({panel});
  // The legend has one of each, and a cross is two strokes.
  EXPECT_EQ(Count(finished, "class=\"gate\""), 3u);
  EXPECT_EQ(Count(finished, "class=\"end\""), 2u);
  EXPECT_EQ(Count(ended, "class=\"end\""), 4u);
}

TEST(TrackPictureTest, DrawsNoRoadOverAGap) {
  PicturePanel panel = NorthPanel();
  for (std::size_t i = 60; i < 90; ++i) panel.outline.road[i].is_gap = true;
  EXPECT_GT(Count(Draw({panel}), "class=\"gap\""), 0u);
  EXPECT_EQ(Count(Draw({NorthPanel()}), "class=\"gap\""), 0u);
}

TEST(SpeedScaleTest, EndsAtTheNextFiftyAboveTheFastest) {
  EXPECT_FLOAT_EQ(SpeedScale(0).top_kmh(), 50);
  EXPECT_FLOAT_EQ(SpeedScale(101 / 3.6f).top_kmh(), 150);
}

TEST(SpeedScaleTest, HasALevelForEverySpeed) {
  const SpeedScale scale(100);
  EXPECT_EQ(scale.Level(0), 0);
  EXPECT_EQ(scale.Level(1000), SpeedScale::kLevels - 1);
  EXPECT_EQ(SpeedScale::Colour(0), "#485cff");
  EXPECT_EQ(SpeedScale::Colour(SpeedScale::kLevels - 1), "#ff4842");
}

TEST(SvgTest, WritesTenthsAndNothingMore) {
  EXPECT_EQ(Tenth(12), "12");
  EXPECT_EQ(Tenth(-0.04f), "0");
  EXPECT_EQ(Tenth(3.14159f), "3.1");
  EXPECT_EQ(Tenth(100000.26f), "100000.3");
}

TEST(SvgTest, DrawsPathsOfAnyLength) {
  std::vector<Pixel> falling;
  for (int i = 0; i < 4000; ++i) {  // each point is needed, and is the farthest of those left
    const auto x = static_cast<float>(i);
    falling.push_back({x, i % 2 == 0 ? 4000 - x : x - 4000});
  }
  EXPECT_EQ(Count(PathData(falling), ","), falling.size());
}

TEST(SvgTest, LeavesOutPointsOfAStraightPathAndKeepsEveryBend) {
  const std::vector<Pixel> corner = {{0, 0}, {1, 0.05f}, {2, 0}, {3, 0}, {3, 1}, {3, 2}, {3, 1}};
  EXPECT_EQ(PathData(corner), "M0,0L3,0 3,2 3,1") << "the way back counts too";
  EXPECT_EQ(PathData(std::vector<Pixel>{{1, 2}}), "M1,2");
  EXPECT_EQ(PathData({}), "");
}

}  // namespace
}  // namespace hotlap::agents::track_picture_test
