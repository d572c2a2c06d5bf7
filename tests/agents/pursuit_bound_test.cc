// How good the reference driver is: near the lower bound of the lap time on every track, and never
// below it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "agents/pursuit_policy.h"
#include "env/sim/lap_bound.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

class PursuitBoundTest : public ::testing::TestWithParam<std::string> {};

TEST_P(PursuitBoundTest, DrivesWithin35PerCentOfTheLowerBound) {
  const std::vector<EpisodeReport> episodes =
      Practice(PracticeConfig("full_view"), GetParam(), 1, 1,
               [](const auto& spec) { return std::make_unique<PursuitPolicy>(spec); });
  const EpisodeReport& lap = episodes.at(0);
  ASSERT_TRUE(lap.finished()) << EndReasonName(lap.end_reason) << " after " << lap.progress_m;
  const double bound_s =
      sim::BoundLap(*PracticeTrack(GetParam()).track, PracticeCatalogue().vehicle()).time_s;
  EXPECT_GT(0.001 * *lap.finish_time_ms, bound_s);
  EXPECT_LT(0.001 * *lap.finish_time_ms, 1.35 * bound_s);
}

INSTANTIATE_TEST_SUITE_P(EveryTrack, PursuitBoundTest,
                         ::testing::ValuesIn(PracticeCatalogue().track_names()),
                         [](const auto& track) { return track.param; });

}  // namespace
}  // namespace hotlap::agents
