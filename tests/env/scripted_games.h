// Games that do what a test tells them: move along +z, vanish, fall silent, talk nonsense.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "env/game_group.h"

namespace hotlap {

class ScriptedGames : public GameGroup {
 public:
  // kSilent: none until Wake(); kLate: comes to those who wait for it, not to those who only look.
  enum class Answer { kOk, kLost, kRejected, kSilent, kLate };
  // What the next commands of a slot do, one each, before it is well-behaved again.
  struct Turn {
    Answer answer = Answer::kOk;
    std::function<void(GameState&, Completion&)> change;  // after the normal effect
  };

  explicit ScriptedGames(int slots, int checkpoints_target = 4)
      : slots_(static_cast<std::size_t>(slots)) {
    for (Slot& slot : slots_) {
      slot.at_start.position_m = {0, 20, 0};
      slot.at_start.checkpoints_target = slot.at_start.checkpoints_per_lap = checkpoints_target;
      slot.state = slot.at_start;
    }
  }

  void Tell(int slot, Turn turn) { at(slot).turns.push_back(std::move(turn)); }
  const std::vector<CommandKind>& commands(int slot) { return at(slot).commands; }
  int abandoned(int slot) { return at(slot).abandoned; }
  // The command that is silent completes with the next Collect, as this says.
  void Wake(int slot, Answer answer = Answer::kOk) { at(slot).turns.front().answer = answer; }

  int num_slots() const override { return static_cast<int>(slots_.size()); }
  const GameState& state(int slot) const override {
    return slots_[static_cast<std::size_t>(slot)].state;
  }
  std::string_view kind() const override { return "scripted"; }
  void Start(std::span<const Command> commands) override {
    for (const Command& command : commands) {
      started_.push_back(command);
      at(command.slot).commands.push_back(command.kind);
    }
  }
  std::span<const Completion> Collect(Deadline deadline) override {
    completions_.clear();
    RunAllBut({Answer::kSilent, Answer::kLate});
    if (completions_.empty() && deadline > Clock::now()) RunAllBut({Answer::kSilent});
    if (completions_.empty() && !started_.empty() && deadline > Clock::now()) {
      throw std::logic_error("somebody waits for a game that stays silent");
    }
    return completions_;
  }
  void Abandon(int slot) override {
    std::erase_if(started_, [slot](const Command& command) { return command.slot == slot; });
    ++at(slot).abandoned;
  }

 private:
  struct Slot {
    GameState at_start, state;
    std::deque<Turn> turns;
    std::vector<CommandKind> commands;
    std::vector<std::byte> saved;
    std::vector<RaceEvent> events;
    int abandoned = 0;
  };
  Slot& at(int slot) { return slots_[static_cast<std::size_t>(slot)]; }

  void RunAllBut(std::initializer_list<Answer> not_yet) {
    std::vector<Command> left;
    for (const Command& command : started_) {
      Turn turn;
      auto& turns = at(command.slot).turns;
      if (!turns.empty() && std::ranges::find(not_yet, turns.front().answer) != not_yet.end()) {
        left.push_back(command);
        continue;
      }
      if (!turns.empty()) {
        turn = std::move(turns.front());
        turns.pop_front();
      }
      completions_.push_back(Run(command, turn));
    }
    started_ = left;
  }

  Completion Run(const Command& command, const Turn& turn) {
    Slot& slot = at(command.slot);
    Completion completion;
    completion.slot = command.slot;
    if (turn.answer == Answer::kLost) {
      completion.status = CompletionStatus::kGameLost;
      completion.error = "it vanished";
    } else if (turn.answer == Answer::kRejected) {
      completion.status = CompletionStatus::kRejected;
      completion.error = "no such thing";
    } else {
      switch (command.kind) {
        case CommandKind::kAdvance:
          completion.ticks = command.ticks;
          slot.state.race_time_ms += 10 * command.ticks;
          slot.state.position_m.z += 0.2f * static_cast<float>(command.ticks);
          slot.state.velocity_mps = {0, 0, 20};
          slot.state.inputs = command.inputs;
          break;
        case CommandKind::kRestart:
          slot.state = slot.at_start;
          slot.state.position_m += StartOffset(slot.state.rotation, command.start_offset_m);
          break;
        case CommandKind::kSave:
          slot.saved.resize(sizeof slot.state);
          std::memcpy(slot.saved.data(), static_cast<const void*>(&slot.state), sizeof slot.state);
          completion.snapshot = slot.saved;
          break;
        case CommandKind::kRestore:
          std::memcpy(static_cast<void*>(&slot.state), command.snapshot.data(), sizeof slot.state);
          break;
      }
    }
    if (turn.change) turn.change(slot.state, completion);
    return completion;
  }

  std::vector<Slot> slots_;
  std::vector<Command> started_;
  std::vector<Completion> completions_;
};

}  // namespace hotlap
