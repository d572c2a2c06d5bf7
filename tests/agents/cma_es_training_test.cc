// A whole training with the learner cma_es: configs/agents/cma_sprint.yaml in small.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "agents/row_source.h"
#include "agents/training.h"
#include "agents/weights_file.h"
#include "tests/test_size.h"

namespace hotlap::agents {
namespace {

class CmaEsTrainingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("cma_es_training_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Until all steps are done, or so many.
  TrainingResult Learn(const TrainingConfig& config, const std::string& name, int workers,
                       std::int64_t stop_after = 1LL << 60, bool resumes = false) {
    TrainingSettings settings;
    settings.config = config;
    settings.directory = folder_ / name;
    settings.workers = workers;
    settings.resumes = resumes;
    std::atomic<bool> stops = false;
    const auto trained = Train(settings, source_, stops, [&](const TrainingProgress& progress) {
      if (progress.steps >= stop_after) stops = true;
    });
    if (!trained) throw std::runtime_error(trained.error().text);
    return *trained;
  }
  std::string Bytes(const std::string& file) const {
    std::ifstream stream(folder_ / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  std::filesystem::path folder_;
  LocalRowSource source_{{HOTLAP_SOURCE_DIR "/configs/environments",
                          HOTLAP_SOURCE_DIR "/configs/tracks",
                          HOTLAP_SOURCE_DIR "/configs/vehicles/stadium.yaml"}};
};

TrainingConfig Sprint() {
  return LoadTrainingConfig(HOTLAP_SOURCE_DIR "/configs/agents/cma_sprint.yaml");
}

// A row for each candidate.
void SetPopulation(TrainingConfig& config, int population) {
  config.rows = population;
  std::get<CmaEsTraining>(config.learner).search.population = population;
}

TEST_F(CmaEsTrainingTest, GoesOnWithTheSameBitsAfterAStop) {
  TrainingConfig config = Sprint();
  SetPopulation(config, 8);
  config.network.hidden = {4};
  config.trial_steps = 4000;
  config.steps = 12'000;
  Learn(config, "at_once", 1);
  Learn(config, "in_parts", 2, 5'000);
  Learn(config, "in_parts", 1, 1LL << 60, true);
  for (const std::string file : {"latest.weights", "best.weights"}) {
    EXPECT_FALSE(Bytes("at_once/" + file).empty());
    EXPECT_EQ(Bytes("at_once/" + file), Bytes("in_parts/" + file)) << file;
  }
}

TEST_F(CmaEsTrainingTest, WritesWeightsThatAnyPolicyReads) {
  TrainingConfig config = Sprint();
  SetPopulation(config, 8);
  config.steps = 3'000;
  const TrainingResult result = Learn(config, "small", 1);
  const auto spec = source_.Spec(config.environment);
  ASSERT_TRUE(spec);
  const WeightsFile file = ReadWeights(folder_ / "small" / "latest.weights", *spec);
  EXPECT_EQ(file.network, config.network);
  EXPECT_EQ(file.steps, result.steps);
  EXPECT_GE(result.steps, config.steps);
}

TEST_F(CmaEsTrainingTest, HarderTracksFollowThoseThatAreFinished) {
  TrainingConfig config = Sprint();
  config.tracks.clear();
  // Every rate of finishes will do, once 200 episodes have ended.
  config.generated = GeneratedStages{
      .tracks = 2, .first_difficulty = 0, .last_difficulty = 0.1f, .stages = 2, .finish_rate = 0};
  SetPopulation(config, 64);
  config.steps = 100'000;
  TrainingSettings settings;
  settings.config = config;
  settings.directory = folder_ / "stages";
  const std::atomic<bool> stops = false;
  int last_stage = -1;
  const auto trained = Train(settings, source_, stops, [&](const TrainingProgress& progress) {
    last_stage = progress.stage;
  });
  ASSERT_TRUE(trained) << trained.error().text;
  EXPECT_EQ(last_stage, 1);
}

TEST_F(CmaEsTrainingTest, LearnsToFinishTheSprint) {
  TrainingConfig config = Sprint();
  config.steps = TestCount(420'000, 800'000, 1'500'000);  // it does after 380 000
  const TrainingResult result = Learn(config, "sprint", 2);
  ASSERT_EQ(result.best_trial.size(), 1u);
  EXPECT_EQ(result.best_trial[0].reason, EndReason::kFinish);
}

}  // namespace
}  // namespace hotlap::agents
