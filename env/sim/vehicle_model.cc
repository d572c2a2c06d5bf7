#include "env/sim/vehicle_model.h"

#include <cmath>

#include "env/sim/scalar_math.h"

namespace hotlap::sim {
namespace {

constexpr float kMpsPerKmh = 1.0f / 3.6f;
constexpr float kStandstillMps = 1.0f;   // brake engages reverse below this
constexpr float kUprightCosine = 0.35f;  // a car tilted further stands on no wheel
constexpr float kRpmBlend = 0.2f;        // share of the way that rpm goes in a tick
constexpr std::int32_t kLeftKey = 1, kRightKey = 2;

// Compare and select, which SIMD lanes do too.
constexpr float Least(float a, float b) { return a < b ? a : b; }
constexpr float Most(float a, float b) { return a > b ? a : b; }
constexpr float Clamp(float value, float low, float high) { return Least(Most(value, low), high); }

// Left and right: the one pressed last acts.
void NoteKeys(const Inputs& inputs, VehicleState& state) {
  const std::int32_t held = (inputs.left ? kLeftKey : 0) | (inputs.right ? kRightKey : 0);
  const std::int32_t pressed = held & ~state.held_keys;
  const std::int32_t deciding = held == (kLeftKey | kRightKey) ? pressed : held;
  if (held == 0 || deciding != 0) {
    state.steer_key = deciding == kLeftKey ? -1 : deciding == kRightKey ? 1 : 0;
  }
  state.held_keys = held;
}

void Steer(const VehicleParams& params, float wanted, VehicleState& state) {
  const bool returns =
      wanted * state.steering <= 0 || std::fabs(wanted) < std::fabs(state.steering);
  const float rate =
      (returns ? params.steer_return_rate_per_s : params.steer_rate_per_s) * kTickSeconds;
  state.steering += Clamp(wanted - state.steering, -rate, rate);
}

float FullLockAngle(const VehicleParams& params, float speed_mps) {
  const float kmh = speed_mps * 3.6f;
  std::size_t i = 1;  // the point that ends the stretch
  for (std::size_t k = 1; k + 1 < params.steer_speed_kmh.size(); ++k) {
    i += kmh > params.steer_speed_kmh[k] ? 1u : 0u;
  }
  const float from = params.steer_speed_kmh[i - 1], to = params.steer_speed_kmh[i];
  const float u = Clamp((kmh - from) / (to - from), 0, 1);
  return params.steer_angle_rad[i - 1] +
         (params.steer_angle_rad[i] - params.steer_angle_rad[i - 1]) * u;
}

// Changes gear, and gives the acceleration that the engine asks of all four wheels together.
float Drive(const VehicleParams& params, const Controls& controls, float forward_mps,
            VehicleState& state) {
  const float kmh = forward_mps * 3.6f;
  const auto gear_end = [&](int gear) {
    return params.gear_end_kmh[static_cast<std::size_t>(gear - 1)];
  };
  if (state.shift_ticks_left > 0) {
    --state.shift_ticks_left;
  } else {
    const std::int32_t before = state.gear;
    if (state.gear == 0) {
      const bool brakes_to_reverse = controls.brake > 0 && controls.throttle == 0;
      if (!brakes_to_reverse && (controls.throttle > 0 || forward_mps > kStandstillMps) &&
          forward_mps > -kStandstillMps) {
        state.gear = 1;
      }
    } else if (controls.brake > 0 && controls.throttle == 0 && forward_mps < kStandstillMps) {
      state.gear = 0;
    } else if (state.gear < kNumGears && kmh > gear_end(state.gear)) {
      ++state.gear;
    } else if (state.gear > 1 && kmh < gear_end(state.gear - 1) - params.downshift_margin_kmh) {
      --state.gear;
    }
    if (state.gear != before && state.gear > 0 && before > 0) {
      state.shift_ticks_left =
          static_cast<std::int32_t>(std::lround(params.shift_time_s / kTickSeconds));
    }
  }

  const float reference_kmh = state.gear == 0 ? params.reverse_max_kmh : gear_end(state.gear);
  const float rpm =
      Clamp(std::fabs(kmh) / reference_kmh * params.shift_rpm, params.idle_rpm, params.max_rpm);
  state.rpm += (rpm - state.rpm) * kRpmBlend;

  if (state.gear == 0) {
    const float fade = Clamp((kmh + params.reverse_max_kmh) * 0.1f, 0, 1);
    return -controls.brake * params.reverse_drive_mps2 * fade;
  }
  const auto g = static_cast<std::size_t>(state.gear - 1);
  const float start = state.gear == 1 ? 0.0f : gear_end(state.gear - 1);
  const float u = Clamp((kmh - start) / (params.gear_end_kmh[g] - start), 0, 1);
  const float fade = Clamp(
      (params.drive_fade_end_kmh - kmh) / (params.drive_fade_end_kmh - params.drive_fade_start_kmh),
      0, 1);
  const float shift = state.shift_ticks_left > 0 ? params.shift_drive_factor : 1.0f;
  return controls.throttle * fade * shift *
         (params.drive_low_mps2[g] + (params.drive_high_mps2[g] - params.drive_low_mps2[g]) * u);
}

float GripOf(const VehicleParams& params, Surface surface) {
  switch (surface) {
    case Surface::kGrass:
      return params.grip_grass;
    case Surface::kDirt:
      return params.grip_dirt;
    case Surface::kIce:
      return params.grip_ice;
    default:
      return params.grip_asphalt;
  }
}

// Forces of one tick, summed about the car's origin. World frame.
struct Load {
  Vec3 force, torque;
  void Add(Vec3 f, Vec3 at) {
    force += f;
    torque += Cross(at, f);
  }
};

// What all four wheels share in a tick.
struct Powertrain {
  float drive_per_wheel = 0;           // m/s^2
  float brake_per_wheel = 0;           // m/s^2, at most
  float brake_stiffness = 0;           // 1/s
  float engine_brake_per_wheel = 0;    // m/s^2, at most
  float engine_brake_stiffness = 0;    // 1/s
  float wheel_spin_radps = 0;          // of a wheel that rolls
  float steer_sin = 0, steer_cos = 1;  // of the front wheels, positive is right
};

void AddWheel(const VehicleParams& params, const Track& track, const BodyState& body,
              const Mat3& rotation, const Powertrain& power, std::size_t i, VehicleState& state,
              Load& load) {
  const bool is_front = i < 2;
  const Vec3 mount = rotation * params.wheel_offset_m[i];
  const RoadContact road = track.Query(body.position_m + mount, state.road_index);
  const float extension = Clamp(road.height_m - params.wheel_radius_m, -params.max_compression_m,
                                params.max_extension_m);
  WheelContact& wheel = state.wheels[i];
  wheel.extension_m = Most(extension, 0);
  wheel.is_sliding = 0;
  const Vec3 up = rotation.Column(1);
  if (!(extension < params.max_extension_m && Dot(up, road.normal) > kUprightCosine)) {
    wheel.extension_m = params.max_extension_m;
    wheel.has_contact = 0;
    wheel.material = 0;
    return;
  }
  wheel.has_contact = 1;
  wheel.material = static_cast<std::int32_t>(road.surface);
  wheel.angular_speed_radps = power.wheel_spin_radps;

  const Vec3 at = mount - road.normal * road.height_m;
  const Vec3 slip = body.velocity_mps + Cross(body.angular_velocity_radps, at);
  const float opening = Dot(slip, road.normal);
  const float spring_free = is_front ? params.spring_free_front_m : params.spring_free_rear_m;
  const float compression = Most(0, spring_free - extension);
  const float normal_load =
      Most(0, params.droop_stiffness * (params.max_extension_m - extension) +
                  params.spring_stiffness * compression - params.damping * opening);

  Vec3 across = rotation.Column(0);
  if (is_front) across = across * power.steer_cos + rotation.Column(2) * power.steer_sin;
  const Vec3 along = Normalized(Cross(across, road.normal), rotation.Column(2));
  across = Cross(road.normal, along);
  const float along_mps = Dot(slip, along);
  const float lateral = -Dot(slip, across) *
                        (is_front ? params.lateral_stiffness_front : params.lateral_stiffness_rear);
  const float longitudinal =
      power.drive_per_wheel -
      Clamp(along_mps * power.brake_stiffness, -power.brake_per_wheel, power.brake_per_wheel) -
      Clamp(along_mps * power.engine_brake_stiffness, -power.engine_brake_per_wheel,
            power.engine_brake_per_wheel);
  const float limit = normal_load * GripOf(params, road.surface);
  const float asked2 = lateral * lateral + longitudinal * longitudinal;
  float share = 1;
  if (asked2 > limit * limit) {
    share = limit / std::sqrt(asked2);
    wheel.is_sliding = 1;
  }
  load.Add(road.normal * normal_load + (along * longitudinal + across * lateral) * share, at);
}

// The corners of the body against the plane under the car's origin. Returns whether any touches.
bool AddBody(const VehicleParams& params, const RoadContact& road, const BodyState& body,
             const Mat3& rotation, Load& load) {
  const Vec3 normal_in_car = TransposeTimes(rotation, road.normal);
  bool touches = false;
  for (const Vec3& point : params.body_point_m) {
    const float height = road.height_m + Dot(point, normal_in_car);
    if (height >= 0) continue;
    touches = true;
    const Vec3 at = rotation * point;
    const Vec3 slip = body.velocity_mps + Cross(body.angular_velocity_radps, at);
    const float opening = Dot(slip, road.normal);
    const float push = Most(0, params.body_stiffness * Least(-height, params.max_compression_m) -
                                   params.body_damping * opening);
    const Vec3 scrape = slip - road.normal * opening;
    const float speed = Length(scrape);
    const float asked = speed * params.body_damping;
    const float limit = push * params.body_friction;
    const float drag = asked > limit ? limit / speed : params.body_damping;
    load.Add(road.normal * push - scrape * drag, at);
  }
  return touches;
}

// The spin of a symmetric top, exactly: with no torque the part across the roll axis turns about it
// at a rate in proportion to the roll, and nothing is gained or lost.
Vec3 Precessed(const VehicleParams& params, Vec3 spin) {
  const float ratio = 1.0f - params.inverse_inertia_pitch_yaw / params.inverse_inertia_roll;
  const float half =
      -0.5f * kTickSeconds * ratio * spin.z;  // tangent of half the turn, for turns this small
  const float scale = 1.0f / (1.0f + half * half);
  const float cosine = (1.0f - half * half) * scale, sine = 2.0f * half * scale;
  return {spin.x * cosine - spin.y * sine, spin.x * sine + spin.y * cosine, spin.z};
}

Quaternion Turned(const Quaternion& q, Vec3 spin_in_car) {
  const Vec3 h = spin_in_car * (0.5f * kTickSeconds);
  const Quaternion t{
      q.w - q.x * h.x - q.y * h.y - q.z * h.z, q.x + q.w * h.x + q.y * h.z - q.z * h.y,
      q.y + q.w * h.y + q.z * h.x - q.x * h.z, q.z + q.w * h.z + q.x * h.y - q.y * h.x};
  const float scale = 1.0f / std::sqrt(t.w * t.w + t.x * t.x + t.y * t.y + t.z * t.z);
  return {t.w * scale, t.x * scale, t.y * scale, t.z * scale};
}

// Cut to the given length; whether it was longer.
void Limit(Vec3& v, float length) {
  const float square = Dot(v, v);
  if (square > length * length) v = v * (length / std::sqrt(square));
}

void HoldInWorld(BodyState& body) {
  const Vec3 p = body.position_m;
  body.position_m = {Clamp(p.x, -kWorldLimitM, kWorldLimitM), Most(p.y, -kWorldLimitM),
                     Clamp(p.z, -kWorldLimitM, kWorldLimitM)};
}

}  // namespace

Controls ControlsOf(const Inputs& inputs, std::int32_t steer_key) {
  constexpr float kScale = 1.0f / static_cast<float>(kMaxAnalog);
  const float axis = Clamp(static_cast<float>(inputs.steer) * kScale, -1, 1);
  const float gas = Clamp(static_cast<float>(inputs.gas) * kScale, -1, 1);
  Controls controls;
  controls.steer = axis != 0 ? axis : static_cast<float>(steer_key);
  controls.throttle = gas > 0 ? gas : inputs.accelerate ? 1.0f : 0.0f;
  controls.brake = gas < 0 ? -gas : inputs.brake ? 1.0f : 0.0f;
  return controls;
}

void Advance(const VehicleParams& params, const Track& track, const Inputs& inputs,
             VehicleState& state) {
  const BodyState body = state.body;
  const Mat3 rotation = RotationOf(body.orientation);
  const Vec3 forward = rotation.Column(2);
  const float forward_mps = TransposeTimes(rotation, body.velocity_mps).z;

  NoteKeys(inputs, state);
  const Controls controls = ControlsOf(inputs, state.steer_key);
  Steer(params, controls.steer, state);
  const float drive = Drive(params, controls, forward_mps, state);
  const float angle = state.steering * FullLockAngle(params, std::fabs(forward_mps));

  Powertrain power;
  power.drive_per_wheel = drive * 0.25f;
  power.brake_per_wheel =
      0.25f * params.brake_mps2 * (state.gear == 0 ? controls.throttle : controls.brake);
  power.brake_stiffness = 0.25f * params.brake_stiffness;
  power.engine_brake_per_wheel = drive == 0 ? 0.25f * params.engine_brake_mps2 : 0.0f;
  power.engine_brake_stiffness = 0.25f * params.engine_brake_stiffness;
  power.wheel_spin_radps = forward_mps / params.wheel_radius_m;
  power.steer_sin = Sin(angle);
  power.steer_cos = Cos(angle);

  const RoadContact road = track.Query(body.position_m, state.road_index);
  state.road_index = road.index;
  Load load;
  int wheels_in_contact = 0;
  for (std::size_t i = 0; i < kNumWheels; ++i) {
    AddWheel(params, track, body, rotation, power, i, state, load);
    wheels_in_contact += state.wheels[i].has_contact;
  }
  state.has_body_contact = AddBody(params, road, body, rotation, load) ? 1 : 0;
  if (wheels_in_contact > 0 || state.has_body_contact != 0) state.has_touched_down = 1;
  if (state.has_touched_down == 0) load.force += forward * drive;
  load.force += Vec3{0, -params.gravity_mps2, 0};
  load.force += body.velocity_mps * (-params.drag_per_m * Length(body.velocity_mps));

  BodyState next = body;
  next.velocity_mps += load.force * kTickSeconds;
  const Vec3 torque = TransposeTimes(rotation, load.torque);
  Vec3 spin = Precessed(params, TransposeTimes(rotation, body.angular_velocity_radps));
  spin +=
      Vec3{torque.x * params.inverse_inertia_pitch_yaw, torque.y * params.inverse_inertia_pitch_yaw,
           torque.z * params.inverse_inertia_roll} *
      kTickSeconds;
  if (wheels_in_contact == 0)
    spin = spin * (1.0f - params.air_angular_damping_per_s * kTickSeconds);
  Limit(next.velocity_mps, params.max_linear_speed_mps);
  Limit(spin, params.max_angular_speed_radps);
  next.position_m += next.velocity_mps * kTickSeconds;
  HoldInWorld(next);
  next.orientation = Turned(body.orientation, spin);
  next.angular_velocity_radps = RotationOf(next.orientation) * spin;

  state.previous_body = body;
  state.body = next;
  state.force_mps2 = load.force;
  state.torque = load.torque;
}

VehicleState CarAt(const VehicleParams& params, const Track& track, const Pose& pose,
                   bool dropped) {
  VehicleState state;
  state.body.position_m = pose.position_m;
  state.body.orientation = QuaternionOf(pose.rotation);
  state.previous_body = state.body;
  state.rpm = params.idle_rpm;
  state.has_touched_down = dropped ? 0 : 1;
  state.road_index = track.Locate(pose.position_m);
  state.force_mps2 = {0, dropped ? -params.gravity_mps2 : 0.0f, 0};
  const Mat3 rotation = RotationOf(state.body.orientation);
  for (std::size_t i = 0; i < kNumWheels; ++i) {
    const RoadContact road =
        track.Query(pose.position_m + rotation * params.wheel_offset_m[i], state.road_index);
    const float extension = road.height_m - params.wheel_radius_m;
    WheelContact& wheel = state.wheels[i];
    wheel.has_contact = extension < params.max_extension_m ? 1 : 0;
    wheel.extension_m = Clamp(extension, 0, params.max_extension_m);
    wheel.material = wheel.has_contact != 0 ? static_cast<std::int32_t>(road.surface) : 0;
  }
  return state;
}

}  // namespace hotlap::sim
