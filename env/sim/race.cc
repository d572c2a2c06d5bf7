#include "env/sim/race.h"

#include <utility>

#include "env/sim/floating_point_guard.h"
#include "env/sim/vehicle_model.h"

// A member of the state of this race's car.
#define HOTLAP_CAR(member) \
  block_->Read<decltype(std::declval<VehicleState>().member)>(offsetof(VehicleState, member), lane_)

namespace hotlap::sim {
namespace {

// Three words of a car, one by one: what is put together in memory is slow to read again at once.
Vec3 VectorOf(const VehicleBlock& block, int lane, std::size_t offset) {
  return {block.Read<float>(offset, lane), block.Read<float>(offset + sizeof(float), lane),
          block.Read<float>(offset + 2 * sizeof(float), lane)};
}

}  // namespace

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
  at_start_ = CarAt(params_, *track_, track_->start(), true);
  block_->Configure(lane_, params_, *track_);
}

void Race::Place(const VehicleState& vehicle) {
  block_->set_state(lane_, vehicle);
  block_->set_inputs(lane_, record_.inputs);
  WatchNextGate();
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

// As a state with an edited position is read (ReadSimState).
void Race::MoveLeft(float left_m) {
  VehicleState car = vehicle();
  const Vec3 by_m = StartOffset(RotationOf(car.body.orientation), left_m);
  car.body.position_m += by_m;
  car.previous_body.position_m += by_m;
  car.road_index = track_->Locate(car.body.position_m);
  Place(car);
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

const Gate& Race::next_gate() const {
  return track_->gates()[static_cast<std::size_t>(record_.num_passed % track_->num_gates())];
}

void Race::WatchNextGate() {
  block_->set_plane(lane_, next_gate().position_m, next_gate().direction);
}

std::span<const RaceEvent> Race::Notice(const TickResult& noticed) {
  if ((noticed.on_turbo & lane_bit()) != 0) record_.last_turbo_ms = record_.race_time_ms;
  if ((noticed.against_wall & lane_bit()) != 0) record_.last_wall_ms = record_.race_time_ms;
  if ((noticed.beyond_plane & lane_bit()) == 0) return {};
  const Vec3 from_m = VectorOf(*block_, lane_, offsetof(VehicleState, previous_body.position_m));
  const Vec3 to_m = VectorOf(*block_, lane_, offsetof(VehicleState, body.position_m));
  if (!next_gate().Passed(from_m, to_m)) return {};
  const int gates = track_->num_gates();
  record_.times_ms[static_cast<std::size_t>(record_.num_passed)] = record_.race_time_ms;
  ++record_.num_passed;
  WatchNextGate();
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
  WatchNextGate();
}

void Race::Respawn() {
  const int gates = track_->num_gates();
  Place(
      record_.num_passed == 0
          ? at_start_
          : CarAt(params_, *track_, track_->pose_at_gate((record_.num_passed - 1) % gates), false));
  ++record_.num_respawns;
}

void Race::WriteGameState(GameState& state) const {
  state.race_time_ms = record_.race_time_ms;
  state.position_m = VectorOf(*block_, lane_, offsetof(VehicleState, body.position_m));
  state.rotation = RotationOf({HOTLAP_CAR(body.orientation.w), HOTLAP_CAR(body.orientation.x),
                               HOTLAP_CAR(body.orientation.y), HOTLAP_CAR(body.orientation.z)});
  state.velocity_mps = VectorOf(*block_, lane_, offsetof(VehicleState, body.velocity_mps));
  state.angular_velocity_radps =
      VectorOf(*block_, lane_, offsetof(VehicleState, body.angular_velocity_radps));
  for (std::size_t i = 0; i < state.wheels.size(); ++i) {
    const std::size_t at = offsetof(VehicleState, wheels) + i * sizeof(WheelContact);
    const auto word = [&](std::size_t offset) {
      return block_->Read<std::int32_t>(at + offset, lane_);
    };
    WheelState& wheel = state.wheels[i];
    wheel.has_contact = word(offsetof(WheelContact, has_contact)) != 0;
    wheel.is_sliding = word(offsetof(WheelContact, is_sliding)) != 0;
    wheel.material = static_cast<std::uint8_t>(word(offsetof(WheelContact, material)));
    wheel.damper_absorb_m = block_->Read<float>(at + offsetof(WheelContact, extension_m), lane_);
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
}

#undef HOTLAP_CAR

}  // namespace hotlap::sim
