#include "env/sim/race.h"

#include <utility>

#include "env/sim/vehicle_model.h"

namespace hotlap::sim {

Race::Race(std::shared_ptr<const Track> track, const VehicleParams& params)
    : track_(std::move(track)),
      params_(params),
      at_start_(CarAt(params_, *track_, track_->start(), true)) {
  Restart(true);
}

void Race::Restart(bool with_countdown) {
  state_ = RaceState{};
  state_.vehicle = at_start_;
  state_.race_time_ms = with_countdown ? -kCountdownMs : 0;
  state_.clock_ms = state_.race_time_ms + tminterface::kClockOffsetMs;
}

void Race::TakeInputs(const Inputs& inputs) {
  const std::int32_t stored = state_.race_time_ms + tminterface::kStoredTimeOfScriptZero;
  const auto note = [&](Channel channel, bool changed) {
    auto& time = state_.input_stored_ms[static_cast<std::size_t>(channel)];
    time = changed ? stored : time;
  };
  const Inputs& before = state_.inputs;
  note(Channel::kAccelerate, inputs.accelerate != before.accelerate);
  note(Channel::kBrake, inputs.brake != before.brake);
  note(Channel::kLeft, inputs.left != before.left);
  note(Channel::kRight, inputs.right != before.right);
  note(Channel::kSteer, inputs.steer != before.steer);
  note(Channel::kGas, inputs.gas != before.gas);
  state_.inputs = inputs;
}

std::span<const RaceEvent> Race::Tick(const Inputs& inputs) {
  TakeInputs(inputs);
  const bool held = state_.race_time_ms < 0;
  state_.clock_ms += kTickMs;
  if (!state_.finished) state_.race_time_ms += kTickMs;
  if (held) return {};
  const Vec3 from = state_.vehicle.body.position_m;
  Advance(params_, *track_, inputs, state_.vehicle);
  return state_.finished ? std::span<const RaceEvent>{} : PassGates(from);
}

std::span<const RaceEvent> Race::PassGates(Vec3 from_m) {
  const int gates = track_->num_gates();
  const auto next = static_cast<std::size_t>(state_.num_passed % gates);
  if (!track_->gates()[next].Passed(from_m, state_.vehicle.body.position_m)) return {};
  state_.times_ms[static_cast<std::size_t>(state_.num_passed)] = state_.race_time_ms;
  ++state_.num_passed;
  state_.finished = state_.num_passed == target();
  events_[0] = {state_.finished ? RaceEventKind::kFinish : RaceEventKind::kCheckpoint,
                state_.race_time_ms, state_.num_passed};
  const bool ends_lap = !state_.finished && state_.num_passed % gates == 0;
  events_[1] = {RaceEventKind::kLap, state_.race_time_ms, state_.num_passed / gates};
  return std::span<const RaceEvent>(events_).first(ends_lap ? 2 : 1);
}

void Race::PreventFinish() {
  if (!state_.finished) return;
  state_.finished = false;
  --state_.num_passed;
  state_.times_ms[static_cast<std::size_t>(state_.num_passed)] = 0;
}

void Race::Respawn() {
  const int gates = track_->num_gates();
  state_.vehicle =
      state_.num_passed == 0
          ? at_start_
          : CarAt(params_, *track_, track_->pose_at_gate((state_.num_passed - 1) % gates), false);
  ++state_.num_respawns;
}

GameState Race::game_state() const {
  const VehicleState& car = state_.vehicle;
  GameState state;
  state.race_time_ms = state_.race_time_ms;
  state.position_m = car.body.position_m;
  state.rotation = RotationOf(car.body.orientation);
  state.velocity_mps = car.body.velocity_mps;
  state.angular_velocity_radps = car.body.angular_velocity_radps;
  for (std::size_t i = 0; i < state.wheels.size(); ++i) {
    const WheelContact& wheel = car.wheels[i];
    state.wheels[i] = {wheel.has_contact != 0, wheel.is_sliding != 0,
                       static_cast<std::uint8_t>(wheel.material), wheel.extension_m};
  }
  state.gear = car.gear;
  state.rpm = car.rpm;
  state.is_changing_gear = car.shift_ticks_left > 0;
  state.has_lateral_contact = car.has_body_contact != 0;
  state.inputs = state_.inputs;
  state.checkpoints_passed = state_.num_passed;
  state.checkpoints_target = target();
  state.checkpoints_per_lap = track_->num_gates();
  state.num_respawns = state_.num_respawns;
  return state;
}

}  // namespace hotlap::sim
