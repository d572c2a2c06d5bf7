// One race of one car on one track: countdown, checkpoints, laps, finish, respawn around the pure
// tick of vehicle_model.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "env/game_state.h"
#include "env/inputs.h"
#include "env/race_event.h"
#include "env/sim/track.h"
#include "env/sim/vehicle_model.h"
#include "env/sim/vehicle_params.h"
#include "env/sim/vehicle_state.h"
#include "env/tminterface/sim_state.h"

namespace hotlap::sim {

// The first run step of a race shows -kCountdownMs.
inline constexpr std::int32_t kCountdownMs = 2600;

// The channels of Inputs in the order of SimStateData's cached events.
enum class Channel : std::uint8_t { kAccelerate, kBrake, kLeft, kRight, kSteer, kGas };
inline constexpr std::size_t kNumChannels = 6;

// What a race is beside its car. Only the first num_passed of times_ms mean anything; the rest is
// 0.
struct RaceRecord {
  std::int32_t race_time_ms = -kCountdownMs;  // below 0 the car is held
  std::int32_t clock_ms = 10;                 // the tick clock; it never stands still
  Inputs inputs;                              // in force in the tick that led here
  // When each channel of `inputs` last changed, as the game stores it (the race time at which it
  // was set + 100010); 0 while it never has.
  std::array<std::int32_t, kNumChannels> input_stored_ms{};
  std::int32_t num_passed = 0;
  std::int32_t num_respawns = 0;
  // Race times of the last tick on a turbo pad and of the last one against a wall; -1: none yet.
  std::int32_t last_turbo_ms = -1;
  std::int32_t last_wall_ms = -1;
  bool finished = false;                 // and not prevented: the clock of the race stands still
  std::array<std::uint8_t, 3> unused{};  // no padding: equal states are equal bytes
  std::array<std::int32_t, kMaxPasses> times_ms{};  // of the first num_passed passes
};
static_assert(sizeof(RaceRecord) ==
              sizeof(Inputs) + sizeof(float) * (2 + kNumChannels + 5 + kMaxPasses));

// Everything that decides the future of a race, and nothing else. Trivially copyable: it is the
// snapshot.
struct RaceState : RaceRecord {
  VehicleState vehicle;
};
static_assert(std::is_trivially_copyable_v<RaceState>);
static_assert(sizeof(RaceState) == sizeof(VehicleState) + sizeof(RaceRecord));

// Not thread-safe. Callers hold a FloatingPointGuard around everything but the constructors, which
// hold their own. Moves; a copy would drive the same car.
class Race {
 public:
  // Stands at the start of its countdown, in a block of its own or in a lane of one that it shares
  // with other races.
  Race(const std::shared_ptr<const Track>& track, const VehicleParams& params);
  Race(std::shared_ptr<const Track> track, const VehicleParams& params,
       std::shared_ptr<VehicleBlock> block, int lane);

  Race(Race&&) = default;
  Race& operator=(Race&&) = default;

  const Track& track() const { return *track_; }
  const std::shared_ptr<const Track>& shared_track() const { return track_; }
  const VehicleParams& params() const { return params_; }
  const RaceRecord& record() const { return record_; }
  VehicleState vehicle() const { return block_->state(lane_); }
  RaceState state() const { return {record_, vehicle()}; }
  void set_state(const RaceState& state);  // REQUIRES: of a race on the same track
  // The car has these settings from now on and goes on from where it is.
  void Configure(const VehicleParams& params);

  void Restart(bool with_countdown);  // without: stands at s(0)
  void MoveLeft(float left_m);        // the car, as it is, as StartOffset() says
  // One tick with these inputs in force; while the race time is below 0 the car is held and only
  // the clocks and inputs move. Returns the events of the tick (at most 2), valid until the next
  // one.
  std::span<const RaceEvent> Tick(const Inputs& inputs) {
    set_inputs(inputs);
    return EndTick(block_->Advance(BeginTick()));
  }
  // The same in parts, for who ticks the cars of a block together: all begin; the block advances
  // the lanes that they name; all end with what it noticed.
  void set_inputs(const Inputs& inputs) {  // in force from the next tick on
    if (!(inputs == record_.inputs)) TakeInputs(inputs);
  }
  LaneMask BeginTick() {  // the bit of the lane; 0 while the car is held
    const bool moves = record_.race_time_ms >= 0;
    PassTicks(1);
    return moves ? lane_bit() : LaneMask{0};
  }
  std::span<const RaceEvent> EndTick(const TickResult& noticed) {
    if ((noticed.eventful() & lane_bit()) == 0 || record_.finished) return {};
    return Notice(noticed);
  }
  // What BeginTick does to the clocks, of several ticks: for whoever ends the eventful ones alone,
  // of a car that is not held.
  void PassTicks(int ticks) {
    record_.clock_ms += ticks * kTickMs;
    if (!record_.finished) record_.race_time_ms += ticks * kTickMs;
  }
  // Takes the finish of the last tick back, as C_PREVENT_SIMULATION_FINISH does: its cp time is -1
  // again and the race goes on.
  void PreventFinish();
  // To the last gate passed, standing; dropped at the start when none is. The clock runs on.
  void Respawn();

  int target() const { return track_->num_gates() * track_->laps(); }

  // The same as ReadGameState(the SimStateData of this race), without the detour; a test holds them
  // equal.
  void WriteGameState(GameState& state) const;
  GameState game_state() const {
    GameState state;
    WriteGameState(state);
    return state;
  }

 private:
  LaneMask lane_bit() const { return static_cast<LaneMask>(1 << lane_); }
  void TakeInputs(const Inputs& inputs);
  void Place(const VehicleState& vehicle);
  std::span<const RaceEvent> Notice(const TickResult& noticed);
  const Gate& next_gate() const;
  void WatchNextGate();  // whenever num_passed has changed

  std::shared_ptr<const Track> track_;
  VehicleParams params_;
  VehicleState at_start_;
  std::shared_ptr<VehicleBlock> block_;
  int lane_ = 0;
  RaceRecord record_;
  std::array<RaceEvent, 2> events_{};
};

}  // namespace hotlap::sim
