// The bytes of a saved row: a header, the row's record, and the game's own snapshot. Little-endian.
// They may come from anywhere, so everything is checked before it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "env/row_record.h"

namespace hotlap {

// What a snapshot belongs to.
struct SnapshotOrigin {
  std::string_view game_kind;  // GameGroup::kind()
  std::uint64_t track_hash = 0;
  std::uint64_t policy_hash = 0;
  std::uint64_t task_hash = 0;
};

// What the bytes tell anybody, whether or not there is a row for them.
struct SnapshotHeader {
  SnapshotOrigin origin;  // game_kind points into the bytes
  std::int32_t tick = 0;  // of the race, 10 ms each; 0 is the release of the car
};

struct OpenedSnapshot {
  RowRecord record;
  std::span<const std::byte> bytes;  // that were opened
  std::span<const std::byte> game;   // into them
};

enum class SnapshotUse : std::uint8_t {
  kRestore,  // goes on with the episode: kind, track, policy and task must be the same
  kReset,    // begins another one there, which draws anew: the task may differ
};

// `out` is replaced; its memory is used again.
void PackSnapshot(const SnapshotHeader& header, const RowRecord& record,
                  std::span<const std::byte> game, std::vector<std::byte>& out);

// The error says what is wrong with the format or the size.
tl::expected<SnapshotHeader, std::string> ReadSnapshotHeader(std::span<const std::byte> bytes);

// The error says what is foreign or broken. The game's part is left for the game to check.
tl::expected<OpenedSnapshot, std::string> OpenSnapshot(std::span<const std::byte> bytes,
                                                       const SnapshotOrigin& here,
                                                       const Centreline& line, SnapshotUse use);

}  // namespace hotlap
