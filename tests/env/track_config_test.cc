#include "env/track_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "env/config.h"
#include "env/sim/scalar_math.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;

class TrackConfigTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  const std::filesystem::path& Write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  // Empty: there is none.
  std::string ErrorOf(const std::string& text) {
    try {
      LoadTrackSpec(Write(text));
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  const std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                      ("hotlap_track_test_" + std::to_string(getpid()) + ".yaml");
};

std::string Road(const std::string& segments, const std::string& rest = "") {
  return "name: test\nline:\n  start: [100, 50, 200]\n  segments:\n" + segments + rest;
}

TEST_F(TrackConfigTest, SegmentsFollowEachOther) {
  const sim::TrackSpec spec = LoadTrackSpec(Write(Road(R"(
    - {length_m: 80, checkpoint: true}
    - {radius_m: 40, turn_deg: 90, rise_m: 4, bank_deg: 10, checkpoint: true}
    - {length_m: 80, width_m: 10, surface: turbo, wall_m: 1, wall_right_m: 2}
    - {chicane_m: 80, offset_m: 6}
    - {length_m: 60, rise_m: 4, checkpoint: true}
    - {gap_m: 15}
    - {length_m: 100}
    - {loop_m: 25, offset_m: -30}
    - {length_m: 60}
)",
                                                       "width_m: 16\nbronze_ms: 12340\n")));
  EXPECT_EQ(spec.line.front().position_m, (Vec3{100, 50, 200}));
  EXPECT_EQ(spec.line.front().half_width_left_m, 8);
  EXPECT_EQ(spec.bronze_ms, 12340);
  ASSERT_EQ(spec.checkpoints_s_m.size(), 3u);
  EXPECT_NEAR(spec.checkpoints_s_m[0], 80, 0.01f);
  EXPECT_NEAR(spec.checkpoints_s_m[1], 80 + 20 * sim::kPi, 0.5f);
  const auto track = sim::Track::Build(spec);
  EXPECT_EQ(track->bronze_ms(), 12340);
  const sim::RoadPoint& pad = track->points()[183];
  EXPECT_EQ(pad.surface, sim::Surface::kTurbo);
  EXPECT_EQ(pad.half_width_left_m, 5);
  EXPECT_EQ(pad.wall_left_m, 1);
  EXPECT_EQ(pad.wall_right_m, 2);
  EXPECT_NEAR(track->points().back().position_m.z, 200 + 80 + 40 + 6 * -1 + 30, 3)
      << "a chicane to the left and a loop to the right of a road to the left";
}

TEST_F(TrackConfigTest, FaultsNameTheLineOfTheSegment) {
  const std::string gap =
      ErrorOf(Road("    - {length_m: 80}\n    - {gap_m: 30}\n    - {length_m: 80}\n"));
  EXPECT_NE(gap.find(".yaml:6: "), std::string::npos) << gap;
  EXPECT_NE(gap.find("segments[1] (gap): cannot be jumped"), std::string::npos) << gap;
  const std::string open = ErrorOf(Road("    - {length_m: 80}\n", "closed: true\n"));
  EXPECT_NE(open.find(".yaml:4: line.segments: the end"), std::string::npos) << open;
}

TEST_F(TrackConfigTest, FaultsOfTheWholeTrackNameTheLineOfTheirKey) {
  const std::string recorded =
      "name: test\nline: {npy: " + sim::ConfigFile("tracks").string() + "/map5_0.5m_cl.npy}\n";
  for (const std::string& head : {Road("    - {length_m: 80}\n"), recorded}) {
    const auto place = ".yaml:" + std::to_string(std::ranges::count(head, '\n') + 1) + ": ";
    for (const auto& [text, fault] :
         {std::pair<std::string, std::string>{"checkpoints_s_m: [50, 49]\n",
                                              "checkpoints_s_m: track checkpoints_s_m[1]: must"},
          {"finish_s_m: 29999\n", "finish_s_m: track finish_s_m: must be from"},
          {"start_s_m: 29999\n", "start_s_m: track start_s_m: must be from"},
          {"laps: 2\n", "laps: track laps: more than 1"}}) {
      EXPECT_THAT(ErrorOf(head + text), HasSubstr(place + fault));
    }
  }
  EXPECT_THAT(ErrorOf(Road("    - {length_m: 80, checkpoint: true}\n    - {length_m: 2}\n")),
              HasSubstr(".yaml:2: line: track checkpoints_s_m[0]: must increase"));
  EXPECT_THAT(ErrorOf("name: test\nline:\n  npy: nowhere.npy\n"),
              ::testing::AllOf(HasSubstr(".yaml:3: line.npy: "), HasSubstr("nowhere.npy")));
}

TEST_F(TrackConfigTest, PointsMakeACircuit) {
  const sim::TrackSpec spec = LoadTrackSpec(
      Write("name: box\nclosed: true\nlaps: 3\ncheckpoints_s_m: [300]\nsurface: dirt\nwidth_m: "
            "10\nsmoothing_m: 60\n"
            "line: {points: [[0, 9, 0], [0, 9, 100], [-100, 9, 100], [-100, 9, 0]]}\n"));
  EXPECT_EQ(spec.line.size(), 4u);
  EXPECT_TRUE(spec.closed);
  EXPECT_EQ(spec.laps, 3);
  EXPECT_EQ(spec.line[0].surface, sim::Surface::kDirt);
}

TEST_F(TrackConfigTest, WrongTracksAreRefusedByKey) {
  const std::string line = "line: {points: [[0, 9, 0], [0, 9, 100]]}\n";
  for (const auto& [text, key] :
       {std::pair<std::string, std::string>{line, "name"},
        {"name: x\n", "line"},
        {"name: x\nline: {}\n", "exactly one of"},
        {"name: x\nline: {npy: nowhere.npy}\n", "nowhere.npy"},
        {"name: x\nline: {points: [[0, 9]]}\n", "points"},
        {"name: x\nline: {start: [0, 0, 0], segments: [{radius_m: 20}]}\n", "turn_deg"},
        {"name: x\nline: {start: [0, 0, 0], segments: [{length_m: 0}]}\n", "length_m"},
        {"name: x\nline: {start: [0, 0, 0], segments: [{length_m: 90, bank: 1}]}\n", "bank"},
        {"name: x\nline: {start: [0, 0, 0], segments: [{rise_m: 9}]}\n", "needs one of length_m"},
        {"name: x\nline: {start: [0, 0, 0], segments: [{length_m: 90, gap_m: 9}]}\n", "gap_m"},
        {"name: x\nline: {start: [0, 0, 0], segments: [{loop_m: 5, offset_m: 9}]}\n", "loop_m"},
        {"name: x\nline: {start: [0, 0, 0], segments: [{length_m: 90, checkpoint: true}]}\n",
         "checkpoint"},
        {"name: x\nsmoothing_m: 9\nline: {start: [0, 0, 0], segments: [{length_m: 90}]}\n",
         "smoothing_m"},
        {"name: x\nbronze_ms: -1\n" + line, "bronze_ms"},
        {"name: x\nsurface: mud\n" + line, "surface"},
        {"name: x\nwidth_m: wide\n" + line, "width_m"},
        {"name: x\nsmooth: 3\n" + line, "smooth"}}) {
    const std::string message = ErrorOf(text);
    EXPECT_NE(message.find(key), std::string::npos) << text << ": " << message;
  }
}

TEST_F(TrackConfigTest, EveryTrackFileBuilds) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(sim::ConfigFile("tracks"))) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const sim::TrackSpec spec = LoadTrackSpec(entry.path());
    EXPECT_EQ(spec.name, entry.path().stem());
    EXPECT_GT(sim::Track::Build(spec)->bronze_ms(), 0) << entry.path();
  }
  EXPECT_GE(files, 12);
}

}  // namespace
}  // namespace hotlap
