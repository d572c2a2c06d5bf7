#include "agents/action_encoder.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "env/action.h"

namespace hotlap::agents {
namespace {

std::int32_t FindAction(const ActionSpec& spec, const Inputs& keys, std::string_view wanted_by) {
  const std::string name =
      SpecOf(ActionSet{.kind = ActionKind::kDiscrete, .keys = {keys}}).names[0];
  const auto found = std::ranges::find(spec.names, name);
  if (found == spec.names.end()) {
    throw std::invalid_argument(std::string(wanted_by) + " needs an action '" + name +
                                "', which the action set '" + spec.name + "' lacks");
  }
  return static_cast<std::int32_t>(found - spec.names.begin());
}

std::size_t FindComponent(const ActionSpec& spec, std::string_view component,
                          std::string_view wanted_by) {
  const auto found = std::ranges::find(spec.names, component);
  if (found == spec.names.end()) {
    throw std::invalid_argument(std::string(wanted_by) + " needs the action component '" +
                                std::string(component) + "', which the action set '" + spec.name +
                                "' lacks");
  }
  return static_cast<std::size_t>(found - spec.names.begin());
}

std::size_t NearestThird(float value) { return value < -0.5f ? 0 : value > 0.5f ? 2 : 1; }

}  // namespace

ActionEncoder::ActionEncoder(const ActionSpec& spec, std::string_view wanted_by)
    : kind_(spec.kind) {
  if (kind_ == ActionKind::kContinuous) {
    num_components_ = static_cast<std::size_t>(spec.size());
    steer_component_ = FindComponent(spec, "steer", wanted_by);
    pedal_component_ = FindComponent(spec, "gas", wanted_by);
    return;
  }
  for (std::size_t pedal = 0; pedal < 3; ++pedal) {
    for (std::size_t wheel = 0; wheel < 3; ++wheel) {
      Inputs keys;
      keys.brake = pedal == 0;
      keys.accelerate = pedal == 2;
      keys.left = wheel == 0;
      keys.right = wheel == 2;
      keys_[pedal][wheel] = FindAction(spec, keys, wanted_by);
    }
  }
}

void ActionEncoder::Write(const DriverWish& wish, std::size_t row, ActionBuffer& actions) const {
  if (kind_ == ActionKind::kDiscrete) {
    actions.discrete[row] = keys_[NearestThird(wish.pedal)][NearestThird(wish.steer)];
    return;
  }
  float* const components = &actions.continuous[row * num_components_];
  components[steer_component_] = std::clamp(wish.steer, -1.0f, 1.0f);
  components[pedal_component_] = std::clamp(wish.pedal, -1.0f, 1.0f);
}

}  // namespace hotlap::agents
