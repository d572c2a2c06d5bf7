#include "env/sim/race.h"

#include <utility>

#include "env/sim/floating_point_guard.h"
#include "env/sim/vehicle_model.h"

// A member of the state of this race's car.
#define HOTLAP_CAR(member) \
  block_->Read<decltype(std::declval<VehicleState>().member)>(offsetof(VehicleState, member), lane_)

namespace hotlap::sim {

Race::Race(const std::shared_ptr<const Track>& track, const VehicleParams& params)
    : Race(track, params, std::make_shared<VehicleBlock>(params, *track), 0) {}

Race::Race(std::shared_ptr<const Track> track, const VehicleParams& params,
           std::shared_ptr<VehicleBlock> block, int lane)
    : track_(std::move(track)), block_(std::move(block)), lane_(lane) {
  const FloatingPointGuard guard;
  Configure(params);
  Restart(true);
}

void Race::Configure(const VehicleParams& params) {
  params_ = params;
  // 0, the ticks left of a car without a boost, when pads do not push.
  full_turbo_ticks_ = params_.turbo_time_s > 0 ? TurboTicks(params_) : -1;
  at_start_ = CarAt(params_, *track_, track_->start(), true);
  block_->Configure(lane_, params_, *track_);
}

void Race::Place(const VehicleState& vehicle) {
  block_->set_state(lane_, vehicle);
  block_->set_inputs(lane_, record_.inputs);
}

void Race::set_state(const RaceState& state) {
  record_ = state;
  Place(state.vehicle);
}

void Race::Restart(bool with_countdown) {
  record_ = RaceRecord{};
  record_.race_time_ms = with_countdown ? -kCountdownMs : 0;
  record_.clock_ms = record_.race_time_ms + tminterface::kClockOffsetMs;
  Place(at_start_);
}

void Race::TakeInputs(const Inputs& inputs) {
  const std::int32_t stored = record_.race_time_ms + tminterface::kStoredTimeOfScriptZero;
  const auto note = [&](Channel channel, bool changed) {
    auto& time = record_.input_stored_ms[static_cast<std::size_t>(channel)];
    time = changed ? stored : time;
  };
  const Inputs& before = record_.inputs;
  note(Channel::kAccelerate, inputs.accelerate != before.accelerate);
  note(Channel::kBrake, inputs.brake != before.brake);
  note(Channel::kLeft, inputs.left != before.left);
  note(Channel::kRight, inputs.right != before.right);
  note(Channel::kSteer, inputs.steer != before.steer);
  note(Channel::kGas, inputs.gas != before.gas);
  record_.inputs = inputs;
  block_->set_inputs(lane_, inputs);
}

LaneMask Race::BeginTick(const Inputs& inputs) {
  if (!(inputs == record_.inputs)) TakeInputs(inputs);
  has_moved_ = record_.race_time_ms >= 0;
  record_.clock_ms += kTickMs;
  if (!record_.finished) record_.race_time_ms += kTickMs;
  return has_moved_ ? static_cast<LaneMask>(1 << lane_) : LaneMask{0};
}

std::span<const RaceEvent> Race::EndTick() {
  if (!has_moved_ || record_.finished) return {};
  if (HOTLAP_CAR(turbo_ticks_left) == full_turbo_ticks_) {
    record_.last_turbo_ms = record_.race_time_ms;
  }
  if (HOTLAP_CAR(has_wall_contact) != 0) record_.last_wall_ms = record_.race_time_ms;
  const int gates = track_->num_gates();
  const auto next = static_cast<std::size_t>(record_.num_passed % gates);
  const Vec3 from_m = HOTLAP_CAR(previous_body.position_m), to_m = HOTLAP_CAR(body.position_m);
  if (!track_->gates()[next].Passed(from_m, to_m)) return {};
  record_.times_ms[static_cast<std::size_t>(record_.num_passed)] = record_.race_time_ms;
  ++record_.num_passed;
  record_.finished = record_.num_passed == target();
  events_[0] = {record_.finished ? RaceEventKind::kFinish : RaceEventKind::kCheckpoint,
                record_.race_time_ms, record_.num_passed};
  const bool ends_lap = !record_.finished && record_.num_passed % gates == 0;
  events_[1] = {RaceEventKind::kLap, record_.race_time_ms, record_.num_passed / gates};
  return std::span<const RaceEvent>(events_).first(ends_lap ? 2 : 1);
}

void Race::PreventFinish() {
  if (!record_.finished) return;
  record_.finished = false;
  --record_.num_passed;
  record_.times_ms[static_cast<std::size_t>(record_.num_passed)] = 0;
}

void Race::Respawn() {
  const int gates = track_->num_gates();
  Place(
      record_.num_passed == 0
          ? at_start_
          : CarAt(params_, *track_, track_->pose_at_gate((record_.num_passed - 1) % gates), false));
  ++record_.num_respawns;
}

GameState Race::game_state() const {
  const BodyState body = HOTLAP_CAR(body);
  const auto wheels = HOTLAP_CAR(wheels);
  GameState state;
  state.race_time_ms = record_.race_time_ms;
  state.position_m = body.position_m;
  state.rotation = RotationOf(body.orientation);
  state.velocity_mps = body.velocity_mps;
  state.angular_velocity_radps = body.angular_velocity_radps;
  for (std::size_t i = 0; i < state.wheels.size(); ++i) {
    const WheelContact& wheel = wheels[i];
    state.wheels[i] = {wheel.has_contact != 0, wheel.is_sliding != 0,
                       static_cast<std::uint8_t>(wheel.material), wheel.extension_m};
  }
  state.gear = HOTLAP_CAR(gear);
  state.rpm = HOTLAP_CAR(rpm);
  state.is_changing_gear = HOTLAP_CAR(shift_ticks_left) > 0;
  state.is_turbo = HOTLAP_CAR(turbo_ticks_left) > 0;
  state.is_freewheeling = HOTLAP_CAR(is_freewheeling) != 0;
  state.has_lateral_contact = HOTLAP_CAR(has_wall_contact) != 0;
  state.inputs = record_.inputs;
  state.checkpoints_passed = record_.num_passed;
  state.checkpoints_target = target();
  state.checkpoints_per_lap = track_->num_gates();
  state.num_respawns = record_.num_respawns;
  return state;
}

#undef HOTLAP_CAR

}  // namespace hotlap::sim
