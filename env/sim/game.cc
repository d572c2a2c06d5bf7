#include "env/sim/game.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "env/sim/floating_point_guard.h"

namespace hotlap::sim {
namespace {

using namespace std::chrono_literals;
using tminterface::LogSeverity;

constexpr auto kTickAtNormalSpeed = 10ms;
constexpr auto kLongestSleep = 10ms;
// A game that was held or starved does not run faster to make up for more than this.
constexpr auto kLongestDebt = 50ms;
constexpr auto kAttendEvery = 5ms;
constexpr unsigned kAttentionsPerClock = 8;  // a tick asks four times, a slow wait every 10 ms

}  // namespace

Game::Game(tminterface::MappedBuffer buffer, std::shared_ptr<const Track> track,
           const GameSettings& settings, GameHost& host)
    : host_(host),
      settings_(settings),
      race_(std::move(track), settings.vehicle),
      sim_state_(EmptySimState(race_)),
      server_(std::move(buffer), *this, [this] { return Interrupted(); }),
      speed_(settings.speed) {
  Restart();
}

Game::~Game() = default;

tminterface::SimState Game::EmptySimState(const Race& race) {
  return tminterface::SimState(static_cast<std::size_t>(race.track().num_gates()),
                               static_cast<std::size_t>(race.target()));
}

void Game::SimulateForFirstClient(std::string script_path) {
  simulate_for_first_client_ = std::move(script_path);
}

void Game::Run() {
  const FloatingPointGuard guard;
  while (!host_.stop_requested()) Frame();
  server_.Shutdown();
}

void Game::Frame() {
  Attend();
  RunCommands();
  server_.Poll();
  if (!simulate_for_first_client_.empty() && server_.registered()) {
    BeginSimulation(std::exchange(simulate_for_first_client_, {}));
  }
  if (restart_) Restart();
  if (!Due()) return;

  if (!std::exchange(tick_at_once_, false)) {
    if (simulation_) {
      Tell(tminterface::OnSimStep{race_time_ms()});
    } else {
      Tell(tminterface::OnRunStep{race_time_ms()});
    }
  }
  tick_at_once_ = false;  // after a rewind inside the step call the tick follows anyway
  if (restart_ || host_.stop_requested()) return;
  if (simulation_) {
    if (const auto result = SimulationResult()) return EndSimulation(*result);
  }
  Tick();
}

bool Game::Due() {
  if (simulation_) return true;
  if (speed_ == 0) {
    host_.SleepUntil(host_.Now() + kLongestSleep);
    return false;
  }
  const bool alone = !server_.registered();
  if (settings_.free_running && !alone) return true;
  const double speed = settings_.free_running ? 1 : speed_;
  // A day per tick is slow enough to keep the arithmetic in range.
  const std::chrono::duration<double> period(
      std::min(86400.0, std::chrono::duration<double>(kTickAtNormalSpeed).count() / speed));
  const Clock::time_point due = last_tick_ + std::chrono::duration_cast<Clock::duration>(period);
  Clock::time_point now = host_.Now();
  if (now < due) {
    host_.SleepUntil(std::min<Clock::time_point>(due, now + kLongestSleep));
    now = host_.Now();
    if (now < due) return false;
  }
  last_tick_ = std::max(due, now - kLongestDebt);
  return true;
}

void Game::Tell(const tminterface::ServerCall& call) {
  const auto result = server_.Call(call);
  if (result == tminterface::Server::CallResult::kTimedOut) {
    host_.Log(LogSeverity::kWarning, "the client did not answer in time and was deregistered");
  }
  if (std::exchange(leave_client_, false)) server_.Deregister();
}

void Game::Tick() {
  const std::int32_t time_ms = race_time_ms();
  bool respawn = std::exchange(respawn_, false);
  if (simulation_) {
    respawn = tape_.Play(time_ms, inputs_).respawn;
  } else if (time_ms >= 0 && !race_.record().finished) {
    tape_.Record(time_ms, inputs_);
    if (respawn) tape_.Put(time_ms, tminterface::Control::kRespawn, 1);
  }
  if (respawn && !Respawn()) return;

  // The calls below may change the race, so the events are copied first.
  std::array<RaceEvent, 2> events;
  const std::span<const RaceEvent> seen = race_.Tick(inputs_);
  const auto end = std::copy(seen.begin(), seen.end(), events.begin());
  PlayScript();
  for (auto event = events.begin(); event != end; ++event) {
    if (tick_at_once_ || restart_) return;  // the client went elsewhere in the call before
    if (event->kind == RaceEventKind::kLap) {
      Tell(tminterface::OnLapsCountChanged{event->count});
    } else {
      Tell(tminterface::OnCheckpointCountChanged{event->count, race_.target()});
    }
  }
}

bool Game::Respawn() {
  if (race_time_ms() < 0) return true;
  const auto at_start = variables_.find("start_respawn");
  const bool from_start =
      simulation_ || (at_start != variables_.end() && at_start->second == "true");
  if (race_.record().num_passed == 0 && !from_start) {
    restart_ = true;
    return false;
  }
  race_.Respawn();
  return true;
}

void Game::Restart() {
  race_.Restart(/*with_countdown=*/true);
  inputs_ = Inputs{};
  if (!simulation_) tape_.Clear();
  restart_ = respawn_ = tick_at_once_ = false;
  PlayScript();
}

void Game::Enter(const RaceState& state) {
  race_.set_state(state);
  inputs_ = state.inputs;
  if (!simulation_) tape_.TrimTo(state.race_time_ms);
  restart_ = respawn_ = false;
  tick_at_once_ = true;
  PlayScript();
}

void Game::PlayScript() {
  if (script_ && !simulation_ && script_->Play(race_time_ms(), inputs_).respawn) respawn_ = true;
}

bool Game::Interrupted() {
  Attend();
  return leave_client_ || host_.stop_requested();
}

void Game::Attend() {
  if (++attentions_ % kAttentionsPerClock != 0) return;
  const Clock::time_point now = Clock::now();
  if (now < next_attention_) return;
  next_attention_ = now + kAttendEvery;
  host_.Attend();
  while (console_lines_.size() < kMostLines) {
    auto line = host_.NextConsoleLine();
    if (!line) return;
    // This one cannot wait for the next frame: the client may hold the game for ever.
    if (*line == "deregister") {
      leave_client_ = true;
    } else {
      console_lines_.push_back(std::move(*line));
    }
  }
}

}  // namespace hotlap::sim
