// Counts what this thread allocates, to hold policies to allocating nothing when they act.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "agents/policy.h"
#include "tests/agents/driving_spec.h"

namespace {
thread_local long num_allocations = 0;
}
// Never inlined: gcc would otherwise pair the malloc and free inside with the other operators.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++num_allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace hotlap::agents {
namespace {

TEST(PolicyAllocationTest, ActingAllocatesNothing) {
  for (const ActionSpec& action : {KeyActions(), ContinuousActions()}) {
    const EnvironmentSpec spec = DrivingSpec(action, 40);
    const std::vector<float> observations(spec.observation.size() * 16, 0.1f);
    ActionBuffer actions(action, 16);
    for (const std::string_view name : PolicyNames()) {
      const auto policy = MakePolicy(name, spec, 1);
      const long before = num_allocations;
      for (int call = 0; call < 10; ++call) policy->Act(observations, actions);
      EXPECT_EQ(num_allocations, before) << name << " with " << action.name;
    }
  }
}

}  // namespace
}  // namespace hotlap::agents
