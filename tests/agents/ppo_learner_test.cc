#include "agents/ppo_learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <tuple>

#include "agents/learner_workers.h"
#include "agents/row_seed.h"
#include "tests/agents/practice.h"
#include "tests/agents/scripted_rows.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Workers = std::vector<std::unique_ptr<RolloutWorker>>;

PpoLearnerSettings QuickSettings() {
  PpoLearnerSettings settings;
  settings.ppo.rollout_steps = 32;
  settings.ppo.epochs = 2;
  settings.ppo.minibatch = 48;
  settings.ppo.first_learning_rate = 0.01f;
  settings.total_steps = 4000;
  return settings;
}

using End = std::tuple<int, EndReason, int, double, int, bool>;

// Of all iterations, the ends of each row in their order.
struct Told {
  void Add(const IterationReport& report) {
    for (const EpisodeEnd& end : report.ends) {
      ends.emplace_back(end.row, end.reason, end.steps, end.episode_return, end.finish_time_ms,
                        end.is_full_lap);
    }
  }
  std::vector<End> ByRow() const {
    std::vector<End> sorted = ends;
    std::ranges::stable_sort(sorted, {}, [](const End& end) { return std::get<0>(end); });
    return sorted;
  }
  std::vector<End> ends;
};

// Seven rows of short_sprint.
class PpoLearnerTest : public ::testing::Test {
 protected:
  static constexpr int kRows = 7;

  Workers MakeWorkers(int count) const {
    Workers workers;
    for (int i = 0; i < count; ++i) {
      const int first = kRows * i / count;
      auto rows =
          MakeSimulatedEnvironment({.environment = PracticeConfig("coarse"),
                                    .autoreset = Autoreset::kSameStep,
                                    .rows = kRows * (i + 1) / count - first,
                                    .info = RolloutWorker::InfoColumns()},
                                   PracticeTrack("short_sprint"), PracticeCatalogue().vehicle());
      workers.push_back(std::make_unique<RolloutWorker>(std::move(rows), first, network,
                                                        std::chrono::seconds(30)));
    }
    return workers;
  }
  static void Iterate(PpoLearner& learner, int count, Told& told) {
    for (int i = 0; i < count; ++i) {
      const auto report = learner.Iterate();
      ASSERT_TRUE(report) << report.error().text;
      told.Add(*report);
    }
  }
  PpoLearner MakeLearner(int workers) const {
    return PpoLearner(network, QuickSettings(), MakeWorkers(workers));
  }

  const ActorCritic network{MakeSpec(PracticeConfig("coarse")), {.hidden = {12}}};
};

TEST_F(PpoLearnerTest, BitsDoNotDependOnTheNumberOfWorkers) {
  PpoLearner one = MakeLearner(1);
  Told of_one;
  Iterate(one, 5, of_one);
  EXPECT_EQ(one.steps(), 5 * 32 * kRows);
  EXPECT_FALSE(of_one.ends.empty());
  for (const int workers : {2, 3, 7}) {
    PpoLearner learner = MakeLearner(workers);
    Told told;
    Iterate(learner, 5, told);
    EXPECT_EQ(learner.weights(), one.weights()) << workers;
    EXPECT_EQ(told.ByRow(), of_one.ByRow()) << workers;
  }
}

TEST_F(PpoLearnerTest, GoesOnFromWhatWasSavedToTheSameBits) {
  for (const int workers : {1, 2}) {
    PpoLearner unbroken = MakeLearner(2);
    Told before, expected;
    Iterate(unbroken, 2, before);
    const auto saved = unbroken.Save();
    ASSERT_TRUE(saved);
    Iterate(unbroken, 4, expected);

    PpoLearner resumed = MakeLearner(workers);
    // As it comes from a file.
    const auto read = nlohmann::json::from_msgpack(nlohmann::json::to_msgpack(*saved));
    ASSERT_TRUE(resumed.Load(read));
    EXPECT_EQ(resumed.steps(), 2 * 32 * kRows);
    Told told;
    Iterate(resumed, 4, told);
    EXPECT_EQ(resumed.weights(), unbroken.weights());
    EXPECT_EQ(told.ByRow(), expected.ByRow());
    EXPECT_FALSE(told.ends.empty());
  }
}

TEST_F(PpoLearnerTest, WhatIsSavedBeforeTheFirstStepIsTheBeginning) {
  PpoLearner first = MakeLearner(1), second = MakeLearner(2);
  const auto saved = first.Save();
  ASSERT_TRUE(saved);
  ASSERT_TRUE(second.Load(*saved));
  Told ignored;
  Iterate(first, 1, ignored);
  Iterate(second, 1, ignored);
  EXPECT_EQ(second.weights(), first.weights());
}

TEST_F(PpoLearnerTest, WhatCannotHaveBeenSavedIsRefusedWithItsField) {
  PpoLearner learner = MakeLearner(2);
  Told ignored;
  Iterate(learner, 1, ignored);
  const auto saved = learner.Save();
  ASSERT_TRUE(saved);
  const Weights weights = learner.weights();
  const auto expect_error = [&](const char* field,
                                const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json changed = *saved;
    change(changed);
    EXPECT_THAT([&] { std::ignore = learner.Load(changed); },
                ThrowsMessage<std::runtime_error>(HasSubstr("'" + std::string(field) + "'")));
  };
  for (const auto& field : saved->items()) {
    const std::string& key = field.key();
    expect_error(key.c_str(), [&key](nlohmann::json& changed) { changed.erase(key); });
    expect_error(key.c_str(), [&key](nlohmann::json& changed) { changed[key] = "text"; });
  }
  expect_error("parameters",
               [](nlohmann::json& changed) { changed["parameters"].get_binary().resize(4); });
  expect_error("adam_second", [](nlohmann::json& changed) {
    std::ranges::fill(changed["adam_second"].get_binary(), std::uint8_t{0xFF});  // NaN
  });
  // No sum of squares is below 0.
  for (const char* key : {"adam_second", "statistics_squares", "scale_factor"}) {
    expect_error(key, [key](nlohmann::json& changed) {
      changed[key].get_binary()[7] |= 0x80;  // the sign of a value, of 4 bytes or 8
      changed[key].get_binary()[6] |= 0x01;  // and it is not 0
    });
  }
  expect_error("statistics_count",
               [](nlohmann::json& changed) { changed["statistics_count"] = -1.0; });
  expect_error("steps", [](nlohmann::json& changed) { changed["steps"] = -1; });
  expect_error("rows", [](nlohmann::json& changed) { changed["rows"].erase(0); });
  expect_error("rows", [](nlohmann::json& changed) { changed["rows"][3] = 1; });
  EXPECT_EQ(learner.weights(), weights);

  nlohmann::json changed = *saved;
  changed["rows"][3].get_binary().resize(100);
  const auto loaded = learner.Load(changed);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().status, transport::Status::kBadArgument);
}

TEST_F(PpoLearnerTest, TheLearningRateFallsEvenlyOverTheTraining) {
  PpoLearnerSettings settings = QuickSettings();
  settings.ppo.first_learning_rate = 0.5f;
  settings.ppo.last_learning_rate = 0.25f;
  settings.total_steps = std::int64_t{4} * 32 * kRows;
  PpoLearner learner(network, settings, MakeWorkers(1));
  std::vector<double> rates;
  for (int i = 0; i < 6; ++i) {
    const auto report = learner.Iterate();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->measures[0].first, "learning_rate");
    rates.push_back(report->measures[0].second);
  }
  EXPECT_THAT(rates, ElementsAre(0.5, 0.4375, 0.375, 0.3125, 0.25, 0.25));
}

// On rows that are written down.
class ScriptedLearnerTest : public ::testing::Test {
 protected:
  using Script = std::vector<std::vector<ScriptedEpisode>>;

  // Some for each script.
  std::vector<std::unique_ptr<transport::LearnerEnvironment>> MakeRows(
      const std::vector<Script>& scripts) {
    std::vector<std::unique_ptr<transport::LearnerEnvironment>> made;
    rows.clear();
    for (const Script& script : scripts) {
      auto environment = std::make_unique<ScriptedRows>(script);
      rows.push_back(environment.get());
      made.push_back(std::move(environment));
    }
    return made;
  }
  // A worker for each.
  Workers MakeWorkersOn(const std::vector<Script>& scripts) {
    return MakeWorkers<RolloutWorker>(MakeRows(scripts), network, std::chrono::seconds(1));
  }

  const ActorCritic network{ScriptedRows(Script(1, {ScriptedEpisode{}})).spec(), {.hidden = {4}}};
  const Script two_rows = {{{.steps = 5}}, {{.steps = 9}}};
  std::vector<ScriptedRows*> rows;  // of the latest workers
};

TEST_F(ScriptedLearnerTest, ALostGameDoesNotStopIt) {
  const ScriptedEpisode waits{.steps = 0, .reason = EndReason::kGameLost, .is_truncated = true};
  const Script loses = {
      {{.steps = 3, .reason = EndReason::kGameLost, .is_truncated = true}, waits, waits, waits}};
  PpoLearner learner(network, QuickSettings(), MakeWorkersOn({two_rows, loses}));
  Told told;
  for (int i = 0; i < 3; ++i) {
    const auto report = learner.Iterate();
    ASSERT_TRUE(report) << report.error().text;
    told.Add(*report);
  }
  EXPECT_EQ(std::ranges::count(told.ends, EndReason::kGameLost,
                               [](const End& end) { return std::get<1>(end); }),
            3 * 32 / 6);
  for (const float value : learner.weights().parameters) EXPECT_TRUE(std::isfinite(value));
}

TEST_F(ScriptedLearnerTest, ARefusalComesBackAndNothingWasLearnt) {
  PpoLearner learner(network, QuickSettings(), MakeWorkersOn({two_rows, two_rows}));
  rows[1]->calls_left = 40;
  ASSERT_TRUE(learner.Iterate());
  const Weights weights = learner.weights();
  const auto report = learner.Iterate();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().status, transport::Status::kServerLost);
  EXPECT_EQ(report.error().text, "the server is gone");
  EXPECT_EQ(learner.weights(), weights);
  EXPECT_EQ(learner.steps(), 4 * 32);
}

TEST_F(ScriptedLearnerTest, OtherRowsBeginOtherEpisodes) {
  PpoLearnerSettings settings = QuickSettings();
  settings.seed = 50;
  PpoLearner learner(network, settings, MakeWorkersOn({two_rows, two_rows}));
  ASSERT_TRUE(learner.Iterate());
  const std::uint64_t first = FirstRowSeed(50);
  EXPECT_THAT(rows[0]->reset_seeds, ElementsAre(first, first + 1));
  EXPECT_THAT(rows[1]->reset_seeds, ElementsAre(first + 2, first + 3));
  const auto other_rows = [&] { return MakeRows({two_rows, two_rows}); };
  ASSERT_TRUE(learner.ChangeRows(other_rows));
  ASSERT_TRUE(learner.Iterate());
  EXPECT_THAT(rows[1]->reset_seeds, ElementsAre(first + 6, first + 7));

  // Which is kept.
  ASSERT_TRUE(learner.ChangeRows(other_rows));
  const auto saved = learner.Save();
  ASSERT_TRUE(saved);
  PpoLearner resumed(network, settings, MakeWorkersOn({two_rows, two_rows}));
  ASSERT_TRUE(resumed.Load(*saved));
  ASSERT_TRUE(resumed.Iterate());
  EXPECT_THAT(rows[1]->reset_seeds, ElementsAre(first + 10, first + 11));
}

TEST_F(ScriptedLearnerTest, ATrainingKeepsItsNumberOfRows) {
  PpoLearner learner(network, QuickSettings(), MakeWorkersOn({two_rows}));
  EXPECT_THROW(std::ignore = learner.ChangeRows([&] {
    return MakeRows({two_rows, two_rows});
  }),
               std::invalid_argument);
}

}  // namespace
}  // namespace hotlap::agents
