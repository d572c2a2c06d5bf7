#include "env/snapshot_store.h"

#include <utility>

namespace hotlap {

std::uint64_t SnapshotStore::Put(std::uint64_t owner, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = ++last_id_;
  bytes_ += bytes->size();
  entries_.emplace(id, Entry{owner, std::move(bytes)});
  while (bytes_ > budget_bytes_) {
    const auto oldest = entries_.begin();
    bytes_ -= oldest->second.bytes->size();
    entries_.erase(oldest);
  }
  return id;
}

std::optional<SnapshotStore::Entry> SnapshotStore::Get(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void SnapshotStore::DropOwner(std::uint64_t owner) {
  const std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.owner != owner) {
      ++it;
      continue;
    }
    bytes_ -= it->second.bytes->size();
    it = entries_.erase(it);
  }
}

std::size_t SnapshotStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace hotlap
