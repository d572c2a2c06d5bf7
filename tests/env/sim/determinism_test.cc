// The same bits: run twice, on two threads, saved and restored. tests/golden holds them between
// builds.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <thread>
#include <vector>

#include "env/game_state.h"
#include "env/sim/race.h"
#include "env/sim/vehicle_model.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/run_hash.h"
#include "tests/test_size.h"

namespace hotlap::sim {
namespace {

TEST(DeterminismTest, TwoRunsAreEqual) {
  EXPECT_EQ(HashOfLap(Hockolicious(), 3000), HashOfLap(Hockolicious(), 3000));
  EXPECT_EQ(HashOfRandomRun(Hairpins(), 3000), HashOfRandomRun(Hairpins(), 3000));
}

TEST(DeterminismTest, TwoThreadsDriveWhatOneDoes) {
  const auto mixed = MixedTrack();
  const std::uint64_t lap = HashOfLap(Hairpins(), 2000), random = HashOfRandomRun(mixed, 2000);
  std::uint64_t hashes[2] = {};
  std::thread other([&] { hashes[0] = HashOfLap(Hairpins(), 2000); });
  hashes[1] = HashOfRandomRun(mixed, 2000);
  other.join();
  EXPECT_EQ(hashes[0], lap);
  EXPECT_EQ(hashes[1], random);
}

TEST(DeterminismTest, RestoredRaceStaysInLockstepFromEveryTick) {
  for (const auto& track : {Hockolicious(), MixedTrack()}) {
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
    for (std::size_t from = 0; from + 10 < saved.size(); ++from) {
      copy.set_state(saved[from]);
      for (std::size_t i = from; i < from + 10; ++i) {
        ASSERT_TRUE(SameBits(copy.state(), saved[i])) << "from " << from << " at " << i;
        copy.Tick(inputs[i]);
      }
    }
  }
}

}  // namespace
}  // namespace hotlap::sim
