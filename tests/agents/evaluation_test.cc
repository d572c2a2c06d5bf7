// Whole evaluations on the embedded game.
#include "agents/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "agents/evaluation_picture.h"
#include "agents/evaluation_text.h"
#include "agents/policy_source.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using transport::Refusal;
using transport::Status;

EvaluationRequest Request(const std::string& policy) {
  EvaluationRequest request;
  request.policy = policy;
  request.make_policy = [policy](const EnvironmentSpec& spec) {
    return PolicySource(policy).Make(spec, 7);
  };
  request.policy_seed = 7;
  request.environment = policy == "pursuit" ? "full_view" : "default";
  request.tracks = {"short_sprint", "hairpins"};
  request.episodes = 6;
  return request;
}

EvaluationReport Report(const EvaluationRequest& request, int threads = 2) {
  const auto venue = MakeLocalVenue(PracticeCatalogue(), threads);
  auto report = Evaluate(*venue, request, {});
  if (!report) throw std::runtime_error(report.error().text);
  return std::move(*report);
}

TEST(EvaluationTest, GivesTheSameReportForAnyNumberOfRowsAndThreads) {
  for (const char* policy : {"pursuit", "random"}) {
    for (const char* perturbation : {"idle_start", "observation_noise", "start_offset"}) {
      EvaluationRequest request = Request(policy);
      request.perturbation = perturbation;
      request.sizes.deviation = 0.001;
      request.max_ticks = 800;
      const EvaluationReport wide = Report(request, 2);
      for (const int rows : {1, 2, 5}) {
        request.rows = rows;
        const EvaluationReport narrow = Report(request, 1);
        EXPECT_EQ(ReportJson(narrow), ReportJson(wide)) << policy << " on " << rows << " rows";
        EXPECT_EQ(narrow.episodes, wide.episodes) << "driven lines";
      }
    }
  }
}

TEST(EvaluationTest, SaysWhatItDroveOn) {
  const EvaluationReport report = Report(Request("pursuit"));
  EXPECT_EQ(report.policy, "pursuit");
  EXPECT_EQ(report.environment, "full_view");
  EXPECT_EQ(report.kind, "simulated");
  const EnvironmentSpec spec = MakeSpec(PracticeConfig("full_view"));
  EXPECT_EQ(report.policy_hash, spec.policy_hash);
  EXPECT_EQ(report.task_hash, spec.task_hash);
  EXPECT_FALSE(report.policy_seed) << "pursuit does not sample";
  EXPECT_EQ(Report(Request("random")).policy_seed, 7u);
  ASSERT_EQ(report.tracks.size(), 2u);
  EXPECT_EQ(report.tracks[1].track, "hairpins");
  EXPECT_EQ(report.tracks[1].finished, report.tracks[1].episodes);
  EXPECT_EQ(report.tracks[1].lower_bound_ms,
            transport::LowerBoundMs(PracticeTrack("hairpins"), PracticeCatalogue().vehicle()));
  EXPECT_GT(report.tracks[1].best_over_bound, 1.0);
}

TEST(EvaluationTest, DrivesOtherEpisodesForAnotherSeed) {
  EvaluationRequest request = Request("random");
  request.max_ticks = 300;
  const EvaluationReport one = Report(request);
  request.seed = 2;
  EXPECT_NE(Report(request).episodes, one.episodes);
}

TEST(EvaluationTest, DrivesASteadyPolicyOnceForEachIdleStart) {
  const EvaluationReport report = Report(Request("pursuit"));
  std::set<int> idle_ticks;
  for (const EpisodeReport& episode : report.episodes) {
    EXPECT_EQ(episode.finish_time_ms, episode.splits_ms.back());
    EXPECT_EQ(episode.finish_time_ms, 10 * episode.ticks) << "idle ticks are race time";
    idle_ticks.insert(episode.idle_ticks);
  }
  EXPECT_EQ(report.tracks[0].episodes, static_cast<int>(idle_ticks.size()));
  EXPECT_EQ(report.episodes_per_track, 6);
}

TEST(EvaluationTest, BeginsBesideTheStartWhereTheEpisodesSeedSays) {
  EvaluationRequest request = Request("pursuit");
  request.perturbation = "start_offset";
  request.sizes.offset_m = 2;
  const EvaluationReport report = Report(request);
  EXPECT_EQ(report.perturbation.most_offset_m, 2);
  EnvironmentConfig config = PracticeConfig("full_view");
  config.randomisation.start_offset_m = {-2, 2};
  EXPECT_EQ(report.task_hash, MakeSpec(config).task_hash) << "of the environment as it is driven";
  EXPECT_EQ(report.own_task_hash, MakeSpec(PracticeConfig("full_view")).task_hash);
  ASSERT_EQ(report.episodes.size(), 12u) << "each is a run of its own";
  std::set<float> drawn;
  for (const EpisodeReport& episode : report.episodes) {
    const float offset_m = DrawParameters(config.randomisation, episode.seed, 0).start_offset_m;
    drawn.insert(offset_m);
    ASSERT_FALSE(episode.run.points.empty());
    ASSERT_TRUE(episode.run.points.front().lateral_m);
    EXPECT_NEAR(*episode.run.points.front().lateral_m, offset_m, 1e-3f);
    EXPECT_EQ(episode.idle_ticks, 0);
    EXPECT_TRUE(episode.finished()) << episode.track;
  }
  EXPECT_EQ(drawn.size(), 6u) << "the same on both tracks";
}

TEST(EvaluationTest, LaysStartOffsetAndTimeLimitOverTheEnvironmentTogether) {
  EvaluationRequest request = Request("random");
  request.perturbation = "start_offset";
  request.max_ticks = 40;
  EnvironmentConfig config = PracticeConfig("default");
  config.randomisation.start_offset_m = {-1, 1};
  config.rules.time_limit_ticks = 40;
  const EvaluationReport report = Report(request);
  EXPECT_EQ(report.task_hash, MakeSpec(config).task_hash);
  EXPECT_EQ(report.max_ticks, 40);
}

TEST(EvaluationTest, CutsEpisodesAfterWholeStepsOfGameTicks) {
  EvaluationRequest request = Request("random");
  request.max_ticks = 42;
  const EvaluationReport report = Report(request);
  EXPECT_EQ(report.max_ticks, 45);
  EXPECT_NE(report.task_hash, MakeSpec(PracticeConfig("default")).task_hash);
  for (const EpisodeReport& episode : report.episodes) {
    EXPECT_EQ(episode.end_reason, EndReason::kTimeLimit);
    EXPECT_EQ(episode.ticks, 45);
  }
}

TEST(EvaluationTest, KnowsNoBoundOfACarThatIsDrawn) {
  EvaluationRequest request = Request("random");
  request.environment = "randomised";
  request.max_ticks = 50;
  EXPECT_FALSE(Report(request).tracks[0].lower_bound_ms);
}

TEST(EvaluationTest, KnowsTheBoundOfTheCarWhateverElseIsDrawn) {
  EvaluationRequest request = Request("random");
  request.perturbation = "start_offset";
  request.max_ticks = 50;
  const EvaluationReport report = Report(request);
  EXPECT_EQ(report.tracks[1].lower_bound_ms,
            transport::LowerBoundMs(PracticeTrack("hairpins"), PracticeCatalogue().vehicle()));
}

TEST(EvaluationTest, SplitsTheReturnIntoItsTerms) {
  for (const EpisodeReport& episode : Report(Request("pursuit")).episodes) {
    double sum = 0;
    for (const double term : episode.reward) sum += term;
    EXPECT_NEAR(sum, *episode.episode_return, 1e-3);
  }
}

TEST(EvaluationTest, DrivesGeneratedTracks) {
  EvaluationRequest request = Request("pursuit");
  request.tracks = {"generated:3:0.2", "generated:4:0.2"};
  request.perturbation = "none";
  const EvaluationReport report = Report(request);
  EXPECT_EQ(report.tracks[1].track, "generated:4:0.2");
  EXPECT_TRUE(report.episodes[0].finished() && report.episodes[1].finished());
}

TEST(EvaluationTest, RefusesAWrongRequestAndNamesWhatIsWrong) {
  const auto wrong = [](auto change) {
    EvaluationRequest request = Request("pursuit");
    change(request);
    return [request] { Report(request); };
  };
  using Request = EvaluationRequest;
  const auto names = [](const char* text) {
    return ThrowsMessage<std::invalid_argument>(HasSubstr(text));
  };
  EXPECT_THAT(wrong([](Request& r) { r.tracks.clear(); }), names("tracks"));
  EXPECT_THAT(wrong([](Request& r) { r.tracks = {"oval", "oval"}; }), names("tracks"));
  EXPECT_THAT(wrong([](Request& r) { r.episodes = 0; }), names("episodes"));
  EXPECT_THAT(wrong([](Request& r) { r.rows = 0; }), names("rows"));
  EXPECT_THAT(wrong([](Request& r) { r.max_ticks = 0; }), names("max_ticks"));
  EXPECT_THAT(wrong([](Request& r) { r.perturbation = "rain"; }), names("perturbation"));
}

// A venue whose rows are gone after the first ones.
class FailingVenue : public EvaluationVenue {
 public:
  explicit FailingVenue(int calls_left)
      : venue_(MakeLocalVenue(PracticeCatalogue(), 1)), calls_left_(calls_left) {}
  std::vector<std::string> TrackNames() const override { return venue_->TrackNames(); }
  tl::expected<EnvironmentSpec, Refusal> Spec(const VenueSettings& settings) override {
    return venue_->Spec(settings);
  }
  tl::expected<VenueRows, Refusal> Open(const VenueSettings& settings,
                                        const std::vector<std::string>& tracks, int rows) override {
    if (calls_left_-- == 0) return transport::Refuse(Status::kServerLost, "it is gone");
    return venue_->Open(settings, tracks, rows);
  }
  tl::expected<std::uint64_t, Refusal> LowerBoundMs(const std::string& track) override {
    return venue_->LowerBoundMs(track);
  }
  tl::expected<std::shared_ptr<const Centreline>, Refusal> LineOf(
      const std::string& track) override {
    return venue_->LineOf(track);
  }

 private:
  std::unique_ptr<EvaluationVenue> venue_;
  int calls_left_;
};

TEST(EvaluationTest, CountsTracksThatAreNotReachedAnyMoreAsLost) {
  FailingVenue venue(1);
  EvaluationRequest request = Request("pursuit");
  request.tracks = {"short_sprint", "hairpins", "oval"};
  request.rows = 1;
  request.perturbation = "none";
  const auto report = Evaluate(venue, request, {});
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->tracks[0].finished, 1);
  EXPECT_EQ(report->tracks[1].errors, 1);
  EXPECT_EQ(report->tracks[2].errors, 1);
  EXPECT_EQ(report->errors(), 2);
  EXPECT_EQ(report->episodes[2].error, EpisodeError::kServerLost);
  EXPECT_THAT(report->episodes[2].message, HasSubstr("it is gone"));
}

TEST(EvaluationTest, HasNoReportWhenNothingCouldBegin) {
  FailingVenue venue(0);
  const auto report = Evaluate(venue, Request("pursuit"), {});
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().text, "it is gone");
}

TEST(EvaluationTest, KeepsAsManyRunsAsItIsAskedFor) {
  EvaluationRequest request = Request("random");
  request.max_ticks = 100;
  request.episodes = 6;
  request.first_runs = 2;
  const EvaluationReport report = Report(request);
  ASSERT_EQ(report.tracks.size(), 2u);
  EXPECT_EQ(
      std::ranges::count_if(report.episodes, [](const auto& e) { return e.run.points.empty(); }), 6)
      << "of each track two and the best are there";
}

TEST(EvaluationTest, TellsTheProgressOfAllTracks) {
  EvaluationRequest request = Request("random");
  request.rows = 1;
  request.max_ticks = 10;
  const auto venue = MakeLocalVenue(PracticeCatalogue(), 1);
  EvaluationProgress last;
  ASSERT_TRUE(Evaluate(*venue, request, [&](const EvaluationProgress& progress) {
    EXPECT_GE(progress.episodes_done, last.episodes_done);
    last = progress;
  }));
  EXPECT_EQ(last.episodes_done, 12);
  EXPECT_EQ(last.episodes, 12);
  EXPECT_EQ(last.steps, 24);
}

TEST(EvaluationPictureTest, DrawsTheDrivenLineOnTheRoad) {
  EvaluationRequest request = Request("pursuit");
  request.environment = "default";
  request.perturbation = "none";
  const std::vector<EvaluationReport> reports = {Report(request)};
  const Centreline& line = *PracticeTrack("short_sprint").centreline;
  const PicturePanel panel = MakePanel("short_sprint", reports, line, nullptr);
  EXPECT_EQ(panel.title, "short_sprint");
  EXPECT_THAT(panel.remarks[1], "1 of 1 finished");
  EXPECT_EQ(panel.outline.checkpoints.size(), line.gates_s_m().size() - 1);
  ASSERT_EQ(panel.lines.size(), 1u);
  ASSERT_TRUE(panel.lines[0].finished);
  const std::vector<DrivenPoint>& points = panel.lines[0].points;
  EXPECT_LT(Length(points.front().position_m - panel.outline.start.position_m), 1);
  EXPECT_LT(Length(points.back().position_m - panel.outline.finish.position_m), 10);
  for (std::size_t i = 1; i < points.size(); ++i) {
    // A step is 50 ms; the place on the line runs ahead of the car on the outside of a bend.
    EXPECT_LT(Length(points[i].position_m - points[i - 1].position_m),
              0.05f * points[i].speed_mps + 1.5f);
  }
}

}  // namespace
}  // namespace hotlap::agents
