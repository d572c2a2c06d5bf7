// Simulation mode of the embedded game: a script's inputs drive the race as a replay's would, with
// S_ON_SIM_BEGIN, a call per tick and S_ON_SIM_END.
#include <algorithm>
#include <exception>

#include "env/sim/game.h"

namespace hotlap::sim {
namespace {

// How long after its last input a script may still roll to the finish.
constexpr std::int32_t kLongestRollMs = 30000;

}  // namespace

void Game::BeginSimulation(const std::string& script_path) {
  try {
    tape_ = ReadScript(script_path);
  } catch (const std::exception& error) {
    host_.Log(tminterface::LogSeverity::kError, error.what());
    return;
  }
  const std::optional<std::int32_t> duration_ms = ReplayDuration(tape_);
  if (!duration_ms) return;
  simulation_.emplace();
  simulation_->original = tape_;
  simulation_->duration_ms = simulation_->time_limit_ms = *duration_ms;
  Restart();
  host_.Log(tminterface::LogSeverity::kLog, "simulating " + script_path);
  Tell(tminterface::OnSimBegin{});
}

std::optional<Game::SimResult> Game::SimulationResult() const {
  if (simulation_->is_validated && !tape_.HasEventsOf(simulation_->original)) {
    return SimResult::kWrongSimulation;
  }
  if (race_.record().finished) return SimResult::kValid;
  if (race_.record().race_time_ms >= simulation_->time_limit_ms) return SimResult::kInvalid;
  return std::nullopt;
}

void Game::EndSimulation(SimResult result) {
  const char* text = result == SimResult::kValid     ? "the simulation finished the race"
                     : result == SimResult::kInvalid ? "the simulation ended before the finish"
                                                     : "the simulation left the replay's inputs";
  host_.Log(tminterface::LogSeverity::kLog, text);
  Tell(tminterface::OnSimEnd{static_cast<std::int32_t>(result)});
  simulation_.reset();
  Restart();
}

std::optional<std::int32_t> Game::ReplayDuration(const InputTape& tape) const {
  Race race(race_.shared_track(), race_.params());
  Inputs inputs;
  const std::int32_t give_up_ms = tape.last_time_ms() + kLongestRollMs;
  while (!race.record().finished && race.record().race_time_ms < give_up_ms) {
    if (host_.stop_requested()) return std::nullopt;
    if (tape.Play(race.record().race_time_ms, inputs).respawn && race.record().race_time_ms >= 0) {
      race.Respawn();
    }
    race.Tick(inputs);
  }
  return race.record().race_time_ms;
}

}  // namespace hotlap::sim
