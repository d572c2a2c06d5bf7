#include "agents/action_encoder.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

namespace hotlap::agents {
namespace {

using Keys = std::set<std::string, std::less<>>;

// "accelerate+left" -> {accelerate, left}; words that are no key, such as the name of the action
// without any, count for nothing.
Keys ParseKeys(std::string_view name) {
  Keys keys;
  while (!name.empty()) {
    const std::string_view word = name.substr(0, name.find('+'));
    if (word == "accelerate" || word == "brake" || word == "left" || word == "right") {
      keys.emplace(word);
    }
    name.remove_prefix(std::min(name.size(), word.size() + 1));
  }
  return keys;
}

std::string Describe(const Keys& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : "+") + key;
  return text.empty() ? "no key" : text;
}

std::int32_t FindAction(const ActionSpec& spec, const Keys& keys, std::string_view wanted_by) {
  for (std::size_t i = 0; i < spec.names.size(); ++i) {
    if (ParseKeys(spec.names[i]) == keys) return static_cast<std::int32_t>(i);
  }
  throw std::invalid_argument(std::string(wanted_by) + " needs an action '" + Describe(keys) +
                              "', which the action set '" + spec.name + "' lacks");
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
  const std::array<Keys, 3> pedals = {Keys{"brake"}, Keys{}, Keys{"accelerate"}};
  const std::array<Keys, 3> wheels = {Keys{"left"}, Keys{}, Keys{"right"}};
  for (std::size_t pedal = 0; pedal < 3; ++pedal) {
    for (std::size_t wheel = 0; wheel < 3; ++wheel) {
      Keys keys = pedals[pedal];
      keys.insert(wheels[wheel].begin(), wheels[wheel].end());
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
