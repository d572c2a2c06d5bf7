#include "env/snapshot_store.h"

#include <algorithm>
#include <utility>

namespace hotlap {

std::uint64_t SnapshotStore::Put(std::uint64_t owner, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = ++last_id_;
  const std::size_t size = bytes->size();
  if (size > budget_bytes_) return id;
  Holding& holding = holdings_[owner];
  holding.ids.insert(holding.ids.end(), id);
  holding.bytes += size;
  bytes_ += size;
  entries_.emplace(id, Entry{owner, std::move(bytes)});
  while (bytes_ > budget_bytes_) EvictOne();
  return id;
}

// Owners are few, and this looks at each: a session more costs less than keeping them sorted.
void SnapshotStore::EvictOne() {
  const auto most = std::ranges::max_element(
      holdings_, {}, [](const auto& holding) { return holding.second.bytes; });
  Remove(entries_.find(*most->second.ids.begin()));
}

SnapshotStore::Bytes SnapshotStore::Remove(Entries::iterator entry) {
  const auto holding = holdings_.find(entry->second.owner);
  Bytes bytes = std::move(entry->second.bytes);
  bytes_ -= bytes->size();
  holding->second.bytes -= bytes->size();
  holding->second.ids.erase(entry->first);
  if (holding->second.ids.empty()) holdings_.erase(holding);
  entries_.erase(entry);
  return bytes;
}

void SnapshotStore::Drop(std::uint64_t id) {
  Bytes dropped;  // freed after the lock is
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(id);
  if (entry != entries_.end()) dropped = Remove(entry);
}

std::optional<SnapshotStore::Entry> SnapshotStore::Get(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void SnapshotStore::DropOwner(std::uint64_t owner) {
  std::vector<Entry> dropped;  // freed after the lock is
  const std::lock_guard lock(mutex_);
  const auto holding = holdings_.find(owner);
  if (holding == holdings_.end()) return;
  dropped.reserve(holding->second.ids.size());
  for (const std::uint64_t id : holding->second.ids) {
    const auto entry = entries_.find(id);
    dropped.push_back(std::move(entry->second));
    entries_.erase(entry);
  }
  bytes_ -= holding->second.bytes;
  holdings_.erase(holding);
}

std::size_t SnapshotStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace hotlap
