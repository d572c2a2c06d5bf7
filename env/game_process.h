// A program that runs a game: started, watched and ended. It is reaped by its own id, so the
// program around keeps its handling of SIGCHLD and of its other children.
#pragma once

#include <sys/types.h>

#include <string>

#include "env/deadline.h"
#include "env/spawn.h"

namespace hotlap {

// Not thread-safe. What the program starts in turn and leaves in its process group ends with it.
class GameProcess {
 public:
  // With nothing on its standard input and output; its log goes to our standard error. Throws
  // std::system_error naming the program when it cannot be started.
  explicit GameProcess(const SpawnSettings& settings);
  ~GameProcess();  // ends it: AskToEnd, and EndBy a second later
  GameProcess(const GameProcess&) = delete;
  GameProcess& operator=(const GameProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool IsRunning();  // never waits
  // "exited with status 2" or "was ended by signal 9"; empty as long as IsRunning has not seen it.
  const std::string& end() const { return end_; }
  void AskToEnd();                // SIGTERM
  void EndBy(Deadline deadline);  // waits for the end, and kills it at the deadline
  void Kill();                    // SIGKILL, and waits for the end, which frees the game's name
  void LetGo() { is_running_ = false; }  // it runs on, and is nobody's child that we know

 private:
  void Reap(bool waits);

  pid_t pid_ = -1;
  bool is_running_ = false;
  std::string end_;
};

}  // namespace hotlap
