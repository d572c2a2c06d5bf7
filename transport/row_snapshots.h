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

// The environment's Reset and Restore of rows at stored snapshots, one id per row: 0 is none; no
// ids at all are none either, which Reset alone allows. kInvalidId: never given or
// gone; kPermissionDenied: another owner's; then nothing has changed.
tl::expected<void, Refusal> ResetRows(VectorEnvironment& environment,
                                      std::span<const std::uint8_t> mask,
                                      std::span<const std::uint64_t> seeds,
                                      std::span<const std::uint64_t> ids,
                                      const SnapshotStore& store, std::uint64_t owner,
                                      const BatchView& out);
tl::expected<void, Refusal> RestoreRows(VectorEnvironment& environment,
                                        std::span<const std::uint64_t> ids,
                                        const SnapshotStore& store, std::uint64_t owner,
                                        const BatchView& out);

}  // namespace hotlap::transport
