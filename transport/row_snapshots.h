// Saved states of the rows of a VectorEnvironment, named by ids of a store.
#pragma once

#include <cstdint>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "env/snapshot_store.h"
#include "env/vector_environment.h"
#include "transport/status.h"

namespace hotlap::transport {

struct SavedRows {                 // each [n]
  std::vector<std::uint64_t> ids;  // 0 where nothing was saved
  std::vector<std::uint8_t>
      status;  // RowStatus: kOk, kSkipped, or kNotReset or kUnderWay where there is no state
};

// Saves the rows of the mask ([n], or empty for all).
SavedRows SaveRows(VectorEnvironment& environment, std::span<const std::uint8_t> mask,
                   SnapshotStore& store, std::uint64_t owner);

// The bytes under each id, null under 0. kInvalidId: never given or gone; kPermissionDenied:
// another owner's.
tl::expected<std::vector<SnapshotStore::Bytes>, Refusal> FindSnapshots(
    const SnapshotStore& store, std::uint64_t owner, std::span<const std::uint64_t> ids);

// The environment's Reset and Restore of rows at stored snapshots, one id per row: 0 is none; no
// ids at all are none either, which Reset alone allows. Refused as by FindSnapshots, and
// kBadArgument for starts at kept states where none is kept; then nothing has changed.
tl::expected<void, Refusal> ResetRows(VectorEnvironment& environment, ResetOptions options,
                                      std::span<const std::uint64_t> ids,
                                      const SnapshotStore& store, std::uint64_t owner,
                                      const BatchView& out);
tl::expected<void, Refusal> RestoreRows(VectorEnvironment& environment,
                                        std::span<const std::uint64_t> ids,
                                        const SnapshotStore& store, std::uint64_t owner,
                                        const BatchView& out);

// Ids of states that came from anywhere. kBadArgument, and none is stored, when one of them fits no
// row of the environment; the text tells which one and why.
tl::expected<std::vector<std::uint64_t>, Refusal> ImportSnapshots(
    const VectorEnvironment& environment, std::span<const std::span<const std::byte>> states,
    SnapshotStore& store, std::uint64_t owner);

// Ids that name nothing any more are passed over: they may have had to make room.
// kPermissionDenied: another owner's; then none is dropped.
tl::expected<void, Refusal> DropSnapshots(SnapshotStore& store, std::uint64_t owner,
                                          std::span<const std::uint64_t> ids);

}  // namespace hotlap::transport
