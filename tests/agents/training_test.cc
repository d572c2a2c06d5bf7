// Whole trainings, in process.
#include "agents/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "agents/record.h"
#include "agents/training_log.h"
#include "agents/weights_file.h"
#include "agents/whole_file.h"
#include "tests/agents/forwarded_rows.h"
#include "tests/test_size.h"

namespace hotlap::agents {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

constexpr const char* kQuick = R"(
tracks: [short_sprint, hairpins, loop]
rows: 5
steps: 1200
network: {hidden: [12]}
ppo: {rollout_steps: 16, epochs: 2, minibatch: 32}
trial_steps: 400
)";

// Where a learner or a trial resets its rows itself: what they do in each step.
class WatchedSource : public LocalRowSource {
 public:
  WatchedSource(const transport::CataloguePaths& paths, std::function<void()> on_step)
      : LocalRowSource(paths), on_step_(std::move(on_step)) {}

  tl::expected<std::unique_ptr<transport::LearnerEnvironment>, transport::Refusal> Open(
      const RowRequest& request) override {
    auto rows = LocalRowSource::Open(request);
    if (!rows || request.autoreset != Autoreset::kDisabled) return rows;
    return std::make_unique<WatchedRows>(std::move(*rows), on_step_);
  }

 private:
  class WatchedRows : public ForwardedRows {
   public:
    WatchedRows(std::unique_ptr<transport::LearnerEnvironment> rows,
                const std::function<void()>& on_step)
        : ForwardedRows(std::move(rows)), on_step_(on_step) {}
    Batch Step(const ActionView& actions, Deadline deadline) override {
      on_step_();
      return ForwardedRows::Step(actions, deadline);
    }
    Batch Step(Rows rows, const ActionView& actions, Deadline deadline) override {
      on_step_();
      return ForwardedRows::Step(rows, actions, deadline);
    }

   private:
    const std::function<void()>& on_step_;
  };

  std::function<void()> on_step_;
};

class TrainingTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  TrainingSettings Settings(const std::string& name, const std::string& config) const {
    TrainingSettings settings;
    settings.config = ParseTrainingConfig(config, "config");
    settings.directory = folder_ / name;
    return settings;
  }
  // Until it is done, or has come so far. `on_progress` is called first of all.
  TrainingResult Run(const TrainingSettings& settings, std::int64_t stop_after = 1LL << 60,
                     const std::function<void(const TrainingProgress&)>& on_progress = {}) {
    std::atomic<bool> stops = false;
    steps_watched_ = 0;
    WatchedSource rows({environments_, HOTLAP_SOURCE_DIR "/configs/tracks",
                        HOTLAP_SOURCE_DIR "/configs/vehicles/stadium.yaml"},
                       [&] {
                         std::this_thread::sleep_for(step_time_);
                         if (++steps_watched_ == stop_in_step_) stops = true;
                       });
    const auto trained = Train(settings, rows, stops, [&](const TrainingProgress& progress) {
      if (on_progress) on_progress(progress);
      stages_.insert(progress.stage);
      if (progress.steps >= stop_after) stops = true;
    });
    if (!trained) throw std::runtime_error("refused: " + trained.error().text);
    return *trained;
  }
  std::string File(const std::string& name, const std::string& file) const {
    return ReadWholeFile(folder_ / name / file, 1 << 24);
  }

  const fs::path folder_ =
      fs::path(::testing::TempDir()) / ("training_test_" + std::to_string(getpid()));
  fs::path environments_ = HOTLAP_SOURCE_DIR "/configs/environments";
  std::set<int> stages_;  // that were seen
  // Of trials and candidates.
  std::chrono::milliseconds step_time_{0};
  int stop_in_step_ = 0;  // 0: none
  std::atomic<int> steps_watched_ = 0;
};

TEST_F(TrainingTest, LeavesTheFilesThatItsHeaderNames) {
  const TrainingSettings settings = Settings("run", kQuick);
  const TrainingResult result = Run(settings);
  EXPECT_EQ(result.steps, 15 * 16 * 5);
  EXPECT_EQ(result.best_trial.size(), 3u);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_ / "run")) {
    names.insert(entry.path().filename());
  }
  EXPECT_THAT(names, ElementsAre("best.weights", "checkpoint", "config.yaml", "curves.svg",
                                 "latest.weights", "progress.csv"));
  EXPECT_EQ(ReadWeightsRecord(folder_ / "run/latest.weights")["environment"], "coarse");
  const TrainingLog log(folder_ / "run/progress.csv", 1LL << 40);
  EXPECT_EQ(log.Column("steps").size(), 15u);
  EXPECT_EQ(log.Column("steps").back(), 1200);
  EXPECT_EQ(log.Column("trial_finish_rate").size(), 15u);
  EXPECT_THAT(File("run", "curves.svg"), StartsWith("<svg"));
}

TEST_F(TrainingTest, WhatIsLearntDoesNotDependOnTheNumberOfWorkers) {
  for (const int workers : {1, 2, 5}) {
    TrainingSettings settings = Settings(std::to_string(workers), kQuick);
    settings.workers = workers;
    Run(settings);
    EXPECT_EQ(File(std::to_string(workers), "latest.weights"), File("1", "latest.weights"));
    EXPECT_EQ(File(std::to_string(workers), "best.weights"), File("1", "best.weights"));
  }
}

TEST_F(TrainingTest, OneThatWasStoppedGoesOnToTheSameBits) {
  Run(Settings("unbroken", kQuick));
  TrainingSettings settings = Settings("broken", kQuick);
  for (const std::int64_t stop_after : {1, 300, 900}) {
    settings.workers = 1 + static_cast<int>(stop_after % 2);
    EXPECT_LT(Run(settings, stop_after).steps, 1200);
    settings.resumes = true;
  }
  EXPECT_EQ(Run(settings).steps, 1200);
  EXPECT_EQ(File("broken", "latest.weights"), File("unbroken", "latest.weights"));
  EXPECT_EQ(File("broken", "best.weights"), File("unbroken", "best.weights"));
  EXPECT_EQ(TrainingLog(folder_ / "broken/progress.csv", 1LL << 40).Column("kl"),
            TrainingLog(folder_ / "unbroken/progress.csv", 1LL << 40).Column("kl"));
  // And there is nothing left to do.
  const std::string before = File("broken", "latest.weights");
  EXPECT_EQ(Run(settings).steps, 1200);
  EXPECT_EQ(File("broken", "latest.weights"), before);
}

TEST_F(TrainingTest, AStopTriesNothingThatAnUnbrokenRunDoesNot) {
  const TrainingSettings settings = Settings("run", kQuick);
  EXPECT_TRUE(Run(settings, 1).best_trial.empty());
  EXPECT_TRUE(fs::exists(folder_ / "run/checkpoint"));
  EXPECT_FALSE(fs::exists(folder_ / "run/best.weights"));
}

TEST_F(TrainingTest, ATrialIsGivenUpWithinTheStepOfAStopAndTheNextOneIsDrivenWhenItIsDue) {
  Run(Settings("unbroken", kQuick));
  TrainingSettings settings = Settings("broken", kQuick);
  stop_in_step_ = 3;
  const TrainingResult stopped = Run(settings);
  EXPECT_EQ(steps_watched_, 3);
  EXPECT_EQ(stopped.steps, 400);
  EXPECT_FALSE(stopped.is_done);
  EXPECT_TRUE(stopped.best_trial.empty());
  EXPECT_FALSE(fs::exists(folder_ / "broken/best.weights"));
  settings.resumes = true;
  stop_in_step_ = 0;
  Run(settings, 800);
  EXPECT_TRUE(fs::exists(folder_ / "broken/best.weights"));
  const TrainingResult done = Run(settings);
  EXPECT_TRUE(done.is_done);
  EXPECT_EQ(done.best_trial.size(), 3u);
  EXPECT_EQ(File("broken", "latest.weights"), File("unbroken", "latest.weights"));
}

TEST_F(TrainingTest, TheTrialAfterTheLastStepIsDrivenOnceItGoesOn) {
  const std::string config =
      std::string(kQuick).replace(std::string(kQuick).rfind("400"), 3, "9999");
  Run(Settings("unbroken", config));
  TrainingSettings settings = Settings("broken", config);
  stop_in_step_ = 3;
  const TrainingResult stopped = Run(settings);
  EXPECT_EQ(stopped.steps, 1200);
  EXPECT_FALSE(stopped.is_done);
  EXPECT_TRUE(stopped.best_trial.empty());
  settings.resumes = true;
  stop_in_step_ = 0;
  EXPECT_TRUE(Run(settings).is_done);
  for (const char* file : {"latest.weights", "best.weights"}) {
    EXPECT_EQ(File("broken", file), File("unbroken", file));
  }
  const auto last_trial = [this](const char* run) {
    const TrainingLog log(folder_ / run / "progress.csv", 1LL << 40);
    return std::pair(log.Column("steps").back(), log.Column("trial_finish_rate").back());
  };
  EXPECT_EQ(last_trial("broken"), last_trial("unbroken"));
}

TEST_F(TrainingTest, ATrialIsGivenUpWhenTheTimeIsOver) {
  TrainingSettings settings = Settings("run", kQuick);
  settings.time_limit = std::chrono::seconds(2);
  step_time_ =
      std::chrono::milliseconds(100);  // of a trial's: a whole one would take half a minute
  const TrainingResult result = Run(settings);
  EXPECT_LE(result.steps, 400);
  EXPECT_GT(steps_watched_, 0) << "it had begun";
  EXPECT_TRUE(result.best_trial.empty());
}

TEST_F(TrainingTest, AGenerationOfCandidatesIsGivenUpWithinTheStepOfAStopAndDrivenAgain) {
  const std::string config = R"(
tracks: [short_sprint]
rows: 4
steps: 4000
network: {hidden: [4]}
learner: cma_es
cma_es: {population: 4}
)";
  Run(Settings("unbroken", config));
  const int steps = steps_watched_;
  TrainingSettings settings = Settings("broken", config);
  for (const int stop_in_step : {10, 200}) {  // the first generation, and a later one
    ASSERT_LT(stop_in_step, steps / 2);
    stop_in_step_ = stop_in_step;
    EXPECT_FALSE(Run(settings).is_done);
    EXPECT_EQ(steps_watched_, stop_in_step);
    settings.resumes = true;
  }
  stop_in_step_ = 0;
  EXPECT_TRUE(Run(settings).is_done);
  for (const char* file : {"latest.weights", "best.weights"}) {
    EXPECT_EQ(File("broken", file), File("unbroken", file));
  }
}

TEST_F(TrainingTest, LeavesACheckpointAfterTheFirstIterationAlready) {
  Run(Settings("run", kQuick), 1LL << 60, [&](const TrainingProgress& progress) {
    EXPECT_EQ(fs::exists(folder_ / "run/checkpoint"), progress.steps > 0) << progress.steps;
    EXPECT_EQ(fs::exists(folder_ / "run/latest.weights"), progress.steps > 0) << progress.steps;
  });
}

TEST_F(TrainingTest, GoesOnFromEveryCheckpointToTheNextAlsoWhereAStageBegins) {
  // Any rate is good enough, so 200 episodes decide.
  TrainingSettings settings = Settings("unbroken", R"(
generated: {tracks: 3, first_difficulty: 0.1, last_difficulty: 0.2, stages: 2, finish_rate: 0}
rows: 32
steps: 90000
network: {hidden: [8]}
ppo: {rollout_steps: 200, epochs: 1, minibatch: 1024}
trial_steps: 20000
)");
  settings.checkpoint_interval = {};
  struct Saved {
    std::int64_t steps = 0;
    nlohmann::json checkpoint;
  };
  const auto checkpoint_of = [&](const std::string& name) {
    nlohmann::json checkpoint = ReadRecord(folder_ / name / "checkpoint", "checkpoint", 2);
    checkpoint.erase("wall_s");
    return checkpoint;
  };
  std::vector<Saved> saved;
  Run(settings, 1LL << 60, [&](const TrainingProgress& progress) {
    if (progress.steps == 0 || progress.steps >= progress.total_steps) return;
    saved.push_back({progress.steps, checkpoint_of("unbroken")});
    fs::copy(folder_ / "unbroken", folder_ / std::to_string(progress.steps));
  });
  EXPECT_THAT(stages_, ElementsAre(0, 1));
  ASSERT_GT(saved.size(), 5u);
  settings.resumes = true;
  for (std::size_t i = 0; i + 1 < saved.size(); ++i) {
    const std::string name = std::to_string(saved[i].steps);
    settings.directory = folder_ / name;
    EXPECT_EQ(Run(settings, saved[i + 1].steps).steps, saved[i + 1].steps);
    EXPECT_TRUE(checkpoint_of(name) == saved[i + 1].checkpoint) << name;
  }
}

TEST_F(TrainingTest, AStageBeginsWhenTheLatestEpisodesAreGoodEnoughAlsoAcrossAStop) {
  // Any rate is, so 200 episodes decide.
  const std::string config = R"(
generated: {tracks: 3, first_difficulty: 0.1, last_difficulty: 0.2, stages: 2, finish_rate: 0}
rows: 32
steps: 90000
network: {hidden: [8]}
ppo: {rollout_steps: 32, epochs: 1, minibatch: 1024}
trial_steps: 90000
)";
  Run(Settings("unbroken", config));
  EXPECT_THAT(stages_, ElementsAre(0, 1));
  TrainingSettings settings = Settings("broken", config);
  stages_.clear();
  Run(settings, 30000);
  EXPECT_THAT(stages_, ElementsAre(0));
  settings.resumes = true;
  Run(settings, 85000);
  EXPECT_THAT(stages_, ElementsAre(0, 1));
  stages_.clear();
  Run(settings);
  EXPECT_THAT(stages_, ElementsAre(1));
  EXPECT_EQ(File("broken", "latest.weights"), File("unbroken", "latest.weights"));
}

// From -1.5 at first to 19 and more, by these seeds.
TEST_F(TrainingTest, LearnsToFinishASprint) {
  for (int seed = 1; seed <= TestCount(1, 1, 3); ++seed) {
    const std::string name = std::to_string(seed);
    TrainingSettings settings = Settings(name, R"(
tracks: [short_sprint]
rows: 32
steps: 160000
network: {hidden: [32, 32]}
ppo: {rollout_steps: 32, epochs: 4, minibatch: 256}
trial_steps: 160000
)");
    settings.config.seed = static_cast<std::uint64_t>(seed);
    Run(settings);
    const TrainingLog log(folder_ / name / "progress.csv", 1LL << 40);
    const std::vector<double> returns = log.Column("mean_return"),
                              finishes = log.Column("finish_rate");
    double late_return = 0, late_finishes = 0, rows = 0;
    for (std::size_t i = returns.size() - 20; i < returns.size(); ++i) {
      if (std::isnan(returns[i])) continue;  // no episode ended
      late_return += returns[i];
      late_finishes += finishes[i];
      ++rows;
    }
    EXPECT_GT(late_return / rows, 12) << "seed " << seed;
    EXPECT_GT(late_finishes / rows, 0.5) << "seed " << seed;
  }
}

TEST_F(TrainingTest, EpisodesMayBeginAtStatesThatTheRowsDroveThrough) {
  TrainingConfig config = ParseTrainingConfig(kQuick, "config");
  config.steps = 6000;
  TrainingSettings settings = Settings("run", kQuick);
  settings.config = config;
  auto& ppo = std::get<PpoTraining>(settings.config.learner);
  ppo.starts = {.at = StartPlace::kLine, .start_share = 0.25f};
  ppo.keep_every_m = 5;
  settings.workers = 2;
  Run(settings, 4000);
  settings.resumes = true;
  EXPECT_EQ(Run(settings).steps, 6000);
  settings = Settings("from the start", kQuick);
  settings.config = config;
  Run(settings);
  EXPECT_TRUE(File("run", "latest.weights") != File("from the start", "latest.weights"));
}

TEST_F(TrainingTest, ACheckpointThatDoesNotFitIsRefusedByItsName) {
  TrainingSettings settings = Settings("run", kQuick);
  settings.resumes = true;
  const auto expect_error = [&](const std::string& text) {
    EXPECT_THAT([&] { Run(settings); },
                ThrowsMessage<std::runtime_error>(
                    AllOf(HasSubstr((folder_ / "run/checkpoint").string()), HasSubstr(text))));
  };
  expect_error("cannot be read");
  settings.resumes = false;
  Run(settings, 1);
  settings.resumes = true;
  const TrainingConfig good = settings.config;
  settings.config.environment = "default";
  expect_error("'default' is not the one that it was trained on: the field 'policy_hash' differs");
  settings.config = good;
  settings.config.rows = 4;
  expect_error("'rows'");
  settings.config = good;
  settings.config.network.hidden = {13};
  expect_error("'parameters'");
  settings.config = good;
  std::string bytes = File("run", "checkpoint");
  bytes.resize(bytes.size() / 2);
  WriteWholeFile(folder_ / "run/checkpoint", bytes);
  expect_error("no msgpack");
}

// Also by a learner whose part of a checkpoint has no states of rows, which know their task.
TEST_F(TrainingTest, ACheckpointOfAnotherTaskIsRefusedWhoeverLearns) {
  environments_ = folder_ / "environments";
  fs::create_directories(environments_);
  const auto set_time_limit = [&](int seconds) {
    WriteWholeFile(
        environments_ / "short.yaml",
        "ticks_per_step: 10\nrules: {time_limit: {after_s: " + std::to_string(seconds) + "}}\n");
  };
  for (const std::string learner : {"ppo", "cma_es"}) {
    TrainingSettings settings = Settings(learner, R"(
environment: short
tracks: [short_sprint]
rows: 4
steps: 4000
network: {hidden: [4]}
learner: )" + learner);
    set_time_limit(1);
    Run(settings, 1);
    settings.resumes = true;
    const auto expect_error = [&](const std::string& text) {
      EXPECT_THAT([&] { Run(settings); },
                  ThrowsMessage<std::runtime_error>(AllOf(
                      HasSubstr((settings.directory / "checkpoint").string()), HasSubstr(text))));
    };
    set_time_limit(2);
    expect_error("'short' is not the one that it was trained on: the field 'task_hash' differs");
    set_time_limit(1);
    nlohmann::json checkpoint = ReadRecord(settings.directory / "checkpoint", "checkpoint", 2);
    checkpoint.erase("task_hash");
    WriteRecord(settings.directory / "checkpoint", "checkpoint", 2, checkpoint);
    expect_error("the field 'task_hash' is missing");
    WriteRecord(settings.directory / "checkpoint", "checkpoint", 1, checkpoint);
    expect_error("version");
  }
}

TEST_F(TrainingTest, FewerRowsThanTracksAreRefusedAlsoWhereNoFileSaidThem) {
  TrainingSettings settings = Settings("run", kQuick);
  settings.config.rows = 2;
  EXPECT_THAT([&] { Run(settings); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("each track, 3 at least, not 2")));
}

TEST_F(TrainingTest, WhatIsUnknownIsRefused) {
  TrainingSettings settings = Settings("run", kQuick);
  settings.config.tracks = {"nowhere"};
  EXPECT_THAT([&] { Run(settings); }, ThrowsMessage<std::runtime_error>(HasSubstr("nowhere")));
  settings = Settings("run", kQuick);
  settings.config.environment = "nothing";
  EXPECT_THAT([&] { Run(settings); }, ThrowsMessage<std::runtime_error>(HasSubstr("nothing")));
}

}  // namespace
}  // namespace hotlap::agents
