#include "env/game_state.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "env/tminterface/sim_state.h"

namespace hotlap {
namespace {

namespace layout = tminterface::layout;

constexpr std::int32_t kShifting = 1;  // gearbox_state

}  // namespace

GameState ReadGameState(const tminterface::SimStateView& view) {
  GameState state;
  // Only a normal race flags the block that holds the race time.
  state.race_time_ms = view.Has(tminterface::kHasPlayerInfo)
                           ? view.race_time_ms()
                           : view.time_ms() - tminterface::kClockOffsetMs;
  state.position_m = view.position_m();
  state.rotation = view.rotation();
  state.velocity_mps = view.velocity_mps();
  state.angular_velocity_radps = view.angular_velocity_radps();
  for (int i = 0; i < 4; ++i) {
    namespace at = layout::wheel;
    const std::size_t base = layout::wheel_offset(i);
    WheelState& wheel = state.wheels[static_cast<std::size_t>(i)];
    wheel.has_contact = view.Bool(base + at::kHasGroundContact);
    wheel.is_sliding = view.Bool(base + at::kIsSliding);
    wheel.material =
        wheel.has_contact ? static_cast<std::uint8_t>(view.wheel_material(i)) : std::uint8_t{0};
    wheel.damper_absorb_m = view.Float(base + at::kDamperAbsorb);
  }
  state.gear = view.Get(layout::kGear);
  state.rpm = view.Get(layout::kActualRpm);
  state.is_changing_gear = view.Get(layout::kGearboxState) == kShifting;
  state.is_turbo = view.Bool(layout::kSyncVehicleState + layout::vehicle::kIsTurbo);
  state.is_freewheeling = view.Get(layout::kIsFreewheeling);
  state.has_lateral_contact = view.Get(layout::kHasAnyLateralContact);
  state.inputs = {view.input_steer(), view.input_gas(),        view.input_left(),
                  view.input_right(), view.input_accelerate(), view.input_brake()};
  state.checkpoints_target = static_cast<std::int32_t>(view.num_checkpoint_times());
  for (std::size_t i = 0; i < view.num_checkpoint_times(); ++i) {
    state.checkpoints_passed += view.checkpoint_time(i).time_ms != -1 ? 1 : 0;
  }
  state.checkpoints_per_lap = static_cast<std::int32_t>(view.num_checkpoint_states());
  state.num_respawns = static_cast<std::int32_t>(view.Get(layout::kNumRespawns));
  return state;
}

bool FinitePhysics(const GameState& state) {
  // The exponent of what is not finite is all ones, and so no smaller word is: the largest decides.
  constexpr std::int32_t kInfinity = 0x7F800000, kSize = 0x7FFFFFFF;
  constexpr std::size_t kBegin = offsetof(GameState, position_m),
                        kEnd = offsetof(GameState, angular_velocity_radps) + sizeof(Vec3);
  std::array<std::int32_t, (kEnd - kBegin) / sizeof(float)> words;
  static_assert(words.size() == 3 + 9 + 3 + 3);
  std::memcpy(words.data(), reinterpret_cast<const std::byte*>(&state) + kBegin, sizeof words);
  std::int32_t largest = 0;
  for (const std::int32_t word : words) largest = std::max(largest, word & kSize);
  bool finite = largest < kInfinity && std::isfinite(state.rpm);
  for (const WheelState& wheel : state.wheels) {
    finite = finite && std::isfinite(wheel.damper_absorb_m);
  }
  return finite;
}

}  // namespace hotlap
