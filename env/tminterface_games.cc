#include "env/tminterface_games.h"

#include <cassert>
#include <utility>

#include "env/tminterface/mapped_buffer.h"
#include "env/tminterface_slot.h"

namespace hotlap {
namespace {

// A game's silence is looked after this often, and at every turn once all are silent.
constexpr unsigned kPollsBetweenChecks = 64;

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
    for (;;) {
      bool has_progressed = false;
      bool is_under_way = false;
      for (const auto& slot : slots_) {
        if (!slot->is_under_way()) continue;
        has_progressed |= slot->Poll();
        NoteIfComplete(*slot);
        is_under_way |= slot->is_under_way();
      }
      if (!completions_.empty() || !is_under_way) return completions_;
      if (has_progressed) backoff_.Reset();
      if (++polls_ % kPollsBetweenChecks == 0 || backoff_.is_slow()) {
        const Clock::time_point now = Clock::now();
        for (const auto& slot : slots_) {
          if (!slot->is_under_way()) continue;
          slot->CheckTime(now);
          NoteIfComplete(*slot);
        }
        if (!completions_.empty() || now >= deadline) return completions_;
      }
      if (!has_progressed && !backoff_.Pause(deadline)) return completions_;
    }
  }

  void Abandon(int slot) override { At(slot).Abandon(); }
  std::string_view kind() const override { return "tminterface"; }

 private:
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
