// Drives what stands written: an input script, or the inputs of a recorded run.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "agents/policy.h"
#include "env/tminterface/input_script.h"

namespace hotlap::agents {

// Looks at no observation: the action of a step is the one whose inputs the script has in force
// then. After its last line the last inputs stay in force, as in the game. Rows must tell where
// their episodes begin (BeginEpisode), and these must begin at the start.
//
// Each step's inputs must be those of one action of the set: the same channels, or others that the
// car resolves to the same (`press up` is `gas` 65536). So inputs may change only where a step
// begins; an environment with ticks_per_step 1 takes every script of its kind (`tick_keys`,
// `tick_continuous`).
class ScriptPolicy : public Policy {
 public:
  // `name` stands for the script in errors. Throws std::invalid_argument that says at which script
  // time what does not fit: an input that no action has, a change within a step, a console command,
  // a respawn.
  ScriptPolicy(const EnvironmentSpec& spec, const tminterface::InputScript& script,
               std::string_view name);

  void BeginEpisode(int row, std::uint64_t seed) override;
  void Act(std::span<const float> observations, ActionBuffer& actions) override;

 private:
  struct Change {
    std::int64_t step = 0;  // from which on
    std::int32_t discrete = 0;
    float steer = 0, gas = 0;
  };
  struct Place {
    std::int64_t step = 0;
    std::size_t change = 0;  // in force
  };

  std::vector<Change> changes_;  // steps ascending, the first one is 0
  std::vector<Place> places_;    // of each row
};

// A file is a script by its name: *.txt is an input script, *.csv a recorded run (run_csv.h).
bool IsScriptFile(const std::filesystem::path& path);
// Its inputs, for a ScriptPolicy. Throws std::runtime_error that names the file where it cannot be
// read or is larger than 16 MiB, std::invalid_argument likewise where it is no run or cannot be
// replayed. REQUIRES: IsScriptFile(path).
tminterface::InputScript ReadScript(const std::filesystem::path& path);

}  // namespace hotlap::agents
