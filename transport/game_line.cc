#include "transport/game_line.h"

#include <algorithm>

namespace hotlap::transport {

int FreeGames::SimulatedOf(GameKind kind, int rows) const {
  if (kind == GameKind::kTMInterface) return 0;
  return kind == GameKind::kSimulated ? rows : std::clamp(simulated, 0, rows);
}

bool FreeGames::Suffice(GameKind kind, int rows) const {
  const int taken = SimulatedOf(kind, rows);
  return (taken == 0 || taken <= simulated) && (taken == rows || rows - taken <= behind_buffers);
}

void FreeGames::Take(GameKind kind, int rows) {
  const int taken = SimulatedOf(kind, rows);
  simulated -= taken;
  behind_buffers -= rows - taken;
}

std::uint64_t GameLine::Join(GameKind kind, int rows) {
  line_.push_back({++last_place_, kind, rows});
  return last_place_;
}

void GameLine::Leave(std::uint64_t place) {
  std::erase_if(line_, [&](const Waiting& waiting) { return waiting.place == place; });
}

FreeGames GameLine::LeftFor(std::uint64_t place, FreeGames free) const {
  for (const Waiting& waiting : line_) {
    if (waiting.place < place) free.Take(waiting.kind, waiting.rows);
  }
  return free;
}

int GameLine::NumBefore(std::uint64_t place) const {
  return static_cast<int>(
      std::ranges::count_if(line_, [&](const Waiting& waiting) { return waiting.place < place; }));
}

bool GameLine::CanServe(std::uint64_t place, const FreeGames& free) const {
  const auto found = std::ranges::find(line_, place, &Waiting::place);
  return found != line_.end() && LeftFor(place, free).Suffice(found->kind, found->rows);
}

}  // namespace hotlap::transport
