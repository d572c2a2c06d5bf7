// One race of one car on one track: countdown, checkpoints, laps, finish, respawn around the pure
// tick of vehicle_model.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "env/game_group.h"  // RaceEvent
#include "env/game_state.h"
#include "env/inputs.h"
#include "env/sim/track.h"
#include "env/sim/vehicle_params.h"
#include "env/sim/vehicle_state.h"
#include "env/tminterface/sim_state.h"

namespace hotlap::sim {

inline constexpr int kMaxPasses = 256;  // gates times laps of a track, at most
inline constexpr std::int32_t kCountdownMs =
    2600;  // the first run step of a race shows -kCountdownMs

// Everything that decides the future of a race, and nothing else. Trivially copyable: it is the
// snapshot.
struct RaceState {
  VehicleState vehicle;
  std::int32_t race_time_ms = -kCountdownMs;  // below 0 the car is held
  Inputs inputs;                              // in force in the tick that led here
  bool finished = false;  // and not prevented: the clock of the race stands still
  std::int32_t num_passed = 0;
  std::int32_t num_respawns = 0;
  std::array<std::int32_t, kMaxPasses> times_ms{};  // of the first num_passed passes
};

class Race {
 public:
  Race(std::shared_ptr<const Track> track, const VehicleParams& params);

  const Track& track() const { return *track_; }
  const RaceState& state() const { return state_; }
  void set_state(const RaceState& state) {
    state_ = state;
  }  // REQUIRES: of a race on the same track

  void Restart(bool with_countdown);  // without: stands at s(0)
  // One tick with these inputs in force. Returns the events of the tick (at most 2), valid until
  // the next one.
  std::span<const RaceEvent> Tick(const Inputs& inputs);
  // Takes the finish of the last tick back, as C_PREVENT_SIMULATION_FINISH does: its cp time is -1
  // again and the race goes on.
  void PreventFinish();
  // To the last gate passed, standing; to the start when none is.
  void Respawn();

  int target() const { return track_->num_gates() * track_->laps(); }

  // The same as ReadGameState(the SimStateData of this race), without the detour; a test holds them
  // equal.
  GameState game_state() const;

 private:
  std::shared_ptr<const Track> track_;
  VehicleParams params_;
  RaceState state_;
  std::array<RaceEvent, 2> events_{};
};

}  // namespace hotlap::sim
