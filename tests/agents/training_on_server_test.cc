// Trainings on rows of a server, which has only so many games.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <string>

#include "agents/row_source.h"
#include "agents/training.h"
#include "tests/transport/serving.h"

namespace hotlap::agents {
namespace {

class TrainingOnServerTest : public transport::ServingTest {};

TEST_F(TrainingOnServerTest, TheNextStageTakesTheGamesOfTheOneBefore) {
  constexpr int kRows = 32, kTracks = 2;
  game_settings.simulated = kRows + kTracks;  // the trial's too
  const auto environments = directory.path() / "environments";
  std::filesystem::create_directories(environments);
  std::ofstream(environments / "short.yaml")
      << "ticks_per_step: 10\nrules: {time_limit: {after_s: 2}}\n";
  Start();

  TrainingSettings settings;
  // Any rate of finishes is good enough, so 200 episodes decide.
  settings.config = ParseTrainingConfig(R"(
environment: short
generated: {tracks: 2, first_difficulty: 0.1, last_difficulty: 0.3, stages: 3, finish_rate: 0}
rows: 32
steps: 20000
network: {hidden: [4]}
ppo: {rollout_steps: 40, epochs: 1}
)",
                                        "config");
  settings.directory = directory.path() / "run";
  settings.workers = 2;
  settings.timeout = transport::kPatience;
  RemoteRowSource rows({.endpoint = endpoint, .context = &context}, transport::GameKind::kAny,
                       transport::kPatience);
  const std::atomic<bool> stops = false;
  int last_stage = -1;
  const auto trained = Train(settings, rows, stops, [&](const TrainingProgress& progress) {
    last_stage = progress.stage;
  });
  ASSERT_TRUE(trained) << trained.error().text;
  EXPECT_EQ(last_stage, 2);
}

}  // namespace
}  // namespace hotlap::agents
