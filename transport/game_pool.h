// Which games this server has, and who has them: a number of simulated ones, made when they are
// lent, and processes behind mapped buffers, started once and lent again and again.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/game_group.h"
#include "env/game_health.h"
#include "env/game_processes.h"
#include "env/simulated_games.h"
#include "env/tminterface_games.h"
#include "transport/catalogue.h"
#include "transport/game_line.h"
#include "transport/name_reservation.h"
#include "transport/protocol.h"
#include "transport/status.h"

namespace hotlap::transport {

struct GamePoolSettings {
  int simulated = 1024;              // how many may be lent at a time
  int games = 0;                     // processes behind mapped buffers, [0, 16]
  std::vector<std::string> names{};  // of their buffers, as many as games; empty: free ones
  // What runs one game, a program and its arguments; {name} in them stands for its buffer's name.
  std::vector<std::string> command{};
  GameProcessesSettings processes{};
  TMInterfaceSettings tminterface{};  // on_lost is the pool's own
  // Makes a block of simulated games; another one in tests.
  std::function<std::unique_ptr<GameGroup>(const std::vector<SimulatedGame>&)> make_simulated =
      MakeSimulatedGames;
};

class GamePool;

// A place in the line of those who wait for games, until it is destroyed.
class PlaceInLine {
 public:
  PlaceInLine(PlaceInLine&& other) noexcept;
  PlaceInLine& operator=(PlaceInLine&&) = delete;
  ~PlaceInLine();

 private:
  friend class GamePool;
  PlaceInLine(GamePool* pool, std::uint64_t number) : pool_(pool), number_(number) {}

  GamePool* pool_;
  std::uint64_t number_;
};

// Games lent to a session: the first rows are simulated ones, the others behind buffers. They go
// back when it is destroyed.
class GameLoan {
 public:
  GameLoan(GameLoan&& other) noexcept;
  GameLoan& operator=(GameLoan&&) = delete;
  ~GameLoan();

  int num_simulated() const { return num_simulated_; }
  int num_behind_buffers() const { return static_cast<int>(games_.size()); }
  std::span<const int> games() const { return games_; }  // of the pool, those behind buffers

  // Groups whose slots, laid end to end, are the rows; row i drives tracks[i]. They must go before
  // the loan does. `on_replaced`: the game of a row was lost, and another is put in its place;
  // called by whoever drives the groups. REQUIRES: as many tracks as rows.
  std::vector<std::unique_ptr<GameGroup>> MakeGroups(
      std::span<const std::shared_ptr<const OfferedTrack>> tracks,
      const sim::VehicleParams& vehicle,
      const std::function<void(int row)>& on_replaced = {}) const;

 private:
  friend class GamePool;
  GameLoan(GamePool* pool, int num_simulated, std::vector<int> games)
      : pool_(pool), num_simulated_(num_simulated), games_(std::move(games)) {}

  GamePool* pool_;
  int num_simulated_;
  std::vector<int> games_;
};

// Safe to use from any thread. Outlives its loans.
class GamePool {
 public:
  // Starts the processes; does not wait for them to be ready. Throws std::system_error naming the
  // program, or std::runtime_error when names are taken.
  explicit GamePool(GamePoolSettings settings);
  ~GamePool();  // ends the processes and frees their names

  // kServerFull, with how many are free: others have waited longer for what they wait for. Of kAny,
  // simulated ones as far as they go. Quarantined games are lent to nobody.
  tl::expected<GameLoan, Refusal> Lend(GameKind kind, int rows, const PlaceInLine* place = nullptr);
  // The last place in the line; what it waits for is kept from those who come later. kServerFull
  // when there are not as many in all.
  tl::expected<PlaceInLine, Refusal> Queue(GameKind kind, int rows);
  bool CanLend(const PlaceInLine& place) const;
  // Grows when games come back or somebody leaves the line.
  std::uint64_t num_returns() const { return num_returns_.load(); }

  int num_games() const { return settings_.games; }
  int free_simulated() const;
  const std::string& name(int game) const { return names_[static_cast<std::size_t>(game)].name(); }
  GameHealth health(int game) const;

  // Ends the processes at once, also those that hang, and frees their names: for a program that is
  // about to leave with steps under way, which lose their games.
  void KillGames();

 private:
  friend class GameLoan;
  friend class PlaceInLine;
  FreeGames free() const;       // REQUIRES: mutex_
  bool IsFree(int game) const;  // REQUIRES: mutex_
  Refusal Full(GameKind kind, int rows, const char* what, const FreeGames& games) const;
  void Leave(std::uint64_t place);
  void Return(int num_simulated, std::span<const int> games);
  void ReplaceGame(int game, const GameLoss& loss);
  bool IsQuarantined(int game) const;  // under mutex_
  void EndGames(bool at_once);

  const GamePoolSettings settings_;
  const std::vector<NameReservation> names_;
  std::unique_ptr<GameProcesses> processes_;
  mutable std::mutex mutex_;
  int free_simulated_;
  std::vector<bool> lent_;  // by game
  GameLine line_;
  std::atomic<std::uint64_t> num_returns_{0};
};

}  // namespace hotlap::transport
