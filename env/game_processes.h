// The processes of a server's games: as many as games, each started again when it goes, as its
// RestartPolicy says. Thread-safe.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "env/deadline.h"
#include "env/game_health.h"
#include "env/game_keeper.h"
#include "env/game_process.h"
#include "env/restart_schedule.h"

namespace hotlap {

struct GameCommand {
  std::string buffer_name;  // of the game that it runs
  std::filesystem::path program;
  std::vector<std::string> arguments;
};

struct GameProcessesSettings {
  RestartPolicy restarts{};
  std::filesystem::path keeper{};  // hotlap-keeper; empty: only the destructor ends the games
  // The games go on when this object or its process ends, and one that holds its name already is
  // taken over instead of started.
  bool outlive_us = false;
  std::function<Clock::time_point()> now = Clock::now;  // of the schedule; another one in tests
};

class GameProcesses {
 public:
  // Throws std::system_error when one cannot be started; none is left then.
  explicit GameProcesses(const std::vector<GameCommand>& games,
                         const GameProcessesSettings& settings = {});
  // Ends them all, as one GameProcess (those that hang share the second), unless they outlive us.
  ~GameProcesses();
  GameProcesses(const GameProcesses&) = delete;
  GameProcesses& operator=(const GameProcesses&) = delete;

  int size() const { return static_cast<int>(games_.size()); }
  pid_t pid(int game) const {
    return At(game).pid;
  }                                                       // of the last one, which may have ended;
                                                          // -1: one that was taken over
  int starts(int game) const { return At(game).starts; }  // how many there have been
  GameHealth health(int game) const;
  // Puts a new process in the place of one that hangs or is of no use, and says why. One that was
  // started after `since` is a new one already and stays. Never waits: for
  // TMInterfaceSettings::on_lost.
  void Replace(int game, Clock::time_point since, std::string why);
  // Ends them all at once, also those that hang, and starts none again. Before the destructor.
  void KillAll();

 private:
  struct Game {
    explicit Game(const RestartPolicy& policy) : schedule(policy) {}

    SpawnSettings settings;
    std::string buffer_name;
    std::atomic<pid_t> pid{-1};
    std::atomic<int> starts{0};
    // Under mutex_.
    Clock::time_point unwanted_since = Clock::time_point::min();  // as in Replace
    std::string why_unwanted;
    bool has_gone = false;
    int losses = 0;
    std::string last_loss;
    RestartSchedule schedule;
    // The watcher's, and after it whoever stopped it.
    std::unique_ptr<GameProcess> process;  // none: it has gone, or was taken over
    bool was_taken_over = false;
    Clock::time_point started{};
  };

  Game& At(int game) const { return *games_[static_cast<std::size_t>(game)]; }
  void Start(Game& game);
  void Look(Game& game);
  // Why the game has gone or must go, which it then does; empty: it is fine.
  std::string WhyGone(Game& game);
  void Watch();
  void StopWatching();

  const GameProcessesSettings settings_;
  std::unique_ptr<GameKeeper> keeper_;  // outlives the games
  std::vector<std::unique_ptr<Game>> games_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;  // of the watcher
  bool is_ending_ = false;
  bool has_replacement_ = false;
  std::thread watcher_;
};

}  // namespace hotlap
