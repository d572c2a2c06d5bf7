// Equal spec, seeds and actions give equal bits, however the rows are grouped and computed.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/env/fleet.h"
#include "tests/test_size.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace hotlap {
namespace {

// A mode, and whether everything is randomised.
struct Variant {
  Autoreset mode = Autoreset::kNextStep;
  bool is_randomised = false;
};

FleetSettings Settings(std::vector<int> groups, int num_threads, const Variant& variant) {
  FleetSettings settings;
  if (variant.is_randomised) {
    settings.environment.randomisation = {.mass = {0.7f, 1.5f},
                                          .grip = {0.7f, 1.3f},
                                          .engine_force = {0.7f, 1.3f},
                                          .input_delay_ticks = {0, 12},
                                          .observation_noise = {0, 0.02f}};
  }
  settings.groups = std::move(groups);
  settings.num_threads = num_threads;
  settings.autoreset = variant.mode;
  settings.environment.rules.time_limit_ticks = 400;
  settings.environment.rules.no_progress_ticks = 100;
  return settings;
}

// All that a fleet of 6 rows gives over a drive with resets, saves and restores in it.
std::vector<Given> Drive(Fleet& fleet, int steps) {
  std::mt19937 random(5);
  std::vector<Given> given;
  fleet.Reset();
  given.push_back(fleet.given());
  std::vector<std::byte> snapshot;
  std::vector<std::int32_t> actions(6);
  for (int step = 0; step < steps; ++step) {
    for (auto& action : actions) {
      if (random() % 8 == 0) action = static_cast<std::int32_t>(random() % 12);
    }
    fleet.Step(actions);
    given.push_back(fleet.given());
    if (step % 50 == 20) snapshot = fleet.Save(3);
    if (step % 50 == 40) {
      if (!fleet.Restore(1, snapshot)) throw std::runtime_error("not restored");
      fleet.ResetRow(4, snapshot);
      given.push_back(fleet.given());
    }
  }
  return given;
}

std::vector<Given> Drive(const FleetSettings& settings, int steps) {
  Fleet fleet(settings);
  return Drive(fleet, steps);
}

// Games that take a while, so that each thread of a pool gets some, and see who comes.
class SlowGames : public GameGroup {
 public:
  struct Visitors {
    std::mutex mutex;
    std::set<std::thread::id> threads;
  };
  SlowGames(std::unique_ptr<GameGroup> games, Visitors& visitors)
      : games_(std::move(games)), visitors_(visitors) {}
  int num_slots() const override { return games_->num_slots(); }
  const GameState& state(int slot) const override { return games_->state(slot); }
  void Start(std::span<const Command> commands) override { games_->Start(commands); }
  std::span<const Completion> Collect(Deadline deadline) override {
    {
      const std::lock_guard lock(visitors_.mutex);
      visitors_.threads.insert(std::this_thread::get_id());
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    return games_->Collect(deadline);
  }
  void Abandon(int slot) override { games_->Abandon(slot); }
  std::string_view kind() const override { return games_->kind(); }
  bool can_vary_vehicle() const override { return games_->can_vary_vehicle(); }

 private:
  std::unique_ptr<GameGroup> games_;
  Visitors& visitors_;
};

std::vector<Given> DriveOnThreads(const FleetSettings& settings, int steps) {
  SlowGames::Visitors visitors;
  auto games = Fleet::MakeGames(settings);
  for (auto& group : games) group = std::make_unique<SlowGames>(std::move(group), visitors);
  Fleet fleet(settings, std::move(games));
  std::vector<Given> given = Drive(fleet, steps);
  EXPECT_GT(visitors.threads.size(), 1u);
  return given;
}

void ExpectEqual(const std::vector<Given>& a, const std::vector<Given>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_TRUE(a[i] == b[i]) << what << ", call " << i;
}

class BatchDeterminismTest : public ::testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(
    EveryMode, BatchDeterminismTest,
    ::testing::Values(Variant{Autoreset::kNextStep, false}, Variant{Autoreset::kSameStep, false},
                      Variant{Autoreset::kDisabled, false}, Variant{Autoreset::kNextStep, true},
                      Variant{Autoreset::kSameStep, true}, Variant{Autoreset::kDisabled, true}));

TEST_P(BatchDeterminismTest, ThreadsAndGroupsChangeNoBit) {
  const int steps = TestCount(100, 400, 4000);
  const auto reference = Drive(Settings({6}, 1, GetParam()), steps);
  ExpectEqual(Drive(Settings({6}, 1, GetParam()), steps), reference, "again");
  ExpectEqual(Drive(Settings({1, 1, 1, 1, 1, 1}, 1, GetParam()), steps), reference, "alone");
  ExpectEqual(DriveOnThreads(Settings({1, 3, 2}, 2, GetParam()), steps), reference, "two threads");
  ExpectEqual(DriveOnThreads(Settings({2, 2, 1, 1}, 3, GetParam()), steps), reference,
              "three threads");
}

TEST_P(BatchDeterminismTest, ThreadsAndGroupsChangeNoStartAtAKeptState) {
  const int steps = TestCount(200, 600, 4000);
  for (const StartPlace place :
       {StartPlace::kCheckpoints, StartPlace::kLine, StartPlace::kFailures}) {
    const auto settings = [&](std::vector<int> groups, int num_threads) {
      FleetSettings made = Settings(std::move(groups), num_threads, GetParam());
      made.road = StraightRoad(400, 5);
      made.archive.every_m = 3;
      made.starts = {place, 0.2f};
      return made;
    };
    const auto reference = Drive(settings({6}, 1), steps);
    ExpectEqual(Drive(settings({1, 1, 1, 1, 1, 1}, 1), steps), reference, "alone");
    ExpectEqual(DriveOnThreads(settings({1, 3, 2}, 2), steps), reference, "two threads");
    auto from_the_start = settings({6}, 1);
    from_the_start.starts = {};
    if (GetParam().mode == Autoreset::kDisabled)
      continue;  // the drive's resets name their snapshots
    EXPECT_TRUE(Drive(from_the_start, steps) != reference) << "none began at a state";
  }
}

#if defined(__SSE2__)
// What a learner's libraries may leave behind: rounding up, denormals flushed.
class WrongFloatingPoint {
 public:
  WrongFloatingPoint() : saved_(_mm_getcsr()) { _mm_setcsr((saved_ & ~0x6000u) | 0xC040u); }
  ~WrongFloatingPoint() { _mm_setcsr(saved_); }
  static bool holds() { return (_mm_getcsr() & 0xE040u) == 0xC040u; }

 private:
  unsigned saved_;
};

TEST_P(BatchDeterminismTest, FloatingPointEnvironmentOfTheCallerChangesNoBitAndComesBack) {
  const FleetSettings settings = Settings({4, 2}, 2, GetParam());
  const auto reference = Drive(settings, 200);
  Fleet fleet(settings);
  std::vector<Given> given;
  {
    const WrongFloatingPoint wrong;
    given = Drive(fleet, 200);
    EXPECT_TRUE(WrongFloatingPoint::holds());
  }
  ExpectEqual(given, reference, "wrong environment");
}
#endif

TEST(BatchRowsTest, DependOnNoOtherRow) {
  // Row 1 drives the same whatever row 0 does.
  const auto drive = [](std::int32_t other) {
    FleetSettings settings = Settings({2}, 1, {});
    Fleet fleet(settings);
    fleet.Reset();
    std::vector<Given> own;
    for (int step = 0; step < 150; ++step) {
      fleet.Step({other, step % 3});
      Given g;
      g.observations = fleet.observation(1);
      g.rewards = {fleet.reward(1)};
      own.push_back(g);
    }
    return own;
  };
  const auto own = drive(kThrottle);
  ExpectEqual(drive(kBrake), own, "the other brakes");
  ExpectEqual(drive(kThrottleLeft), own, "the other falls and begins again");
}

}  // namespace
}  // namespace hotlap
