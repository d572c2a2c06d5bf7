#include "env/game_state.h"

#include <cmath>
#include <cstddef>

#include "env/tminterface/sim_state.h"

namespace hotlap {
namespace {

namespace layout = tminterface::layout;

constexpr std::int32_t kShifting = 1;  // gearbox_state

bool Finite(Vec3 v) { return std::isfinite(v.x) && std::isfinite(v.y) && std::isfinite(v.z); }

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
  bool finite = Finite(state.position_m) && Finite(state.velocity_mps) &&
                Finite(state.angular_velocity_radps) && std::isfinite(state.rpm);
  for (int j = 0; j < 3; ++j) finite = finite && Finite(state.rotation.Column(j));
  for (const WheelState& wheel : state.wheels) {
    finite = finite && std::isfinite(wheel.damper_absorb_m);
  }
  return finite;
}

}  // namespace hotlap
