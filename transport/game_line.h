// Who waits for games, and what that leaves to those who come later.
#pragma once

#include <cstdint>
#include <vector>

#include "transport/protocol.h"

namespace hotlap::transport {

// How many there are of each kind; less than none when others have claims on more.
struct FreeGames {
  int simulated = 0;
  int behind_buffers = 0;

  // Of so many rows; of kAny, simulated ones as far as they go.
  int SimulatedOf(GameKind kind, int rows) const;
  bool Suffice(GameKind kind, int rows) const;
  void Take(GameKind kind, int rows);
};

// First come, first served: whoever waits has a claim on as many games as he waits for, and those
// behind get what the claims before them leave. So small ones do not hold up a large one, and a
// large one holds up nobody for whom there is enough.
class GameLine {
 public:
  static constexpr std::uint64_t kLast = UINT64_MAX;  // behind all that wait

  std::uint64_t Join(GameKind kind, int rows);  // a place, by number
  void Leave(std::uint64_t place);
  // What those before `place` leave of `free`.
  FreeGames LeftFor(std::uint64_t place, FreeGames free) const;
  int NumBefore(std::uint64_t place) const;
  bool CanServe(std::uint64_t place, const FreeGames& free) const;

 private:
  struct Waiting {
    std::uint64_t place = 0;
    GameKind kind = GameKind::kAny;
    int rows = 0;
  };
  std::uint64_t last_place_ = 0;
  std::vector<Waiting> line_;  // by place
};

}  // namespace hotlap::transport
