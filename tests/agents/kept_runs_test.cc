#include "agents/kept_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "agents/run_csv.h"
#include "tests/agents/episodes.h"

namespace hotlap::agents::kept_runs_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

EpisodeReport Driven(EpisodeReport episode) {
  episode.run.track = episode.track;
  episode.run.kind = "simulated";
  episode.run.ticks_per_step = 5;
  episode.run.end_reason = episode.end_reason;
  episode.run.points = {{.race_time_ms = 0}, {.race_time_ms = 50}};
  episode.run.inputs = {{.accelerate = true}};
  if (episode.finished()) episode.run.finish_time_ms = 50;
  return episode;
}
EpisodeReport Finished(int number, int time_ms) {
  return Driven(FinishedEpisode(number, time_ms, {}));
}

EvaluationReport ReportOf(std::vector<EpisodeReport> episodes) {
  EvaluationReport report;
  report.reward_terms = {"progress", "time"};
  report.episodes = std::move(episodes);
  for (const EpisodeReport& episode : report.episodes) {
    if (std::ranges::find(report.tracks, episode.track, &TrackReport::track) ==
        report.tracks.end()) {
      report.tracks.push_back(Summarise(episode.track, report.episodes, 2, std::nullopt));
    }
  }
  return report;
}

// "best 3", of the oval.
std::vector<std::string> Notable(const EvaluationReport& report) {
  std::vector<std::string> names;
  for (const NotableRun& run : NotableRuns(report, "oval")) {
    names.push_back(run.name + ' ' + std::to_string(run.episode->episode));
  }
  return names;
}

TEST(NotableRunsTest, AreTheBestAndTheMedianOfThoseThatFinished) {
  EXPECT_THAT(Notable(ReportOf({Finished(0, 300), Finished(1, 100), Finished(2, 200)})),
              ElementsAre("best 1", "median 2"));
  EXPECT_THAT(Notable(ReportOf({Finished(0, 400), Finished(1, 300), Finished(2, 100),
                                Finished(3, 200), Driven(FailedEpisode(4, EndReason::kFall))})),
              ElementsAre("best 2", "median 3"))
      << "of two in the middle the faster one";
}

TEST(NotableRunsTest, LeaveOutTheMedianWhoseRunWasNotKept) {
  std::vector<EpisodeReport> episodes = {Finished(0, 300), Finished(1, 100), Finished(2, 200)};
  episodes[2].run = {};
  EXPECT_THAT(Notable(ReportOf(std::move(episodes))), ElementsAre("best 1"));
}

TEST(NotableRunsTest, AreOneWhereBestAndMedianAreTheSame) {
  EXPECT_THAT(Notable(ReportOf({Finished(0, 300), Finished(1, 300)})), ElementsAre("best 0"));
}

TEST(NotableRunsTest, AreTheOneThatCameFarthestWithoutAFinish) {
  EpisodeReport far = Driven(FailedEpisode(1, EndReason::kFall));
  far.progress_m = 700;
  EXPECT_THAT(Notable(ReportOf({Driven(FailedEpisode(0, EndReason::kRoof)), far})),
              ElementsAre("farthest 1"));
}

TEST(NotableRunsTest, AreNoneWhereNothingWasDrivenOrOnAnotherTrack) {
  EXPECT_THAT(Notable(ReportOf({BrokenEpisode(0, EpisodeError::kServerLost)})), IsEmpty());
  EXPECT_THAT(Notable(ReportOf({Driven(FinishedEpisode(0, 300, {}, {1, 1}, "hairpins"))})),
              IsEmpty());
}

class KeptRunsTest : public ::testing::Test {
 public:
  KeptRunsTest() { std::filesystem::create_directories(folder_); }
  ~KeptRunsTest() override { std::filesystem::remove_all(folder_); }

 protected:
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder_)) {
      if (file.is_regular_file()) {
        names.push_back(file.path().lexically_relative(folder_).string());
      }
    }
    std::ranges::sort(names);
    return names;
  }
  const std::filesystem::path folder_ =
      testing::TempDir() + "hotlap-kept-runs-" + std::to_string(getpid());
};

TEST_F(KeptRunsTest, HoldTheRunsThatWereAskedFor) {
  const EvaluationReport report =
      ReportOf({Finished(0, 300), Finished(1, 100), Driven(FailedEpisode(2, EndReason::kFall)),
                BrokenEpisode(3, EpisodeError::kGameLost)});
  EXPECT_THAT(WriteRuns(folder_, report, Keep::kNone), IsEmpty());
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_THAT(WriteRuns(folder_, report, Keep::kBest), IsEmpty());
  EXPECT_THAT(Files(), ElementsAre("runs/oval-1.csv", "runs/oval-1.txt"))
      << "of two finishes the best is the median";
  EXPECT_THAT(WriteRuns(folder_, report, Keep::kAll), IsEmpty());
  EXPECT_THAT(Files(), ElementsAre("runs/oval-0.csv", "runs/oval-0.txt", "runs/oval-1.csv",
                                   "runs/oval-1.txt", "runs/oval-2.csv", "runs/oval-2.txt"));
  EXPECT_EQ(ReadRun(folder_ / "runs" / "oval-1.csv"), report.episodes[1].run);
}

TEST_F(KeptRunsTest, SayOnceForEachTrackWhyRunsHaveNoScript) {
  EpisodeReport a = Finished(0, 300), b = Finished(1, 100);
  a.run.randomised = b.run.randomised = {"grip"};
  const auto reasons = WriteRuns(folder_, ReportOf({a, b}), Keep::kAll);
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_THAT(reasons[0], HasSubstr("oval-0 has no script: its environment draws grip"));
  EXPECT_THAT(Files(), ElementsAre("runs/oval-0.csv", "runs/oval-1.csv"));
}

TEST_F(KeptRunsTest, StayInTheirFolderWhateverATrackIsCalled) {
  std::vector<EpisodeReport> episodes;
  for (const char* track : {"../oval", "/etc/x", "generated:7:0.5", ".."}) {
    episodes.push_back(Driven(FinishedEpisode(0, 300, {}, {1, 1}, track)));
  }
  WriteRuns(folder_, ReportOf(std::move(episodes)), Keep::kBest);
  EXPECT_THAT(Files(), ElementsAre("runs/_.-0.csv", "runs/_.-0.txt", "runs/_._oval-0.csv",
                                   "runs/_._oval-0.txt", "runs/_etc_x-0.csv", "runs/_etc_x-0.txt",
                                   "runs/generated_7_0.5-0.csv", "runs/generated_7_0.5-0.txt"));
}

TEST_F(KeptRunsTest, TracksOfNearlyOneNameHaveFilesOfTheirOwn) {
  std::vector<EpisodeReport> episodes;
  for (const char* track : {"a:b", "a/b", "a_b"}) {
    episodes.push_back(Driven(FinishedEpisode(0, 300, {}, {1, 1}, track)));
    episodes.back().run.randomised = {"grip"};  // no script
  }
  WriteRuns(folder_, ReportOf(std::move(episodes)), Keep::kBest);
  EXPECT_THAT(Files(), ElementsAre("runs/a_b-0.csv", "runs/a_b~-0.csv", "runs/a_b~~-0.csv"));
}

TEST_F(KeptRunsTest, TakeThePlaceOfThoseOfAnEarlierEvaluation) {
  WriteRuns(folder_, ReportOf({Finished(0, 300)}), Keep::kBest);
  WriteRuns(folder_, ReportOf({Finished(1, 300)}), Keep::kBest);
  EXPECT_THAT(Files(), ElementsAre("runs/oval-1.csv", "runs/oval-1.txt"));
  WriteRuns(folder_, ReportOf({Finished(1, 300)}), Keep::kNone);
  EXPECT_THAT(Files(), ElementsAre());
}

TEST_F(KeptRunsTest, NameTheFileThatCannotBeWritten) {
  std::filesystem::create_directories(folder_ / "runs" / "oval-0.csv");
  EXPECT_THAT([&] { WriteRuns(folder_, ReportOf({Finished(0, 300)}), Keep::kBest); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr("oval-0.csv")));
}

TEST(KeepTest, HasANameForEachWay) {
  EXPECT_THAT(KeepNames(), ElementsAre("none", "best", "all"));
  EXPECT_EQ(KeepNamed("best"), Keep::kBest);
}

}  // namespace
}  // namespace hotlap::agents::kept_runs_test
