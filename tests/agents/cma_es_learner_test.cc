// The search as a learner: candidates drive episodes on simulated rows.
#include "agents/cma_es_learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "agents/learner_workers.h"
#include "agents/mlp_policy.h"
#include "agents/record.h"
#include "agents/row_source.h"
#include "tests/agents/scripted_rows.h"
#include "tests/test_size.h"

namespace hotlap::agents {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

template <typename T>
T Unwrap(tl::expected<T, transport::Refusal> result) {
  if (!result) throw std::runtime_error(result.error().text);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class CmaEsLearnerTest : public ::testing::Test {
 protected:
  CmaEsLearner Learner(const CmaEsLearnerSettings& settings, int rows, int workers,
                       const std::vector<std::string>& tracks = {"short_sprint"}) {
    return CmaEsLearner(network_, settings,
                        MakeWorkers<CandidateWorker>(Rows(rows, workers, tracks), network_, 30s));
  }
  std::vector<std::unique_ptr<transport::LearnerEnvironment>> Rows(
      int rows, int workers, const std::vector<std::string>& tracks,
      Autoreset autoreset = Autoreset::kDisabled) {
    RowRequest request;
    request.environment = "coarse";
    request.rows = rows;
    request.tracks = tracks;
    request.autoreset = autoreset;
    request.info = CandidateWorker::InfoColumns();
    return Unwrap(OpenAll(source_, Shares(request, workers)));
  }

  LocalRowSource source_{{HOTLAP_SOURCE_DIR "/configs/environments",
                          HOTLAP_SOURCE_DIR "/configs/tracks",
                          HOTLAP_SOURCE_DIR "/configs/vehicles/stadium.yaml"}};
  const ActorCritic network_{Unwrap(source_.Spec("coarse")), {.hidden = {8}}};
};

CmaEsLearnerSettings Settings(int population, int episodes = 1, int tracks = 1) {
  return {{.population = population, .first_deviation = 0.1f}, episodes, tracks, 5, true};
}

void ExpectSameEnds(const std::vector<EpisodeEnd>& ends, const std::vector<EpisodeEnd>& others) {
  ASSERT_EQ(ends.size(), others.size());
  for (std::size_t i = 0; i < ends.size(); ++i) {
    EXPECT_EQ(ends[i].reason, others[i].reason) << i;
    EXPECT_EQ(ends[i].steps, others[i].steps) << i;
    EXPECT_EQ(ends[i].episode_return, others[i].episode_return) << i;
    EXPECT_EQ(ends[i].finish_time_ms, others[i].finish_time_ms) << i;
  }
}

TEST_F(CmaEsLearnerTest, EveryCandidateDrivesItsEpisodesOnEveryTrack) {
  // Rows that do not go evenly into anything.
  CmaEsLearner learner = Learner(Settings(6, 2, 2), 7, 1, {"short_sprint", "hairpins"});
  Unwrap(learner.Iterate());
  const std::int64_t before = learner.steps();
  const IterationReport report = Unwrap(learner.Iterate());
  ASSERT_EQ(report.ends.size(), 6u * 2 * 2);
  std::int64_t steps = 0;
  for (std::size_t number = 0; number < report.ends.size(); ++number) {
    const EpisodeEnd& end = report.ends[number];
    EXPECT_NE(end.reason, EndReason::kNone) << number;
    EXPECT_GT(end.steps, 0) << number;
    EXPECT_EQ(end.row % 2, static_cast<int>(number / 12)) << "track of episode " << number;
    steps += end.steps;
    // The environment draws nothing: an episode of the same candidate on the same track is the
    // same, on whatever row.
    const EpisodeEnd& again = report.ends[number % 12 < 6 ? number + 6 : number - 6];
    EXPECT_EQ(end.steps, again.steps) << number;
    EXPECT_EQ(end.episode_return, again.episode_return) << number;
  }
  EXPECT_EQ(learner.steps(), before + steps);
}

TEST_F(CmaEsLearnerTest, LearnsTheSameWithAnyNumberOfRowsAndWorkers) {
  CmaEsLearner one = Learner(Settings(12), 12, 1), few = Learner(Settings(12), 5, 3),
               many = Learner(Settings(12), 20, 2);
  for (int i = 0; i < 3; ++i) {
    const IterationReport report = Unwrap(one.Iterate());
    for (CmaEsLearner* const other : {&few, &many}) {
      ExpectSameEnds(report.ends, Unwrap(other->Iterate()).ends);
      EXPECT_EQ(one.weights(), other->weights());
      EXPECT_EQ(one.steps(), other->steps());
    }
  }
}

TEST_F(CmaEsLearnerTest, ScalesByWhatTheFirstGenerationSawAndRanksItNot) {
  CmaEsLearner learner = Learner(Settings(8), 8, 1);
  const Weights before = learner.weights();
  Unwrap(learner.Iterate());
  EXPECT_EQ(learner.weights().parameters, before.parameters);
  const ObservationScale scale = learner.weights().scale;
  EXPECT_NE(scale, before.scale);
  Unwrap(learner.Iterate());
  EXPECT_NE(learner.weights().parameters, before.parameters);
  EXPECT_EQ(learner.weights().scale, scale);
}

TEST_F(CmaEsLearnerTest, TakesObservationsAsTheyAreWhereToldTo) {
  CmaEsLearnerSettings settings = Settings(8);
  settings.scale_observations = false;
  CmaEsLearner learner = Learner(settings, 8, 1);
  const Weights before = learner.weights();
  Unwrap(learner.Iterate());
  EXPECT_NE(learner.weights().parameters, before.parameters);
  EXPECT_EQ(learner.weights().scale, before.scale);
}

// Before and after it has a scale.
class CmaEsResumeTest : public CmaEsLearnerTest, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(AfterGenerations, CmaEsResumeTest, ::testing::Values(0, 1, 3));

TEST_P(CmaEsResumeTest, GoesOnFromWhatItSavedBitForBit) {
  CmaEsLearner learner = Learner(Settings(8), 8, 1), resumed = Learner(Settings(8), 8, 2);
  for (int i = 0; i < GetParam(); ++i) Unwrap(learner.Iterate());
  // As it comes back from a file.
  const auto saved =
      nlohmann::json::from_msgpack(nlohmann::json::to_msgpack(Unwrap(learner.Save())));
  Unwrap(resumed.Load(saved));
  EXPECT_EQ(learner.weights(), resumed.weights());
  for (int i = 0; i < 2; ++i) {
    ExpectSameEnds(Unwrap(learner.Iterate()).ends, Unwrap(resumed.Iterate()).ends);
  }
  EXPECT_EQ(learner.weights(), resumed.weights());
  EXPECT_EQ(learner.steps(), resumed.steps());
  EXPECT_EQ(Unwrap(learner.Save()), Unwrap(resumed.Save()));
}

TEST_F(CmaEsLearnerTest, AGenerationThatIsGivenUpIsNotLearntFromAndComesAgain) {
  CmaEsLearner learner = Learner(Settings(8), 8, 1);
  std::atomic<int> steps_left = 1 << 30;
  CmaEsLearner stopped(network_, Settings(8),
                       MakeWorkers<CandidateWorker>(Rows(8, 2, {"short_sprint"}), network_, 30s),
                       [&] { return --steps_left < 0; });
  for (int i = 0; i < 3; ++i) {  // the first one is looked at for the scale
    const nlohmann::json before = Unwrap(stopped.Save());
    for (const int steps : {0, 7}) {
      steps_left = steps;
      EXPECT_TRUE(Unwrap(stopped.Iterate()).is_given_up);
      EXPECT_GE(steps_left, -2) << "each worker asks once more at most";
      EXPECT_EQ(Unwrap(stopped.Save()), before);
    }
    steps_left = 1 << 30;
    const IterationReport report = Unwrap(stopped.Iterate());
    EXPECT_FALSE(report.is_given_up);
    ExpectSameEnds(report.ends, Unwrap(learner.Iterate()).ends);
    EXPECT_EQ(Unwrap(stopped.Save()), Unwrap(learner.Save()));
  }
}

TEST_F(CmaEsLearnerTest, GoesOnWithOtherRowsWhereItIs) {
  CmaEsLearner learner = Learner(Settings(8), 8, 1);
  Unwrap(learner.Iterate());
  Unwrap(learner.Iterate());
  const Weights before = learner.weights();
  Unwrap(learner.ChangeRows([&] { return Rows(8, 1, {"hairpins"}); }));
  EXPECT_EQ(learner.weights(), before);
  Unwrap(learner.Iterate());
  EXPECT_NE(learner.weights(), before);
  for (const auto& others : {std::pair(7, 1), std::pair(8, 2)}) {
    CmaEsLearner other = Learner(Settings(8), 8, 1);
    const auto open = [&] { return Rows(others.first, others.second, {"hairpins"}); };
    EXPECT_THROW(std::ignore = other.ChangeRows(open), std::invalid_argument);
  }
}

TEST_F(CmaEsLearnerTest, SearchesTheActorAlone) {
  CmaEsLearner learner = Learner(Settings(8), 8, 1);
  Unwrap(learner.Iterate());
  const Weights before = learner.weights();
  Unwrap(learner.Iterate());
  const std::span<const float> all(learner.weights().parameters);
  EXPECT_THAT(network_.CriticPart(all), ::testing::Each(0.0f));
  // Padding stays 0, and everything else moves.
  const auto actor = network_.ActorPart(all);
  std::size_t moved = 0;
  for (std::size_t i = 0; i < actor.size(); ++i) moved += actor[i] != before.parameters[i] ? 1 : 0;
  const std::size_t inputs = static_cast<std::size_t>(network_.observation_size()),
                    outputs = static_cast<std::size_t>(network_.actor().num_outputs());
  EXPECT_EQ(moved, inputs * 8 + 8 + 8 * outputs + outputs);
  EXPECT_EQ(std::ranges::count(actor, 0.0f), static_cast<std::ptrdiff_t>(actor.size() - moved));
}

// The mean drives as a policy does: what the file of weights is for.
TEST_F(CmaEsLearnerTest, EarnsMoreThanItBeganWith) {
  CmaEsLearner learner = Learner(Settings(32), 32, 1);
  const auto mean_return = [](const IterationReport& report) {
    double sum = 0;
    for (const EpisodeEnd& end : report.ends) sum += end.episode_return;
    return sum / static_cast<double>(report.ends.size());
  };
  const double first = mean_return(Unwrap(learner.Iterate()));
  double last = 0;
  for (int i = 0; i < TestCount(10, 20, 40); ++i) last = mean_return(Unwrap(learner.Iterate()));
  EXPECT_GT(last, first + 1) << first;
}

// Rows whose games are gone, and do not come back at a reset.
class LostRows : public ScriptedRows {
 public:
  explicit LostRows(std::size_t rows)
      : ScriptedRows(std::vector<std::vector<ScriptedEpisode>>(rows, {ScriptedEpisode{}})),
        truncated_(rows, 1),
        reasons_(rows * info_columns().size(), 0) {
    mode = Autoreset::kDisabled;
    std::fill_n(reasons_.begin(), rows, static_cast<std::int32_t>(EndReason::kGameLost));
  }
  Batch Reset(const transport::ResetRequest& request, Deadline deadline) override {
    auto batch = ScriptedRows::Reset(request, deadline);
    batch->truncated = truncated_;
    batch->info = std::as_bytes(std::span(reasons_));  // the first column says why
    return batch;
  }

 private:
  std::vector<std::uint8_t> truncated_;
  std::vector<std::int32_t> reasons_;
};

TEST(CmaEsLossTest, AGenerationInWhichEveryGameWasLostMovesNothingAndIsRefused) {
  const ActorCritic network(LostRows(1).spec(), {.hidden = {4}});
  for (const bool scales : {true, false}) {
    LearnerRows all;
    all.push_back(std::make_unique<LostRows>(4));
    CmaEsLearnerSettings settings = Settings(8);
    settings.scale_observations = scales;
    CmaEsLearner learner(network, settings,
                         MakeWorkers<CandidateWorker>(std::move(all), network, 30s));
    const nlohmann::json before = Unwrap(learner.Save());
    const auto report = learner.Iterate();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().status, transport::Status::kUnknownError);
    EXPECT_THAT(report.error().text, HasSubstr("every game of generation 0 was lost"));
    EXPECT_EQ(Unwrap(learner.Save()), before);
  }
}

TEST_F(CmaEsLearnerTest, RefusesRowsThatItCannotUse) {
  EXPECT_THAT(
      [&] { Learner(Settings(8, 1, 3), 2, 1); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("3 tracks needs as many rows, not 2")));
  EXPECT_THAT(
      [&] {
        MakeWorkers<CandidateWorker>(Rows(2, 1, {"short_sprint"}, Autoreset::kSameStep), network_,
                                     30s);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("autoreset must be disabled")));
}

TEST_F(CmaEsLearnerTest, NamesTheFieldOfACheckpointThatDoesNotFit) {
  CmaEsLearner learner = Learner(Settings(8), 8, 1);
  const nlohmann::json good = Unwrap(learner.Save());
  const std::vector<double> mean =
      UnpackArray<double>(good, "mean", good["mean"].get_binary().size() / sizeof(double));
  const auto with = [&](std::size_t size, double first) {
    std::vector<double> values = mean;
    values.resize(size, 1);
    values[0] = first;
    return PackArray(values);
  };
  const double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::pair<std::string, nlohmann::json>> cases = {
      {"mean", with(mean.size() - 1, 0)},
      {"mean", with(mean.size(), kNan)},
      {"mean", with(mean.size(), 1e30)},
      {"variances", with(mean.size(), -1)},
      {"path", 3},
      {"step_path", with(mean.size() + 1, 0)},
      {"step_size", -1.0},
      {"step_size", kNan},
      {"path_fade", 1.5},
      {"generations", -1},
      {"steps", "many"},
      {"scale_mean", 1},
      {"has_scale", 2}};
  for (const auto& [field, value] : cases) {
    nlohmann::json broken = good;
    broken[field] = value;
    EXPECT_THAT([&] { (void)learner.Load(broken); },
                ThrowsMessage<std::runtime_error>(HasSubstr("'" + field + "'")));
    broken.erase(field);
    EXPECT_THAT([&] { (void)learner.Load(broken); },
                ThrowsMessage<std::runtime_error>(HasSubstr("'" + field + "' is missing")));
  }
  EXPECT_EQ(Unwrap(learner.Save()), good);
}

}  // namespace
}  // namespace hotlap::agents
