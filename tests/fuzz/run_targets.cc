// Targets of what somebody drove and passed on, to be driven again or to be drawn beside others:
// recorded runs and input scripts.
#include <cmath>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "agents/ghost.h"
#include "agents/run_csv.h"
#include "agents/run_script.h"
#include "agents/script_policy.h"
#include "tests/agents/driving_spec.h"
#include "tests/env/roads.h"
#include "tests/fuzz/fuzz_target.h"

namespace hotlap::fuzz {
namespace {

using tminterface::InputScript;

constexpr int kSteps = 20;

EnvironmentSpec TickSpec(const ActionSpec& action) {
  EnvironmentSpec spec = agents::DrivingSpec(action, 1);
  spec.ticks_per_step = 1;
  return spec;
}

// With keys and without, as far as there is an action for each of its inputs.
void DriveScript(const InputScript& script) {
  static const EnvironmentSpec specs[] = {TickSpec(agents::KeyActions()),
                                          TickSpec(agents::ContinuousActions())};
  for (const EnvironmentSpec& spec : specs) {
    try {
      agents::ScriptPolicy policy(spec, script, "input");
      policy.BeginEpisode(0, 1);
      agents::ActionBuffer actions(spec.action, 1);
      for (int step = 0; step < kSteps; ++step) {
        policy.Act({}, actions);
        for (const std::int32_t action : actions.discrete) {
          Require(action >= 0 && action < spec.action.size(), "an action is one of the set");
        }
        for (const float action : actions.continuous) {
          Require(std::fabs(action) <= 1, "an action is within its bounds");
        }
      }
    } catch (const std::invalid_argument& error) {
      Require(std::string_view(error.what()).starts_with("input"), "an error names the script");
    }
  }
}

agents::Run Finished() {
  agents::Run run;
  run.track = "short_sprint";
  run.kind = "simulated";
  run.ticks_per_step = 5;
  run.points = {{0, 0, 0.0f, 0.0f, 1}, {50, 1.5f, -0.25f, 30.0f, 2}, {70, 2.25f, 0.5f, 31.0f, 2}};
  run.inputs = {{.accelerate = true}, {.left = true, .accelerate = true}};
  run.end_reason = EndReason::kFinish;
  run.finish_time_ms = 70;
  return run;
}

// With all that a run may lack, and analog inputs.
agents::Run Unfinished() {
  agents::Run run;
  run.track = "generated:5:0.3";
  run.kind = "tminterface";
  run.ticks_per_step = 1;
  run.randomised = {"mass", "grip"};
  run.points = {{10, 0.5f}, {20, 1e-3f}};
  run.inputs = {{.steer = -65536, .gas = 65536}};
  run.invalid_steps = 1;
  run.end_reason = EndReason::kGameLost;
  return run;
}

}  // namespace

void RunRecordedRun(std::span<const std::byte> input) {
  static const std::shared_ptr<const Centreline> lines[] = {LineOf(StraightRoad(400, 100)),
                                                            LineOf(CircleRoad(50, 2))};
  try {
    const agents::Run run = agents::ParseRun(TextOf(input), "input");
    Require(run.points.empty() ? run.inputs.empty() : run.inputs.size() + 1 == run.points.size(),
            "inputs are from each point to the next");
    std::ostringstream written;
    agents::WriteRun(written, run);
    Require(agents::ParseRun(written.str(), "written") == run, "a run can be written and read");
    for (const auto& line : lines) {
      for (const Vec3& point : agents::LineOf(run, *line)) {
        Require(std::isfinite(point.x + point.y + point.z), "a line is finite");
      }
    }
    if (const auto script = agents::ScriptText(run)) DriveScript(InputScript::Parse(*script));
  } catch (const std::invalid_argument& error) {
    Require(std::string_view(error.what()).starts_with("input"), "an error names the file");
  }
}

std::vector<Bytes> RecordedRunSeeds() {
  std::vector<Bytes> seeds;
  for (const agents::Run& run : {Finished(), Unfinished()}) {
    std::ostringstream text;
    agents::WriteRun(text, run);
    seeds.push_back(BytesOf(text.str()));
  }
  return seeds;
}

void RunScriptPolicy(std::span<const std::byte> input) {
  DriveScript(InputScript::Parse(TextOf(input)));
}

std::vector<Bytes> ScriptPolicySeeds() {
  return {BytesOf("# keys\n0 press up\n0.05-0.10 press left\n100 press right\n1:02.33 rel up\n"),
          BytesOf("0 gas 65536\n20 steer -65536; 40 steer 0\n50 press horn\n60 gas -30000\n")};
}

}  // namespace hotlap::fuzz
