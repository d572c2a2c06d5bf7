// A step of simulated rows takes no memory from the heap after the first one, on no thread.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/allocation_count.h"
#include "tests/env/fleet.h"

namespace hotlap {
namespace {

class StepAllocationTest : public ::testing::TestWithParam<Autoreset> {};
INSTANTIATE_TEST_SUITE_P(EveryMode, StepAllocationTest,
                         ::testing::Values(Autoreset::kNextStep, Autoreset::kSameStep,
                                           Autoreset::kDisabled));

TEST_P(StepAllocationTest, StepsAndResetsTakeNoMemory) {
  for (const int num_threads : {1, 2}) {
    FleetSettings settings;
    if (num_threads == 2) {
      settings.environment.randomisation = {.mass = {0.8f, 1.2f},
                                            .grip = {0.8f, 1.2f},
                                            .engine_force = {0.8f, 1.2f},
                                            .input_delay_ticks = {0, 12},
                                            .observation_noise = {0, 0.01f}};
    }
    settings.groups = {3, 2};
    settings.num_threads = num_threads;
    settings.autoreset = GetParam();
    settings.environment.rules.time_limit_ticks = 100;
    Fleet fleet(settings);
    fleet.Reset();
    fleet.Step(kThrottle);
    const std::vector<std::int32_t> actions = {0, 1, 2, 3, 6};
    const long before = NumAllocations();
    for (int step = 0; step < 100; ++step) {
      fleet.Step(actions);
      if (step % 25 == 24) fleet.Reset();
    }
    EXPECT_EQ(NumAllocations() - before, 0) << num_threads << " threads";
  }
}

TEST_P(StepAllocationTest, StatesAreKeptInMemoryThatIsThere) {
  for (const std::size_t max_bytes : {ArchiveSettings{}.max_bytes, std::size_t{20000}}) {
    SCOPED_TRACE(max_bytes);
    FleetSettings settings;
    settings.groups = {3, 2};
    settings.autoreset = GetParam();
    settings.environment.rules.time_limit_ticks = 100;
    settings.archive = {.every_m = 2, .max_bytes = max_bytes};
    settings.starts = {StartPlace::kLine, 0.5f};
    Fleet fleet(settings);
    const std::vector<std::int32_t> actions(5, kThrottle);
    const auto drive = [&](int episodes) {
      for (int episode = 0; episode < episodes; ++episode) {
        fleet.Reset({.starts = Starts{}});  // the same places again
        for (int step = 0; step < 20; ++step) fleet.Step(actions);
      }
    };
    drive(10);
    const long before = NumAllocations();
    drive(10);
    EXPECT_EQ(NumAllocations() - before, 0);
  }
}

TEST(SaveAllocationTest, SavesIntoUsedMemoryAndRestoresTakeNone) {
  Fleet fleet;
  fleet.Reset();
  std::vector<std::byte> snapshot;
  ASSERT_TRUE(fleet.rows().Save(0, snapshot));
  fleet.Step(kThrottle);
  ASSERT_TRUE(fleet.Restore(1, snapshot));
  const long before = NumAllocations();
  for (int i = 0; i < 10; ++i) {
    fleet.rows().Save(0, snapshot);
    static_cast<void>(fleet.Restore(1, snapshot));
  }
  EXPECT_EQ(NumAllocations() - before, 0);
}

}  // namespace
}  // namespace hotlap
