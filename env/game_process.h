// Processes of hotlap-game that belong to this one: started, watched, replaced and ended. Each
// child is reaped by its own id, so the program around keeps its handling of SIGCHLD and of its
// other children.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "env/deadline.h"

namespace hotlap {

struct GameProcessSettings {
  std::filesystem::path program;       // hotlap-game
  std::vector<std::string> arguments;  // "--name", "TMInterface3", "--track", "..." and so on
  bool outlives_us = false;  // false: the game ends when this process does, however it ends
};

// One process. Not thread-safe.
class GameProcess {
 public:
  // Starts it in a process group of its own (a Ctrl-C is ours alone), with nothing on its standard
  // input and output; its log goes to our standard error. Throws std::system_error naming the
  // program when it cannot be started.
  explicit GameProcess(const GameProcessSettings& settings);
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

 private:
  void Reap(int options);

  pid_t pid_ = -1;
  bool is_running_ = false;
  std::string end_;
};

// As many processes as games. One that ends is started again: at once when it had run for a while,
// after a growing pause when it ends right after its start. Thread-safe.
class GameProcesses {
 public:
  // Throws std::system_error when one cannot be started; none is left then.
  explicit GameProcesses(std::vector<GameProcessSettings> games);
  ~GameProcesses();  // ends them all, as one GameProcess: those that hang share the second
  GameProcesses(const GameProcesses&) = delete;
  GameProcesses& operator=(const GameProcesses&) = delete;

  int size() const { return static_cast<int>(games_.size()); }
  pid_t pid(int game) const { return At(game).pid; }      // of the last one, which may have ended
  int starts(int game) const { return At(game).starts; }  // how many there have been
  // Puts a new process in the place of one that hangs or is of no use. One that was started after
  // `since` is a new one already and stays. Never waits: for TMInterfaceSettings::on_lost.
  void Replace(int game, Clock::time_point since);
  // Ends them all at once, also those that hang, and starts none again. Before the destructor.
  void KillAll();

 private:
  struct Game {
    GameProcessSettings settings;
    std::atomic<pid_t> pid{-1};
    std::atomic<int> starts{0};
    std::atomic<Clock::time_point> unwanted_since{Clock::time_point::min()};  // as in Replace
    // The watcher's, and after it whoever stopped it.
    std::unique_ptr<GameProcess> process;
    Clock::time_point started{};
    std::chrono::milliseconds pause{0};  // between the last start and the next
  };

  Game& At(int game) const { return *games_[static_cast<std::size_t>(game)]; }
  static void Start(Game& game);
  static void Look(Game& game);
  void Watch();
  void StopWatching();

  std::vector<std::unique_ptr<Game>> games_;
  std::mutex mutex_;  // of is_ending_ and the watcher's sleep
  std::condition_variable wake_;
  bool is_ending_ = false;
  std::atomic<bool> has_replacement_{false};
  std::thread watcher_;
};

}  // namespace hotlap
