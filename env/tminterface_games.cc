#include "env/tminterface_games.h"

#include <cassert>
#include <chrono>
#include <thread>
#include <utility>

#include "env/tminterface/mapped_buffer.h"
#include "env/tminterface_slot.h"

namespace hotlap {
namespace {

// A game's silence is looked after this often, and at every turn once all are silent.
constexpr unsigned kPollsBetweenChecks = 64;
// Who only looks still hears out a game that is talking: it stays for so long after each word, and
// for so long in all. Else a countdown would take a look for each of its ticks.
constexpr std::chrono::microseconds kStaysAfterWord{100};
constexpr std::chrono::milliseconds kLongestVisit{2};

class TMInterfaceGames final : public GameGroup {
 public:
  TMInterfaceGames(std::vector<TMInterfaceGame> games, TMInterfaceSettings settings)
      : settings_(std::move(settings)) {
    slots_.reserve(games.size());
    for (TMInterfaceGame& game : games) {
      const int slot = static_cast<int>(slots_.size());
      slots_.push_back(std::make_unique<TMInterfaceSlot>(slot, std::move(game), settings_));
    }
    completions_.reserve(slots_.size());
  }

  int num_slots() const override { return static_cast<int>(slots_.size()); }
  const GameState& state(int slot) const override { return At(slot).state(); }

  void Start(std::span<const Command> commands) override {
    for (const Command& command : commands) At(command.slot).Start(command);
  }

  std::span<const Completion> Collect(Deadline deadline) override {
    completions_.clear();
    backoff_.Reset();
    if (deadline == kAtOnce) return Visit();
    for (;;) {
      const Turn turn = PollAll();
      if (!completions_.empty() || !turn.is_under_way) return completions_;
      if (turn.has_progressed) backoff_.Reset();
      if (++polls_ % kPollsBetweenChecks == 0 || backoff_.is_slow()) {
        const Clock::time_point now = Clock::now();
        CheckAll(now);
        if (!completions_.empty() || now >= deadline) return completions_;
      }
      if (!turn.has_progressed && !backoff_.Pause(deadline)) return completions_;
    }
  }

  void Abandon(int slot) override { At(slot).Abandon(); }
  std::string_view kind() const override { return "tminterface"; }

 private:
  struct Turn {
    bool has_progressed = false;
    bool is_under_way = false;
  };
  Turn PollAll() {
    Turn turn;
    for (const auto& slot : slots_) {
      if (!slot->is_under_way()) continue;
      turn.has_progressed |= slot->Poll();
      NoteIfComplete(*slot);
      turn.is_under_way |= slot->is_under_way();
    }
    return turn;
  }
  void CheckAll(Clock::time_point now) {
    for (const auto& slot : slots_) {
      if (!slot->is_under_way()) continue;
      slot->CheckTime(now);
      NoteIfComplete(*slot);
    }
  }
  std::span<const Completion> Visit() {
    Clock::time_point now = Clock::now();
    const Clock::time_point end = now + kLongestVisit;
    for (Clock::time_point word = Clock::time_point::min();; now = Clock::now()) {
      const Turn turn = PollAll();
      CheckAll(now);
      if (turn.has_progressed) word = now;
      if (!completions_.empty() || !turn.is_under_way || now >= end) return completions_;
      if (now >= word + kStaysAfterWord) return completions_;
      if (!turn.has_progressed) std::this_thread::yield();
    }
  }
  TMInterfaceSlot& At(int slot) const {
    assert(slot >= 0 && slot < num_slots());
    return *slots_[static_cast<std::size_t>(slot)];
  }
  void NoteIfComplete(const TMInterfaceSlot& slot) {
    if (!slot.is_under_way()) completions_.push_back(slot.completion());
  }

  const TMInterfaceSettings settings_;
  std::vector<std::unique_ptr<TMInterfaceSlot>> slots_;
  std::vector<Completion> completions_;
  tminterface::Backoff backoff_;
  unsigned polls_ = 0;
};

}  // namespace

std::unique_ptr<GameGroup> MakeTMInterfaceGames(std::vector<TMInterfaceGame> games,
                                                TMInterfaceSettings settings) {
  return std::make_unique<TMInterfaceGames>(std::move(games), std::move(settings));
}

}  // namespace hotlap
