#include "transport/row_snapshots.h"

#include <string>
#include <utility>

namespace hotlap::transport {
namespace {

std::uint8_t Wire(RowStatus status) { return static_cast<std::uint8_t>(status); }

// Holds what the spans point to: the store may drop it meanwhile.
struct FoundSnapshots {
  std::vector<SnapshotStore::Bytes> held;
  std::vector<std::span<const std::byte>> spans;  // one per id, empty for id 0
};

tl::expected<FoundSnapshots, Refusal> FindSnapshots(const SnapshotStore& store, std::uint64_t owner,
                                                    std::span<const std::uint64_t> ids) {
  FoundSnapshots found;
  found.spans.resize(ids.size());
  for (std::size_t row = 0; row < ids.size(); ++row) {
    if (ids[row] == 0) continue;
    const auto entry = store.Get(ids[row]);
    if (entry && entry->owner == owner) {
      found.spans[row] = *entry->bytes;
      found.held.push_back(entry->bytes);
      continue;
    }
    const std::string text =
        "array 'snapshots' has id " + std::to_string(ids[row]) + " at row " + std::to_string(row);
    if (entry) {
      return Refuse(Status::kPermissionDenied, text + ", which another session saved");
    }
    return Refuse(Status::kInvalidId,
                  text + ", which was never given or had to make room for newer ones");
  }
  return found;
}

}  // namespace

SavedRows SaveRows(VectorEnvironment& environment, std::span<const std::uint8_t> mask,
                   SnapshotStore& store, std::uint64_t owner) {
  const std::size_t n = static_cast<std::size_t>(environment.num_rows());
  SavedRows saved{std::vector<std::uint64_t>(n),
                  std::vector<std::uint8_t>(n, Wire(RowStatus::kSkipped)),
                  std::vector<SnapshotStore::Bytes>(n)};
  for (std::size_t row = 0; row < n; ++row) {
    if (!mask.empty() && mask[row] == 0) continue;
    std::vector<std::byte> bytes = environment.Save(static_cast<int>(row));
    if (bytes.empty()) {
      saved.status[row] = Wire(RowStatus::kNotReset);
      continue;
    }
    saved.status[row] = Wire(RowStatus::kOk);
    saved.bytes[row] = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    saved.ids[row] = store.Put(owner, saved.bytes[row]);
  }
  return saved;
}

tl::expected<void, Refusal> ResetRows(VectorEnvironment& environment,
                                      std::span<const std::uint8_t> mask,
                                      std::span<const std::uint64_t> seeds,
                                      std::span<const std::uint64_t> ids,
                                      const SnapshotStore& store, std::uint64_t owner,
                                      const BatchView& out) {
  const auto found = FindSnapshots(store, owner, ids);
  if (!found) return tl::make_unexpected(found.error());
  environment.Reset({.mask = mask, .seeds = seeds, .snapshots = found->spans}, out);
  return {};
}

tl::expected<void, Refusal> RestoreRows(VectorEnvironment& environment,
                                        std::span<const std::uint64_t> ids,
                                        const SnapshotStore& store, std::uint64_t owner,
                                        const BatchView& out) {
  const auto found = FindSnapshots(store, owner, ids);
  if (!found) return tl::make_unexpected(found.error());
  environment.Restore(found->spans, out);
  return {};
}

}  // namespace hotlap::transport
