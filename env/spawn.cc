#include "env/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <system_error>

namespace hotlap {
namespace {

// The C structs of posix_spawn, and their ends.
struct SpawnStructs {
  SpawnStructs() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnStructs() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnStructs(const SpawnStructs&) = delete;
  SpawnStructs& operator=(const SpawnStructs&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

std::string_view NameOf(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

// As execve wants them. The strings must outlive them.
std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

pid_t Spawn(const SpawnSettings& settings) {
  SpawnStructs structs;
  if (settings.standard_input < 0) {
    posix_spawn_file_actions_addopen(&structs.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  } else {
    posix_spawn_file_actions_adddup2(&structs.files, settings.standard_input, STDIN_FILENO);
  }
  posix_spawn_file_actions_addopen(&structs.files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  // A child must not keep our sockets and locks open.
  posix_spawn_file_actions_addclosefrom_np(&structs.files, STDERR_FILENO + 1);
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&usual, signal);
  posix_spawnattr_setsigmask(&structs.attributes, &none);
  posix_spawnattr_setsigdefault(&structs.attributes, &usual);
  posix_spawnattr_setpgroup(&structs.attributes, 0);
  posix_spawnattr_setflags(&structs.attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> arguments = settings.arguments;
  arguments.insert(arguments.begin(), settings.program.string());
  std::vector<std::string> variables = settings.environment;
  for (char** ours = environ; *ours != nullptr; ++ours) {
    const bool is_set = std::ranges::any_of(
        settings.environment, [&](const auto& set) { return NameOf(set) == NameOf(*ours); });
    if (!is_set) variables.emplace_back(*ours);
  }
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, settings.program.c_str(), &structs.files, &structs.attributes,
                   Pointers(arguments).data(), Pointers(variables).data());
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            settings.program.string() + " cannot be started");
  }
  return pid;
}

}  // namespace hotlap
