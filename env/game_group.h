// All that an environment knows of running games: a few slots, one game each, driven by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "env/deadline.h"
#include "env/game_state.h"
#include "env/inputs.h"
#include "env/race_event.h"
#include "env/vehicle_factors.h"

namespace hotlap {

enum class CommandKind : std::uint8_t {
  kAdvance,  // run `ticks` ticks with the inputs held; stops early at the finish
  kRestart,  // a new race, standing at s(0) or beside it, with neutral inputs, countdown skipped
  kSave,     // give the state of the game as snapshot bytes
  kRestore,  // go to the state of `snapshot`, which this kind of game saved on the same track
};

struct Command {
  int slot = 0;
  CommandKind kind = CommandKind::kAdvance;
  int ticks = 0;             // kAdvance: at least 1
  Inputs inputs;             // kAdvance: in force in these ticks, every channel set
  Inputs earlier{};          // kAdvance: in force in the first earlier_ticks of them instead
  int earlier_ticks = 0;     // kAdvance: below `ticks`; not 0 where inputs are delayed
  VehicleFactors vehicle{};  // kAdvance: of the car in these ticks, 1 unless can_vary_vehicle()
  float start_offset_m = 0;  // kRestart: so far to the left of s(0), as StartOffset() says; finite
  std::span<const std::byte> snapshot{};  // kRestore: must stay valid until the completion

  // Of a tick of kAdvance, from 0 on.
  const Inputs& InputsOfTick(int tick) const { return tick < earlier_ticks ? earlier : inputs; }
};

enum class CompletionStatus : std::uint8_t {
  kOk,
  kGameLost,  // the game died, dropped us or talks nonsense; `error` says which. state(slot) is the
              // last good one. The slot is lost: it takes no command but kRestart, which completes
              // when a new game stands at s(0), or again with kGameLost. Only this restart may take
              // long; every other command completes or is lost within the group's own limits.
  kRejected,  // the command was wrong (a foreign snapshot); nothing changed
};

struct Completion {
  int slot = 0;
  CompletionStatus status = CompletionStatus::kOk;
  bool finished = false;       // kAdvance: the race finished at the last of these ticks
  bool inputs_missed = false;  // kAdvance: what was in force, read back, is not what was asked for
                               // (real games above speed 100)
  int ticks = 0;               // kAdvance: how many ran
  // Both point into the group and stay valid until the slot's next Start.
  std::span<const RaceEvent> events{};
  std::span<const std::byte> snapshot{};  // kSave
  std::string error;                      // empty when kOk (and then it never allocates)
};

// Several running games that one thread at a time drives. A slot is one game and has at most one
// command under way. Nothing here throws: what goes wrong with a game is a completion. Where
// something throws all the same (memory is used up), the group and its rows are of no use any more
// and may only be destroyed. Finish: the group keeps the game usable after it ("prevent finish"),
// so every command may follow.
class GameGroup {
 public:
  virtual ~GameGroup() = default;
  virtual int num_slots() const = 0;

  // After the slot's last completed command.
  virtual const GameState& state(int slot) const = 0;

  // Records or releases; never computes, never blocks. REQUIRES: no command of these slots is under
  // way.
  virtual void Start(std::span<const Command> commands) = 0;

  // Does the work: ticks the block, pumps the buffers. Returns when at least one command is
  // complete, nothing is under way, or the deadline has passed (kAtOnce: looks, and does not wait
  // for a game that is silent); each completion is returned once. The span stays valid until the
  // next Collect.
  virtual std::span<const Completion> Collect(Deadline deadline) = 0;

  // Gives up on the slot's game, and on its command if one is under way: a late completion of it is
  // dropped, and the slot is lost.
  virtual void Abandon(int slot) = 0;

  // Kind of the games, for headers of stored snapshots: "simulated" or "tminterface".
  virtual std::string_view kind() const = 0;

  // Whether Command::vehicle may be other than 1. Games that others wrote have the car that they
  // have.
  virtual bool can_vary_vehicle() const { return false; }
};

}  // namespace hotlap
