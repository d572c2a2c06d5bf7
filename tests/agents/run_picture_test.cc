#include "agents/run_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "agents/chart.h"
#include "tests/agents/practice.h"
#include "tests/agents/well_formed.h"

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

agents::Run EvenRun(float speed_mps) {
  agents::Run run;
  run.ticks_per_step = 5;
  for (int i = 0; i <= 200; ++i) {
    const auto t = static_cast<float>(i) * 0.05f;
    run.points.push_back({50 * i, speed_mps * t, 0.5f, speed_mps, 1 + i / 50});
    if (i < 200) run.inputs.push_back({.left = i % 7 == 0, .accelerate = i % 5 != 0});
  }
  return run;
}

std::string Draw(const std::vector<NamedRun>& runs, const ReferenceLine* line = nullptr,
                 const std::string& title = "runs") {
  std::ostringstream out;
  WriteRunPicture(out, title, runs, line, std::vector<float>{100, 200, 5000});
  return out.str();
}

TEST(RunPictureTest, ShowsWhatOneRunDid) {
  const agents::Run run = EvenRun(30);
  const std::string picture = Draw({{"first", &run}});
  ExpectWellFormed(picture);
  for (const char* chart : {"speed, km/h", "steering", "pedals", "gear", "offset from"}) {
    EXPECT_THAT(picture, HasSubstr(chart));
  }
  EXPECT_THAT(picture, Not(HasSubstr("gap")));
  EXPECT_EQ(Count(picture, "class=\"curve\""), 6u) << "a key and five charts";
  EXPECT_EQ(Count(picture, "class=\"mark\""), 10u) << "the two checkpoints that it came to";
}

TEST(RunPictureTest, SaysWhichSignOfTheGapIsWhich) {
  const agents::Run slow = EvenRun(20), fast = EvenRun(30);
  const std::string picture = Draw({{"ghost", &fast}, {"mine", &slow}});
  ExpectWellFormed(picture);
  EXPECT_THAT(picture, HasSubstr("time gap to ghost, s: above 0 is behind it, below 0 ahead"));
  EXPECT_EQ(Count(picture, "class=\"curve\""), 2u + 5 * 2 + 1) << "only mine has a gap";
}

TEST(RunPictureTest, LeavesOutTheChartsOfWhatWasNotSeen) {
  agents::Run run = EvenRun(30);
  for (RunPoint& point : run.points) {
    point.gear.reset();
    point.lateral_m.reset();
    point.speed_mps.reset();
  }
  const std::string picture = Draw({{"first", &run}});
  EXPECT_THAT(picture, Not(HasSubstr("km/h")));
  EXPECT_THAT(picture, Not(HasSubstr("gear")));
  EXPECT_THAT(picture, Not(HasSubstr("offset")));
}

TEST(RunPictureTest, DrawsALineBesideTheRuns) {
  const agents::Run run = EvenRun(30);
  const ReferenceLine line = {"recorded", {{{}, -5, 1}, {{}, 0, 1}, {{}, 100, -2}, {{}, 9000, 0}}};
  const std::string picture = Draw({{"first", &run}}, &line);
  ExpectWellFormed(picture);
  EXPECT_THAT(picture, HasSubstr(">recorded<"));
  EXPECT_EQ(Count(picture, "stroke-dasharray=\"6 4\""), 2u) << "its key and its curve";
}

TEST(RunPictureTest, EscapesEveryNameAndNeedsNothingFromOutside) {
  const agents::Run run = EvenRun(30);
  const ReferenceLine line = {"<line>", {{{}, 0, 1}, {{}, 100, -2}}};
  const std::string picture =
      Draw({{"<script>alert(1)</script>", &run}, {"\"&'", &run}}, &line, "</title><b>");
  ExpectWellFormed(picture);
  EXPECT_THAT(picture, Not(HasSubstr("<script")));
  EXPECT_EQ(Count(picture, "http"), 1u) << "the namespace alone";
}

TEST(RunPictureTest, DrawsRunsOfNoPointAndOfOne) {
  agents::Run none, one;
  one.points = {{}};
  ExpectWellFormed(Draw({{"none", &none}, {"one", &one}}));
}

TEST(RunPictureTest, KnowsTheCheckpointsOfAllLaps) {
  const Centreline& oval = *PracticeTrack("oval").centreline;
  const auto checkpoints = CheckpointsOf(oval);
  ASSERT_EQ(checkpoints.size(), static_cast<std::size_t>(oval.num_gates() * oval.laps() - 1));
  EXPECT_NEAR(checkpoints[static_cast<std::size_t>(oval.num_gates())] - checkpoints[0],
              oval.length_m(), 0.1f);
}

TEST(ChartTest, StaysSmallHoweverManyPointsThereAre) {
  ChartCurve curve{.points = {}, .colour = "#ffffff"};
  for (int i = 0; i < 200000; ++i) {
    curve.points.push_back({static_cast<float>(i) * 0.005f, i % 2 == 0 ? 0.0f : 1.0f});
  }
  std::ostringstream out;
  WriteCharts(out, {.title = "",
                    .keys = {},
                    .x_title = "",
                    .x_high = 1000,
                    .marks = {},
                    .charts = {{.title = "zigzag", .curves = {curve}}}});
  EXPECT_LT(out.str().size(), 100000u);
  ExpectWellFormed(out.str());
}

TEST(ChartTest, LeavesOutWhatIsNoNumber) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const ChartCurve curve{.points = {{0, 1}, {1, kNan}, {kInf, 2}, {2, kInf}, {3, 3}},
                         .colour = "#ffffff"};
  std::ostringstream out;
  WriteCharts(out, {.title = "",
                    .keys = {},
                    .x_title = "",
                    .x_high = 3,
                    .marks = {},
                    .charts = {{.title = "holes", .curves = {curve}}}});
  EXPECT_THAT(out.str(), Not(HasSubstr("nan")));
  EXPECT_THAT(out.str(), Not(HasSubstr("inf")));
  EXPECT_EQ(Count(out.str(), "class=\"curve\""), 1u);
}

}  // namespace
}  // namespace hotlap::agents
