// Sees to it that a server's games end with it, however it ends: a process of hotlap-keeper that
// waits for the end of a pipe which the server holds, then ends what still carries the server's
// marks and frees the names of the buffers. Needs nothing of the games, so they may be any program.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "env/game_process.h"

namespace hotlap {

class GameKeeper {
 public:
  // Throws std::system_error naming the program when it cannot be started.
  GameKeeper(const std::filesystem::path& program, const std::string& server,
             const std::vector<std::string>& buffer_names);
  // Waits until the marked processes have ended and the names are free.
  ~GameKeeper();
  GameKeeper(const GameKeeper&) = delete;
  GameKeeper& operator=(const GameKeeper&) = delete;

 private:
  int held_ = -1;  // the pipe's end that the server holds
  std::unique_ptr<GameProcess> process_;
};

}  // namespace hotlap
