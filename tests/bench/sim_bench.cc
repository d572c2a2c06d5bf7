// Ticks of the embedded car on a winding road with walls, alone and eight to a block, the track
// query included; beside them what a copy of its state costs.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "env/sim/race.h"
#include "env/track_config.h"
#include "tests/env/sim/line_driver.h"

namespace hotlap::sim {
namespace {

constexpr std::size_t kStretchTicks = 200;  // of a lap, driven again and again

// A driven lap: the states and the inputs, so that the driver's own work is not measured.
struct Lap {
  std::shared_ptr<const Track> track;
  std::vector<VehicleState> cars;
  std::vector<Inputs> inputs;

  Lap() {
    TrackSpec spec = LoadTrackSpec(std::filesystem::path(HOTLAP_SOURCE_DIR) / "configs" / "tracks" /
                                   "s_curves.yaml");
    for (TrackPoint& point : spec.line) point.wall_left_m = point.wall_right_m = 1.2f;
    track = Track::Build(spec);
    Race race(track, VehicleParams{});
    race.Restart(false);
    const LineDriver driver(*track);
    while (!race.record().finished && inputs.size() < 20000) {
      cars.push_back(race.vehicle());
      inputs.push_back(driver.Drive(race.state()));
      race.Tick(inputs.back());
    }
  }
  // Where lane i begins: all over the lap.
  std::size_t Begin(int lane) const {
    return static_cast<std::size_t>(lane) * (inputs.size() - kStretchTicks) / kBlockLanes;
  }
};

const Lap& TheLap() {
  static const Lap lap;
  return lap;
}

void CountTicks(benchmark::State& state, std::int64_t ticks) {
  state.SetItemsProcessed(ticks);
  state.counters["per tick and car"] = benchmark::Counter(
      static_cast<double>(ticks), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void OneCar(benchmark::State& state) {
  const FloatingPointGuard guard;
  const Lap& lap = TheLap();
  const VehicleParams params;
  std::int64_t ticks = 0;
  for (auto _ : state) {
    for (int lane = 0; lane < kBlockLanes; ++lane) {
      const std::size_t begin = lap.Begin(lane);
      VehicleState car = lap.cars[begin];
      for (std::size_t k = 0; k < kStretchTicks; ++k) {
        Advance(params, *lap.track, lap.inputs[begin + k], car);
      }
      benchmark::DoNotOptimize(car);
    }
    ticks += kBlockLanes * static_cast<std::int64_t>(kStretchTicks);
  }
  CountTicks(state, ticks);
}
BENCHMARK(OneCar);

void FullBlock(benchmark::State& state) {
  const FloatingPointGuard guard;
  const Lap& lap = TheLap();
  VehicleBlock block(VehicleParams{}, *lap.track);
  std::int64_t ticks = 0;
  for (auto _ : state) {
    for (int lane = 0; lane < kBlockLanes; ++lane) block.set_state(lane, lap.cars[lap.Begin(lane)]);
    for (std::size_t k = 0; k < kStretchTicks; ++k) {
      for (int lane = 0; lane < kBlockLanes; ++lane) {
        block.set_inputs(lane, lap.inputs[lap.Begin(lane) + k]);
      }
      block.Advance(kAllLanes);
    }
    benchmark::DoNotOptimize(block);
    ticks += kBlockLanes * static_cast<std::int64_t>(kStretchTicks);
  }
  CountTicks(state, ticks);
}
BENCHMARK(FullBlock);

// The same through the rules of the race: clocks, inputs, gates.
void FullBlockOfRaces(benchmark::State& state) {
  const FloatingPointGuard guard;
  const Lap& lap = TheLap();
  const auto block = std::make_shared<VehicleBlock>(VehicleParams{}, *lap.track);
  std::vector<Race> races;
  for (int lane = 0; lane < kBlockLanes; ++lane) {
    races.emplace_back(lap.track, VehicleParams{}, block, lane);
    races.back().Restart(false);
  }
  std::int64_t ticks = 0;
  for (auto _ : state) {
    for (int lane = 0; lane < kBlockLanes; ++lane) {
      block->set_state(lane, lap.cars[lap.Begin(lane)]);
    }
    for (std::size_t k = 0; k < kStretchTicks; ++k) {
      LaneMask lanes = 0;
      for (int lane = 0; lane < kBlockLanes; ++lane) {
        Race& race = races[static_cast<std::size_t>(lane)];
        race.set_inputs(lap.inputs[lap.Begin(lane) + k]);
        lanes = static_cast<LaneMask>(lanes | race.BeginTick());
      }
      const TickResult noticed = block->Advance(lanes);
      for (Race& race : races) {
        benchmark::DoNotOptimize(race.EndTick(noticed));
        race.PreventFinish();
      }
    }
    ticks += kBlockLanes * static_cast<std::int64_t>(kStretchTicks);
  }
  CountTicks(state, ticks);
}
BENCHMARK(FullBlockOfRaces);

void CopyOfVehicleState(benchmark::State& state) {
  const VehicleState from;
  VehicleState to;
  for (auto _ : state) {
    std::memcpy(static_cast<void*>(&to), &from, sizeof from);
    benchmark::DoNotOptimize(to);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * std::int64_t{sizeof from});
}
BENCHMARK(CopyOfVehicleState);

void CopyOfRaceState(benchmark::State& state) {
  const RaceState from;
  RaceState to;
  for (auto _ : state) {
    std::memcpy(static_cast<void*>(&to), &from, sizeof from);
    benchmark::DoNotOptimize(to);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * std::int64_t{sizeof from});
}
BENCHMARK(CopyOfRaceState);

}  // namespace
}  // namespace hotlap::sim

BENCHMARK_MAIN();
