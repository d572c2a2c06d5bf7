// The runs that hotlap-eval leaves, and how it drives them again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agents/run_csv.h"
#include "tests/programs/program_folder.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HotlapEvalRunsTest : public ProgramFolderTest {
 protected:
  // Of the runs in a folder, those of this track.
  std::vector<std::filesystem::path> Runs(const std::string& folder, const std::string& track,
                                          const std::string& extension) const {
    std::vector<std::filesystem::path> runs;
    for (const auto& file : std::filesystem::directory_iterator(Place(folder + "/runs"))) {
      const std::string name = file.path().filename().string();
      if (name.starts_with(track + '-') && name.ends_with(extension)) runs.push_back(file.path());
    }
    return runs;
  }
  std::int64_t BestMs(const std::string& folder) const {
    return nlohmann::json::parse(Text(folder + "/report.json"))
        .at("tracks")
        .at(0)
        .at("finish_time_ms")
        .at("best");
  }
};

TEST_F(HotlapEvalRunsTest, LeavesThePageAndTheBestRunsOfEachTrack) {
  ASSERT_EQ(Evaluate({"--track", "short_sprint", "--track", "hairpins", "--episodes", "3", "--out",
                      Place("out")}),
            0);
  const std::string page = Text("out/report.html");
  EXPECT_THAT(page, HasSubstr("<h1>pursuit: how it drives</h1>"));
  EXPECT_THAT(page, HasSubstr("short_sprint"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  for (const char* track : {"short_sprint", "hairpins"}) {
    const auto tables = Runs("out", track, ".csv");
    EXPECT_GE(tables.size(), 1u);
    EXPECT_LE(tables.size(), 2u) << "the best and the median";
    EXPECT_EQ(Runs("out", track, ".txt").size(), tables.size());
    EXPECT_EQ(agents::ReadRun(tables[0]).track, track);
  }
  ASSERT_EQ(Evaluate({"--track", "short_sprint", "--episodes", "3", "--keep", "none", "--out",
                      Place("none")}),
            0);
  EXPECT_FALSE(std::filesystem::exists(Place("none/runs")));
}

TEST_F(HotlapEvalRunsTest, DrivesARunAgainFromItsScriptAndFromItsTable) {
  ASSERT_EQ(Evaluate({"--track", "hairpins", "--perturbation", "none", "--out", Place("out")}), 0);
  const std::string script = Runs("out", "hairpins", ".txt").at(0);
  const std::string table = Runs("out", "hairpins", ".csv").at(0);
  ASSERT_EQ(Evaluate({"--policy", script, "--track", "hairpins", "--perturbation", "none", "--out",
                      Place("script"), "--ghost", table}),
            0);
  EXPECT_EQ(BestMs("script"), BestMs("out"));
  EXPECT_THAT(Text("script/report.html"), HasSubstr("time gap to "));
  EXPECT_THAT(Text("script/report.json"),
              HasSubstr(std::filesystem::path(script).filename().string()));
  EXPECT_THAT(Text("script/report.json"), Not(HasSubstr(folder_.string())))
      << "where a file lies is nobody's business";
  ASSERT_EQ(Evaluate({"--policy", table, "--environment", "full_view", "--track", "hairpins",
                      "--perturbation", "none", "--out", Place("table")}),
            0);
  EXPECT_EQ(BestMs("table"), BestMs("out"));
}

TEST_F(HotlapEvalRunsTest, SaysWhyARunHasNoScript) {
  ASSERT_EQ(Evaluate({"--track", "short_sprint", "--episodes", "1", "--environment", "randomised",
                      "--out", Place("out")}),
            0);
  EXPECT_THAT(output_, HasSubstr("short_sprint-0 has no script: its environment draws mass"));
  EXPECT_EQ(Runs("out", "short_sprint", ".csv").size(), 1u);
}

TEST_F(HotlapEvalRunsTest, ExitsWithTwoOnFilesThatDoNotFit) {
  const std::string lines = HOTLAP_SOURCE_DIR "/configs/tracks/map5_0.5m_cl.npy";
  std::ofstream(Place("keys.txt")) << "10 press up\n";
  std::ofstream(Place("broken.csv")) << "nothing\n";
  EXPECT_EQ(Evaluate({"--policy", Place("none.txt"), "--track", "oval"}), 2);
  EXPECT_EQ(Evaluate({"--policy", Place("broken.csv"), "--track", "oval"}), 2);
  EXPECT_EQ(
      Evaluate({"--policy", Place("keys.txt"), "--track", "oval", "--environment", "default"}), 2)
      << "inputs change within a step";
  EXPECT_EQ(Evaluate({"--track", "map5", "--ghost", lines}), 2) << "nothing to see it in";
  EXPECT_EQ(Evaluate({"--track", "oval", "--ghost", lines, "--out", Place("o")}), 2) << "of map5";
  EXPECT_EQ(Evaluate({"--ghost", lines, "--out", Place("o")}), 2) << "on which track?";
  EXPECT_EQ(Evaluate({"--track", "oval", "--ghost", Place("broken.csv"), "--out", Place("o")}), 2);
  EXPECT_EQ(Evaluate({"--track", "oval", "--keep", "some"}), 2);
}

}  // namespace
}  // namespace hotlap
