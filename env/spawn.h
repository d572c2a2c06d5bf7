// Programs that this one starts, by posix_spawn: from any thread, however many there are.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace hotlap {

struct SpawnSettings {
  std::filesystem::path program;           // without a slash: looked for in PATH
  std::vector<std::string> arguments;      // without the program's name
  std::vector<std::string> environment{};  // "NAME=value", beside ours and before it
  int standard_input = -1;                 // a file of ours; -1: nothing is on it
};

// Its process id. The process leads a process group of its own (a Ctrl-C is ours alone), has none
// of our files but the error output, and signals as they are by default. Throws std::system_error
// that names the program when it cannot be started.
pid_t Spawn(const SpawnSettings& settings);

}  // namespace hotlap
