#include "agents/script_policy.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>

#include "agents/run_csv.h"
#include "agents/run_script.h"
#include "agents/whole_file.h"
#include "env/action.h"

namespace hotlap::agents {
namespace {

using tminterface::InputKey;
using tminterface::InputScript;
using tminterface::TimedCommand;
using tminterface::TimedInput;

constexpr std::size_t kMaxScriptSize = std::size_t{16} << 20;
constexpr std::int64_t kTickMs = 10;

// What is refused, where, and of which script.
class Refuser {
 public:
  explicit Refuser(std::string_view name) : name_(name) {}
  [[noreturn]] void operator()(std::int64_t time_ms, std::string_view what) const {
    throw std::invalid_argument(fmt::format("{}: at {} ms: {}", name_, time_ms, what));
  }
  [[noreturn]] void Command(const std::vector<std::string>& words) const {
    std::string text = fmt::format("{}", fmt::join(words, " ")).substr(0, 60);
    std::ranges::replace_if(
        text, [](char c) { return c < 0x20 || c > 0x7E; }, '?');
    throw std::invalid_argument(fmt::format(
        "{}: '{}' is no timed input; allowed are press and rel of up, down, left, right, horn, and "
        "steer and gas, each after its time",
        name_, text));
  }

 private:
  std::string_view name_;
};

void Apply(const TimedInput& input, const Refuser& refuse, Inputs& inputs) {
  const bool pressed = input.state != 0;
  switch (input.key) {
    case InputKey::kUp:
      inputs.accelerate = pressed;
      return;
    case InputKey::kDown:
      inputs.brake = pressed;
      return;
    case InputKey::kLeft:
      inputs.left = pressed;
      return;
    case InputKey::kRight:
      inputs.right = pressed;
      return;
    case InputKey::kSteer:
      inputs.steer = std::clamp(input.state, -kMaxAnalog, kMaxAnalog);
      return;
    case InputKey::kGas:
      inputs.gas = std::clamp(input.state, -kMaxAnalog, kMaxAnalog);
      return;
    case InputKey::kHorn:
      return;  // drives nothing
    case InputKey::kRespawn:
    case InputKey::kReset:
    case InputKey::kUnknown:
      break;
  }
  refuse(input.time_ms, input.key == InputKey::kUnknown
                            ? "a key that there is not; allowed are up, down, left, right, horn"
                            : "a respawn or restart, which no action is");
}

struct TimedInputs {
  std::int64_t time_ms = 0;  // of a tick
  Inputs inputs;
};

// What is in force from which tick on; the first is at 0, and neighbours differ.
std::vector<TimedInputs> InputsOfScript(InputScript script, const Refuser& refuse) {
  if (!script.immediate.empty()) refuse.Command(script.immediate.front());
  script.SortByTime();
  std::vector<TimedInputs> all(1);
  Inputs inputs;
  for (const auto& entry : script.timed) {
    if (const auto* command = std::get_if<TimedCommand>(&entry)) {
      refuse.Command(command->arguments);
    }
    const auto& input = std::get<TimedInput>(entry);
    Apply(input, refuse, inputs);
    // A time between two ticks is that of the next one.
    const std::int64_t time_ms = (std::int64_t{input.time_ms} + kTickMs - 1) / kTickMs * kTickMs;
    if (all.back().time_ms != time_ms) all.push_back({time_ms, {}});
    all.back().inputs = inputs;
  }
  const auto repeats = [](const TimedInputs& a, const TimedInputs& b) {
    return a.inputs == b.inputs;
  };
  all.erase(std::unique(all.begin(), all.end(), repeats), all.end());
  return all;
}

std::string TextOf(const Inputs& inputs) {
  std::string text;
  const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  if (inputs.accelerate) add("up");
  if (inputs.brake) add("down");
  if (inputs.left) add("left");
  if (inputs.right) add("right");
  if (inputs.steer != 0) add("steer " + std::to_string(inputs.steer));
  if (inputs.gas != 0) add("gas " + std::to_string(inputs.gas));
  return text.empty() ? "nothing" : text;
}

}  // namespace

ScriptPolicy::ScriptPolicy(const EnvironmentSpec& spec, const InputScript& script,
                           std::string_view name) {
  const Refuser refuse(name);
  std::vector<Inputs> keys;
  if (spec.action.kind == ActionKind::kDiscrete) keys = KeysOf(spec.action);
  const std::int64_t step_ms = spec.ticks_per_step * kTickMs;
  for (const auto& [time_ms, inputs] : InputsOfScript(script, refuse)) {
    if (time_ms % step_ms != 0) {
      refuse(time_ms,
             fmt::format("inputs change within a step of {} ms; drive it in an environment "
                         "with ticks_per_step 1, such as tick_keys or tick_continuous",
                         step_ms));
    }
    if (inputs.left && inputs.right) {
      refuse(time_ms,
             "left and right at once, which no action is: the car steers to the side that "
             "was pressed last");
    }
    const AppliedAction wanted = AppliedActionOf(inputs);
    Change change{.step = time_ms / step_ms};
    if (spec.action.kind == ActionKind::kDiscrete) {
      const auto found = std::ranges::find(keys, wanted, &AppliedActionOf);
      if (found == keys.end()) {
        refuse(time_ms,
               fmt::format("{}: the set '{}' has no action for it; allowed are {}", TextOf(inputs),
                           spec.action.name, fmt::join(spec.action.names, ", ")));
      }
      change.discrete = static_cast<std::int32_t>(found - keys.begin());
    } else {
      if (wanted.gas > 0 && wanted.brake > 0) {
        refuse(time_ms, fmt::format("{}: steer and gas cannot accelerate and brake at once; drive "
                                    "it in an environment of keys, such as tick_keys",
                                    TextOf(inputs)));
      }
      change.steer = wanted.steer;
      change.gas = wanted.brake > 0 ? -wanted.brake : wanted.gas;
    }
    changes_.push_back(change);
  }
}

void ScriptPolicy::BeginEpisode(int row, std::uint64_t) {
  const auto r = static_cast<std::size_t>(row);
  if (r >= places_.size()) places_.resize(r + 1);
  places_[r] = {};
}

void ScriptPolicy::Act(std::span<const float>, ActionBuffer& actions) {
  const std::size_t rows = std::max(actions.discrete.size(), actions.continuous.size() / 2);
  for (std::size_t row = 0; row < std::min(rows, places_.size()); ++row) {
    Place& place = places_[row];
    if (place.change + 1 < changes_.size() && changes_[place.change + 1].step == place.step) {
      ++place.change;
    }
    ++place.step;
    const Change& change = changes_[place.change];
    if (!actions.discrete.empty()) {
      actions.discrete[row] = change.discrete;
    } else {
      actions.continuous[2 * row] = change.steer;
      actions.continuous[2 * row + 1] = change.gas;
    }
  }
}

bool IsScriptFile(const std::filesystem::path& path) {
  return path.extension() == ".txt" || path.extension() == ".csv";
}

InputScript ReadScript(const std::filesystem::path& path) {
  if (path.extension() != ".csv") return InputScript::Parse(ReadWholeFile(path, kMaxScriptSize));
  auto script = ScriptOf(ReadRun(path));
  if (!script) throw std::invalid_argument(path.string() + ": " + script.error());
  return std::move(*script);
}

}  // namespace hotlap::agents
