// Hashes of whole runs, for tests that hold them equal.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "env/sim/race.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::sim {

// The hash of every state of a run of `ticks`.
template <class Driver>
std::uint64_t HashOfRun(const std::shared_ptr<const Track>& track, int ticks, Driver&& drive) {
  Race race(track, {});
  race.Restart(false);
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (int tick = 0; tick < ticks; ++tick) {
    const RaceState before = race.state();
    race.Tick(drive(before, tick));
    const VehicleState car = race.vehicle();
    hash = HashBytes(std::as_bytes(std::span(&car, 1)), hash);
  }
  return HashBytes(std::as_bytes(std::span(&race.record(), 1)), hash);
}

inline std::uint64_t HashOfLap(const std::shared_ptr<const Track>& track, int ticks) {
  const LineDriver driver(*track);
  return HashOfRun(track, ticks, [&](const RaceState& state, int) { return driver.Drive(state); });
}

inline std::uint64_t HashOfRandomRun(const std::shared_ptr<const Track>& track, int ticks) {
  Draws draws(3);
  Inputs inputs;
  return HashOfRun(track, ticks, [&](const RaceState&, int tick) {
    if (tick % 15 == 0) inputs = AnyInputs(draws);
    return inputs;
  });
}

}  // namespace hotlap::sim
