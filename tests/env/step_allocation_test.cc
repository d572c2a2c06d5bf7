// A step of simulated rows takes no memory from the heap after the first one, on no thread.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "tests/env/fleet.h"

namespace {
std::atomic<long> g_allocations{0};

void* Allocate(std::size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// Not inlined: gcc would see memory of new go to free.
[[gnu::noinline]] void Release(void* memory) { std::free(memory); }
}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { Release(memory); }
void operator delete[](void* memory) noexcept { Release(memory); }
void operator delete(void* memory, std::size_t) noexcept { Release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { Release(memory); }

namespace hotlap {
namespace {

class StepAllocationTest : public ::testing::TestWithParam<Autoreset> {};
INSTANTIATE_TEST_SUITE_P(EveryMode, StepAllocationTest,
                         ::testing::Values(Autoreset::kNextStep, Autoreset::kSameStep,
                                           Autoreset::kDisabled));

TEST_P(StepAllocationTest, StepsAndResetsTakeNoMemory) {
  for (const int num_threads : {1, 2}) {
    FleetSettings settings;
    settings.groups = {3, 2};
    settings.num_threads = num_threads;
    settings.autoreset = GetParam();
    settings.environment.rules.time_limit_ticks = 100;
    Fleet fleet(settings);
    fleet.Reset();
    fleet.Step(kThrottle);
    const std::vector<std::int32_t> actions = {0, 1, 2, 3, 6};
    const long before = g_allocations;
    for (int step = 0; step < 100; ++step) {
      fleet.Step(actions);
      if (step % 25 == 24) fleet.Reset();
    }
    EXPECT_EQ(g_allocations - before, 0) << num_threads << " threads";
  }
}

}  // namespace
}  // namespace hotlap
