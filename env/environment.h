// One environment, for those who need no batch: the one row of a VectorEnvironment, in kDisabled
// mode. docs/step.md says what its calls mean.
//
//   Environment env(config, MakeSimulatedGames({{track, vehicle}}), {line, track->hash(), seed});
//   env.Reset();
//   while (!env.done()) env.Step(policy(env.observation()));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "env/vector_environment.h"

namespace hotlap {

// Not thread-safe.
class Environment {
 public:
  // REQUIRES: a group of one slot, else throws std::invalid_argument.
  Environment(const EnvironmentConfig& config, std::unique_ptr<GameGroup> game, RowConfig row);

  const EnvironmentSpec& spec() const { return rows_.spec(); }

  // Begins an episode: the first of `seed`, or the next one; at `snapshot`, or at s(0) when it is
  // empty. kOk or kBadSnapshot.
  RowStatus Reset(std::optional<std::uint64_t> seed = {}, std::span<const std::byte> snapshot = {});
  // kOk, kNotReset or kBadAction. The form must be that of the action set.
  RowStatus Step(std::int32_t action);
  RowStatus Step(std::span<const float> action);

  // Of the last call that gave kOk.
  std::span<const float> observation() const { return batch_.observations; }
  float reward() const { return batch_.rewards[0]; }
  bool terminated() const { return batch_.terminated[0] != 0; }
  bool truncated() const { return batch_.truncated[0] != 0; }
  bool done() const { return terminated() || truncated(); }
  // A column of spec().info by its name; throws std::invalid_argument when there is none.
  double info(std::string_view column) const;
  EndReason end_reason() const { return static_cast<EndReason>(info("end_reason")); }

  // As in VectorEnvironment.
  std::vector<std::byte> Save() { return rows_.Save(0); }
  tl::expected<void, std::string> Restore(std::span<const std::byte> snapshot);
  const GameState& game_state() const { return rows_.game_state(0); }

 private:
  RowStatus status() const { return static_cast<RowStatus>(batch_.status[0]); }

  VectorEnvironment rows_;
  BatchBuffer batch_;
};

}  // namespace hotlap
