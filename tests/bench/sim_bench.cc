// Ticks per second of one embedded car on the real road, and what its snapshot costs to copy.
#include <benchmark/benchmark.h>

#include <cstring>
#include <filesystem>
#include <memory>

#include "env/sim/floating_point_guard.h"
#include "env/sim/race.h"
#include "env/sim_config.h"
#include "tests/env/sim/line_driver.h"

namespace hotlap::sim {
namespace {

std::shared_ptr<const Track> Hockolicious() {
  static const auto track = Track::Build(LoadTrackSpec(std::filesystem::path(HOTLAP_SOURCE_DIR) /
                                                       "configs" / "tracks" / "hockolicious.yaml"));
  return track;
}

// The inputs of a driven lap, so that the driver's own work is not measured.
const std::vector<Inputs>& LapInputs() {
  static const std::vector<Inputs> lap = [] {
    const auto track = Hockolicious();
    Race race(track, VehicleParams{});
    race.Restart(false);
    const LineDriver driver(*track);
    std::vector<Inputs> inputs;
    while (!race.state().finished && inputs.size() < 20000) {
      inputs.push_back(driver.Drive(race.state()));
      race.Tick(inputs.back());
    }
    return inputs;
  }();
  return lap;
}

void OneCarOnHockolicious(benchmark::State& state) {
  const FloatingPointGuard guard;
  const std::vector<Inputs>& lap = LapInputs();
  Race race(Hockolicious(), VehicleParams{});
  std::int64_t ticks = 0;
  for (auto _ : state) {
    race.Restart(false);
    for (const Inputs& inputs : lap) race.Tick(inputs);
    benchmark::DoNotOptimize(race.state());
    ticks += static_cast<std::int64_t>(lap.size());
  }
  state.SetItemsProcessed(ticks);
  state.counters["per tick"] = benchmark::Counter(
      static_cast<double>(ticks), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(OneCarOnHockolicious);

void CopyOfRaceState(benchmark::State& state) {
  const RaceState from;
  RaceState to;
  for (auto _ : state) {
    std::memcpy(static_cast<void*>(&to), &from, sizeof from);
    benchmark::DoNotOptimize(to);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * sizeof from));
}
BENCHMARK(CopyOfRaceState);

}  // namespace
}  // namespace hotlap::sim

BENCHMARK_MAIN();
