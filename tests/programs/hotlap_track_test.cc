// hotlap-track as a user calls it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "env/sim/lap_bound.h"
#include "env/sim/track_generator.h"
#include "env/track_config.h"
#include "tests/programs/program_folder.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kTracks = HOTLAP_SOURCE_DIR "/configs/tracks/";

class HotlapTrackTest : public ProgramFolderTest {
 protected:
  // The exit code; standard output and standard error are in output_.
  int Run(const std::string& arguments) {
    return RunToTheEnd(
        {"/bin/sh", "-c", HOTLAP_PROGRAM_DIR "/hotlap-track " + arguments + " 2>&1"});
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Place(name)) << text;
  }
};

TEST_F(HotlapTrackTest, ValidatesEveryTrackThatComesWithIt) {
  std::string files;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTracks)) {
    if (entry.path().extension() != ".yaml") continue;
    files += ' ' + entry.path().string();
    ++count;
  }
  EXPECT_EQ(Run("validate" + files), 0) << output_;
  EXPECT_GE(count, 10);
  std::istringstream lines(output_);
  for (std::string line; std::getline(lines, line); --count) EXPECT_THAT(line, HasSubstr(": ok, "));
  EXPECT_EQ(count, 0);
}

TEST_F(HotlapTrackTest, NamesWhatIsWrongWithEachFileAndExitsWithTwo) {
  Write("tight.yaml",
        "name: tight\nline:\n  start: [0, 50, 0]\n  segments:\n    - {length_m: 60}\n"
        "    - {radius_m: 8, turn_deg: 170}\n    - {length_m: 60}\n");
  EXPECT_EQ(Run("validate " + Place("missing.yaml") + ' ' + Place("tight.yaml") + ' ' + kTracks +
                "hairpins.yaml"),
            2);
  EXPECT_THAT(output_, HasSubstr(Place("missing.yaml")));
  EXPECT_THAT(output_, HasSubstr(Place("tight.yaml") + ":6:"));
  EXPECT_THAT(output_, HasSubstr("segments[1] (bend)"));
  EXPECT_THAT(output_, HasSubstr("hairpins.yaml: ok"));
}

TEST_F(HotlapTrackTest, GeneratesAFileThatReadsBackAsTheSameTrack) {
  ASSERT_EQ(Run("generate --seed 7 --difficulty 0.75 -o " + Place("seven.yaml")), 0) << output_;
  EXPECT_EQ(sim::Track::Build(LoadTrackSpec(Place("seven.yaml")))->hash(),
            sim::Track::Build(sim::GenerateTrack(7, 0.75f))->hash());
  ASSERT_EQ(Run("generate --seed 7 --difficulty 0.75"), 0);
  EXPECT_EQ(output_, Text("seven.yaml"));
  EXPECT_EQ(Run("validate " + Place("seven.yaml")), 0);
}

TEST_F(HotlapTrackTest, DescribesATrack) {
  ASSERT_EQ(Run("describe " + kTracks + "jump.yaml"), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("name          jump"));
  EXPECT_THAT(output_, HasSubstr("the finish included"));
  EXPECT_THAT(output_, HasSubstr("lower bound "));
}

TEST_F(HotlapTrackTest, DescribesATrackAsJson) {
  Write("bend.yaml",
        "name: bend\nwidth_m: 16\nbronze_ms: 30000\nline:\n  start: [0, 50, 0]\n  segments:\n"
        "    - {length_m: 100}\n    - {radius_m: 20, turn_deg: 90}\n"
        "    - {length_m: 100, surface: ice, checkpoint: true}\n    - {length_m: 100}\n"
        "    - {gap_m: 8, rise_m: -2}\n    - {length_m: 150}\n    - {radius_m: 60, turn_deg: -40}\n"
        "    - {length_m: 100}\n");
  ASSERT_EQ(Run("describe --json " + Place("bend.yaml")), 0) << output_;
  const auto json = nlohmann::json::parse(output_);
  const auto track = sim::Track::Build(LoadTrackSpec(Place("bend.yaml")));
  EXPECT_EQ(json["name"], "bend");
  EXPECT_NEAR(json["length_m"], track->length_m(), 0.01);
  EXPECT_EQ(json["laps"], 1);
  EXPECT_EQ(json["gates"], 2);
  EXPECT_EQ(json["bends"][0]["count"].get<int>() + json["bends"][1]["count"].get<int>(), 2);
  EXPECT_NEAR(json["surfaces_m"]["ice"], 100, 2);
  EXPECT_EQ(json["gaps"], 1);
  EXPECT_NEAR(json["longest_gap_m"], 8, 1.5);
  EXPECT_NEAR(json["descent_m"], 2, 0.1);
  EXPECT_EQ(json["bronze_s"], 30.0);
  EXPECT_NEAR(json["bound_s"], sim::BoundLap(*track, sim::VehicleParams{}).time_s, 0.001);
}

TEST_F(HotlapTrackTest, DrawsATrackWithItsWidestLine) {
  ASSERT_EQ(Run("draw " + kTracks + "hairpins.yaml -o " + Place("hairpins.svg")), 0) << output_;
  EXPECT_THAT(Text("hairpins.svg"), StartsWith("<?xml"));
  EXPECT_THAT(Text("hairpins.svg"), HasSubstr("lower bound"));
  EXPECT_THAT(Text("hairpins.svg"), HasSubstr("class=\"line\""));
}

TEST_F(HotlapTrackTest, ExitsWithTwoOnWrongFlags) {
  EXPECT_EQ(Run(""), 2);
  EXPECT_EQ(Run("polish"), 2);
  EXPECT_EQ(Run("generate --difficulty 1.5"), 2);
  EXPECT_EQ(Run("draw " + kTracks + "hairpins.yaml"), 2);
  EXPECT_EQ(Run("draw " + kTracks + "hairpins.yaml -o " + Place("no/where.svg")), 2);
  EXPECT_THAT(output_, HasSubstr("where.svg"));
  EXPECT_EQ(Run("describe " + Place("missing.yaml")), 2);
}

}  // namespace
}  // namespace hotlap
