#include "agents/run_script.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace hotlap::agents {
namespace {

using tminterface::InputKey;
using tminterface::InputScript;

// Why a script cannot give the run again; empty: it can.
std::string Obstacle(const Run& run) {
  if (run.inputs.empty()) return "it has no step";
  if (run.points.front().race_time_ms != 0) {
    return fmt::format(
        "it began at a saved state, at a race time of {} ms; a script plays from the start",
        run.points.front().race_time_ms);
  }
  if (!run.randomised.empty()) {
    return fmt::format("its environment draws {} at random, which a script does not bring along",
                       fmt::join(run.randomised, ", "));
  }
  if (run.invalid_steps > 0) {
    return fmt::format("its game missed inputs in {} of {} steps, so others were driven",
                       run.invalid_steps, run.inputs.size());
  }
  return {};
}

// Releases before presses: no key is held together with the one that takes its place.
void AddChanges(const Inputs& before, const Inputs& now, std::int32_t time_ms,
                InputScript& script) {
  struct Key {
    InputKey key;
    bool Inputs::*held;
  };
  constexpr Key kKeys[] = {{InputKey::kUp, &Inputs::accelerate},
                           {InputKey::kDown, &Inputs::brake},
                           {InputKey::kLeft, &Inputs::left},
                           {InputKey::kRight, &Inputs::right}};
  for (const int state : {0, 1}) {
    for (const auto& [key, held] : kKeys) {
      if (before.*held != now.*held && now.*held == (state == 1)) {
        script.timed.emplace_back(tminterface::TimedInput{time_ms, key, state});
      }
    }
  }
  if (before.steer != now.steer) {
    script.timed.emplace_back(tminterface::TimedInput{time_ms, InputKey::kSteer, now.steer});
  }
  if (before.gas != now.gas) {
    script.timed.emplace_back(tminterface::TimedInput{time_ms, InputKey::kGas, now.gas});
  }
}

}  // namespace

tl::expected<InputScript, std::string> ScriptOf(const Run& run) {
  if (std::string obstacle = Obstacle(run); !obstacle.empty()) return tl::unexpected(obstacle);
  InputScript script;
  Inputs before;
  for (std::size_t i = 0; i < run.inputs.size(); ++i) {
    AddChanges(before, run.inputs[i], run.points[i].race_time_ms, script);
    before = run.inputs[i];
  }
  return script;
}

tl::expected<std::string, std::string> ScriptText(const Run& run) {
  const auto script = ScriptOf(run);
  if (!script) return tl::unexpected(script.error());
  std::string head =
      "# " + run.track + ", " + run.kind + ", " +
      (run.finished() ? fmt::format("finished in {} ms", run.finish_time_ms)
                      : fmt::format("ended by {} at {} ms", EndReasonName(run.end_reason),
                                    run.points.back().race_time_ms));
  std::ranges::replace_if(
      head, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return head + '\n' + script->ToText();
}

}  // namespace hotlap::agents
