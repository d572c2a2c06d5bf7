// Counts what this thread allocates, to hold policies to allocating nothing when they act.
#include <gtest/gtest.h>

#include "agents/policy.h"
#include "agents/policy_source.h"
#include "tests/agents/driving_spec.h"
#include "tests/allocation_count.h"

namespace hotlap::agents {
namespace {

TEST(PolicyAllocationTest, ActingAllocatesNothing) {
  for (const ActionSpec& action : {KeyActions(), ContinuousActions()}) {
    const EnvironmentSpec spec = DrivingSpec(action, 40);
    const std::vector<float> observations(spec.observation.size() * 16, 0.1f);
    ActionBuffer actions(action, 16);
    for (const std::string_view name : PolicyNames()) {
      const auto policy = PolicySource(std::string(name)).Make(spec, 1);
      const long before = NumAllocationsOfThread();
      for (int call = 0; call < 10; ++call) policy->Act(observations, actions);
      EXPECT_EQ(NumAllocationsOfThread(), before) << name << " with " << action.name;
    }
  }
}

}  // namespace
}  // namespace hotlap::agents
