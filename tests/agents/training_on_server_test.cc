// Trainings on rows of a server, which has only so many games.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "agents/row_source.h"
#include "agents/training.h"
#include "tests/transport/serving.h"

namespace hotlap::agents {
namespace {

class TrainingOnServerTest : public transport::ServingTest {
 protected:
  void StartWithGames(int count) {
    game_settings.simulated = count;
    const auto environments = directory.path() / "environments";
    std::filesystem::create_directories(environments);
    std::ofstream(environments / "short.yaml")
        << "ticks_per_step: 10\nrules: {time_limit: {after_s: 2}}\n";
    Start();
  }
};

TEST_F(TrainingOnServerTest, RowsThatAreBeingGivenBackAreWaitedFor) {
  StartWithGames(4);
  RemoteRowSource source({.endpoint = endpoint, .context = &context}, transport::GameKind::kAny,
                         transport::kPatience);
  RowRequest request;
  request.environment = "short";
  request.tracks = {"generated:1:0.1"};
  request.rows = 4;
  request.info = {"progress"};
  auto rows = source.Open(request);
  ASSERT_TRUE(rows) << rows.error().text;
  const auto refused = source.Open(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, transport::Status::kServerFull);
  std::thread giver([&rows] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // mostly it is waited for by then
    rows->reset();
  });
  request.wait = std::chrono::seconds(10);
  const auto others = source.Open(request);
  giver.join();
  EXPECT_TRUE(others) << others.error().text;
}

TEST_F(TrainingOnServerTest, TheNextStageTakesTheGamesOfTheOneBefore) {
  constexpr int kRows = 32, kTracks = 2;
  StartWithGames(kRows + kTracks);  // the trial's too

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
