#include "agents/track_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "agents/speed_scale.h"
#include "agents/svg.h"

namespace hotlap::agents {
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

std::size_t Count(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// Elements closed in the order in which they were opened, attributes quoted, entities known.
void ExpectWellFormed(const std::string& xml) {
  std::vector<std::string> open;
  const std::regex tag(R"(^<(/?)([A-Za-z]+)((?:\s+[A-Za-z:-]+="[^"<]*")*)\s*(/?)>)");
  const std::regex entity("^&(amp|lt|gt|quot|apos);");
  ASSERT_EQ(xml.rfind("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", 0), 0u);
  for (std::size_t at = xml.find('\n'); at < xml.size();) {
    std::smatch match;
    const auto here = xml.begin() + static_cast<std::ptrdiff_t>(at);
    if (xml[at] == '<') {
      const auto end = std::find(here, xml.end(), '>');
      ASSERT_NE(end, xml.end());
      const std::string text(here, end + 1);
      ASSERT_TRUE(std::regex_match(text, match, tag)) << text;
      if (match[1].length() > 0) {
        ASSERT_FALSE(open.empty()) << text;
        ASSERT_EQ(open.back(), match[2]);
        open.pop_back();
      } else if (match[4].length() == 0) {
        open.push_back(match[2]);
      }
      at += text.size();
    } else {
      if (xml[at] == '&') {
        const std::string text(here, here + std::min<std::ptrdiff_t>(8, xml.end() - here));
        ASSERT_TRUE(std::regex_search(text, entity)) << text;
      }
      ++at;
    }
  }
  EXPECT_TRUE(open.empty());
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

}  // namespace
}  // namespace hotlap::agents
