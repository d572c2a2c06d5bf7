// One game behind a mapped buffer, driven without ever blocking: what a slot of TMInterfaceGames
// is.
//
//   kLost ---------- kRestart ----> kOpening ---> kRegistering
//     ^                                               |
//     | any fault                                     v
//   kHeld <-- run step at 0 -- kComingToStart <-- kSettingUp
//     |  ^
//     v  | last run step of the command
//   kRunning <--- first run step ---- kComingBack
//     |                                    ^
//     | the game has dropped us            |
//     +------> kRegistering, kSettingUp ---+
//
// In kHeld the game stands still inside a run step call. Going to a saved state does not touch the
// game: the rewind stays pending until the next kAdvance and goes out in the same call as its
// inputs. So does a start beside s(0), which is the game's own state with the car moved. A game
// that drops us (it had to wait for too long, or somebody told it to) runs alone from then on; it
// is registered with again, goes back to the state at which the command began, and the command
// begins anew. Once a command: a game that drops us again is lost.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "env/deadline.h"
#include "env/game_group.h"
#include "env/game_state.h"
#include "env/tminterface/client.h"
#include "env/tminterface_games.h"

namespace hotlap {

class TMInterfaceSlot {
 public:
  // REQUIRES: settings outlive the slot.
  TMInterfaceSlot(int slot, TMInterfaceGame game, const TMInterfaceSettings& settings);
  ~TMInterfaceSlot();  // deregisters; the game goes on alone
  TMInterfaceSlot(const TMInterfaceSlot&) = delete;
  TMInterfaceSlot& operator=(const TMInterfaceSlot&) = delete;

  const GameState& state() const { return state_; }
  bool is_under_way() const { return is_under_way_; }

  // REQUIRES: nothing is under way.
  void Start(const Command& command);
  // Takes what the game sent and answers it. True when there was anything to do; the command may
  // be complete then (is_under_way() is false and completion() tells).
  bool Poll();
  // Looks for a game, for its death and for its standstill. To be called while Poll finds nothing.
  void CheckTime(Clock::time_point now);
  // As in GameGroup.
  void Abandon();

  const Completion& completion() const { return completion_; }

 private:
  enum class Phase : std::uint8_t {
    kLost,
    kOpening,
    kRegistering,
    kSettingUp,
    kComingToStart,
    kHeld,
    kRunning,
    kComingBack,
  };

  void Begin();  // of kRestart, kSave and kRestore
  void BeginAdvance();
  void GoOnFromState();  // says where the race is to go on, and the command's first inputs
  void ComeBack();
  void BeginRestart();
  void MoveFromStart();  // beside s(0), if the command says so
  void BeginRestore();
  void TryToOpen();

  void Handle(const tminterface::ServerCall& call);
  void HandleResponse(const tminterface::Response& response);
  void HandleRunStep(std::int32_t race_time_ms);
  void HandleRunStepBeforeStart(std::int32_t race_time_ms);
  void CheckAdvance(Clock::time_point now);
  void HandleCheckpoint(std::int32_t current, std::int32_t target);

  // The calls that go out inside the game's pending call, one after the other.
  void Say(tminterface::ClientCall call);
  void SayNext();
  void ReadState(std::span<const std::byte> bytes);
  void CheckTrack(std::span<const std::byte> state);  // of a game that was alone

  void Complete();
  void Lose(std::string why);
  void Tell(std::string why) const;  // the owner, of the loss
  void Drop();                       // the connection
  std::span<const std::byte> state_bytes() const;

  const TMInterfaceGame game_;
  const TMInterfaceSettings& settings_;
  const int slot_;
  Phase phase_ = Phase::kLost;
  bool is_under_way_ = false;
  bool has_begun_ = false;
  bool has_come_back_ = false;  // in this command
  bool has_moved_ = false;      // by a tick, since the last CheckTime
  std::optional<tminterface::Client> client_;

  Command command_;
  Completion completion_;
  std::vector<RaceEvent> events_;

  // The slot's state, also as snapshot bytes: a header and the SimStateData.
  GameState state_;
  GameState start_state_;
  std::vector<std::byte> snapshot_;
  std::vector<std::byte> start_snapshot_;

  // Inside the game's pending call.
  std::array<tminterface::ClientCall, 4> sayings_;
  std::size_t num_sayings_ = 0, num_said_ = 0;
  std::int32_t expected_time_ms_ = 0;  // of the next run step
  tminterface::MessageType pending_call_ = tminterface::MessageType::kNone;
  bool holds_game_ = false;         // do not answer the pending call when all is said
  bool rewind_is_pending_ = false;  // the game stands elsewhere than state_

  // On the way to the start.
  bool is_fresh_ = false;          // this race has been seen from its countdown on
  bool has_repeated_map_ = false;  // the map command, inside a run step
  int num_steps_seen_ = 0;         // run steps since registration
  std::int32_t last_time_ms_ = 0;  // of the last of them
  std::string why_not_open_;

  Clock::time_point since_{};  // as in GameLoss
  Clock::time_point last_move_{};
  Clock::time_point last_look_{};
  Clock::duration time_to_start_{};  // what is left of the start timeout
  Clock::time_point next_open_{};
};

}  // namespace hotlap
