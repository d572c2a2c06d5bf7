#include "env/action.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace hotlap {
namespace {

constexpr std::size_t kMaxKeyActions = 256;
constexpr const char* kNoKey = "none";

struct NamedKey {
  std::string_view name;
  bool Inputs::*key;
};
constexpr NamedKey kKeys[] = {{"accelerate", &Inputs::accelerate},
                              {"brake", &Inputs::brake},
                              {"left", &Inputs::left},
                              {"right", &Inputs::right}};

std::string NameOf(const Inputs& inputs) {
  std::string name;
  for (const NamedKey& key : kKeys) {
    if (inputs.*key.key) name += (name.empty() ? "" : "+") + std::string(key.name);
  }
  return name.empty() ? kNoKey : name;
}

// Which of them acts depends on what was pressed before: no action of its own.
bool SteersBothWays(const Inputs& inputs) { return inputs.left && inputs.right; }

// "accelerate+left"; nullopt when a word is no key or comes twice.
std::optional<Inputs> ParseKeys(std::string_view text) {
  Inputs inputs;
  if (text == kNoKey) return inputs;
  while (true) {
    const std::string_view word = text.substr(0, text.find('+'));
    const auto found = std::ranges::find(kKeys, word, &NamedKey::name);
    if (found == std::end(kKeys) || inputs.*found->key) return std::nullopt;
    inputs.*found->key = true;
    if (word.size() == text.size()) return inputs;
    text.remove_prefix(word.size() + 1);
  }
}

// The nearest of the channel's integers; halves go away from zero. In double, where the sum with a
// half is exact.
std::int32_t Analog(float value) {
  const double scaled = static_cast<double>(std::clamp(value, -1.0f, 1.0f)) * kMaxAnalog;
  return static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
}

}  // namespace

std::vector<Inputs> ActionSet::DefaultKeys() {
  std::vector<Inputs> keys;
  for (const auto& [accelerate, brake] :
       {std::pair{true, false}, {false, false}, {false, true}, {true, true}}) {
    for (const auto& [left, right] : {std::pair{false, false}, {true, false}, {false, true}}) {
      keys.push_back({0, 0, left, right, accelerate, brake});
    }
  }
  return keys;
}

ActionSet ReadActionSet(const ConfigMap& config, const ActionSet& base) {
  ActionSet set = base;
  const std::size_t fallback = base.kind == ActionKind::kDiscrete ? 0 : 1;
  set.kind = config.Choice("set", {"keys", "continuous"}, fallback) == 0 ? ActionKind::kDiscrete
                                                                         : ActionKind::kContinuous;
  if (!config.Has("keys")) return set;
  if (set.kind != ActionKind::kDiscrete) {
    config.Fail("keys", "allowed with set: keys only");
  }
  set.keys.clear();
  for (const std::string& text : config.Strings("keys", 1, kMaxKeyActions)) {
    const auto inputs = ParseKeys(text);
    if (!inputs) {
      config.Fail("keys", "'" + text.substr(0, 60) +
                              "'; allowed: none, or some of accelerate, brake, left, right joined "
                              "by +, each once");
    }
    if (SteersBothWays(*inputs)) {
      config.Fail("keys", "'" + text +
                              "' has left and right; allowed: one of them at most, because " +
                              "with both the car steers to the side that was pressed last");
    }
    if (std::ranges::find(set.keys, *inputs) != set.keys.end()) {
      config.Fail("keys", "'" + text + "' is given twice");
    }
    set.keys.push_back(*inputs);
  }
  return set;
}

ActionSpec SpecOf(const ActionSet& set) {
  ActionSpec spec;
  spec.kind = set.kind;
  if (set.kind == ActionKind::kContinuous) {
    spec.name = "continuous";
    spec.names = {"steer", "gas"};
    spec.low = {-1, -1};
    spec.high = {1, 1};
    return spec;
  }
  spec.name = "keys";
  for (const Inputs& inputs : set.keys) spec.names.push_back(NameOf(inputs));
  return spec;
}

std::vector<Inputs> KeysOf(const ActionSpec& spec) {
  std::vector<Inputs> keys;
  for (const std::string& name : spec.names) {
    const auto inputs = ParseKeys(name);
    if (!inputs || SteersBothWays(*inputs)) {
      throw std::invalid_argument("the action '" + name + "' of the set '" + spec.name +
                                  "' is no combination of keys; allowed: none, or some of "
                                  "accelerate, brake and one of left, right joined by +");
    }
    keys.push_back(*inputs);
  }
  return keys;
}

std::optional<Inputs> InputsOf(std::span<const float> action) {
  assert(action.size() == 2);
  if (!std::isfinite(action[0]) || !std::isfinite(action[1])) return std::nullopt;
  Inputs inputs;
  inputs.steer = Analog(action[0]);
  inputs.gas = Analog(action[1]);
  return inputs;
}

}  // namespace hotlap
