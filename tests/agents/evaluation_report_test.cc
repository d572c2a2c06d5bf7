#include "agents/evaluation_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

EpisodeReport Finished(double seconds) {
  EpisodeReport e;
  e.end_reason = EndReason::kFinish;
  e.finish_time_s = seconds;
  e.progress_m = 800;
  e.checkpoints = 4;
  e.reward_by_term = {16, -1, 0};
  return e;
}

EpisodeReport Ended(EndReason reason, double progress_m) {
  EpisodeReport e;
  e.end_reason = reason;
  e.progress_m = progress_m;
  e.checkpoints = 2;
  e.reward_by_term = {4, -3, 0};
  return e;
}

TrackReport SomeReport() {
  TrackReport report;
  report.track = "short, sprint";
  report.kind = "simulated";
  report.reward_terms = {"progress", "time", "speed"};
  report.episodes = {Finished(17.23), Finished(75.5), Ended(EndReason::kOffRoad, 200),
                     Ended(EndReason::kGameLost, 3)};
  report.steps_per_s = 1234.4;
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

std::string Table(const std::vector<TrackReport>& reports) {
  std::ostringstream out;
  PrintTable(out, reports);
  return out.str();
}

TEST(FormatTimeTest, ShowsHundredthsAndMinutesWhenThereAreSome) {
  EXPECT_EQ(FormatTime(17.23), "17.23");
  EXPECT_EQ(FormatTime(59.994), "59.99");
  EXPECT_EQ(FormatTime(59.996), "1:00.00");
  EXPECT_EQ(FormatTime(74.1), "1:14.10");
}

TEST(PrintTableTest, CountsFinishedAndLostApartAndLeavesTheLostOutOfMeans) {
  TrackReport report = SomeReport();
  report.track = "sprint";
  const auto lines = Lines(Table({report}));
  ASSERT_EQ(lines.size(), 3u);
  // Means over three episodes: 10/3 checkpoints, 600 m; the return was left at 0.
  EXPECT_THAT(Words(lines[2]), ElementsAre("sprint", "simulated", "4", "2", "1", "17.23", "46.37",
                                           "3.3", "600", "0.00", "12.00", "-1.67", "1234"));
}

TEST(PrintTableTest, HasAColumnForEachTermThatWasPaid) {
  const std::string table = Table({SomeReport()});
  EXPECT_THAT(table, HasSubstr("r:progress"));
  EXPECT_THAT(table, HasSubstr("r:time"));
  EXPECT_THAT(table, Not(HasSubstr("r:speed")));
}

TEST(PrintTableTest, AlignsItsColumns) {
  TrackReport other = SomeReport();
  other.track = "a much longer name of a track";
  other.episodes.clear();
  const auto lines = Lines(Table({SomeReport(), other}));
  ASSERT_EQ(lines.size(), 4u);
  for (const std::string& line : lines) EXPECT_EQ(line.size(), lines[0].size()) << line;
}

TEST(PrintTableTest, ShowsADashWhereNothingIsKnown) {
  TrackReport report = SomeReport();
  report.episodes = {Ended(EndReason::kGameLost, 0)};
  const auto lines = Lines(Table({report}));
  EXPECT_THAT(lines[2], HasSubstr(" -  "));
}

TEST(WriteCsvTest, WritesOneRowPerEpisodeWithEveryColumn) {
  std::ostringstream out;
  TrackReport report = SomeReport();
  report.episodes[0].row = 3;
  report.episodes[0].seed = 18446744073709551615u;
  report.episodes[0].ticks = 1723;
  report.episodes[0].episode_return = 15.25;
  WriteCsv(out, std::vector{report});
  const auto lines = Lines(out.str());
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0],
            "track,kind,row,seed,finish_time_s,end_reason,ticks,checkpoints,progress_m,return,"
            "discounted_return,reward_progress,reward_time,reward_speed");
  EXPECT_EQ(lines[1],
            "\"short, sprint\",simulated,3,18446744073709551615,17.23,finish,1723,4,800.000,"
            "15.250000,0.000000,16.000000,-1.000000,0.000000");
  EXPECT_THAT(lines[3], HasSubstr(",,off_road,"));
  EXPECT_THAT(lines[4], HasSubstr(",,game_lost,"));
}

TEST(WriteCsvTest, LeavesATermEmptyWhereATrackLacksIt) {
  TrackReport other = SomeReport();
  other.track = "other";
  other.reward_terms = {"finish"};
  other.episodes = {Finished(20)};
  other.episodes[0].reward_by_term = {5};
  std::ostringstream out;
  WriteCsv(out, std::vector{SomeReport(), other});
  const auto lines = Lines(out.str());
  EXPECT_THAT(lines.front(), HasSubstr("reward_speed,reward_finish"));
  EXPECT_THAT(lines[1], ::testing::EndsWith(",16.000000,-1.000000,0.000000,"));
  EXPECT_THAT(lines.back(), ::testing::EndsWith(",,,,5.000000"));
}

}  // namespace
}  // namespace hotlap::agents
