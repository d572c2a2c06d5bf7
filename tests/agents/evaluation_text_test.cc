#include "agents/evaluation_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/agents/episodes.h"

namespace hotlap::agents::evaluation_text_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

EvaluationReport SomeReport() {
  EvaluationReport report;
  report.policy = "pursuit";
  report.environment = "default";
  report.kind = "simulated";
  report.policy_hash = 255;
  report.task_hash = 1;
  report.ticks_per_step = 5;
  report.seed = 18446744073709551615u;
  report.episodes_per_track = 6;
  report.perturbation = {PerturbationKind::kIdleStart, 20, 0, 0};
  report.reward_terms = {"progress", "time"};
  report.episodes = SomeEpisodes();
  report.tracks = {Summarise("oval", report.episodes, 2, 15'000)};
  return report;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

TEST(FormatTimeTest, ShowsHundredthsAndMinutesWhenThereAreSome) {
  EXPECT_EQ(FormatTime(17'230), "17.23");
  EXPECT_EQ(FormatTime(59'994), "59.99");
  EXPECT_EQ(FormatTime(59'995), "1:00.00");
  EXPECT_EQ(FormatTime(74'100), "1:14.10");
}

TEST(ReportJsonTest, HasEveryFieldOfThePage) {
  const auto json = nlohmann::json::parse(ReportJson(SomeReport()));
  EXPECT_EQ(json["version"], 2);
  EXPECT_EQ(json["policy_hash"], "00000000000000ff");
  EXPECT_EQ(json["max_ticks"], nullptr);
  EXPECT_EQ(json["seed"], 18446744073709551615u);
  EXPECT_EQ(json["perturbation"]["most_ticks"], 20);
  EXPECT_EQ(json["perturbation"]["deviation"], nullptr);
  EXPECT_EQ(json["perturbation"]["most_offset_m"], nullptr);
  EXPECT_EQ(json["sampled"], false);
  EXPECT_EQ(json["policy_seed"], nullptr);
  const auto& track = json["tracks"][0];
  EXPECT_EQ(track["end_reasons"]["off_road"], 1);
  EXPECT_EQ(track["finish_rate"]["value"], 0.5);
  EXPECT_EQ(track["finish_time_ms"]["median"], 46'365);
  EXPECT_EQ(track["splits_ms"][1]["passes"], 2);
  EXPECT_EQ(track["mean_reward"]["time"], -2.25);
  const auto& finished = json["episodes"][0];
  EXPECT_EQ(finished["seed"], "8000000000000000");
  EXPECT_EQ(finished["end_reason"], "finish");
  EXPECT_EQ(finished["error"], nullptr);
  EXPECT_EQ(finished["splits_ms"], (std::vector<int>{8'000, 17'230}));
  EXPECT_EQ(finished["reward"]["progress"], 20);
  const auto& broken = json["episodes"][5];
  EXPECT_EQ(broken["end_reason"], nullptr);
  EXPECT_EQ(broken["error"], "server_lost");
  EXPECT_EQ(broken["message"], "it said \"no\", twice");
  EXPECT_EQ(broken["episode_return"], nullptr);
  EXPECT_EQ(broken["reward"], nullptr);
}

TEST(ReportJsonTest, TellsTheSizeOfItsPerturbationAlone) {
  EvaluationReport report = SomeReport();
  report.perturbation = {PerturbationKind::kStartOffset, 0, 0, 1};
  EXPECT_THAT(ReportJson(report), HasSubstr(R"( "perturbation": {
  "name": "start_offset",
  "most_ticks": null,
  "deviation": null,
  "most_offset_m": 1.0
 },
)"));
}

TEST(ReportJsonTest, WritesNumbersWithTheFewestDigitsAsPythonDoes) {
  EvaluationReport report = SomeReport();
  for (const auto& [value, text] :
       std::vector<std::pair<double, std::string>>{{1, "1.0"},
                                                   {0.1 + 0.2, "0.30000000000000004"},
                                                   {0.0001, "0.0001"},
                                                   {0.00001, "1e-05"},
                                                   {1e16, "1e+16"},
                                                   {123456789012345680, "1.2345678901234568e+17"},
                                                   {-2.5, "-2.5"},
                                                   {5e-324, "5e-324"},
                                                   {9007199254740993, "9007199254740992.0"}}) {
    report.episodes[0].progress_m = value;
    EXPECT_THAT(ReportJson(report), HasSubstr("   \"progress_m\": " + text + ",\n"));
  }
}

TEST(ReportJsonTest, IsAsciiWhateverAMessageHolds) {
  EvaluationReport report = SomeReport();
  report.episodes[4].message = "a\nb \xC3\xA9 \xFF";
  const std::string json = ReportJson(report);
  EXPECT_THAT(json, HasSubstr("\"message\": \"a\\nb \\u00e9 \\ufffd\""));
}

TEST(EpisodesCsvTest, HasALinePerEpisodeThatIsQuotedWhereItMust) {
  const auto lines = Lines(EpisodesCsv(SomeReport()));
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0],
            "track,episode,seed,idle_ticks,end_reason,error,message,finish_time_ms,ticks,"
            "progress_m,checkpoints,splits_ms,invalid_steps,return,reward_progress,reward_time");
  EXPECT_EQ(lines[2],
            "oval,1,8000000000000001,5,finish,,,75500,7550,1000.500,2,40000 75500,0,16.000000,"
            "20.000000,-4.000000");
  EXPECT_EQ(lines[4],
            "oval,3,8000000000000003,0,time_limit,,,,700,250.500,0,,1,3.000000,5.000000,-2.000000");
  EXPECT_EQ(
      lines[6],
      "oval,5,8000000000000005,0,,server_lost,\"it said \"\"no\"\", twice\",,35,1.250,0,,0,,,");
}

TEST(ReportTableTest, HasALinePerTrackAndItsMedianSplits) {
  EvaluationReport report = SomeReport();
  report.episodes.push_back(BrokenEpisode(0, EpisodeError::kGameLost, "", "loop"));
  report.tracks.push_back(Summarise("loop", report.episodes, 2, 9'000));
  const auto lines = Lines(ReportTable(report));
  ASSERT_EQ(lines.size(), 8u);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(lines[i].size(), lines[0].size());
  EXPECT_THAT(Words(lines[2]),
              ElementsAre("oval", "6", "2", "2", "0.50", "0.15", "to", "0.85", "17.23", "31.80",
                          "46.37", "1:00.93", "3.091", "626", "10.25", "12.50", "-2.25"));
  EXPECT_THAT(lines[3], HasSubstr("       1         0       1"));
  EXPECT_EQ(lines[5], "median splits (s)");
  EXPECT_THAT(Words(lines[6]), ElementsAre("oval", "9.00", "46.37"));
  EXPECT_THAT(Words(lines[7]), ElementsAre("loop", "-"));
}

TEST(ReportTableTest, LeavesOutTermsThatWereNeverPaid) {
  EvaluationReport report = SomeReport();
  report.episodes = {FinishedEpisode(0, 1000, {1000}, {0, -1})};
  report.tracks = {Summarise("oval", report.episodes, 2, 900)};
  EXPECT_THAT(ReportTable(report), HasSubstr("r:time"));
  EXPECT_THAT(ReportTable(report), Not(HasSubstr("r:progress")));
}

TEST(WriteReportTest, WritesThreeFilesOrSaysWhichItCannot) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) /
                                       ("hotlap_report_test_" + std::to_string(getpid()));
  EXPECT_THAT([&] { WriteReport(folder, SomeReport()); },
              ::testing::ThrowsMessage<std::runtime_error>(HasSubstr("report.json")));
  std::filesystem::create_directories(folder);
  WriteReport(folder, SomeReport());
  std::ostringstream table;
  table << std::ifstream(folder / "table.txt").rdbuf();
  EXPECT_EQ(table.str(), ReportTable(SomeReport()));
  EXPECT_TRUE(std::filesystem::exists(folder / "report.json"));
  EXPECT_TRUE(std::filesystem::exists(folder / "episodes.csv"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hotlap::agents::evaluation_text_test
