// The default reward, discounted by 0.995 per step, puts drivers in the order in which a learner
// should find them: off the road at once < a slow finish < pursuit < a faster finish.
#include <gtest/gtest.h>

#include <string>

#include "agents/evaluator.h"
#include "agents/pursuit_policy.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

// Full throttle to the left, off the road and down.
class OffAtOnce : public Policy {
 public:
  explicit OffAtOnce(const EnvironmentSpec& spec) : encoder_(spec.action, "the test") {}
  void Act(std::span<const float>, ActionBuffer& actions) override {
    for (std::size_t row = 0; row < actions.discrete.size(); ++row) {
      encoder_.Write({.steer = -1, .pedal = 1}, row, actions);
    }
  }

 private:
  ActionEncoder encoder_;
};

class RewardOrderTest : public ::testing::TestWithParam<std::string> {
 protected:
  EpisodeReport Drive(const PolicyMaker& make_policy) const {
    return Practice(PracticeConfig("default"), GetParam(), 1, 1, make_policy).episodes.at(0);
  }
  EpisodeReport Pursue(const PursuitSettings& settings) const {
    return Drive([&](const EnvironmentSpec& spec) {
      return std::make_unique<PursuitPolicy>(spec, settings);
    });
  }
};

TEST_P(RewardOrderTest, PaysMoreForABetterDrive) {
  const EpisodeReport off =
      Drive([](const EnvironmentSpec& spec) { return std::make_unique<OffAtOnce>(spec); });
  PursuitSettings slow_settings;
  slow_settings.top_speed_mps = 15;
  const EpisodeReport slow = Pursue(slow_settings);
  PursuitSettings careful_settings;
  careful_settings.bend_share = 0.8f;
  careful_settings.braking_mps2 = 25;
  careful_settings.crest_share = 0.7f;
  const EpisodeReport careful = Pursue(careful_settings);
  const EpisodeReport fast = Pursue({});

  EXPECT_FALSE(off.finished());
  ASSERT_TRUE(slow.finished() && careful.finished() && fast.finished());
  ASSERT_LT(careful.finish_time_s, slow.finish_time_s);
  ASSERT_LT(fast.finish_time_s, careful.finish_time_s);

  EXPECT_LT(off.discounted_return, slow.discounted_return);
  EXPECT_LT(slow.discounted_return, careful.discounted_return);
  EXPECT_LT(careful.discounted_return, fast.discounted_return);
}

INSTANTIATE_TEST_SUITE_P(EveryTrack, RewardOrderTest,
                         ::testing::Values("short_sprint", "hairpins", "hockolicious"),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace hotlap::agents
