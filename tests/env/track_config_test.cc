#include "env/track_config.h"

#include <gtest/gtest.h>
#include <unistd.h>

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

class TrackConfigTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  const std::filesystem::path& Write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  const std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                      ("hotlap_track_test_" + std::to_string(getpid()) + ".yaml");
};

TEST_F(TrackConfigTest, SegmentsGoStraightAndTurn) {
  const sim::TrackSpec spec = LoadTrackSpec(Write(R"(
name: test
line:
  start: [100, 10, 200]
  segments:
    - {length_m: 50}
    - {radius_m: 20, turn_deg: 90, rise_m: 4}
    - {length_m: 30}
closed: false
)"));
  EXPECT_EQ(spec.line.front().position_m, (Vec3{100, 10, 200}));
  EXPECT_NEAR(spec.line[50].position_m.z, 250, 1e-3f);
  const Vec3 end = spec.line.back().position_m;
  EXPECT_NEAR(end.x, 100 + 20 + 30, 0.01f) << "left is +x";
  EXPECT_NEAR(end.z, 250 + 20, 0.01f);
  EXPECT_NEAR(end.y, 14, 1e-4f);
  for (std::size_t i = 51; i < 80; ++i) {
    const Vec3 flat{spec.line[i].position_m.x, 0, spec.line[i].position_m.z};
    EXPECT_NEAR(Length(flat - Vec3{120, 0, 250}), 20, 0.01f) << "on the arc";
  }
  EXPECT_NEAR(sim::Track::Build(spec)->length_m(),
              50 + std::sqrt(10 * 10 * sim::kPi * sim::kPi + 16) + 30, 0.3f);
}

TEST_F(TrackConfigTest, PointsMakeACircuit) {
  const sim::TrackSpec spec = LoadTrackSpec(
      Write("name: box\nclosed: true\nlaps: 3\nsurface: dirt\nwidth_m: 10\n"
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
        {"name: x\nline: {start: [0, 0, 0], segments: [{length_m: 9, bank: 1}]}\n", "bank"},
        {"name: x\nsurface: mud\n" + line, "surface"},
        {"name: x\nwidth_m: wide\n" + line, "width_m"},
        {"name: x\nsmooth: 3\n" + line, "smooth"}}) {
    const auto message = [&]() -> std::string {
      try {
        LoadTrackSpec(Write(text));
      } catch (const std::runtime_error& error) {
        return error.what();
      }
      return "";
    }();
    EXPECT_NE(message.find(key), std::string::npos) << text << ": " << message;
  }
}

TEST_F(TrackConfigTest, EveryTrackFileBuilds) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(sim::ConfigFile("tracks"))) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    EXPECT_NO_THROW(sim::Track::Build(LoadTrackSpec(entry.path()))) << entry.path();
  }
  EXPECT_GE(files, 3);
}

}  // namespace
}  // namespace hotlap
