// The default reward, discounted by 0.995 per step, puts drivers in the order in which a learner
// should find them: off the road at once < a slow finish < pursuit < a faster finish.
#include <gtest/gtest.h>

#include <string>

#include "agents/pursuit_policy.h"
#include "env/environment.h"
#include "env/simulated_games.h"
#include "tests/agents/practice.h"

namespace hotlap::agents::reward_order_test {
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

struct Drive {
  bool finished = false;
  int finish_time_ms = 0;
  double discounted_return = 0;
};

class RewardOrderTest : public ::testing::TestWithParam<std::string> {
 protected:
  template <typename PolicyType, typename... Settings>
  Drive DriveOnce(const Settings&... settings) const {
    const transport::OfferedTrack& track = PracticeTrack(GetParam());
    Environment environment(PracticeConfig("default"),
                            MakeSimulatedGames({{track.track, PracticeCatalogue().vehicle()}}),
                            {track.centreline, track.track->hash(), 1});
    PolicyType policy(environment.spec(), settings...);
    ActionBuffer action(environment.spec().action, 1);
    Drive drive;
    double discount = 1;
    environment.Reset();
    while (!environment.done()) {
      policy.Act(environment.observation(), action);
      environment.Step(action.discrete[0]);
      drive.discounted_return += discount * static_cast<double>(environment.reward());
      discount *= 0.995;
    }
    drive.finished = environment.end_reason() == EndReason::kFinish;
    drive.finish_time_ms = static_cast<int>(environment.info("finish_time"));
    return drive;
  }
  Drive Pursue(const PursuitSettings& settings) const { return DriveOnce<PursuitPolicy>(settings); }
};

TEST_P(RewardOrderTest, PaysMoreForABetterDrive) {
  const Drive off = DriveOnce<OffAtOnce>();
  PursuitSettings slow_settings;
  slow_settings.top_speed_mps = 15;
  const Drive slow = Pursue(slow_settings);
  PursuitSettings careful_settings;
  careful_settings.bend_share = 0.8f;
  careful_settings.braking_mps2 = 25;
  careful_settings.crest_share = 0.7f;
  const Drive careful = Pursue(careful_settings);
  const Drive fast = Pursue({});

  EXPECT_FALSE(off.finished);
  ASSERT_TRUE(slow.finished && careful.finished && fast.finished);
  ASSERT_LT(careful.finish_time_ms, slow.finish_time_ms);
  ASSERT_LT(fast.finish_time_ms, careful.finish_time_ms);

  EXPECT_LT(off.discounted_return, slow.discounted_return);
  EXPECT_LT(slow.discounted_return, careful.discounted_return);
  EXPECT_LT(careful.discounted_return, fast.discounted_return);
}

INSTANTIATE_TEST_SUITE_P(EveryTrack, RewardOrderTest,
                         ::testing::Values("short_sprint", "hairpins", "hockolicious"),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace hotlap::agents::reward_order_test
