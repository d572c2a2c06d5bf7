#include "env/vehicle_config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "env/config.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap {
namespace {

class VehicleConfigTest : public ::testing::Test {
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
                                      ("hotlap_vehicle_test_" + std::to_string(getpid()) + ".yaml");
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

TEST_F(VehicleConfigTest, StadiumFileIsTheDefaultsInFull) {
  ExpectSameBits(LoadVehicleParams(sim::ConfigFile("vehicles/stadium.yaml")), {});
}

// A key that the file did not list would silently keep its default: every key must be in it.
TEST_F(VehicleConfigTest, StadiumFileListsEveryKeyWithItsOrigin) {
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
    // Either is followed by what was measured, or why it was chosen.
    EXPECT_TRUE(told.find("measured: ") != std::string::npos ||
                told.find("measured (weakly): ") != std::string::npos ||
                told.find("chosen: ") != std::string::npos)
        << line;
  }
  constexpr int kArrays = 7;  // their floats beyond one key each
  constexpr std::size_t kArrayFloats = sizeof(sim::VehicleParams::wheel_offset_m) / 4 +
                                       sizeof(sim::VehicleParams::body_point_m) / 4 +
                                       std::size_t{2} * sim::kNumSteerPoints +
                                       std::size_t{3} * sim::kNumGears;
  EXPECT_EQ(static_cast<std::size_t>(keys),
            sizeof(sim::VehicleParams) / 4 - kArrayFloats + kArrays);
}

TEST_F(VehicleConfigTest, VehicleKeysOverrideDefaults) {
  const sim::VehicleParams params =
      LoadVehicleParams(Write("gravity_mps2: 30\ngear_end_kmh: [80, 150, 200, 300, 500]\n"));
  EXPECT_EQ(params.gravity_mps2, 30);
  EXPECT_EQ(params.gear_end_kmh[3], 300);
  EXPECT_EQ(params.brake_mps2, sim::VehicleParams{}.brake_mps2);
}

TEST_F(VehicleConfigTest, WrongVehiclesAreRefusedByKey) {
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

TEST_F(VehicleConfigTest, TimesAreWholeTicks) {
  for (const std::string key : {"shift_time_s", "turbo_time_s"}) {
    EXPECT_NE(ErrorOf(LoadVehicleParams, key + ": 0.185\n").find("no multiple of 10 ms"),
              std::string::npos);
  }
  EXPECT_EQ(LoadVehicleParams(Write("shift_time_s: 0.29\n")).shift_time_s, 0.29f);
}

}  // namespace
}  // namespace hotlap
