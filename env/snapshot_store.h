// Saved states under ids, within a budget of bytes: when it is used up, whoever holds most loses
// the oldest of its own. Ids are never used twice. Safe to call from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
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
  void Drop(std::uint64_t id);                       // nothing, when it names nothing
  void DropOwner(std::uint64_t owner);

  std::size_t bytes() const;  // kept now

 private:
  struct Holding {
    std::set<std::uint64_t> ids;  // the first is the oldest
    std::size_t bytes = 0;
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;
  void EvictOne();
  Bytes Remove(Entries::iterator entry);

  const std::size_t budget_bytes_;
  mutable std::mutex mutex_;
  Entries entries_;                                      // by id
  std::unordered_map<std::uint64_t, Holding> holdings_;  // by owner; none is empty
  std::size_t bytes_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace hotlap
