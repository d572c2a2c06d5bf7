// pursuit drives the embedded game: every track, both action sets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "agents/evaluator.h"
#include "agents/pursuit_policy.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

struct Lap {
  std::string track, environment;
  ActionKind actions;
};

std::string LapName(const ::testing::TestParamInfo<Lap>& info) {
  return info.param.track + "_" + info.param.environment +
         (info.param.actions == ActionKind::kDiscrete ? "_keys" : "_continuous");
}

class PursuitLapTest : public ::testing::TestWithParam<Lap> {};

TEST_P(PursuitLapTest, FinishesWithoutLeavingTheRoad) {
  EnvironmentConfig config = PracticeConfig(GetParam().environment);
  config.actions = ActionSet{.kind = GetParam().actions, .keys = ActionSet::DefaultKeys()};
  const std::vector<EpisodeReport> episodes =
      Practice(config, GetParam().track, 1, 1,
               [](const auto& spec) { return std::make_unique<PursuitPolicy>(spec); });
  const EpisodeReport& lap = episodes.at(0);
  EXPECT_TRUE(lap.finished()) << EndReasonName(lap.end_reason) << " after " << lap.progress_m;

  const Centreline& line = *PracticeTrack(GetParam().track).centreline;
  float least_m = 1e9f;
  for (const RunPoint& place : lap.run.points) {
    const LinePoint here = line.At(line.start_s_m() + place.progress_m);
    const float lateral_m = place.lateral_m.value();
    least_m = std::min(
        {least_m, here.half_width_left_m - lateral_m, here.half_width_right_m + lateral_m});
  }
  EXPECT_GT(least_m, 0.5f) << "metres from the car's middle to the edge";
}

INSTANTIATE_TEST_SUITE_P(EveryTrack, PursuitLapTest,
                         ::testing::Values(Lap{"short_sprint", "default", ActionKind::kDiscrete},
                                           Lap{"short_sprint", "default", ActionKind::kContinuous},
                                           Lap{"short_sprint", "compact", ActionKind::kDiscrete},
                                           Lap{"short_sprint", "compact", ActionKind::kContinuous},
                                           Lap{"hairpins", "default", ActionKind::kDiscrete},
                                           Lap{"hairpins", "default", ActionKind::kContinuous},
                                           Lap{"hairpins", "compact", ActionKind::kDiscrete},
                                           Lap{"hairpins", "compact", ActionKind::kContinuous},
                                           Lap{"hockolicious", "default", ActionKind::kDiscrete},
                                           Lap{"hockolicious", "default", ActionKind::kContinuous},
                                           Lap{"hockolicious", "compact", ActionKind::kDiscrete},
                                           Lap{"hockolicious", "compact", ActionKind::kContinuous}),
                         LapName);

// With all the road to see, as a driver of ice, banks and loops needs it.
class BronzeTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BronzeTest, PursuitReachesTheTimeOfTheTrack) {
  const std::vector<EpisodeReport> episodes =
      Practice(PracticeConfig("full_view"), GetParam(), 1, 1,
               [](const auto& spec) { return std::make_unique<PursuitPolicy>(spec); });
  const EpisodeReport& lap = episodes.at(0);
  ASSERT_TRUE(lap.finished()) << EndReasonName(lap.end_reason) << " after " << lap.progress_m;
  const int bronze_ms = PracticeTrack(GetParam()).track->bronze_ms();
  EXPECT_LE(*lap.finish_time_ms, bronze_ms);
  EXPECT_GE(*lap.finish_time_ms, 0.7 * bronze_ms) << "no longer worth a medal";
}

INSTANTIATE_TEST_SUITE_P(EveryTrack, BronzeTest,
                         ::testing::ValuesIn(PracticeCatalogue().track_names()),
                         [](const auto& track) { return track.param; });

}  // namespace
}  // namespace hotlap::agents
