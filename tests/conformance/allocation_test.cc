// A step takes no memory from the heap after the first few.
#include <gtest/gtest.h>

#include <string>

#include "tests/allocation_count.h"
#include "tests/conformance/games_under_test.h"

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
  const long before = NumAllocationsOfThread();
  round();
  round();
  EXPECT_EQ(NumAllocationsOfThread() - before, 0);
}

}  // namespace
}  // namespace hotlap
