// One row of a VectorEnvironment: its episode, told from what its game completed. No games, no
// threads and no memory of the caller's in here. Used by one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "env/environment_config.h"
#include "env/game_group.h"
#include "env/random.h"
#include "env/randomisation.h"
#include "env/row_record.h"

namespace hotlap {

// Every info column of the spec, in its order, as the four bytes of each.
inline constexpr std::size_t kNumInfoColumns = 10 + 2 * kNumRewardTerms;
using InfoWords = std::array<std::uint32_t, kNumInfoColumns>;

// What a step or the beginning of an episode gave, beside the observation.
struct RowResult {
  float reward = 0;
  bool terminated = false;
  bool truncated = false;
  bool failed = false;  // ended by a failure: no progress, off road, fall or roof
  InfoWords info{};
};

class Row {
 public:
  Row(std::shared_ptr<const Centreline> line, std::uint64_t track_hash, std::uint64_t base_seed,
      const GameState& state);

  const RowRecord& record() const { return record_; }
  const GameState& state() const { return state_; }  // the last good one
  const Centreline& line() const { return *line_; }
  std::uint64_t track_hash() const { return track_hash_; }
  RowPhase phase() const { return record_.phase; }
  // There is a game, as far as is known: it has been seen, and not been lost since.
  bool has_game() const { return has_game_; }

  // The next episode is the first of this base seed.
  void Reseed(std::uint64_t base_seed);
  // Of the episode that begins next: the first of `seed`, if it is given.
  RandomStream NextStream(std::optional<std::uint64_t> seed, RandomPurpose purpose) const;

  // m to the left of s(0), of the same episode if it begins at the start.
  float NextStartOffset(const EnvironmentConfig& config, std::optional<std::uint64_t> seed) const;

  // The game stands at the start, or at the state of a snapshot, whose record this is. False when
  // the state is not finite: then nothing has changed.
  [[nodiscard]] bool Begin(const EnvironmentConfig& config, const GameState& state,
                           const RowRecord* snapshot, RowResult& result);
  // The game stands where this record was saved; its episode goes on. False as for Begin.
  [[nodiscard]] bool Continue(const EnvironmentConfig& config, const GameState& state,
                              const RowRecord& record, RowResult& result);
  // Fills in the kAdvance of a step that asks for these inputs: what is in force when, after the
  // input delay, and what the car is.
  void Drive(const EnvironmentConfig& config, const Inputs& inputs, Command& command) const;
  // The game has advanced in such a step: takes its state, and tells where on the line to look for
  // it. False as for Begin.
  [[nodiscard]] bool Advance(const GameState& state, const Inputs& inputs,
                             const Completion& completion, LineSearch& search);
  // And what the step gave, when that is found.
  void FinishAdvance(const EnvironmentConfig& config, const Completion& completion,
                     const LineSearch& found, RowResult& result);
  // The game is gone. `in_step`: during a step of the episode, which counts in it; else an episode
  // could not begin or go on.
  void Lose(bool in_step, RowResult& result);
  // The game is gone, between two steps; Lose() tells it with the next one. Or a new one has come,
  // and the row's next reset finds it.
  void set_has_game(bool has_game) { has_game_ = has_game; }

  void WriteObservation(const Observer& observer, std::span<float> out) const;

 private:
  RowView View() const { return {state_, *line_, record_, here_}; }
  // For where the car is now, so far from its place on the line at most; and the place found.
  void SearchWithin(float reach_m, LineSearch& search) const;
  void MoveTo(const LineSearch& found);
  // All of a step that ended nothing, but the rewards; `info` is all 0 before.
  void FillInfo(int ticks, bool valid, InfoWords& info) const;
  void AddEnd(EndReason reason, InfoWords& info) const;

  std::shared_ptr<const Centreline> line_;
  std::uint64_t track_hash_;
  std::uint64_t base_seed_, next_episode_ = 0;  // of the episode that begins next
  bool has_game_ = false;
  RowRecord record_;
  EpisodeParameters parameters_;  // drawn from the record's key
  GameState state_;
  LinePoint here_;  // at record_.place
};

}  // namespace hotlap
