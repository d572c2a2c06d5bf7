// Environment steps per second in process, with the default spec and with `compact`, and what
// observation, reward and bookkeeping take of a step beside the game's ticks.

#include <benchmark/benchmark.h>

#include <cstdint>
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

enum class Games : std::uint8_t { kSimulated, kStanding };

void Steps(benchmark::State& state, const std::string& spec, int threads, Games games) {
  const int n = static_cast<int>(state.range(0));
  VectorEnvironmentConfig config;
  config.environment = LoadEnvironmentConfig(kConfigs + "environments/" + spec + ".yaml");
  if (games == Games::kStanding) {  // they would only be reset
    config.environment.rules.no_progress = RuleFlag::kOff;
    config.environment.rules.time_limit = RuleFlag::kOff;
  }
  config.num_threads = threads;
  const auto line = Centreline::FromTrack(*Road());
  std::vector<std::unique_ptr<GameGroup>> groups;
  std::vector<RowConfig> rows;
  while (static_cast<int>(rows.size()) < n) {
    const int slots = std::min(kRowsPerGroup, n - static_cast<int>(rows.size()));
    groups.push_back(games == Games::kStanding ? Standing(slots) : Simulated(slots));
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

#define HOTLAP_ROWS Arg(1)->Arg(16)->Arg(64)->Arg(256)->UseRealTime()
BENCHMARK_CAPTURE(Steps, default, "default", 1, Games::kSimulated)->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, default_2_threads, "default", 2, Games::kSimulated)->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, compact, "compact", 1, Games::kSimulated)->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, default_without_ticks, "default", 1, Games::kStanding)->HOTLAP_ROWS;
BENCHMARK_CAPTURE(Steps, compact_without_ticks, "compact", 1, Games::kStanding)->HOTLAP_ROWS;

}  // namespace
}  // namespace hotlap

BENCHMARK_MAIN();
