#include "env/sim/race.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "env/sim/scalar_math.h"
#include "env/sim/vehicle_model.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::sim::race_test {
namespace {

const Inputs kThrottle{.accelerate = true};

std::shared_ptr<const Track> TwoCheckpoints() {
  TrackSpec spec;
  spec.name = "two checkpoints";
  spec.line = PlainRoad(std::vector<Vec3>{{1000, 9.4f, 500}, {1000, 9.4f, 700}});
  spec.checkpoints_s_m = {50, 100};
  return Track::Build(spec);
}

std::shared_ptr<const Track> Circuit() {
  TrackSpec spec;
  spec.name = "circuit";
  spec.closed = true;
  spec.laps = 3;
  std::vector<Vec3> line;
  for (int i = 0; i < 360; ++i) {
    const float angle = static_cast<float>(i) * kPi / 180;
    line.push_back({500 - 60 * Cos(angle), 20, 500 + 60 * Sin(angle)});
  }
  spec.line = PlainRoad(line, 40);
  spec.checkpoints_s_m = {190};
  return Track::Build(spec);
}

std::vector<RaceEvent> Drive(Race& race, const Inputs& inputs, int ticks) {
  std::vector<RaceEvent> events;
  for (int i = 0; i < ticks; ++i) {
    for (const RaceEvent& event : race.Tick(inputs)) events.push_back(event);
  }
  return events;
}

// Sets the car down on the line, rolling along it.
void Put(Race& race, float z_m, float speed_mps) {
  RaceState state = race.state();
  state.vehicle.body.position_m = {1000, 9.4f, z_m};
  state.vehicle.body.velocity_mps = {0, 0, speed_mps};
  state.vehicle.has_touched_down = 1;
  state.vehicle.road_index = race.track().Locate(state.vehicle.body.position_m);
  race.set_state(state);
}

TEST(RaceTest, CountdownHoldsTheCarAndRunsTheClock) {
  Race race(TwoCheckpoints(), {});
  EXPECT_EQ(race.state().race_time_ms, -2600);
  EXPECT_EQ(race.state().clock_ms, 10);
  const VehicleState before = race.state().vehicle;
  Drive(race, kThrottle, 260);
  EXPECT_EQ(race.state().race_time_ms, 0);
  EXPECT_EQ(race.state().clock_ms, 2610);
  EXPECT_EQ(race.state().vehicle, before);
  Drive(race, kThrottle, 1);
  EXPECT_EQ(race.state().race_time_ms, 10);
  EXPECT_GT(race.state().vehicle.body.velocity_mps.z, 0) << "inputs at 0 act on the tick 0 -> 10";
}

TEST(RaceTest, RestartWithoutCountdownStandsAtTimeZero) {
  Race race(TwoCheckpoints(), {});
  Drive(race, kThrottle, 600);
  race.Respawn();
  race.Restart(false);
  Race fresh(TwoCheckpoints(), {});
  Drive(fresh, {}, 260);
  EXPECT_TRUE(SameBits(race.state(), fresh.state()));
}

TEST(RaceTest, CarThatIsMovedStandsBesideItsStartAndIsTheSameElse) {
  Race race(Circuit(), {});
  race.Restart(/*with_countdown=*/false);
  const RaceState start = race.state();
  const Vec3 left = race.game_state().rotation.Column(0);
  for (const float offset_m : {1.5f, -4.0f}) {
    race.Restart(/*with_countdown=*/false);
    race.MoveLeft(offset_m);
    RaceState expected = start;
    VehicleState& car = expected.vehicle;
    car.body.position_m += left * offset_m;
    car.previous_body.position_m += left * offset_m;
    car.road_index = race.track().Locate(car.body.position_m);
    EXPECT_EQ(race.vehicle(), car);
    EXPECT_EQ(race.record().race_time_ms, 0);
    EXPECT_NEAR(Length(race.vehicle().body.position_m - start.vehicle.body.position_m),
                std::abs(offset_m), 1e-4f);
  }
  race.Restart(/*with_countdown=*/false);
  EXPECT_EQ(race.vehicle(), start.vehicle);
}

TEST(RaceTest, GatesCountInOrderAtTheirTick) {
  Race race(TwoCheckpoints(), {});
  race.Restart(false);
  EXPECT_EQ(race.target(), 3);
  Put(race, 590, 50);
  EXPECT_TRUE(Drive(race, kThrottle, 50).empty()) << "the first gate was not taken";
  race.Restart(false);
  Put(race, 540, 50);
  const auto events = Drive(race, kThrottle, 100);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, RaceEventKind::kCheckpoint);
  EXPECT_EQ(events[0].count, 1);
  EXPECT_EQ(race.state().times_ms[0], events[0].race_time_ms);
  EXPECT_EQ(race.state().num_passed, 1);

  Race again(TwoCheckpoints(), {});
  again.Restart(false);
  Put(again, 540, 50);
  Drive(again, kThrottle, events[0].race_time_ms / 10 - 1);
  EXPECT_LT(again.state().vehicle.body.position_m.z, 550);
  Drive(again, kThrottle, 1);
  EXPECT_GE(again.state().vehicle.body.position_m.z, 550) << "seen in the state of its time";
}

class FinishedRaceTest : public ::testing::Test {
 protected:
  FinishedRaceTest() {
    race_.Restart(false);
    Put(race_, 545, 60);
    while (!race_.state().finished && race_.state().race_time_ms < 10000) {
      for (const RaceEvent& event : race_.Tick(kThrottle)) events_.push_back(event);
    }
  }
  Race race_{TwoCheckpoints(), {}};
  std::vector<RaceEvent> events_;
};

TEST_F(FinishedRaceTest, FinishIsOneEventOfItsOwn) {
  ASSERT_EQ(events_.size(), 3u);
  EXPECT_EQ(events_[2], (RaceEvent{RaceEventKind::kFinish, race_.state().race_time_ms, 3}));
  EXPECT_EQ(race_.state().num_passed, 3);
}

TEST_F(FinishedRaceTest, RaceTimeStandsStillAndTheTickClockRunsOn) {
  const std::int32_t finish = race_.state().race_time_ms;
  const float z = race_.state().vehicle.body.position_m.z;
  Drive(race_, kThrottle, 10);
  EXPECT_EQ(race_.state().race_time_ms, finish);
  EXPECT_EQ(race_.state().clock_ms, finish + 2610 + 100);
  EXPECT_GT(race_.state().vehicle.body.position_m.z, z) << "the car rolls on";
}

TEST_F(FinishedRaceTest, PreventedFinishTakesThePassBackAndGoesOn) {
  const std::int32_t finish = race_.state().race_time_ms;
  race_.PreventFinish();
  EXPECT_EQ(race_.state().num_passed, 2);
  EXPECT_EQ(race_.game_state().checkpoints_passed, 2);
  EXPECT_FALSE(race_.state().finished);
  EXPECT_EQ(race_.state().times_ms[2], 0);
  EXPECT_TRUE(Drive(race_, kThrottle, 5).empty());
  EXPECT_EQ(race_.state().race_time_ms, finish + 50);
  // Driven over again, it finishes again.
  Put(race_, 690, 50);
  const auto events = Drive(race_, kThrottle, 30);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, RaceEventKind::kFinish);
}

TEST_F(FinishedRaceTest, RoadRunsOnBehindTheFinish) {
  Drive(race_, {.brake = true}, 100);
  EXPECT_NEAR(race_.state().vehicle.body.position_m.y, 9.4f, 0.05f);
}

TEST(RaceTest, PreventFinishOfARunningRaceChangesNothing) {
  Race race(TwoCheckpoints(), {});
  race.Restart(false);
  Put(race, 545, 60);
  Drive(race, kThrottle, 20);
  const RaceState before = race.state();
  race.PreventFinish();
  EXPECT_TRUE(SameBits(race.state(), before));
}

TEST(RaceTest, LapsGiveACheckpointAndThenALap) {
  const auto track = Circuit();
  Race race(track, {});
  race.Restart(false);
  EXPECT_EQ(race.target(), 6);
  std::vector<RaceEvent> events;
  // Carried round along the line, so that only the gates are tested.
  const auto points = track->points();
  for (std::size_t step = 1; !race.state().finished && step < 4 * points.size(); ++step) {
    RaceState state = race.state();
    const RoadPoint& p = points[step % points.size()];
    state.vehicle.body.position_m = p.position_m - p.tangent * 0.5f;
    state.vehicle.body.velocity_mps = p.tangent * 100;
    state.vehicle.road_index = track->Locate(state.vehicle.body.position_m);
    race.set_state(state);
    for (const RaceEvent& event : race.Tick({})) events.push_back(event);
  }
  using enum RaceEventKind;
  ASSERT_EQ(events.size(), 8u);
  const std::pair<RaceEventKind, int> expected[] = {{kCheckpoint, 1}, {kCheckpoint, 2}, {kLap, 1},
                                                    {kCheckpoint, 3}, {kCheckpoint, 4}, {kLap, 2},
                                                    {kCheckpoint, 5}, {kFinish, 6}};
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].kind, expected[i].first) << i;
    EXPECT_EQ(events[i].count, expected[i].second) << i;
  }
}

TEST(RaceTest, RespawnStandsAtTheLastGateWhileTheClockRunsOn) {
  Race race(TwoCheckpoints(), {});
  race.Restart(false);
  Put(race, 545, 60);
  Drive(race, kThrottle, 30);
  ASSERT_EQ(race.state().num_passed, 1);
  const std::int32_t time = race.state().race_time_ms;
  race.Respawn();
  const VehicleState& car = race.state().vehicle;
  EXPECT_EQ(car.body.position_m, (Vec3{1000, 9.4f, 550}));
  EXPECT_EQ(car.body.velocity_mps, Vec3{});
  EXPECT_EQ(car.wheels[0].has_contact, 1);
  EXPECT_EQ(race.state().num_respawns, 1);
  EXPECT_EQ(race.state().race_time_ms, time);
  EXPECT_EQ(race.state().num_passed, 1);
  const auto events = Drive(race, kThrottle, 400);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].count, 2) << "the gate it stands on is not passed again";
}

TEST(RaceTest, RespawnBeforeTheFirstGateIsAtTheStart) {
  Race race(TwoCheckpoints(), {});
  race.Restart(false);
  const VehicleState start = race.state().vehicle;
  Drive(race, kThrottle, 50);
  race.Respawn();
  EXPECT_EQ(race.state().vehicle, start);
}

TEST(RaceTest, ChangedInputsAreStampedWithTheTimeTheyActAt) {
  Race race(TwoCheckpoints(), {});
  race.Restart(false);
  Drive(race, {}, 42);
  Drive(race, {.steer = -5, .accelerate = true}, 3);
  Drive(race, {.steer = -5}, 1);
  const auto& stored = race.state().input_stored_ms;
  EXPECT_EQ(stored[static_cast<std::size_t>(Channel::kSteer)], 100430);
  EXPECT_EQ(stored[static_cast<std::size_t>(Channel::kAccelerate)], 100460);
  EXPECT_EQ(stored[static_cast<std::size_t>(Channel::kBrake)], 0);
}

}  // namespace
}  // namespace hotlap::sim::race_test
