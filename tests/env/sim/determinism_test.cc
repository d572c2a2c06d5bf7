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

}  // namespace
}  // namespace hotlap::sim
