#include "agents/evaluation_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/agents/episodes.h"
#include "tests/agents/practice.h"
#include "tests/agents/well_formed.h"

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

EvaluationReport SomeReport(const std::string& track = "oval") {
  EvaluationReport report;
  report.policy = "some policy";
  report.environment = "default";
  report.kind = "simulated";
  report.ticks_per_step = 5;
  report.episodes_per_track = 6;
  report.reward_terms = {"progress", "time"};
  report.episodes = SomeEpisodes();
  for (EpisodeReport& episode : report.episodes) {
    episode.track = episode.run.track = track;
    if (episode.error != EpisodeError::kNone) continue;
    for (int i = 0; i < 40; ++i) {
      const auto t = static_cast<float>(i);
      episode.run.points.push_back(
          {50 * i, t * (3 - 0.1f * static_cast<float>(episode.episode)), 0.0f, 30.0f, 2});
      if (i > 0) episode.run.inputs.push_back({.accelerate = true});
    }
  }
  report.tracks = {Summarise(track, report.episodes, 2, 15'000)};
  return report;
}

std::string PageOf(const EvaluationReport& report, const Ghost* ghost = nullptr) {
  const TrackLines lines = {{report.tracks[0].track, PracticeTrack("oval").centreline}};
  std::ostringstream out;
  WriteHtml(out, MakePage(report, lines, ghost));
  return out.str().substr(out.str().find('\n') + 1);  // the doctype is no XML
}

TEST(EvaluationPageTest, TellsTheFiguresOfTheReport) {
  const std::string page = PageOf(SomeReport());
  ExpectWellFormed(page);
  EXPECT_THAT(page, HasSubstr("some policy in default, simulated games, steps of 50 ms"));
  EXPECT_THAT(page, HasSubstr("<td>17.23</td>"));
  EXPECT_THAT(page, HasSubstr("<td>15.00</td><td>1.149</td>")) << "bound, and best over it";
  EXPECT_THAT(page, HasSubstr("2 finish, 1 off_road, 1 time_limit"));
  EXPECT_THAT(page, HasSubstr("<tr><td>best (s)</td><td>8.00</td><td>17.23</td></tr>"));
  EXPECT_THAT(page, HasSubstr("<tr><td>progress</td><td>12.500</td></tr>"));
}

TEST(EvaluationPageTest, ShowsTheLinesAndTheNotableRuns) {
  const std::string page = PageOf(SomeReport());
  EXPECT_EQ(Count(page, "<svg"), 2u);
  EXPECT_THAT(page, HasSubstr("best: episode 0, 17.23 s"));
  EXPECT_THAT(page, Not(HasSubstr("median: episode"))) << "of two finishes the best is it";
}

TEST(EvaluationPageTest, ShowsTheGhostWithTheGapToIt) {
  const EvaluationReport report = SomeReport();
  const Ghost run{.name = "friend", .run = report.episodes[1].run};
  const std::string page = PageOf(report, &run);
  ExpectWellFormed(page);
  EXPECT_THAT(page, HasSubstr("time gap to friend, s: above 0 is behind it"));
  EXPECT_THAT(page, HasSubstr("dashed: friend"));

  Ghost other = run;
  other.run->track = "hairpins";
  EXPECT_THAT(PageOf(report, &other), Not(HasSubstr("friend")));

  Ghost line{.name = "line", .run = {}};
  for (int i = 0; i < 40; ++i) {
    const Centreline& oval = *PracticeTrack("oval").centreline;
    line.points_m.push_back(oval.PositionAt(oval.start_s_m() + 5 * static_cast<float>(i)));
  }
  const std::string with_line = PageOf(report, &line);
  EXPECT_THAT(with_line, HasSubstr(">line</text>"));
  EXPECT_THAT(with_line, HasSubstr("dashed: line"));
}

TEST(EvaluationPageTest, NamesOfTracksAreText) {
  const std::string page = PageOf(SomeReport("<far & away>"));
  ExpectWellFormed(page);
  EXPECT_THAT(page, HasSubstr("&lt;far &amp; away&gt;"));
}

TEST(EvaluationPageTest, HasNothingToShowOfErrorsAlone) {
  EvaluationReport report = SomeReport();
  report.episodes = {BrokenEpisode(0, EpisodeError::kServerLost, "<gone>")};
  report.tracks = {Summarise("oval", report.episodes, 2, std::nullopt)};
  const std::string page = PageOf(report);
  ExpectWellFormed(page);
  EXPECT_EQ(Count(page, "<svg"), 1u) << "the tracks alone";
  EXPECT_THAT(page, Not(HasSubstr("best: episode")));
}

}  // namespace
}  // namespace hotlap::agents
