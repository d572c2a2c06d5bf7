// Ten scenarios whose every state is hashed: equal on every build, instruction set and machine. A
// change of physics on purpose changes them in the same commit; a failing test prints the new hash.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <span>

#include "env/sim/race.h"
#include "env/sim/vehicle_model.h"
#include "tests/env/sim/run_hash.h"
#include "tests/targets.h"

namespace hotlap::sim {
namespace {

// A car thrown onto a surface, then left to `inputs`.
std::uint64_t HashOfThrow(const Inputs& inputs) {
  const auto track = FlatTrack();
  const VehicleParams params;
  VehicleState car = CarAt(params, *track, track->start(), false);
  car.body.position_m.y += 8;
  car.body.velocity_mps = {-12, 3, 50};
  car.body.angular_velocity_radps = {4, -3, 7};
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (int tick = 0; tick < 800; ++tick) {
    Advance(params, *track, inputs, car);
    hash = HashBytes(std::as_bytes(std::span(&car, 1)), hash);
  }
  return hash;
}

// The scenario on every instruction set that this machine has.
template <class Scenario>
void ExpectGolden(std::uint64_t golden, Scenario&& scenario) {
  EXPECT_EQ(scenario(), golden);
  const Targets targets;
  for (const std::int64_t target : Targets::All()) {
    Targets::Only(target);
    EXPECT_EQ(scenario(), golden) << hwy::TargetName(target);
  }
}

TEST(GoldenTest, Launch) {
  ExpectGolden(16966670246362060646u, [] {
    return HashOfRun(FlatTrack(), 1500,
                     [](const RaceState&, int) { return Inputs{.accelerate = true}; });
  });
}
TEST(GoldenTest, FullLockBothWays) {
  ExpectGolden(6677545064583216504u, [] {
    return HashOfRun(FlatTrack(), 1000, [](const RaceState&, int tick) {
      return Inputs{.left = tick % 300 > 100, .right = tick % 400 > 250, .accelerate = true};
    });
  });
}
TEST(GoldenTest, BrakeReverseAndAnalog) {
  ExpectGolden(5034043067257091264u, [] {
    return HashOfRun(FlatTrack(), 1200, [](const RaceState&, int tick) {
      if (tick < 300) return Inputs{.accelerate = true};
      if (tick < 700) return Inputs{.brake = true};
      return Inputs{.steer = 37 * (tick - 700), .gas = 130 * (tick - 900)};
    });
  });
}
TEST(GoldenTest, LapOfHockolicious) {
  const auto track = Hockolicious();
  ExpectGolden(3057090051831357345u, [&] { return HashOfLap(track, 3000); });
}
TEST(GoldenTest, LapOfHairpins) {
  const auto track = Hairpins();
  ExpectGolden(5743894170546877860u, [&] { return HashOfLap(track, 2600); });
}
TEST(GoldenTest, RandomRunOnARealLine) {
  const auto track = Hockolicious();
  ExpectGolden(9995251465553801321u, [&] { return HashOfRandomRun(track, 3000); });
}
TEST(GoldenTest, DriveOverEverySurfacePadWallAndGap) {
  const auto track = MixedTrack();
  ExpectGolden(5551277096850121863u, [&] { return HashOfLap(track, 3000); });
}
TEST(GoldenTest, RandomRunBetweenWalls) {
  const auto track = MixedTrack();
  ExpectGolden(5086228531465111224u, [&] { return HashOfRandomRun(track, 3000); });
}
TEST(GoldenTest, TumbleOntoTheRoof) {
  ExpectGolden(8130836081423156322u, [] { return HashOfThrow({.accelerate = true}); });
}
TEST(GoldenTest, TumbleWithBrakeAndSteering) {
  ExpectGolden(17010303121486527532u, [] { return HashOfThrow({.right = true, .brake = true}); });
}

}  // namespace
}  // namespace hotlap::sim
