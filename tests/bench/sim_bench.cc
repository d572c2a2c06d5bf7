// Ticks of the embedded car on a winding road with walls, alone and a block full, the track
// query included; beside them what a copy of its state costs.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "env/sim/race.h"
#include "env/simulated_games.h"
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

// The same as games of a group, in commands of five ticks: clocks, inputs, gates, and the state
// that a game tells after each.
void FullBlockOfGames(benchmark::State& state) {
  constexpr int kTicks = 5;
  const FloatingPointGuard guard;
  const Lap& lap = TheLap();
  const auto games =
      MakeSimulatedGames(std::vector<SimulatedGame>(kBlockLanes, {lap.track, VehicleParams{}}));
  std::vector<Command> commands(kBlockLanes);
  const auto run = [&games](std::span<const Command> some) {
    games->Start(some);
    return games->Collect(kNoDeadline);
  };
  // Each game where its stretch of the lap begins.
  std::vector<std::vector<std::byte>> begins;
  for (std::size_t tick = 0; begins.size() < commands.size(); ++tick) {
    if (tick == lap.Begin(static_cast<int>(begins.size()))) {
      Command save;
      save.kind = CommandKind::kSave;
      const auto bytes = run({&save, 1})[0].snapshot;
      begins.emplace_back(bytes.begin(), bytes.end());
    }
    const Command drive{.slot = 0, .ticks = 1, .inputs = lap.inputs[tick]};
    run({&drive, 1});
  }
  std::int64_t ticks = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (std::size_t slot = 0; slot < commands.size(); ++slot) {
      Command restore;
      restore.slot = static_cast<int>(slot);
      restore.kind = CommandKind::kRestore;
      restore.snapshot = begins[slot];
      run({&restore, 1});
    }
    state.ResumeTiming();
    for (std::size_t k = 0; k < kStretchTicks; k += kTicks) {
      for (int slot = 0; slot < kBlockLanes; ++slot) {
        Command& command = commands[static_cast<std::size_t>(slot)];
        command.slot = slot;
        command.ticks = kTicks;
        command.inputs = lap.inputs[lap.Begin(slot) + k];
      }
      benchmark::DoNotOptimize(run(commands).data());
    }
    ticks += kBlockLanes * static_cast<std::int64_t>(kStretchTicks);
  }
  CountTicks(state, ticks);
}
BENCHMARK(FullBlockOfGames);

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
