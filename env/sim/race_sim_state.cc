#include "env/sim/race_sim_state.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "env/race_bounds.h"
#include "env/sim/vehicle_model.h"

namespace hotlap::sim {
namespace {

namespace layout = tminterface::layout;
using tminterface::Control;
using tminterface::SimState;
using tminterface::SimStateView;

// What of a RaceState no documented field holds, in the opaque end of the dyna block. Bump the
// version whenever a word changes its meaning.
constexpr std::uint32_t kMagic = 0x50414C48;  // "HLAP"
constexpr std::uint32_t kSimStateVersion = 3;
struct Undocumented {
  std::uint32_t magic = kMagic;
  std::uint32_t version = kSimStateVersion;
  std::uint32_t track_hash_low = 0, track_hash_high = 0;
  // What the hint and the orientation belong to: they count only while the documented fields still
  // say the same.
  Vec3 position_m;
  Quaternion orientation;
  std::int32_t road_index = 0;
  std::int32_t shift_ticks_left = 0;
  std::int32_t held_keys = 0;
  std::int32_t steer_key = 0;
  std::int32_t has_touched_down = 0;
  std::int32_t has_left_road = 0;
  std::int32_t turbo_ticks_left = 0;
  std::int32_t turbo_surface = 0;
};
static_assert(sizeof(Undocumented) <= layout::kDynaRestSize);
static_assert(sizeof(Undocumented) == 19 * sizeof(float),
              "Undocumented changed: bump kSimStateVersion");

constexpr std::int32_t kNever = -1;

struct InputPlace {
  std::size_t offset;
  Control control;
};
constexpr std::array<InputPlace, kNumChannels> kInputPlaces{{
    {layout::kEventAccelerate, Control::kAccelerate},
    {layout::kEventBrake, Control::kBrake},
    {layout::kEventLeft, Control::kSteerLeft},
    {layout::kEventRight, Control::kSteerRight},
    {layout::kEventSteer, Control::kSteer},
    {layout::kEventGas, Control::kGas},
}};

std::int32_t ValueOf(const Inputs& inputs, Channel channel) {
  switch (channel) {
    case Channel::kAccelerate:
      return inputs.accelerate;
    case Channel::kBrake:
      return inputs.brake;
    case Channel::kLeft:
      return inputs.left;
    case Channel::kRight:
      return inputs.right;
    case Channel::kSteer:
      return inputs.steer;
    case Channel::kGas:
      return inputs.gas;
  }
  return 0;
}

std::uint32_t Packed(Control control, std::int32_t value) {
  const int index = static_cast<int>(control);
  return control == Control::kSteer || control == Control::kGas
             ? tminterface::PackAnalog(index, value)
             : tminterface::PackBinary(index, value != 0);
}

Mat3 InverseInertia(const VehicleParams& params, const Mat3& r) {
  const float a = params.inverse_inertia_pitch_yaw, c = params.inverse_inertia_roll;
  Mat3 m;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      m.m[i][j] = r.m[i][0] * a * r.m[j][0] + r.m[i][1] * a * r.m[j][1] + r.m[i][2] * c * r.m[j][2];
    }
  }
  return m;
}

// ---- Writing

void WriteTimers(const RaceState& state, SimState& out) {
  const std::int32_t now = state.clock_ms;
  const auto set = [&](std::size_t word, std::int32_t value) {
    out.SetInt32(layout::kTimers + 4 * word, value);
  };
  for (const std::size_t triple : {0u, 3u, 6u, 12u}) {
    set(triple, now + kTickMs);
    set(triple + 1, now);
    set(triple + 2, 0);
  }
  const std::int32_t hundred = (now / 100 + 1) * 100;
  set(9, hundred + 100);
  set(10, hundred);
  set(11, 0);
}

void WriteBody(const VehicleParams& params, const BodyState& body, Vec3 force, Vec3 torque,
               std::size_t base, SimState& out) {
  namespace at = layout::body;
  const Quaternion& q = body.orientation;
  const Mat3 rotation = RotationOf(q);
  const float wxyz[4] = {q.w, q.x, q.y, q.z};
  for (std::size_t i = 0; i < 4; ++i) out.SetFloat(base + at::kQuat + 4 * i, wxyz[i]);
  out.SetMatrix(base + at::kRotation, rotation);
  out.SetVector(base + at::kPosition, body.position_m);
  out.SetVector(base + at::kLinearSpeed, body.velocity_mps);
  out.SetVector(base + at::kAngularSpeed, body.angular_velocity_radps);
  out.SetVector(base + at::kForce, force);
  out.SetVector(base + at::kTorque, torque);
  out.SetMatrix(base + at::kInverseInertia, InverseInertia(params, rotation));
  out.SetVector(base + at::kNotTweakedLinearSpeed, body.velocity_mps);
}

void WriteVehicle(const Race& race, SimState& out) {
  const VehicleParams& params = race.params();
  const VehicleState car = race.vehicle();
  const Controls controls = ControlsOf(race.record().inputs, car.steer_key);
  const Mat3 before = RotationOf(car.previous_body.orientation);
  const Vec3 local_before = TransposeTimes(before, car.previous_body.velocity_mps);
  const Vec3 local = TransposeTimes(RotationOf(car.body.orientation), car.body.velocity_mps);
  const std::int32_t gearbox_state = car.shift_ticks_left > 0 ? 1 : 0;
  bool is_sliding = false;
  for (const WheelContact& wheel : car.wheels) is_sliding |= wheel.is_sliding != 0;

  out.Set(layout::kInputGas, controls.throttle);
  out.Set(layout::kInputBrake, controls.brake);
  out.Set(layout::kInputSteer, controls.steer);
  out.Set(layout::kHornLimit, 3);
  out.Set(layout::kQuality, 2);
  out.Set(layout::kMaxLinearSpeed, params.max_linear_speed_mps);
  out.Set(layout::kGearboxState, gearbox_state);
  out.Set(layout::kBlockFlags, 4);
  const auto write_state = [&](std::size_t base, Vec3 speed) {
    namespace at = layout::vehicle;
    out.SetFloat(base + at::kSpeedForward, speed.z);
    out.SetFloat(base + at::kSpeedSideward, speed.x);
    out.SetFloat(base + at::kInputSteer, controls.steer);
    out.SetFloat(base + at::kInputGas, controls.throttle);
    out.SetFloat(base + at::kInputBrake, controls.brake);
    out.SetBool(base + at::kIsTurbo, car.turbo_ticks_left > 0);
    out.SetFloat(base + at::kRpm, car.rpm);
    out.SetInt32(base + at::kGear, car.gear);
    out.SetInt32(base + at::kGearboxState, gearbox_state);
  };
  write_state(layout::kPrevSyncVehicleState, local_before);
  write_state(layout::kSyncVehicleState, local);
  write_state(layout::kAsyncVehicleState, local);
  write_state(layout::kPrevAsyncVehicleState, local_before);
  out.Set(layout::kMaxRpm, params.max_rpm);
  out.Set(layout::kClampedRpm, car.rpm);
  out.Set(layout::kActualRpm, car.rpm);
  out.Set(layout::kSlideFactor, 1.0f);
  out.Set(layout::kGear, car.gear);
  out.Set(layout::kHasAnyLateralContact, car.has_wall_contact != 0);
  out.Set(layout::kLastHasAnyLateralContactTime, race.record().last_wall_ms);
  out.Set(layout::kTurningRate, car.steering);
  out.Set(layout::kIsSliding, is_sliding);
  out.Set(layout::kIsFreewheeling, car.is_freewheeling != 0);
  out.Set(layout::kTurboType, car.turbo_surface == static_cast<int>(Surface::kTurbo2)  ? 2
                              : car.turbo_surface == static_cast<int>(Surface::kTurbo) ? 1
                                                                                       : 0);
  out.Set(layout::kTurboBoostFactor, car.turbo_ticks_left > 0 ? 1.0f : 0.0f);
  out.Set(layout::kLastTurboTime, race.record().last_turbo_ms);
  out.Set(layout::kLastTurboTypeChangeTime, race.record().last_turbo_ms);
  out.Set(layout::kCurrentLocalSpeed, local_before);
  out.Set(layout::kTotalCentralForceAdded,
          TransposeTimes(before, car.force_mps2 + Vec3{0, params.gravity_mps2, 0}));
}

void WriteWheels(const Race& race, SimState& out) {
  namespace at = layout::wheel;
  const VehicleParams& params = race.params();
  const VehicleState car = race.vehicle();
  const Mat3 rotation = RotationOf(car.body.orientation);
  const Mat3 before = RotationOf(car.previous_body.orientation);
  const Vec3 road_normal = race.track()
                               .Under(car.body.position_m, car.road_index, car.has_left_road != 0)
                               .stretch->normal[0];
  const Vec3 rotz_axis{before.m[0][0], before.m[0][1], before.m[0][2]};
  for (int i = 0; i < kNumWheels; ++i) {
    const std::size_t base = layout::wheel_offset(i);
    const WheelContact& wheel = car.wheels[static_cast<std::size_t>(i)];
    const Vec3 mount = params.wheel_offset_m[static_cast<std::size_t>(i)];
    const Vec3 normal = wheel.has_contact != 0 ? TransposeTimes(rotation, road_normal) : Vec3{};
    out.SetBool(base + at::kSteerable, i < 2);
    out.SetFloat(base + at::kRadius, params.wheel_radius_m);
    out.SetMatrix(base + at::kSurfaceHandlerRotation, Mat3{});
    out.SetVector(base + at::kSurfaceHandlerPosition, mount - Vec3{0, wheel.extension_m, 0});
    out.SetFloat(base + at::kField160, 1.0f);
    out.SetFloat(base + at::kField164, 1.0f);
    out.SetVector(base + at::kOffsetFromVehicle, mount);
    out.SetFloat(base + at::kDamperAbsorb, wheel.extension_m);
    out.SetFloat(base + at::kAngularSpeed, wheel.angular_speed_radps);
    out.SetBool(base + at::kHasGroundContact, wheel.has_contact != 0);
    out.SetInt32(base + at::kContactMaterial, wheel.material);
    out.SetBool(base + at::kIsSliding, wheel.is_sliding != 0);
    out.SetVector(base + at::kRelativeRotzAxis, rotz_axis);
    out.SetInt32(base + at::kNumGroundContacts, wheel.has_contact);
    out.SetVector(base + at::kContactNormal, normal);
  }
}

void WritePlayer(const Race& race, SimState& out) {
  const RaceRecord& state = race.record();
  const int gates = race.track().num_gates();
  const int lap = state.num_passed / gates;
  const std::int32_t lap_start =
      lap == 0 ? 0 : state.times_ms[static_cast<std::size_t>(lap * gates - 1)];
  out.Set(layout::kPrevRaceTime, kNever);
  out.Set(layout::kRaceStartTime, kCountdownMs);
  out.Set(layout::kRaceTime, state.race_time_ms);
  out.Set(layout::kRaceBestTime, kNever);
  out.Set(layout::kLapStartTime, lap_start + kCountdownMs);
  out.Set(layout::kLapTime, state.race_time_ms - lap_start);
  out.Set(layout::kLapBestTime, kNever);
  out.Set(layout::kCurCheckpoint, state.num_passed);
  out.Set(layout::kCurrentTime, state.race_time_ms);
  out.Set(layout::kRaceState, state.finished ? 2 : state.race_time_ms < 0 ? 0 : 1);
  out.Set(layout::kCurLapCheckpointCount, state.num_passed - lap * gates);
  out.Set(layout::kCurCheckpointCount, state.num_passed);
  out.Set(layout::kCurLap, lap);
  out.Set(layout::kRaceFinished, state.finished);
  out.Set(layout::kDisplaySpeed,
          static_cast<std::int32_t>(Length(race.vehicle().body.velocity_mps) * 3.6f));
  out.Set(layout::kFinishNotPassed, !state.finished);
  out.Set(layout::kCountdownTime, kCountdownMs);
  out.SetInt32(layout::kPlayerInfoRest, state.race_time_ms);
}

void WriteInputs(const RaceRecord& state, SimState& out) {
  out.SetEvent(layout::kEventRunning,
               {tminterface::kStoredTimeOfRaceStart, Packed(Control::kIsRaceRunning, 1)});
  out.SetEvent(layout::kEventFinish,
               state.finished
                   ? tminterface::Event{state.race_time_ms + tminterface::kStoredTimeOfRaceStart,
                                        Packed(Control::kFinishLine, 1)}
                   : tminterface::Event{});
  for (std::size_t i = 0; i < kNumChannels; ++i) {
    const std::int32_t stored = state.input_stored_ms[i];
    const std::int32_t value = ValueOf(state.inputs, static_cast<Channel>(i));
    out.SetEvent(kInputPlaces[i].offset,
                 stored == 0 && value == 0
                     ? tminterface::Event{}
                     : tminterface::Event{stored, Packed(kInputPlaces[i].control, value)});
  }
}

void WriteCheckpoints(const Race& race, SimState& out) {
  const RaceRecord& state = race.record();
  const int gates = race.track().num_gates();
  const int passed_in_lap = state.finished ? gates : state.num_passed % gates;
  for (int i = 0; i < gates; ++i) {
    out.SetCheckpointState(static_cast<std::size_t>(i), i < passed_in_lap);
  }
  for (int i = 0; i < race.target(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    out.SetCheckpointTime(k, {i < state.num_passed ? state.times_ms[k] : kNever, 0});
  }
}

// ---- Reading

class StateReader {
 public:
  StateReader(const SimStateView& view, std::string& why_not) : view_(view), why_not_(why_not) {}

  bool ok() const { return ok_; }
  void Require(bool ok, const std::string& reason) {
    if (ok || !ok_) return;
    why_not_ = reason;
    ok_ = false;
  }
  float Float(std::size_t offset, float limit, const char* field) {
    const float value = view_.Float(offset);
    if (!(value >= -limit && value <= limit)) {  // NaN too
      Require(false, std::string(field) + ": must be finite and within +-" + std::to_string(limit));
      return 0;
    }
    return value;
  }
  Vec3 Vector(std::size_t offset, float limit, const char* field) {
    return {Float(offset, limit, field), Float(offset + 4, limit, field),
            Float(offset + 8, limit, field)};
  }

 private:
  const SimStateView& view_;
  std::string& why_not_;
  bool ok_ = true;
};

// quat and rotation say the same twice. A client that edits may change one alone: then that one
// counts. `known` is the quaternion that was written, when that is known.
Quaternion ReadOrientation(StateReader& in, const SimStateView& view, std::size_t base,
                           const Quaternion* known) {
  const std::size_t at = base + layout::body::kQuat;
  const Quaternion q{in.Float(at, 2, "dyna.quat"), in.Float(at + 4, 2, "dyna.quat"),
                     in.Float(at + 8, 2, "dyna.quat"), in.Float(at + 12, 2, "dyna.quat")};
  for (std::size_t i = 0; i < 9; ++i) {
    in.Float(base + layout::body::kRotation + 4 * i, 2, "dyna.rotation");
  }
  if (!in.ok()) return {};
  const Mat3 rotation = view.Matrix(base + layout::body::kRotation);
  if (known != nullptr && q == *known && !(rotation == RotationOf(q)))
    return QuaternionOf(rotation);
  const float square = q.w * q.w + q.x * q.x + q.y * q.y + q.z * q.z;
  if (std::fabs(square - 1) < 1e-4f) return q;
  in.Require(square > 0.01f, "dyna.quat: must not be zero");
  const float scale = 1.0f / std::sqrt(square > 0.01f ? square : 1.0f);
  return {q.w * scale, q.x * scale, q.y * scale, q.z * scale};
}

BodyState ReadBody(StateReader& in, const SimStateView& view, std::size_t base,
                   const Quaternion* known) {
  namespace at = layout::body;
  BodyState body;
  body.orientation = ReadOrientation(in, view, base, known);
  body.position_m = in.Vector(base + at::kPosition, kWorldLimitM, "dyna.position");
  body.velocity_mps = in.Vector(base + at::kLinearSpeed, kMaxStateSpeedMps, "dyna.linear_speed");
  body.angular_velocity_radps =
      in.Vector(base + at::kAngularSpeed, kMaxStateSpinRadps, "dyna.angular_speed");
  return body;
}

void ReadWheels(StateReader& in, const SimStateView& view, VehicleState& car) {
  namespace at = layout::wheel;
  constexpr float kAny = std::numeric_limits<float>::max();
  for (int i = 0; i < kNumWheels; ++i) {
    const std::size_t base = layout::wheel_offset(i);
    WheelContact& wheel = car.wheels[static_cast<std::size_t>(i)];
    wheel.extension_m = in.Float(base + at::kDamperAbsorb, kAny, "simulation_wheels.damper_absorb");
    wheel.angular_speed_radps =
        in.Float(base + at::kAngularSpeed, kAny, "simulation_wheels.angular_speed");
    wheel.has_contact = view.Bool(base + at::kHasGroundContact) ? 1 : 0;
    wheel.is_sliding = view.Bool(base + at::kIsSliding) ? 1 : 0;
    wheel.material = wheel.has_contact != 0 ? view.wheel_material(i) : 0;
  }
}

void ReadInputs(const SimStateView& view, RaceState& state) {
  state.inputs = {view.input_steer(), view.input_gas(),        view.input_left(),
                  view.input_right(), view.input_accelerate(), view.input_brake()};
  for (std::size_t i = 0; i < kNumChannels; ++i) {
    state.input_stored_ms[i] = view.EventAt(kInputPlaces[i].offset).stored_time_ms;
  }
}

// What a real game's state does not say: a plausible guess from what it does say.
Undocumented GuessUndocumented(const Race& race, const SimStateView& view, const RaceState& state) {
  Undocumented guess;
  guess.shift_ticks_left = view.Get(layout::kGearboxState) == 1 ? 1 : 0;
  guess.held_keys = (state.inputs.left ? 1 : 0) | (state.inputs.right ? 2 : 0);
  const bool right_is_later = state.input_stored_ms[static_cast<std::size_t>(Channel::kRight)] >
                              state.input_stored_ms[static_cast<std::size_t>(Channel::kLeft)];
  guess.steer_key = guess.held_keys == 3   ? (right_is_later ? 1 : -1)
                    : guess.held_keys == 2 ? 1
                    : guess.held_keys == 1 ? -1
                                           : 0;
  guess.has_touched_down = state.race_time_ms > 0 ? 1 : 0;
  guess.road_index = race.track().Locate(state.vehicle.body.position_m);
  guess.has_left_road = 1;
  if (view.Bool(layout::kSyncVehicleState + layout::vehicle::kIsTurbo)) {
    guess.turbo_surface = static_cast<std::int32_t>(
        view.Get(layout::kTurboType) == 2 ? Surface::kTurbo2 : Surface::kTurbo);
    const std::int64_t ago_ms = std::int64_t{state.race_time_ms} - view.Get(layout::kLastTurboTime);
    const std::int32_t full = std::max(TurboTicks(race.params()), 1);
    guess.turbo_ticks_left =
        static_cast<std::int32_t>(std::clamp<std::int64_t>(full - ago_ms / kTickMs, 1, full));
  }
  return guess;
}

}  // namespace

void WriteSimState(const Race& race, tminterface::ContextMode mode, tminterface::SimState& out) {
  const RaceState state = race.state();
  const VehicleState& car = state.vehicle;
  const bool run = mode == tminterface::ContextMode::kRun;
  out.Set(layout::kContextMode, static_cast<std::int32_t>(mode));
  out.Set(layout::kFlags, run ? tminterface::kRunModeFlags
                              : tminterface::kRunModeFlags & ~tminterface::kHasPlayerInfo);
  WriteTimers(state, out);
  // The game's temp state repeats the previous one.
  WriteBody(race.params(), car.previous_body, {}, {}, layout::kDynaPrevious, out);
  WriteBody(race.params(), car.body, car.force_mps2, car.torque, layout::kDynaCurrent, out);
  WriteBody(race.params(), car.previous_body, {}, {}, layout::kDynaTemp, out);
  WriteVehicle(race, out);
  WriteWheels(race, out);
  WritePlayer(race, out);
  WriteInputs(state, out);
  out.Set(layout::kNumRespawns, static_cast<std::uint32_t>(state.num_respawns));
  WriteCheckpoints(race, out);

  Undocumented rest;
  rest.track_hash_low = static_cast<std::uint32_t>(race.track().hash());
  rest.track_hash_high = static_cast<std::uint32_t>(race.track().hash() >> 32);
  rest.position_m = car.body.position_m;
  rest.orientation = car.body.orientation;
  rest.road_index = car.road_index;
  rest.shift_ticks_left = car.shift_ticks_left;
  rest.held_keys = car.held_keys;
  rest.steer_key = car.steer_key;
  rest.has_touched_down = car.has_touched_down;
  rest.has_left_road = car.has_left_road;
  rest.turbo_ticks_left = car.turbo_ticks_left;
  rest.turbo_surface = car.turbo_surface;
  out.SetBytes(layout::kDynaRest, std::as_bytes(std::span(&rest, 1)));
}

std::optional<RaceState> ReadSimState(const Race& race, const tminterface::SimStateView& view,
                                      std::string& why_not) {
  const Track& track = race.track();
  StateReader in(view, why_not);
  in.Require(view.num_checkpoint_states() == static_cast<std::size_t>(track.num_gates()),
             "cp_states: " + std::to_string(view.num_checkpoint_states()) +
                 " entries, this track has " + std::to_string(track.num_gates()));
  in.Require(view.num_checkpoint_times() == static_cast<std::size_t>(race.target()),
             "cp_times: " + std::to_string(view.num_checkpoint_times()) +
                 " entries, this track has " + std::to_string(race.target()));
  for (const std::uint32_t flag : {tminterface::kHasTimers, tminterface::kHasDyna,
                                   tminterface::kHasSceneMobil, tminterface::kHasWheels}) {
    in.Require(view.Has(flag), "flags: the timers, dyna, scene_mobil and wheels must be there");
  }
  if (!in.ok()) return std::nullopt;

  Undocumented rest;
  std::memcpy(&rest, view.bytes().data() + layout::kDynaRest, sizeof rest);
  const bool ours = rest.magic == kMagic && rest.version == kSimStateVersion &&
                    rest.track_hash_low == static_cast<std::uint32_t>(track.hash()) &&
                    rest.track_hash_high == static_cast<std::uint32_t>(track.hash() >> 32) &&
                    track.IsHint(rest.road_index) && rest.shift_ticks_left >= 0 &&
                    rest.shift_ticks_left <= kMaxStateShiftTicks && (rest.held_keys & ~3) == 0 &&
                    rest.steer_key >= -1 && rest.steer_key <= 1 && rest.turbo_ticks_left >= 0 &&
                    rest.turbo_ticks_left <= kMaxStateTurboTicks;

  RaceState state;
  VehicleState& car = state.vehicle;
  car.body = ReadBody(in, view, layout::kDynaCurrent, ours ? &rest.orientation : nullptr);
  car.previous_body = ReadBody(in, view, layout::kDynaPrevious, nullptr);
  constexpr float kAny = std::numeric_limits<float>::max();
  car.force_mps2 = in.Vector(layout::kDynaCurrent + layout::body::kForce, kAny, "dyna.force");
  car.torque = in.Vector(layout::kDynaCurrent + layout::body::kTorque, kAny, "dyna.torque");
  ReadWheels(in, view, car);
  car.steering = in.Float(layout::kTurningRate.offset, kAny, "scene_mobil.turning_rate");
  car.steering = car.steering < -1 ? -1.0f : car.steering > 1 ? 1.0f : car.steering;
  car.rpm = in.Float(layout::kActualRpm.offset, kMaxStateRpm, "engine.actual_rpm");
  car.gear = view.Get(layout::kGear);
  in.Require(car.gear >= 0 && car.gear <= kNumGears, "engine.gear: must be from 0 to 5");
  car.has_wall_contact = view.Get(layout::kHasAnyLateralContact) ? 1 : 0;
  car.is_freewheeling = view.Get(layout::kIsFreewheeling) ? 1 : 0;

  state.clock_ms = view.time_ms();
  // Simulation mode does not flag the player block, but our own states fill it.
  state.race_time_ms = ours || view.Has(tminterface::kHasPlayerInfo)
                           ? view.Get(layout::kRaceTime)
                           : state.clock_ms - tminterface::kClockOffsetMs;
  for (const std::int32_t time : {state.clock_ms, state.race_time_ms}) {
    in.Require(IsRaceClock(time), "race_time: must be a multiple of 10 ms from -2610 to 10^9");
  }
  ReadInputs(view, state);
  // A real game may have anything here.
  const auto past = [](std::int32_t time_ms) { return IsPassTime(time_ms) ? time_ms : kNever; };
  state.last_turbo_ms = past(view.Get(layout::kLastTurboTime));
  state.last_wall_ms = past(view.Get(layout::kLastHasAnyLateralContactTime));
  state.num_respawns = static_cast<std::int32_t>(view.Get(layout::kNumRespawns));
  in.Require(IsRespawnCount(state.num_respawns), "num_respawns: must be from 0 to 10^9");
  for (std::size_t i = 0; i < view.num_checkpoint_times(); ++i) {
    const std::int32_t time = view.checkpoint_time(i).time_ms;
    if (time == kNever) continue;
    in.Require(IsPassTime(time), "cp_times: must be -1 or a multiple of 10 ms from 0 to 10^9");
    state.times_ms[static_cast<std::size_t>(state.num_passed++)] = time;
  }
  state.finished = state.num_passed == race.target();
  if (!in.ok()) return std::nullopt;

  if (!ours) rest = GuessUndocumented(race, view, state);
  car.road_index = !ours || rest.position_m == car.body.position_m
                       ? rest.road_index
                       : track.Locate(car.body.position_m);
  car.shift_ticks_left =
      view.Get(layout::kGearboxState) == 1 ? std::max(rest.shift_ticks_left, 1) : 0;
  car.held_keys = rest.held_keys;
  car.steer_key = rest.steer_key;
  car.has_touched_down = rest.has_touched_down != 0 ? 1 : 0;
  car.has_left_road = rest.has_left_road != 0 ? 1 : 0;
  car.turbo_ticks_left =
      view.Bool(layout::kSyncVehicleState + layout::vehicle::kIsTurbo) ? rest.turbo_ticks_left : 0;
  car.turbo_surface = rest.turbo_surface;
  return state;
}

}  // namespace hotlap::sim
