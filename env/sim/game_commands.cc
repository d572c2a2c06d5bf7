// The console of the embedded game: lines that a client sends or a person types.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <stdexcept>
#include <utility>
#include <variant>

#include "env/sim/game.h"
#include "env/tminterface/input_script.h"

namespace hotlap::sim {
namespace {

using tminterface::LogSeverity;

constexpr std::array<std::string_view, 10> kBuiltIn = {
    "map", "set", "press", "rel", "steer", "gas", "load", "unload", "deregister", "simulate"};

constexpr std::int32_t kLongestScriptMs = 4 * 3600 * 1000;

template <class Number>
bool ParseWhole(const std::string& text, Number& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

}  // namespace

bool Game::IsBuiltIn(std::string_view name) {
  return std::find(kBuiltIn.begin(), kBuiltIn.end(), name) != kBuiltIn.end();
}

std::vector<Game::ConsoleCommand> Game::ParseConsoleLine(std::string_view line) {
  const auto script = tminterface::InputScript::Parse(line);
  std::vector<ConsoleCommand> commands;
  for (const auto& words : script.immediate) commands.push_back({-1, -1, words});
  for (const auto& timed : script.timed) {
    const auto* command = std::get_if<tminterface::TimedCommand>(&timed);
    if (command == nullptr) {
      commands.push_back({std::get<tminterface::TimedInput>(timed).time_ms, -1, {"input"}});
    } else if (command->is_ending && !commands.empty()) {
      commands.back().time_to_ms = command->time_ms;  // the second half of the range before it
    } else {
      commands.push_back({command->time_ms, -1, command->arguments});
    }
  }
  return commands;
}

void Game::RunCommands() {
  // A custom command's client may send further lines: those are the next frame's.
  const auto run = [this](std::vector<std::string>& lines) {
    if (lines.empty()) return;
    for (const std::string& line : std::exchange(lines, {})) {
      if (host_.stop_requested()) return;
      for (const ConsoleCommand& command : ParseConsoleLine(line)) Execute(command);
    }
  };
  run(console_lines_);
  if (run_client_commands_) run(client_lines_);
  if (std::exchange(leave_client_, false)) server_.Deregister();
}

void Game::Execute(const ConsoleCommand& command) {
  if (command.words.empty()) return;
  const std::string& name = command.words.front();
  const std::span<const std::string> arguments = std::span(command.words).subspan(1);
  if (custom_commands_.contains(name)) {
    Tell(tminterface::OnCustomCommand{
        command.time_from_ms, command.time_to_ms, name, {arguments.begin(), arguments.end()}});
  } else if (command.time_from_ms != -1) {
    host_.Log(LogSeverity::kError,
              "'" + name + "' takes no time here; timed lines go into a script");
  } else {
    ExecuteBuiltIn(name, arguments);
  }
}

void Game::ExecuteBuiltIn(const std::string& name, std::span<const std::string> arguments) {
  const auto takes = [&](std::size_t count, const char* usage) {
    if (arguments.size() == count) return true;
    host_.Log(LogSeverity::kError, std::string("usage: ") + usage);
    return false;
  };
  try {
    if (name == "map") {
      if (takes(1, "map \"file\"")) LoadMap(arguments[0]);
    } else if (name == "set") {
      if (takes(2, "set <variable> <value>")) SetVariable(arguments[0], arguments[1]);
    } else if (name == "press" || name == "rel") {
      if (takes(1, "press|rel <key>")) Press(arguments[0], name == "press");
    } else if (name == "steer") {
      if (takes(1, "steer <-65536 to 65536>")) {
        SetAnalog(&tminterface::SetInputStates::steer, arguments[0]);
      }
    } else if (name == "gas") {
      if (takes(1, "gas <-65536 to 65536>")) {
        SetAnalog(&tminterface::SetInputStates::gas, arguments[0]);
      }
    } else if (name == "load") {
      if (takes(1, "load \"file\"")) script_ = ReadScript(arguments[0]);
    } else if (name == "unload") {
      script_.reset();
    } else if (name == "simulate") {
      if (takes(1, "simulate \"file\"")) BeginSimulation(arguments[0]);
    } else if (name == "deregister") {
      leave_client_ = true;
    } else {
      host_.Log(LogSeverity::kWarning, "there is no command '" + name + "'");
    }
  } catch (const std::exception& error) {
    host_.Log(LogSeverity::kError, error.what());
  }
}

void Game::LoadMap(const std::string& path) {
  std::shared_ptr<const Track> track = host_.LoadTrack(path);
  host_.Log(LogSeverity::kLog, "racing on " + track->name());
  simulation_.reset();
  race_ = Race(std::move(track), settings_.vehicle);
  sim_state_ = EmptySimState(race_);
  Restart();
}

InputTape Game::ReadScript(const std::string& path) const {
  const auto script = tminterface::InputScript::Parse(host_.ReadText(path));
  InputTape tape;
  tape.Assign(tminterface::ToEventBuffer(script, tape.buffer(0)));
  if (tape.last_time_ms() > kLongestScriptMs) {
    throw std::runtime_error(path + ": its last input is at " +
                             std::to_string(tape.last_time_ms()) + " ms, allowed is up to " +
                             std::to_string(kLongestScriptMs) + " ms");
  }
  return tape;
}

void Game::SetVariable(const std::string& name, const std::string& value) {
  if (name == "speed") {
    double speed = 0;
    if (!ParseWhole(value, speed)) speed = -1;
    SetSpeed(speed);
  } else {
    variables_.insert_or_assign(name, value);
    host_.Log(LogSeverity::kLog, name + " is " + value);
  }
}

void Game::SetSpeed(double speed) {
  if (std::isfinite(speed) && speed >= 0) {
    speed_ = speed;
  } else {
    host_.Log(LogSeverity::kError, "speed must be a number of at least 0");
  }
}

void Game::Press(const std::string& key, bool down) {
  tminterface::SetInputStates set;
  if (key == "up") {
    set.accelerate = down;
  } else if (key == "down") {
    set.brake = down;
  } else if (key == "left") {
    set.left = down;
  } else if (key == "right") {
    set.right = down;
  } else if (key == "enter" || key == "delete" || key == "horn") {
    if (!down) return;
    if (key == "enter") {
      PressRespawn();
    } else if (key == "delete") {
      GiveUp();
    } else {
      PressHorn();
    }
  } else {
    host_.Log(LogSeverity::kError,
              "'" + key + "' is no key: up, down, left, right, enter, delete or horn");
  }
  SetInputs(set);
}

void Game::SetAnalog(std::int32_t tminterface::SetInputStates::*channel, const std::string& value) {
  std::int32_t number = 0;
  if (ParseWhole(value, number) && number >= -kMaxAnalog && number <= kMaxAnalog) {
    tminterface::SetInputStates set;
    set.*channel = number;
    SetInputs(set);
  } else {
    host_.Log(LogSeverity::kError, "'" + value + "' is no number from -65536 to 65536");
  }
}

}  // namespace hotlap::sim
