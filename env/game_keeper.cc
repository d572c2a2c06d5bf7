#include "env/game_keeper.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace hotlap {
namespace {

constexpr std::chrono::seconds kLeavesWithin{5};

}  // namespace

GameKeeper::GameKeeper(const std::filesystem::path& program, const std::string& server,
                       const std::vector<std::string>& buffer_names) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  SpawnSettings settings{.program = program, .arguments = {server}, .standard_input = pipe[0]};
  settings.arguments.insert(settings.arguments.end(), buffer_names.begin(), buffer_names.end());
  try {
    process_ = std::make_unique<GameProcess>(settings);
  } catch (const std::system_error&) {
    ::close(pipe[0]);
    ::close(pipe[1]);
    throw;
  }
  ::close(pipe[0]);
  held_ = pipe[1];
}

GameKeeper::~GameKeeper() {
  ::close(held_);
  process_->EndBy(DeadlineIn(kLeavesWithin));
}

}  // namespace hotlap
