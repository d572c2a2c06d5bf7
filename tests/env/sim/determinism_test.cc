// The same bits: run twice, saved and restored, on every build (the hashes below).
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "env/game_state.h"
#include "env/sim/race.h"
#include "env/sim/vehicle_model.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/scenarios.h"
#include "tests/test_size.h"

namespace hotlap::sim {
namespace {

// The hash of every state of a run of `ticks`.
template <class Driver>
std::uint64_t HashOfRun(const std::shared_ptr<const Track>& track, int ticks, Driver&& drive) {
  Race race(track, {});
  race.Restart(false);
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (int tick = 0; tick < ticks; ++tick) {
    race.Tick(drive(race.state(), tick));
    hash = HashBytes(std::as_bytes(std::span(&race.state(), 1)).first(sizeof(VehicleState)), hash);
  }
  return HashBytes(std::as_bytes(std::span(&race.state(), 1)), hash);
}

std::uint64_t HashOfLap(const std::shared_ptr<const Track>& track, int ticks) {
  const LineDriver driver(*track);
  return HashOfRun(track, ticks, [&](const RaceState& state, int) { return driver.Drive(state); });
}

std::uint64_t HashOfRandomRun(const std::shared_ptr<const Track>& track, int ticks) {
  Draws draws(3);
  Inputs inputs;
  return HashOfRun(track, ticks, [&](const RaceState&, int tick) {
    if (tick % 15 == 0) inputs = AnyInputs(draws);
    return inputs;
  });
}

TEST(DeterminismTest, TwoRunsAreEqual) {
  EXPECT_EQ(HashOfLap(Hockolicious(), 3000), HashOfLap(Hockolicious(), 3000));
  EXPECT_EQ(HashOfRandomRun(Hairpins(), 3000), HashOfRandomRun(Hairpins(), 3000));
}

// Golden: equal on every build and machine. A change of physics on purpose changes them in the same
// commit.
TEST(DeterminismTest, LaunchReachesItsGoldenHash) {
  const auto throttle = [](const RaceState&, int) { return Inputs{.accelerate = true}; };
  EXPECT_EQ(HashOfRun(FlatTrack(), 1500, throttle), 10558206353801613102u);
}
TEST(DeterminismTest, LapOfHockoliciousReachesItsGoldenHash) {
  EXPECT_EQ(HashOfLap(Hockolicious(), 7500), 9058199730331384664u);
}
TEST(DeterminismTest, LapOfHairpinsReachesItsGoldenHash) {
  EXPECT_EQ(HashOfLap(Hairpins(), 2600), 9785805483470685827u);
}
TEST(DeterminismTest, RandomRunReachesItsGoldenHash) {
  EXPECT_EQ(HashOfRandomRun(Hockolicious(), 4000), 16713583791195048435u);
}

TEST(DeterminismTest, RestoredRaceStaysInLockstepFromEveryTick) {
  const auto track = Hockolicious();
  const LineDriver driver(*track);
  Race original(track, {});
  original.Restart(false);
  std::vector<RaceState> saved;
  std::vector<Inputs> inputs;
  for (int tick = 0; tick < 2000; ++tick) {
    saved.push_back(original.state());
    inputs.push_back(driver.Drive(original.state()));
    original.Tick(inputs.back());
  }
  Race copy(track, {});
  for (std::size_t from = 0; from + 40 < saved.size(); from += 7) {
    copy.set_state(saved[from]);
    for (std::size_t i = from; i < from + 40; ++i) {
      ASSERT_TRUE(SameBits(copy.state(), saved[i])) << "from " << from << " at " << i;
      copy.Tick(inputs[i]);
    }
  }
}

// Nothing a driver can do breaks the car: any inputs, any restores, on every road.
TEST(DeterminismTest, RandomDrivingStaysFiniteAndAboveTheGround) {
  const std::uint64_t seed = 424242;
  SCOPED_TRACE(seed);
  Draws draws(seed);
  const int ticks = TestCount(20000, 200000, 5000000) / 3;
  for (const auto& track : {Hockolicious(), Hairpins(), FlatTrack(1000, 20)}) {
    Race race(track, {});
    race.Restart(false);
    const LineDriver driver(*track);
    std::array<RaceState, 8> saved;
    saved.fill(race.state());
    Inputs inputs;
    bool at_random = true;
    for (int tick = 0; tick < ticks; ++tick) {
      if (tick % 200 == 0) at_random = draws.Below(2) == 0;
      if (tick % 12 == 0 && at_random) inputs = AnyInputs(draws);
      if (!at_random) inputs = driver.Drive(race.state());
      if (draws.Below(300) == 0) saved[static_cast<std::size_t>(draws.Below(8))] = race.state();
      if (draws.Below(800) == 0) race.set_state(saved[static_cast<std::size_t>(draws.Below(8))]);
      if (draws.Below(5000) == 0) race.Respawn();
      race.Tick(inputs);
      race.PreventFinish();
      const GameState state = race.game_state();
      ASSERT_TRUE(FinitePhysics(state)) << "tick " << tick;
      ASSERT_GT(state.position_m.y, track->ground_y_m() - 1.0f) << "tick " << tick;
      ASSERT_LT(Length(state.velocity_mps), 278.0f);
      ASSERT_LT(Length(state.angular_velocity_radps), 30.1f);
      ASSERT_GE(state.gear, 0);
      ASSERT_LE(state.gear, 5);
      ASSERT_NEAR(Length(state.rotation.Column(1)), 1, 1e-4f);
    }
  }
}

}  // namespace
}  // namespace hotlap::sim
