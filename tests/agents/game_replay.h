// Plays input scripts in the embedded game, which knows nothing of environments.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "env/sim/floating_point_guard.h"
#include "env/sim/game.h"
#include "env/sim/input_tape.h"
#include "env/sim/race.h"
#include "env/tminterface/client.h"
#include "env/tminterface/input_script.h"
#include "env/tminterface/mapped_buffer.h"

namespace hotlap::agents {

// Race time of the finish, to which the inputs of this script drive; nullopt: to none. By the
// game's own tape and race, in this thread.
inline std::optional<std::int32_t> PlayedFinish(const std::shared_ptr<const sim::Track>& track,
                                                const sim::VehicleParams& vehicle,
                                                std::string_view script) {
  const sim::FloatingPointGuard guard;
  sim::InputTape tape;
  tape.Assign(tminterface::ToEventBuffer(tminterface::InputScript::Parse(script), tape.buffer(0)));
  sim::Race race(track, vehicle);
  Inputs inputs;
  while (!race.record().finished && race.record().race_time_ms < 1'000'000) {
    tape.Play(race.record().race_time_ms, inputs);
    race.Tick(inputs);
  }
  return race.record().finished ? std::optional(race.record().race_time_ms) : std::nullopt;
}

// Likewise as the official client does it: in simulation mode, by the event buffer of a game that
// another thread runs. Slow where the machine is busy: a call for each tick.
inline std::optional<std::int32_t> ReplayedFinish(std::shared_ptr<const sim::Track> track,
                                                  const sim::VehicleParams& vehicle,
                                                  std::string_view script) {
  // Without any input of its own: they come by the event buffer.
  class Host : public sim::GameHost {
   public:
    bool stop_requested() override { return stop; }
    void Attend() override {}
    std::optional<std::string> NextConsoleLine() override { return std::nullopt; }
    void Log(tminterface::LogSeverity, std::string_view) override {}
    std::shared_ptr<const sim::Track> LoadTrack(const std::string&) override {
      throw std::runtime_error("there is no other track");
    }
    std::string ReadText(const std::string&) override { return ""; }
    std::atomic<bool> stop = false;
  };
  class Player : public tminterface::ClientHandler {
   public:
    explicit Player(std::string_view text) : script(tminterface::InputScript::Parse(text)) {}
    void OnSimBegin(tminterface::Client& client) override {
      const auto call = [&](const tminterface::ClientCall& what) {
        auto response = client.Call(what, DeadlineIn(std::chrono::seconds(20)));
        if (const auto* error = std::get_if<tminterface::ClientError>(&response)) {
          throw std::runtime_error(error->text);
        }
        return std::get<tminterface::Response>(response);
      };
      call(tminterface::RemoveStateValidation{});
      call(tminterface::SimSetTimeLimit{1'000'000});
      const auto layout =
          std::get<tminterface::EventBuffer>(call(tminterface::SimGetEventBuffer{}).content);
      call(tminterface::SimSetEventBuffer{tminterface::ToEventBuffer(script, layout)});
    }
    void OnSimStep(tminterface::Client&, std::int32_t race_time_ms) override {
      last_ms = race_time_ms;
    }
    void OnSimEnd(tminterface::Client&, std::int32_t result) override { end = result; }

    tminterface::InputScript script;
    std::int32_t last_ms = 0;
    std::optional<std::int32_t> end;
  };

  const std::string name = "hotlap-agents-replay-" + std::to_string(getpid());
  Host host;
  auto game = std::make_unique<sim::Game>(tminterface::MappedBuffer::Create(name), std::move(track),
                                          sim::GameSettings{.vehicle = vehicle}, host);
  game->SimulateForFirstClient("script");
  std::thread racing([owned = std::move(game)] { owned->Run(); });
  Player player(script);
  std::string error;
  {
    auto buffer = tminterface::MappedBuffer::Open(name, tminterface::kDefaultBufferSize, error);
    if (buffer) {
      tminterface::Client client(std::move(*buffer));
      auto fault = client.Register(DeadlineIn(std::chrono::seconds(20)));
      while (!fault && !player.end)
        fault = client.Pump(player, DeadlineIn(std::chrono::seconds(20)));
      if (fault) error = fault->text;
      client.Deregister();
    }
  }
  host.stop = true;
  racing.join();
  if (!error.empty()) throw std::runtime_error(error);
  constexpr std::int32_t kFinished = 1;
  return player.end == kFinished ? std::optional(player.last_ms) : std::nullopt;
}

}  // namespace hotlap::agents
