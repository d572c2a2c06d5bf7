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
      status;  // RowStatus: kOk, kSkipped, or kNotReset where there is no state
  std::vector<SnapshotStore::Bytes> bytes;  // null where nothing was saved
};

// Saves the rows of the mask ([n], or empty for all).
SavedRows SaveRows(VectorEnvironment& environment, std::span<const std::uint8_t> mask,
                   SnapshotStore& store, std::uint64_t owner);

// One per id, null for id 0. kInvalidId: never given or gone; kPermissionDenied: another owner's.
tl::expected<std::vector<SnapshotStore::Bytes>, Refusal> FindSnapshots(
    const SnapshotStore& store, std::uint64_t owner, std::span<const std::uint64_t> ids);

// Restores the rows that have a snapshot; sets every row's status.
void RestoreRows(VectorEnvironment& environment, std::span<const SnapshotStore::Bytes> snapshots,
                 const BatchView& out);

}  // namespace hotlap::transport
