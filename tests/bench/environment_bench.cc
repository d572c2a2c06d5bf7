// Environment steps per second in process, by rows and threads, with the default spec and with
// `compact`; and without ticks, without an observation, and reward and rules alone, so that the
// parts of a step can be told: run_benchmarks.py does. And what it takes to save, restore, reset
// and branch a row, and the memory of one.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/simulated_games.h"
#include "env/track_config.h"
#include "env/vector_environment.h"

namespace hotlap {
namespace {

const std::string kConfigs = std::string(HOTLAP_SOURCE_DIR) + "/configs/";
constexpr int kRowsPerGroup = 16;

std::shared_ptr<const sim::Track> Road() {
  static const auto track = sim::Track::Build(LoadTrackSpec(kConfigs + "tracks/hockolicious.yaml"));
  return track;
}

// Games whose ticks cost nothing: they stand still at the start.
class StandingGames : public GameGroup {
 public:
  StandingGames(int slots, const GameState& state) : state_(state) {
    completions_.resize(static_cast<std::size_t>(slots));
    for (int slot = 0; slot < slots; ++slot) {
      completions_[static_cast<std::size_t>(slot)].slot = slot;
    }
  }
  int num_slots() const override { return static_cast<int>(completions_.size()); }
  const GameState& state(int) const override { return state_; }
  void Start(std::span<const Command> commands) override {
    started_ = commands.size();
    for (Completion& completion : completions_) completion.ticks = commands.front().ticks;
  }
  std::span<const Completion> Collect(Deadline) override { return {completions_.data(), started_}; }
  void Abandon(int) override {}
  std::string_view kind() const override { return "standing"; }

 private:
  GameState state_;
  std::vector<Completion> completions_;
  std::size_t started_ = 0;
};

std::unique_ptr<GameGroup> Simulated(int slots) {
  return MakeSimulatedGames(
      std::vector<SimulatedGame>(static_cast<std::size_t>(slots), {Road(), {}}));
}

std::unique_ptr<GameGroup> Standing(int slots) {
  return std::make_unique<StandingGames>(slots, Simulated(1)->state(0));
}

void StandForEver(EpisodeRules& rules) {
  rules.no_progress = RuleFlag::kOff;
  rules.time_limit = RuleFlag::kOff;
}

enum class Games : std::uint8_t { kSimulated, kStanding };

struct Setting {
  const char* spec = "default";
  int threads = 1;
  Games games = Games::kSimulated;
  bool observes = true;  // else one column
};

void Steps(benchmark::State& state, const Setting& setting) {
  const int n = static_cast<int>(state.range(0));
  VectorEnvironmentConfig config;
  config.environment = LoadEnvironmentConfig(kConfigs + "environments/" + setting.spec + ".yaml");
  if (setting.games == Games::kStanding) StandForEver(config.environment.rules);
  if (!setting.observes) {
    config.environment.observation = {MakeObservationTerm(ObservationKind::kTurbo)};
  }
  config.num_threads = setting.threads;
  const auto line = Centreline::FromTrack(*Road());
  std::vector<std::unique_ptr<GameGroup>> groups;
  std::vector<RowConfig> rows;
  while (static_cast<int>(rows.size()) < n) {
    const int slots = std::min(kRowsPerGroup, n - static_cast<int>(rows.size()));
    groups.push_back(setting.games == Games::kStanding ? Standing(slots) : Simulated(slots));
    rows.resize(rows.size() + static_cast<std::size_t>(slots), {line, Road()->hash(), 1});
  }
  VectorEnvironment environment(config, std::move(groups), rows);
  BatchBuffer batch(environment);
  environment.Reset({}, batch.view());
  // Mostly full throttle, with some steering that differs from row to row.
  std::vector<std::int32_t> actions(static_cast<std::size_t>(n));
  std::size_t step = 0;
  for (auto _ : state) {
    for (std::size_t row = 0; row < actions.size(); ++row) {
      actions[row] = static_cast<std::int32_t>((step / 4 + row) % 3);
    }
    environment.Step({.discrete = actions, .continuous = {}}, batch.view());
    ++step;
  }
  state.SetItemsProcessed(state.iterations() * n);  // env steps
}

// Of rows that stand at the start.
void RewardAndRules(benchmark::State& state) {
  EnvironmentConfig config = LoadEnvironmentConfig(kConfigs + "environments/default.yaml");
  StandForEver(config.rules);
  const auto line = Centreline::FromTrack(*Road());
  const GameState game = Simulated(1)->state(0);
  std::vector<RowRecord> records(static_cast<std::size_t>(state.range(0)));
  const LinePoint here = line->At(line->start_s_m());
  for (auto _ : state) {
    for (RowRecord& record : records) {
      const RowView row{game, *line, record, here};
      benchmark::DoNotOptimize(Judge(config.rules, false, config.ticks_per_step, row, record));
      const StepOutcome outcome{.ticks = config.ticks_per_step, .progress_m = 1};
      benchmark::DoNotOptimize(Rewards(config.reward, outcome, row));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

#define HOTLAP_ROWS Arg(1)->Arg(16)->Arg(64)->Arg(256)->Arg(1024)->UseRealTime()
BENCHMARK_CAPTURE(Steps, default, {})->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, default_2_threads, {.threads = 2})->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, compact, {.spec = "compact"})->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, compact_2_threads, {.spec = "compact", .threads = 2})->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, default_without_ticks, {.games = Games::kStanding})
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(Steps, bookkeeping, {.games = Games::kStanding, .observes = false})
    ->Arg(256)
    ->UseRealTime();
BENCHMARK(RewardAndRules)->Arg(256)->UseRealTime();

// The rows of one group, somewhere on the road.
class RowsOnTheRoad {
 public:
  RowsOnTheRoad() : environment_(Config(), Groups(), RowConfigs()), batch_(environment_) {
    environment_.Reset({}, batch_.view());
    const std::vector<std::int32_t> actions(kRowsPerGroup, 0);
    for (int step = 0; step < 40; ++step) {
      environment_.Step({.discrete = actions, .continuous = {}}, batch_.view());
    }
  }
  VectorEnvironment& environment() { return environment_; }
  BatchView view() { return batch_.view(); }

 private:
  static VectorEnvironmentConfig Config() {
    VectorEnvironmentConfig config;
    config.environment = LoadEnvironmentConfig(kConfigs + "environments/default.yaml");
    return config;
  }
  static std::vector<std::unique_ptr<GameGroup>> Groups() {
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(Simulated(kRowsPerGroup));
    return groups;
  }
  static std::vector<RowConfig> RowConfigs() {
    return std::vector<RowConfig>(kRowsPerGroup, {Centreline::FromTrack(*Road()), Road()->hash()});
  }

  VectorEnvironment environment_;
  BatchBuffer batch_;
};

void SaveRow(benchmark::State& state) {
  RowsOnTheRoad rows;
  for (auto _ : state) benchmark::DoNotOptimize(rows.environment().Save(3));
}
BENCHMARK(SaveRow);

// With the observation of the restored row.
void RestoreRow(benchmark::State& state) {
  RowsOnTheRoad rows;
  const std::vector<std::byte> snapshot = rows.environment().Save(3);
  for (auto _ : state) {
    if (!rows.environment().Restore(5, snapshot, rows.view())) state.SkipWithError("not restored");
  }
}
BENCHMARK(RestoreRow);

// From the start, with the first observation.
void ResetRow(benchmark::State& state) {
  RowsOnTheRoad rows;
  std::vector<std::uint8_t> mask(kRowsPerGroup);
  mask[5] = 1;
  ResetOptions options;
  options.mask = mask;
  for (auto _ : state) rows.environment().Reset(options, rows.view());
}
BENCHMARK(ResetRow);

// One row's state into fifteen others.
void BranchRow(benchmark::State& state) {
  RowsOnTheRoad rows;
  std::vector<std::uint8_t> mask(kRowsPerGroup, 1);
  mask[3] = 0;
  for (auto _ : state) rows.environment().Branch(3, mask, rows.view());
  state.SetItemsProcessed(state.iterations() * (kRowsPerGroup - 1));  // rows
}
BENCHMARK(BranchRow);

// Resident memory that rows take, their games and everything, but not the caller's arrays.
void MemoryOfRows(benchmark::State& state) {
  constexpr int kRows = 4096;
  const auto resident = [] {
    long pages = 0, of_all = 0;
    std::ifstream("/proc/self/statm") >> of_all >> pages;
    return static_cast<double>(pages * sysconf(_SC_PAGESIZE));
  };
  const auto line = Centreline::FromTrack(*Road());
  for (auto _ : state) {
    const double before = resident();
    VectorEnvironmentConfig config;
    config.environment = LoadEnvironmentConfig(kConfigs + "environments/default.yaml");
    std::vector<std::unique_ptr<GameGroup>> groups;
    for (int row = 0; row < kRows; row += kRowsPerGroup) groups.push_back(Simulated(kRowsPerGroup));
    const VectorEnvironment environment(config, std::move(groups),
                                        std::vector<RowConfig>(kRows, {line, Road()->hash()}));
    state.counters["bytes per row"] = (resident() - before) / kRows;
  }
}
BENCHMARK(MemoryOfRows)->Iterations(1)->Repetitions(1);  // memory is used again

}  // namespace
}  // namespace hotlap

BENCHMARK_MAIN();
