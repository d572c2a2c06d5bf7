// pursuit finishes what the generator makes: seeds over the whole range of difficulty.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "agents/pursuit_policy.h"
#include "env/centreline.h"
#include "env/sim/lap_bound.h"
#include "env/sim/track_generator.h"
#include "env/simulated_games.h"
#include "env/vector_environment.h"
#include "tests/agents/practice.h"
#include "tests/test_size.h"

namespace hotlap::agents::pursuit_generated_test {
namespace {

constexpr int kRows = 16, kThreads = 2;  // that drive side by side

struct Drive {
  std::uint64_t seed = 0;
  float difficulty = 0;
  std::shared_ptr<const sim::Track> track;
  EndReason end = EndReason::kNone;
  float seconds = 0, progress_m = 0;
};

std::unique_ptr<VectorEnvironment> EnvironmentOf(const std::vector<Drive>& drives) {
  VectorEnvironmentConfig config;
  config.environment = PracticeConfig("full_view");
  config.autoreset = Autoreset::kDisabled;
  config.num_threads = kThreads;
  config.info_columns = {"race_time", "progress", "end_reason"};
  std::vector<std::unique_ptr<GameGroup>> groups;
  std::vector<SimulatedGame> games;
  std::vector<RowConfig> rows;
  for (const Drive& drive : drives) {
    games.push_back({drive.track, PracticeCatalogue().vehicle()});
    rows.push_back({Centreline::FromTrack(*drive.track), drive.track->hash(), drive.seed});
    if (games.size() == kRows / kThreads || &drive == &drives.back()) {
      groups.push_back(MakeSimulatedGames(games));
      games.clear();
    }
  }
  return std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(rows));
}

void DriveAll(std::vector<Drive>& drives) {
  const auto environment = EnvironmentOf(drives);
  PursuitPolicy policy(environment->spec());
  const std::size_t n = drives.size();
  BatchBuffer buffer(*environment);
  ActionBuffer actions(environment->spec().action, static_cast<int>(n));
  environment->Reset({}, buffer.view());
  std::size_t running = n;
  while (running > 0) {
    policy.Act(buffer.observations, actions);
    environment->Step(actions.view(), buffer.view());
    for (std::size_t row = 0; row < n; ++row) {
      Drive& drive = drives[row];
      if (drive.end != EndReason::kNone || !(buffer.terminated[row] || buffer.truncated[row])) {
        continue;
      }
      const auto info = [&](std::size_t column, auto value) {
        std::memcpy(&value, &buffer.info[(column * n + row) * 4], 4);
        return value;
      };
      drive.seconds = static_cast<float>(info(0, std::int32_t{})) / 1000;
      drive.progress_m = info(1, 0.0f);
      drive.end = static_cast<EndReason>(info(2, std::int32_t{}));
      --running;
    }
  }
}

TEST(PursuitGeneratedTest, FinishesEveryTrackAndBeatsNoBound) {
  const int count = TestCount(12, 500, 2000);
  std::vector<Drive> drives;
  for (int i = 0; i < count; ++i) {
    Drive drive;
    drive.seed = static_cast<std::uint64_t>(i);
    drive.difficulty = static_cast<float>(i) / static_cast<float>(count - 1);
    drive.track = sim::Track::Build(sim::GenerateTrack(drive.seed, drive.difficulty));
    drives.push_back(drive);
    if (drives.size() < kRows && i + 1 < count) continue;
    DriveAll(drives);
    for (const Drive& d : drives) {
      SCOPED_TRACE(::testing::Message() << "seed " << d.seed << ", difficulty " << d.difficulty);
      EXPECT_EQ(d.end, EndReason::kFinish)
          << EndReasonName(d.end) << " after " << d.progress_m << " m";
      const double bound_s = sim::BoundLap(*d.track, PracticeCatalogue().vehicle()).time_s;
      if (d.end == EndReason::kFinish) {
        EXPECT_GT(d.seconds, bound_s);
      }
    }
    drives.clear();
  }
}

}  // namespace
}  // namespace hotlap::agents::pursuit_generated_test
