// What a row knows beyond its game: everything that decides the rest of its episode, and nothing
// else. With the game's own snapshot it is the EnvironmentSnapshot, so it is trivially copyable and
// has no padding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "env/centreline.h"
#include "env/game_state.h"
#include "env/inputs.h"
#include "env/randomisation.h"
#include "env/reward.h"

namespace hotlap {

// As many as the longest input delay looks back on at one tick a step, and one more: no padding.
inline constexpr int kNumPastInputs = kMaxInputDelayTicks + 1;

enum class RowPhase : std::int32_t {
  kNew,      // never reset
  kRunning,  // in an episode
  kEnded,    // its episode is over, or its game lost
};

struct RowRecord {
  // The key of the episode's random streams, and so of what it drew (DrawParameters).
  std::uint64_t base_seed = 0;
  std::uint64_t episode = 0;
  std::array<double, kNumRewardTerms> reward_sums{};  // of the episode, by term

  RowPhase phase = RowPhase::kNew;
  std::int32_t full_lap = 0;  // 1 when the episode began at s(0)
  std::int32_t steps = 0;     // of the episode
  std::int32_t ticks = 0;     // of the episode
  std::int32_t ticks_without_progress = 0;
  std::int32_t ticks_off_road = 0;
  std::int32_t ticks_on_roof = 0;
  std::int32_t checkpoints_passed = 0;  // over all laps, the finish included

  Projection place;           // on the reference line
  Vec3 place_of_m;            // the position that was projected
  float episode_start_m = 0;  // unwrapped distance where the episode began
  float best_m = 0;           // the farthest place that counted as progress

  // What the steps before asked for, the newest first; neutral before the first one.
  std::array<Inputs, kNumPastInputs> past_inputs{};
};
static_assert(std::is_trivially_copyable_v<RowRecord>);
static_assert(sizeof(RowRecord) == 8 * (2 + kNumRewardTerms) + std::size_t{4} * (8 + 3 + 3 + 2) +
                                       sizeof(Inputs) * kNumPastInputs,
              "RowRecord changed: bump kSnapshotVersion (environment_snapshot.cc)");

// One row as the terms of observation and reward and the episode rules see it. `here` is the point
// of the line at record.place.
struct RowView {
  const GameState& state;
  const Centreline& line;
  const RowRecord& record;
  const LinePoint& here;
};

// Unwrapped distance of the next checkpoint that has not been taken, as far as the line's gates are
// the game's; else of the finish.
inline float NextGate(const Centreline& line, const GameState& state, int passed) {
  const bool knows_gates = state.checkpoints_target == line.num_gates() * line.laps();
  return knows_gates ? line.next_gate_s_m(passed) : line.finish_s_m();
}

}  // namespace hotlap
