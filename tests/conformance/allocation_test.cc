// A step takes no memory from the heap after the first few.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "tests/conformance/games_under_test.h"

namespace {
thread_local long g_allocations = 0;

void* Allocate(std::size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace hotlap {
namespace {

class AllocationTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(EveryKind, AllocationTest, ::testing::Values("simulated", "tminterface"),
                         [](const auto& instance) { return instance.param; });

TEST_P(AllocationTest, StepsSavesRestoresAndRestartsTakeNoMemory) {
  GamesUnderTest games(GetParam(), {"straight", "straight"});
  games.RestartAll();
  games.Advance(20, kThrottle, 0);
  const std::vector<std::byte> snapshot = games.Save(0);
  GameGroup& group = games.group();
  const auto run = [&](CommandKind kind) {
    Command commands[2];
    for (int slot = 0; slot < 2; ++slot) {
      commands[slot].slot = slot;
      commands[slot].kind = kind;
      commands[slot].ticks = 5;
      commands[slot].inputs = kThrottle;
      commands[slot].snapshot = snapshot;
    }
    group.Start(commands);
    for (std::size_t done = 0; done < 2;) {
      const auto completions = group.Collect(DeadlineIn(kLongEnough));
      for (const Completion& completion : completions) {
        if (completion.status != CompletionStatus::kOk) throw std::runtime_error(completion.error);
      }
      done += completions.size();
    }
  };
  const auto round = [&] {
    // 170 steps pass every gate and the finish.
    for (int i = 0; i < 170; ++i) run(CommandKind::kAdvance);
    run(CommandKind::kSave);
    run(CommandKind::kRestore);
    run(CommandKind::kAdvance);
    run(CommandKind::kRestart);
  };
  round();
  const long before = g_allocations;
  round();
  round();
  EXPECT_EQ(g_allocations - before, 0);
}

}  // namespace
}  // namespace hotlap
