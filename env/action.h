// Action sets: what an agent may ask for, and how it becomes the inputs of a game. Every action
// sets all six channels.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "env/config.h"
#include "env/inputs.h"
#include "env/spec.h"

namespace hotlap {

struct ActionSet {
  ActionKind kind = ActionKind::kDiscrete;
  // Discrete ("keys"): one combination of keys per action. By default twelve: accelerate, nothing,
  // brake, both; each with neither, left, right. None has left and right.
  std::vector<Inputs> keys = DefaultKeys();
  // Continuous ("continuous"): Box(-1, 1, (2,)) of `steer`, positive is right, and `gas`, positive
  // accelerates and negative brakes. Both go to the analog channels.

  static std::vector<Inputs> DefaultKeys();
};

// What is left out is that of `base`.
ActionSet ReadActionSet(const ConfigMap& config, const ActionSet& base = {});
ActionSpec SpecOf(const ActionSet& set);
// The inputs of each action of a discrete set, by the names in its spec. Throws
// std::invalid_argument that names the action that is no combination of keys.
std::vector<Inputs> KeysOf(const ActionSpec& spec);

// nullptr: not in the set.
inline const Inputs* InputsOf(const ActionSet& set, std::int32_t action) {
  if (action < 0 || static_cast<std::size_t>(action) >= set.keys.size()) return nullptr;
  return &set.keys[static_cast<std::size_t>(action)];
}
// A component beyond [-1, 1] counts as the bound; nullopt: one is not finite.
std::optional<Inputs> InputsOf(std::span<const float> action);

// Inputs as the car resolves them, the same for keys and analog channels: what the observation of
// past actions shows. REQUIRES: analog values within their channel; not left and right at once,
// which no action set has.
struct AppliedAction {
  float steer = 0;  // [-1, 1], positive is right
  float gas = 0;    // [0, 1]
  float brake = 0;  // [0, 1]
  friend bool operator==(const AppliedAction&, const AppliedAction&) = default;
};
// Inline: an observation asks for several.
inline AppliedAction AppliedActionOf(const Inputs& inputs) {
  assert(!(inputs.left && inputs.right));
  if ((inputs.steer | inputs.gas) == 0) {  // keys
    return {.steer = static_cast<float>(inputs.right - inputs.left),
            .gas = static_cast<float>(inputs.accelerate),
            .brake = static_cast<float>(inputs.brake)};
  }
  constexpr float kUnit = 1.0f / static_cast<float>(kMaxAnalog);
  const float steer = static_cast<float>(inputs.steer) * kUnit;
  const float gas = static_cast<float>(inputs.gas) * kUnit;
  const float keys = static_cast<float>(inputs.right) - static_cast<float>(inputs.left);
  return {.steer = steer != 0 ? steer : keys,
          .gas = gas > 0 ? gas : static_cast<float>(inputs.accelerate),
          .brake = gas < 0 ? -gas : static_cast<float>(inputs.brake)};
}

}  // namespace hotlap
