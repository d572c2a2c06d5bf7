// What the embedded game does for each call of its client.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>

#include "env/sim/game.h"
#include "env/sim/race_sim_state.h"

namespace hotlap::sim {
namespace {

using tminterface::ErrorCode;
using tminterface::LogSeverity;
using tminterface::Response;

void Set(std::int32_t digital, bool& channel) {
  if (digital != tminterface::kLeaveDigital) channel = digital != 0;
}

void SetAxis(std::int32_t analog, std::int32_t& channel) {
  if (analog != tminterface::kLeaveAnalog) channel = std::clamp(analog, -kMaxAnalog, kMaxAnalog);
}

}  // namespace

Response Game::Handle(const tminterface::ClientCall& call) {
  namespace tmi = tminterface;
  Response response;
  std::visit(
      [&](const auto& c) {
        using T = std::decay_t<decltype(c)>;
        if constexpr (std::is_same_v<T, tmi::SetInputStates>) {
          SetInputs(c);
        } else if constexpr (std::is_same_v<T, tmi::Respawn>) {
          PressRespawn();
        } else if constexpr (std::is_same_v<T, tmi::GiveUp>) {
          GiveUp();
        } else if constexpr (std::is_same_v<T, tmi::Horn>) {
          PressHorn();
        } else if constexpr (std::is_same_v<T, tmi::SimRewindToState>) {
          Rewind(c.state);
        } else if constexpr (std::is_same_v<T, tmi::SimGetState>) {
          WriteSimState(race_, mode(), sim_state_);
          response.content = sim_state_.bytes();
        } else if constexpr (std::is_same_v<T, tmi::SimGetEventBuffer>) {
          const std::int32_t duration_ms = simulation_ ? simulation_->duration_ms : race_time_ms();
          response.content = tape_.buffer(static_cast<std::uint32_t>(std::max(0, duration_ms)));
        } else if constexpr (std::is_same_v<T, tmi::GetContextMode>) {
          response.content = mode();
        } else if constexpr (std::is_same_v<T, tmi::SimSetEventBuffer>) {
          tape_.Assign(c.buffer);
        } else if constexpr (std::is_same_v<T, tmi::SimSetTimeLimit>) {
          if (simulation_) {
            simulation_->time_limit_ms = c.time_ms == -1 ? simulation_->duration_ms : c.time_ms;
          }
        } else if constexpr (std::is_same_v<T, tmi::GetCheckpointState>) {
          WriteSimState(race_, mode(), sim_state_);
          response.content = sim_state_.view().checkpoint_data();
        } else if constexpr (std::is_same_v<T, tmi::SetCheckpointState>) {
          SetCheckpoints(c.data);
        } else if constexpr (std::is_same_v<T, tmi::SetGameSpeed>) {
          SetSpeed(c.speed);
        } else if constexpr (std::is_same_v<T, tmi::ExecuteCommand>) {
          if (client_lines_.size() < kMostLines) {
            client_lines_.push_back(c.command);
          } else {
            host_.Log(LogSeverity::kError,
                      "command dropped: " + std::to_string(kMostLines) + " are waiting");
          }
        } else if constexpr (std::is_same_v<T, tmi::SetExecuteCommands>) {
          run_client_commands_ = c.enable;
        } else if constexpr (std::is_same_v<T, tmi::RemoveStateValidation>) {
          if (simulation_) simulation_->is_validated = false;
        } else if constexpr (std::is_same_v<T, tmi::PreventSimulationFinish>) {
          if (race_.record().finished) race_.PreventFinish();
        } else if constexpr (std::is_same_v<T, tmi::RegisterCustomCommand>) {
          response.error = RegisterCommand(c.command);
        } else if constexpr (std::is_same_v<T, tmi::Log>) {
          host_.Log(c.severity, c.message);
        } else {
          static_assert(std::is_same_v<T, tmi::Register> || std::is_same_v<T, tmi::Deregister> ||
                        std::is_same_v<T, tmi::ProcessedCall> ||
                        std::is_same_v<T, tmi::SetTimeout>);  // the server's own
        }
      },
      call);
  return response;
}

void Game::OnClientGone() {
  host_.Log(LogSeverity::kLog, "the client is gone");
  custom_commands_.clear();
  client_lines_.clear();
  run_client_commands_ = true;
}

void Game::OnBadMessage(const tminterface::DecodeError& error) {
  host_.Log(LogSeverity::kError, "bad message: " + error.ToString());
}

void Game::SetInputs(const tminterface::SetInputStates& set) {
  if (!simulation_) {
    Set(set.left, inputs_.left);
    Set(set.right, inputs_.right);
    Set(set.accelerate, inputs_.accelerate);
    Set(set.brake, inputs_.brake);
    SetAxis(set.steer, inputs_.steer);
    SetAxis(set.gas, inputs_.gas);
    return;
  }
  // The simulation is driven by its events alone, so that the next tick's are added.
  using tminterface::Control;
  const auto put = [&](Control control, std::int32_t value, std::int32_t leave) {
    if (value != leave) tape_.Put(race_time_ms(), control, value);
  };
  put(Control::kSteerLeft, set.left, tminterface::kLeaveDigital);
  put(Control::kSteerRight, set.right, tminterface::kLeaveDigital);
  put(Control::kAccelerate, set.accelerate, tminterface::kLeaveDigital);
  put(Control::kBrake, set.brake, tminterface::kLeaveDigital);
  put(Control::kSteer, set.steer, tminterface::kLeaveAnalog);
  put(Control::kGas, set.gas, tminterface::kLeaveAnalog);
}

void Game::Rewind(std::span<const std::byte> bytes) {
  const auto parsed = tminterface::SimStateView::Parse(bytes);
  if (const auto* error = std::get_if<tminterface::DecodeError>(&parsed)) {
    host_.Log(LogSeverity::kError, "not rewound: " + error->ToString());
    return;
  }
  std::string why_not;
  const auto state = ReadSimState(race_, std::get<tminterface::SimStateView>(parsed), why_not);
  if (!state) {
    host_.Log(LogSeverity::kError, "not rewound: " + why_not);
    return;
  }
  Enter(*state);
}

void Game::SetCheckpoints(const tminterface::CheckpointData& data) {
  WriteSimState(race_, mode(), sim_state_);
  const tminterface::SimStateView view = sim_state_.view();
  if (data.states.size() != view.num_checkpoint_states() ||
      data.times.size() != view.num_checkpoint_times()) {
    host_.Log(LogSeverity::kError, "checkpoint state not set: its arrays are not this track's");
    return;
  }
  for (std::size_t i = 0; i < data.states.size(); ++i) {
    sim_state_.SetCheckpointState(i, data.states[i]);
  }
  for (std::size_t i = 0; i < data.times.size(); ++i) {
    sim_state_.SetCheckpointTime(i, data.times[i]);
  }
  std::string why_not;
  if (const auto state = ReadSimState(race_, sim_state_.view(), why_not)) {
    race_.set_state(*state);
  } else {
    host_.Log(LogSeverity::kError, "checkpoint state not set: " + why_not);
  }
}

ErrorCode Game::RegisterCommand(const std::string& name) {
  if (name.empty() || name.find_first_of(" \t\";#") != std::string::npos) {
    host_.Log(LogSeverity::kError, "'" + name + "' is no name for a custom command");
    return ErrorCode::kNone;
  }
  const bool is_new = !IsBuiltIn(name) && custom_commands_.insert(name).second;
  return is_new ? ErrorCode::kNone : ErrorCode::kCommandAlreadyRegistered;
}

void Game::PressRespawn() {
  if (simulation_) {
    tape_.Put(race_time_ms(), tminterface::Control::kRespawn, 1);
  } else {
    respawn_ = true;
  }
}

void Game::PressHorn() {
  if (simulation_ || race_time_ms() >= 0) {
    tape_.Put(race_time_ms(), tminterface::Control::kHorn, 1);
  }
}

void Game::GiveUp() {
  if (!simulation_) restart_ = true;
}

}  // namespace hotlap::sim
