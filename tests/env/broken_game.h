// A game behind a mapped buffer that keeps to the protocol, but for what a test has it do: a car
// that stands at the origin while the race runs, one checkpoint to pass.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "env/inputs.h"
#include "env/tminterface/mapped_buffer.h"
#include "env/tminterface/server.h"
#include "env/tminterface/sim_state.h"

namespace hotlap {

// What is wrong with a game. Called on the game's thread.
struct Script {
  std::int32_t first_time_ms = -100;  // of the race that is on at first
  int map_loads_after_steps = 1;      // run steps from the map command to the new race
  int maps_without_race = 0;          // so many map commands begin none
  std::function<std::int32_t(std::int32_t time_ms)> next_time = [](std::int32_t time_ms) {
    return time_ms + 10;
  };
  // What the game tells at this time, before the run step of it.
  std::function<std::vector<tminterface::ServerCall>(std::int32_t time_ms)> calls =
      [](std::int32_t) { return std::vector<tminterface::ServerCall>{}; };
  std::function<void(tminterface::SimState&)> change_state = [](tminterface::SimState&) {};
  std::size_t num_times = 1;                          // passes needed in all, as the state says
  std::optional<tminterface::MessageType> refused{};  // answered with an error
  // Drops its client when the race comes to this time, so often.
  std::optional<std::int32_t> drops_client_at_ms{};
  int num_drops = 1;
};

class BrokenGame final : public tminterface::ServerHandler {
 public:
  explicit BrokenGame(Script script)
      : script_(std::move(script)),
        name_("hotlap-test-" + std::to_string(getpid()) + "-broken-" +
              std::to_string(next_number_++)),
        time_ms_(script_.first_time_ms),
        server_(tminterface::MappedBuffer::Create(name_), *this,
                [this] { return is_over_.load(); }),
        thread_([this] { Run(); }) {}
  ~BrokenGame() override {
    is_over_ = true;
    thread_.join();
  }
  BrokenGame(const BrokenGame&) = delete;
  BrokenGame& operator=(const BrokenGame&) = delete;

  const std::string& name() const { return name_; }
  // What the client asked for so far, but for states; inputs with the time at which they were set.
  std::vector<std::string> said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  int num_registrations() const { return num_registrations_; }
  bool has_client() const { return has_client_; }

 private:
  using MessageType = tminterface::MessageType;

  void Note(std::string what) {
    const std::lock_guard lock(mutex_);
    said_.push_back(std::move(what));
  }

  tminterface::Response Handle(const tminterface::ClientCall& call) override {
    tminterface::Response response;
    if (script_.refused == tminterface::TypeOf(call)) {
      response.error = tminterface::ErrorCode::kNoPlayerInfo;
    } else if (const auto* set = std::get_if<tminterface::SetInputStates>(&call)) {
      inputs_ = {set->steer,           set->gas,       set->left == 1, set->right == 1,
                 set->accelerate == 1, set->brake == 1};
      Note("inputs at " + std::to_string(time_ms_));
    } else if (const auto* rewind = std::get_if<tminterface::SimRewindToState>(&call)) {
      const auto view =
          std::get<tminterface::SimStateView>(tminterface::SimStateView::Parse(rewind->state));
      time_ms_ = view.race_time_ms();
      ticks_at_once_ = true;
      Note("rewind to " + std::to_string(time_ms_));
    } else if (const auto* speed = std::get_if<tminterface::SetGameSpeed>(&call)) {
      Note("speed " + std::to_string(static_cast<int>(speed->speed)));
    } else if (const auto* command = std::get_if<tminterface::ExecuteCommand>(&call)) {
      Note(command->command);
      if (num_maps_++ >= script_.maps_without_race) steps_to_map_ = script_.map_loads_after_steps;
    } else if (std::holds_alternative<tminterface::GiveUp>(call)) {
      Note("give up at " + std::to_string(time_ms_));
      begins_again_ = true;
    } else if (std::holds_alternative<tminterface::PreventSimulationFinish>(call)) {
      Note("prevent finish");
    } else if (std::holds_alternative<tminterface::SimGetState>(call)) {
      response.content = WriteState();
    }
    return response;
  }

  std::span<const std::byte> WriteState() {
    namespace layout = tminterface::layout;
    using tminterface::Control;
    tminterface::SimState state(1, script_.num_times);
    state.Set(layout::kFlags, tminterface::kRunModeFlags);
    state.Set(layout::kRaceTime, time_ms_);
    state.SetVector(layout::kDynaCurrent + layout::body::kPosition,
                    {static_cast<float>(num_races_), 0, 0});
    for (std::size_t i = 0; i < script_.num_times; ++i) state.SetCheckpointTime(i, {-1, 0});
    const auto key = [&](std::size_t offset, Control control, bool down) {
      state.SetEvent(offset, {0, tminterface::PackBinary(static_cast<int>(control), down)});
    };
    key(layout::kEventAccelerate, Control::kAccelerate, inputs_.accelerate);
    key(layout::kEventBrake, Control::kBrake, inputs_.brake);
    key(layout::kEventLeft, Control::kSteerLeft, inputs_.left);
    key(layout::kEventRight, Control::kSteerRight, inputs_.right);
    const auto analog = [&](std::size_t offset, Control control, std::int32_t value) {
      state.SetEvent(offset, {0, tminterface::PackAnalog(static_cast<int>(control), value)});
    };
    analog(layout::kEventSteer, Control::kSteer, inputs_.steer);
    analog(layout::kEventGas, Control::kGas, inputs_.gas);
    script_.change_state(state);
    state_.assign(state.bytes().begin(), state.bytes().end());
    return state_;
  }

  void Run() {
    while (!is_over_) {
      const bool was_registered = server_.registered();
      server_.Poll();
      has_client_ = server_.registered();
      if (!has_client_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      if (!was_registered) ++num_registrations_;
      for (const tminterface::ServerCall& call : script_.calls(time_ms_)) server_.Call(call);
      server_.Call(tminterface::OnRunStep{time_ms_});
      if (steps_to_map_ > 0 && --steps_to_map_ == 0) begins_again_ = true;
      if (std::exchange(begins_again_, false)) {
        ++num_races_;
        inputs_ = Inputs{};
        time_ms_ = -100;
        continue;
      }
      time_ms_ = std::exchange(ticks_at_once_, false) ? time_ms_ + 10 : script_.next_time(time_ms_);
      if (script_.drops_client_at_ms == time_ms_ && num_drops_++ < script_.num_drops) {
        server_.Deregister();
      }
    }
  }

  static inline std::atomic<int> next_number_{0};
  const Script script_;
  const std::string name_;
  std::mutex mutex_;  // of said_
  std::vector<std::string> said_;
  std::atomic<int> num_registrations_{0};
  std::atomic<bool> has_client_{false};
  std::atomic<bool> is_over_{false};
  // The game's thread alone.
  std::int32_t time_ms_;
  Inputs inputs_;
  int num_races_ = 0;
  int num_maps_ = 0;
  int num_drops_ = 0;
  int steps_to_map_ = 0;
  bool begins_again_ = false;
  bool ticks_at_once_ = false;
  std::vector<std::byte> state_;
  tminterface::Server server_;
  std::thread thread_;
};

}  // namespace hotlap
