// Games behind mapped buffers: real ones or hotlap-game processes, one thread pumping all of them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/game_group.h"

namespace hotlap {

struct TMInterfaceGame {    // settings of one slot
  std::string buffer_name;  // "TMInterface3"
  std::string map_command;  // console command that loads the track, `map "..."`; empty: the game
                            // has it loaded. A game that begins no new race after it, nor when it
                            // is repeated, is lost
  int checkpoints_target =
      0;  // expected passes; a game on another track is refused. 0: not checked
};

// Why a slot has no game any more.
struct GameLoss {
  // When the slot opened this game's buffer, or began to wait for one: a process that was started
  // later is another, and good as far as anybody knows.
  Clock::time_point since;
  std::string why;  // one line for a log, beginning with the buffer's name
};

struct TMInterfaceSettings {
  std::size_t buffer_size = 65535;
  std::chrono::milliseconds game_timeout{2000};  // for one tick of a race; then the game is lost
  // For a game to appear, load and count down; only while somebody collects.
  std::chrono::milliseconds start_timeout{20000};
  // After which the game drops us when we keep it waiting; -1: never. A game that has dropped us is
  // registered with again and put back to where its command began: no bit of it changes.
  std::chrono::milliseconds client_timeout{-1};
  double speed = 100;  // what the game is set to; real games may miss inputs above 100
  // Called (from Collect and Abandon, on their thread) when the slot's game is gone or of no use,
  // so that its owner starts another under the same name; the next kRestart waits for it. May be
  // empty.
  std::function<void(int slot, const GameLoss& loss)> on_lost;
};

// Registers with every game (taking over one that was held for a dead client), sets its timeout,
// runs each through its countdown once and keeps the state at time 0. Deregisters in the
// destructor. Construction does not wait: the first kRestart of a slot does, inside Collect.
std::unique_ptr<GameGroup> MakeTMInterfaceGames(std::vector<TMInterfaceGame> games,
                                                TMInterfaceSettings settings);

}  // namespace hotlap
