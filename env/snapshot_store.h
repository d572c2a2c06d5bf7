// Saved states under ids, within a budget of bytes: when it is used up, the oldest ones go. Ids
// are never used twice. Safe to call from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace hotlap {

class SnapshotStore {
 public:
  using Bytes = std::shared_ptr<const std::vector<std::byte>>;
  struct Entry {
    std::uint64_t owner = 0;
    Bytes bytes;
  };

  explicit SnapshotStore(std::size_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // The id, from 1 on. A snapshot larger than the whole budget is not kept: its id names nothing.
  // REQUIRES: bytes is not null.
  std::uint64_t Put(std::uint64_t owner, Bytes bytes);
  std::optional<Entry> Get(std::uint64_t id) const;  // empty: never given, evicted or dropped
  void DropOwner(std::uint64_t owner);

  std::size_t bytes() const;  // kept now

 private:
  const std::size_t budget_bytes_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Entry> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace hotlap
