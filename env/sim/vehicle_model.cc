#include "env/sim/vehicle_model.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "env/sim/vehicle_model.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After it:
#include "env/sim/vehicle_tick-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotlap::sim {
namespace HWY_NAMESPACE {

TickResult TickOne(const TickArguments& arguments) {
  TickResult result;
  VehicleTick<hn::CappedTag<float, 1>, 1>(arguments, 0, result).Run();
  return result;
}

// A car in its lane of a block.
TickResult TickLane(const TickArguments& arguments) {
  TickResult result;
  VehicleTick<hn::CappedTag<float, 1>, kBlockLanes>(arguments, 0, result).Run();
  return result;
}

TickResult TickBlock(const TickArguments& arguments) {
  using D = hn::CappedTag<float, kBlockLanes>;
  TickResult result;
  for (std::size_t first = 0; first < kBlockLanes; first += hn::MaxLanes(D())) {
    VehicleTick<D, kBlockLanes>(arguments, first, result).Run();
  }
  return result;
}

}  // namespace HWY_NAMESPACE
}  // namespace hotlap::sim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotlap::sim {
namespace {

HWY_EXPORT(TickOne);
HWY_EXPORT(TickLane);
HWY_EXPORT(TickBlock);

constexpr std::size_t kStateWords = sizeof(VehicleState) / sizeof(float);
constexpr std::size_t kParamWords = sizeof(VehicleParams) / sizeof(float);
static_assert(std::is_trivially_copyable_v<VehicleParams>);
using StateWords = std::array<float, kStateWords>;

// What a tick takes of the driver's wishes, word by word.
struct DriverWords {
  float axis = 0;  // analog steer; 0: the keys decide
  float throttle = 0;
  float brake = 0;
  float left = 0, right = 0;  // 1 while the key is held
};
static_assert(sizeof(DriverWords) == 5 * sizeof(float));

constexpr float Clamp(float value, float low, float high) {
  const float least = value > low ? value : low;
  return least < high ? least : high;
}

DriverWords DriverWordsOf(const Inputs& inputs) {
  constexpr float kScale = 1.0f / static_cast<float>(kMaxAnalog);
  const float axis = Clamp(static_cast<float>(inputs.steer) * kScale, -1, 1);
  const float gas = Clamp(static_cast<float>(inputs.gas) * kScale, -1, 1);
  return {axis,
          gas > 0             ? gas
          : inputs.accelerate ? 1.0f
                              : 0.0f,
          gas < 0        ? -gas
          : inputs.brake ? 1.0f
                         : 0.0f,
          inputs.left ? 1.0f : 0.0f, inputs.right ? 1.0f : 0.0f};
}

}  // namespace

Controls ControlsOf(const Inputs& inputs, std::int32_t steer_key) {
  const DriverWords words = DriverWordsOf(inputs);
  return {words.axis != 0 ? words.axis : static_cast<float>(steer_key), words.throttle,
          words.brake};
}

TickResult Advance(const VehicleParams& params, const Track& track, const Inputs& inputs,
                   VehicleState& state) {
  const Footing footing =
      track.Under(state.body.position_m, state.road_index, state.has_left_road != 0);
  state.road_index = footing.index;
  auto words = std::bit_cast<StateWords>(state);
  const DriverWords driver = DriverWordsOf(inputs);
  constexpr std::array<float, 6> kNoPlane{};
  TickResult result = HWY_DYNAMIC_DISPATCH(TickOne)({.state = words.data(),
                                                     .params = &params.gravity_mps2,
                                                     .driver = &driver.axis,
                                                     .planes = kNoPlane.data(),
                                                     .footings = &footing,
                                                     .active = 1});
  result.beyond_plane = 0;
  state = std::bit_cast<VehicleState>(words);
  return result;
}

std::int32_t TurboTicks(const VehicleParams& params) {
  return static_cast<std::int32_t>(std::lround(params.turbo_time_s / kTickSeconds));
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
  const Footing footing = track.Under(pose.position_m, state.road_index, false);
  for (std::size_t i = 0; i < kNumWheels; ++i) {
    WheelContact& wheel = state.wheels[i];
    wheel.extension_m = dropped ? params.max_extension_m
                                : (i < 2 ? params.spring_free_front_m : params.spring_free_rear_m);
    wheel.has_contact = dropped ? 0 : 1;
    wheel.material = dropped ? 0 : footing.stretch->surface;
  }
  return state;
}

VehicleBlock::VehicleBlock(const VehicleParams& params, const Track& track) {
  const VehicleState state = CarAt(params, track, track.start(), true);
  for (int lane = 0; lane < kBlockLanes; ++lane) {
    Configure(lane, params, track);
    set_state(lane, state);
  }
}

void VehicleBlock::Configure(int lane, const VehicleParams& params, const Track& track) {
  const auto words = std::bit_cast<std::array<float, kParamWords>>(params);
  const auto l = static_cast<std::size_t>(lane);
  for (std::size_t k = 0; k < kParamWords; ++k) params_[k][l] = words[k];
  tracks_[l] = &track;
}

// Words are moved as bits: some are integers.
void VehicleBlock::set_state(int lane, const VehicleState& state) {
  const auto* in = reinterpret_cast<const std::byte*>(&state);
  const auto l = static_cast<std::size_t>(lane);
  for (std::size_t k = 0; k < kStateWords; ++k) {
    std::memcpy(&state_[k][l], in + k * sizeof(float), sizeof(float));
  }
}

void VehicleBlock::set_inputs(int lane, const Inputs& inputs) {
  const auto words = std::bit_cast<std::array<float, 5>>(DriverWordsOf(inputs));
  for (std::size_t k = 0; k < words.size(); ++k)
    driver_[k][static_cast<std::size_t>(lane)] = words[k];
}

void VehicleBlock::set_plane(int lane, Vec3 position_m, Vec3 direction) {
  const std::array<float, 6> words{position_m.x, position_m.y, position_m.z,
                                   direction.x,  direction.y,  direction.z};
  for (std::size_t k = 0; k < words.size(); ++k) {
    planes_[k][static_cast<std::size_t>(lane)] = words[k];
  }
}

TickResult VehicleBlock::Advance(LaneMask lanes) {
  constexpr std::size_t kPosition = offsetof(VehicleState, body.position_m);
  constexpr std::size_t kIndex = offsetof(VehicleState, road_index) / sizeof(float);
  constexpr std::size_t kLeft = offsetof(VehicleState, has_left_road) / sizeof(float);
  if (lanes == 0) return {};
  const auto first = static_cast<std::size_t>(std::countr_zero(lanes));
  std::array<Footing, kBlockLanes> footings;
  for (std::size_t lane = first; lane < kBlockLanes; ++lane) {
    if ((lanes >> lane & 1) == 0) continue;
    auto& index = state_[kIndex][lane];
    footings[lane] = tracks_[lane]->Under(Read<Vec3>(kPosition, static_cast<int>(lane)),
                                          std::bit_cast<std::int32_t>(index),
                                          std::bit_cast<std::int32_t>(state_[kLeft][lane]) != 0);
    index = std::bit_cast<float>(footings[lane].index);
  }
  TickArguments arguments{.state = state_[0].data(),
                          .params = params_[0].data(),
                          .driver = driver_[0].data(),
                          .planes = planes_[0].data(),
                          .footings = footings.data(),
                          .active = lanes};
  if (lanes == 1u << first) {  // alone it need not wait for the others' arithmetic
    arguments.state += first;
    arguments.params += first;
    arguments.driver += first;
    arguments.planes += first;
    arguments.footings += first;
    arguments.active = 1;
    const TickResult result = HWY_DYNAMIC_DISPATCH(TickLane)(arguments);
    const auto in_lane = [first](LaneMask mask) { return static_cast<LaneMask>(mask << first); };
    return {in_lane(result.speed_limited), in_lane(result.left_world), in_lane(result.on_turbo),
            in_lane(result.against_wall), in_lane(result.beyond_plane)};
  }
  for (Footing& footing : footings) {  // resting lanes read any road
    if (footing.stretch == nullptr) footing = footings[first];
  }
  return HWY_DYNAMIC_DISPATCH(TickBlock)(arguments);
}

}  // namespace hotlap::sim
#endif  // HWY_ONCE
