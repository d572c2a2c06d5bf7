// The embedded game as a TMInterface client sees it: one race, a call per tick, the client's calls
// inside it, and the console commands. Everything that TMInterface's run mode does around a race,
// and its simulation mode (a replay's inputs driven through the same race).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "env/deadline.h"
#include "env/inputs.h"
#include "env/sim/input_tape.h"
#include "env/sim/race.h"
#include "env/sim/vehicle_params.h"
#include "env/tminterface/mapped_buffer.h"
#include "env/tminterface/server.h"
#include "env/tminterface/sim_state.h"

namespace hotlap::sim {

// What the game asks of the program around it. Called on the game's thread.
class GameHost {
 public:
  virtual ~GameHost() = default;
  // True ends Game::Run. Asked every tick, so it must cost next to nothing.
  virtual bool stop_requested() = 0;
  // Time for what costs a system call: every 5 to 80 ms, also while a client holds the game.
  virtual void Attend() = 0;
  // The next line that was typed into the console, if there is one. Asked after Attend.
  virtual std::optional<std::string> NextConsoleLine() = 0;
  virtual void Log(tminterface::LogSeverity severity, std::string_view text) = 0;
  // Both throw std::exception with a text for the log.
  virtual std::shared_ptr<const Track> LoadTrack(const std::string& path) = 0;
  virtual std::string ReadText(const std::string& path) = 0;
  // The clock that paces the ticks.
  virtual Clock::time_point Now() { return Clock::now(); }
  virtual void SleepUntil(Clock::time_point time) { std::this_thread::sleep_until(time); }
};

struct GameSettings {
  VehicleParams vehicle;
  double speed = 1;  // times real time; 0 pauses the ticks
  // As fast as the client answers, whatever the speed is set to (but 0). Alone the game runs at
  // normal speed.
  bool free_running = false;
};

// A simulation under way.
struct Simulation {
  InputTape original;            // what the run is validated against
  bool is_validated = true;      // inputs other than the original's end it
  std::int32_t duration_ms = 0;  // of the replay
  std::int32_t time_limit_ms = 0;
};

class Game final : private tminterface::ServerHandler {
 public:
  // REQUIRES: host outlives the game.
  Game(tminterface::MappedBuffer buffer, std::shared_ptr<const Track> track,
       const GameSettings& settings, GameHost& host);
  ~Game() override;

  // Races until the host asks to stop; then tells the client. Begins with a countdown.
  void Run();

  // Simulates a script as soon as a client is registered. For the program's start.
  void SimulateForFirstClient(std::string script_path);

  const std::string& name() const { return server_.name(); }

 private:
  // How a simulation ended, as S_ON_SIM_END tells it.
  enum class SimResult : std::int32_t { kInvalid = 0, kValid = 1, kWrongSimulation = 2 };

  // ---- one tick and its calls (game.cc)
  static tminterface::SimState EmptySimState(const Race& race);
  void Frame();
  bool Due();  // false: the next tick is not due yet, and a little time was slept away
  void Tell(const tminterface::ServerCall& call);
  void Tick();
  bool Respawn();  // false: there is nothing to respawn at, the race restarts
  void Restart();
  void Enter(const RaceState& state);  // a rewind
  void PlayScript();
  bool Interrupted();  // asked after every message and in the slow part of every wait
  void Attend();       // the host's attention, if some time has passed
  std::int32_t race_time_ms() const { return race_.state().race_time_ms; }

  // ---- simulation mode (game_simulation.cc)
  void BeginSimulation(const std::string& script_path);
  std::optional<SimResult> SimulationResult() const;  // nullopt: it goes on
  void EndSimulation(SimResult result);
  // Race time of the finish to which these inputs drive, or of the point where they have got
  // nowhere for long. nullopt: the host asked to stop.
  std::optional<std::int32_t> ReplayDuration(const InputTape& tape) const;

  // ---- the client's calls (game_calls.cc)
  tminterface::Response Handle(const tminterface::ClientCall& call) override;
  void OnClientGone() override;
  void OnBadMessage(const tminterface::DecodeError& error) override;
  void SetInputs(const tminterface::SetInputStates& set);
  void Rewind(std::span<const std::byte> bytes);
  void SetCheckpoints(const tminterface::CheckpointData& data);
  tminterface::ErrorCode RegisterCommand(const std::string& name);
  void PressRespawn();
  void PressHorn();
  void GiveUp();
  tminterface::ContextMode mode() const {
    return simulation_ ? tminterface::ContextMode::kSimulation : tminterface::ContextMode::kRun;
  }

  // ---- console commands (game_commands.cc)
  struct ConsoleCommand {
    std::int32_t time_from_ms = -1, time_to_ms = -1;  // -1: none
    std::vector<std::string> words;                   // the command and its arguments
  };
  static bool IsBuiltIn(std::string_view name);
  static std::vector<ConsoleCommand> ParseConsoleLine(std::string_view line);
  void RunCommands();
  void Execute(const ConsoleCommand& command);
  void ExecuteBuiltIn(const std::string& name, std::span<const std::string> arguments);
  void LoadMap(const std::string& path);
  InputTape ReadScript(const std::string& path) const;
  void SetVariable(const std::string& name, const std::string& value);
  void SetSpeed(double speed);
  void Press(const std::string& key, bool down);
  void SetAnalog(std::int32_t tminterface::SetInputStates::*channel, const std::string& value);

  GameHost& host_;
  GameSettings settings_;
  Race race_;
  tminterface::SimState sim_state_;  // the answer to a state request points into it
  tminterface::Server server_;

  Inputs inputs_;  // in force from the next tick on
  InputTape tape_;
  std::optional<InputTape> script_;  // loaded; played in every race
  std::optional<Simulation> simulation_;
  std::string simulate_for_first_client_;

  // What waits for its place in the tick.
  bool tick_at_once_ = false;  // after a rewind outside a step call: no step call before the tick
  bool restart_ = false;
  bool respawn_ = false;
  bool leave_client_ = false;  // `deregister` was typed while the client held the game

  std::set<std::string, std::less<>> custom_commands_;
  bool run_client_commands_ = true;
  // For the next frame, at most kMostLines each: the client's and the typed ones.
  static constexpr std::size_t kMostLines = 1000;
  std::vector<std::string> client_lines_, console_lines_;
  std::map<std::string, std::string, std::less<>> variables_;
  double speed_;

  Clock::time_point last_tick_{};
  Clock::time_point next_attention_{};
  unsigned attentions_ = 0;
};

}  // namespace hotlap::sim
