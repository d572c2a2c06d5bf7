// A plain driver can race the car on every road of configs/tracks: handling is sane.
#include <gtest/gtest.h>

#include <cmath>

#include "env/sim/race.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/road_place.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::sim {
namespace {

struct Lap {
  const char* track;
  std::int32_t within_ms;
};

class LapTest : public ::testing::TestWithParam<Lap> {};

TEST_P(LapTest, LineDriverFinishesOnTheRoad) {
  const auto track = NamedTrack(GetParam().track);
  Race race(track, LoadVehicleParams(ConfigFile("vehicles/stadium.yaml")));
  race.Restart(false);
  const LineDriver driver(*track);
  int checkpoints = 0;
  while (!race.state().finished && race.state().race_time_ms < GetParam().within_ms) {
    for (const RaceEvent& event : race.Tick(driver.Drive(race.state()))) {
      EXPECT_EQ(event.count, ++checkpoints);
    }
    const VehicleState car = race.vehicle();
    const RoadPlace road = PlaceOn(*track, car.body.position_m, car.road_index);
    ASSERT_TRUE(road.on_road) << "left the road at " << road.s_m << " m";
    ASSERT_LT(std::fabs(road.lateral_m), 6) << "at " << road.s_m << " m";
  }
  EXPECT_TRUE(race.state().finished);
  EXPECT_EQ(checkpoints, track->num_gates());
}

INSTANTIATE_TEST_SUITE_P(EveryTrack, LapTest,
                         ::testing::Values(Lap{"short_sprint", 20000}, Lap{"hairpins", 35000},
                                           Lap{"hockolicious", 90000}),
                         [](const auto& lap) { return std::string(lap.param.track); });

}  // namespace
}  // namespace hotlap::sim
