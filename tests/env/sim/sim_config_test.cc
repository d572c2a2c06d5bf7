#include "env/sim_config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "env/config.h"
#include "env/sim/scalar_math.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap {
namespace {

class SimConfigTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  const std::filesystem::path& Write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  template <class Load>
  std::string ErrorOf(Load load, const std::string& text) {
    try {
      load(Write(text));
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  const std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                      ("hotlap_config_test_" + std::to_string(getpid()) + ".yaml");
};

void ExpectSameBits(const sim::VehicleParams& a, const sim::VehicleParams& b) {
  static_assert(std::is_trivially_copyable_v<sim::VehicleParams> &&
                sizeof(sim::VehicleParams) % sizeof(float) == 0);
  constexpr std::size_t kFloats = sizeof(sim::VehicleParams) / sizeof(float);
  float x[kFloats], y[kFloats];
  std::memcpy(x, &a, sizeof a);
  std::memcpy(y, &b, sizeof b);
  for (std::size_t i = 0; i < kFloats; ++i) EXPECT_EQ(x[i], y[i]) << "float " << i;
}

TEST_F(SimConfigTest, StadiumFileIsTheDefaultsInFull) {
  ExpectSameBits(LoadVehicleParams(sim::ConfigFile("vehicles/stadium.yaml")), {});
}

// A key that the file did not list would silently keep its default: every key must be in it.
TEST_F(SimConfigTest, StadiumFileListsEveryKeyWithItsOrigin) {
  std::ifstream file(sim::ConfigFile("vehicles/stadium.yaml"));
  std::string line, comment;
  int keys = 0;
  while (std::getline(file, line)) {
    if (line.empty()) continue;
    if (line[0] == '#') {
      comment = line;
      continue;
    }
    ++keys;
    const std::string told = line.find('#') == std::string::npos ? comment : line;
    if (line.rfind("steer_speed_kmh", 0) == 0) continue;  // an axis, no value of its own
    EXPECT_TRUE(told.find("measured") != std::string::npos ||
                told.find("chosen") != std::string::npos)
        << line;
  }
  constexpr int kArrays = 7;  // their floats beyond one key each
  constexpr std::size_t kArrayFloats = sizeof(sim::VehicleParams::wheel_offset_m) / 4 +
                                       sizeof(sim::VehicleParams::body_point_m) / 4 +
                                       2 * sim::kNumSteerPoints + 3 * sim::kNumGears;
  EXPECT_EQ(static_cast<std::size_t>(keys),
            sizeof(sim::VehicleParams) / 4 - kArrayFloats + kArrays);
}

TEST_F(SimConfigTest, VehicleKeysOverrideDefaults) {
  const sim::VehicleParams params =
      LoadVehicleParams(Write("gravity_mps2: 30\ngear_end_kmh: [80, 150, 200, 300, 500]\n"));
  EXPECT_EQ(params.gravity_mps2, 30);
  EXPECT_EQ(params.gear_end_kmh[3], 300);
  EXPECT_EQ(params.brake_mps2, sim::VehicleParams{}.brake_mps2);
}

TEST_F(SimConfigTest, WrongVehiclesAreRefusedByKey) {
  for (const auto& [text, key] :
       {std::pair{"gravity: 25", "gravity"},
        {"gravity_mps2: -1", "gravity_mps2"},
        {"damping: fast", "damping"},
        {"gear_end_kmh: [1, 2]", "gear_end_kmh"},
        {"gear_end_kmh: [90, 80, 203, 400, 555]", "gear_end_kmh"},
        {"steer_speed_kmh: [0, 50, 100, 180, 290, 370, 410, 410]", "steer_speed_kmh"},
        {"drive_fade_end_kmh: 500", "drive_fade_end_kmh"}}) {
    const std::string error = ErrorOf(LoadVehicleParams, text);
    EXPECT_NE(error.find(key), std::string::npos) << text << ": " << error;
    EXPECT_NE(error.find(path_.filename().string()), std::string::npos) << error;
  }
}

TEST_F(SimConfigTest, ShiftTimeIsWholeTicks) {
  EXPECT_NE(ErrorOf(LoadVehicleParams, "shift_time_s: 0.185\n").find("no multiple of 10 ms"),
            std::string::npos);
  EXPECT_EQ(LoadVehicleParams(Write("shift_time_s: 0.29\n")).shift_time_s, 0.29f);
}

TEST_F(SimConfigTest, SegmentsGoStraightAndTurn) {
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
  EXPECT_EQ(spec.line.front(), (Vec3{100, 10, 200}));
  EXPECT_NEAR(spec.line[50].z, 250, 1e-3f);
  const Vec3 end = spec.line.back();
  EXPECT_NEAR(end.x, 100 + 20 + 30, 0.01f) << "left is +x";
  EXPECT_NEAR(end.z, 250 + 20, 0.01f);
  EXPECT_NEAR(end.y, 14, 1e-4f);
  for (std::size_t i = 51; i < 80; ++i) {
    const Vec3 flat{spec.line[i].x, 0, spec.line[i].z};
    EXPECT_NEAR(Length(flat - Vec3{120, 0, 250}), 20, 0.01f) << "on the arc";
  }
  EXPECT_NEAR(sim::Track::Build(spec)->length_m(),
              50 + std::sqrt(10 * 10 * sim::kPi * sim::kPi + 16) + 30, 0.3f);
}

TEST_F(SimConfigTest, PointsMakeACircuit) {
  const sim::TrackSpec spec = LoadTrackSpec(
      Write("name: box\nclosed: true\nlaps: 3\nsurface: dirt\nwidth_m: 10\n"
            "line: {points: [[0, 9, 0], [0, 9, 100], [-100, 9, 100], [-100, 9, 0]]}\n"));
  EXPECT_EQ(spec.line.size(), 4u);
  EXPECT_TRUE(spec.closed);
  EXPECT_EQ(spec.laps, 3);
  EXPECT_EQ(spec.surface, sim::Surface::kDirt);
}

TEST_F(SimConfigTest, WrongTracksAreRefusedByKey) {
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

TEST_F(SimConfigTest, EveryTrackFileBuilds) {
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
