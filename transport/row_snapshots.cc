#include "transport/row_snapshots.h"

#include <string>
#include <utility>

#include "transport/learner_environment.h"

namespace hotlap::transport {
namespace {

std::uint8_t Wire(RowStatus status) { return static_cast<std::uint8_t>(status); }

std::string Place(std::uint64_t id, std::size_t place) {
  return "array 'snapshots' has id " + std::to_string(id) + " at place " + std::to_string(place);
}

tl::unexpected<Refusal> RefuseForeign(std::uint64_t id, std::size_t place) {
  return Refuse(Status::kPermissionDenied, Place(id, place) + ", which another session saved");
}

std::vector<std::span<const std::byte>> SpansOf(const std::vector<SnapshotStore::Bytes>& held) {
  std::vector<std::span<const std::byte>> spans(held.size());
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i] != nullptr) spans[i] = *held[i];
  }
  return spans;
}

}  // namespace

SavedRows SaveRows(VectorEnvironment& environment, std::span<const std::uint8_t> mask,
                   SnapshotStore& store, std::uint64_t owner) {
  const std::size_t n = static_cast<std::size_t>(environment.num_rows());
  SavedRows saved{std::vector<std::uint64_t>(n),
                  std::vector<std::uint8_t>(n, Wire(RowStatus::kSkipped))};
  for (std::size_t row = 0; row < n; ++row) {
    if (!mask.empty() && mask[row] == 0) continue;
    auto bytes = std::make_shared<std::vector<std::byte>>();
    if (!environment.Save(static_cast<int>(row), *bytes)) {
      saved.status[row] =
          Wire(environment.is_under_way(static_cast<int>(row)) ? RowStatus::kUnderWay
                                                               : RowStatus::kNotReset);
      continue;
    }
    saved.status[row] = Wire(RowStatus::kOk);
    saved.ids[row] = store.Put(owner, std::move(bytes));
  }
  return saved;
}

tl::expected<std::vector<SnapshotStore::Bytes>, Refusal> FindSnapshots(
    const SnapshotStore& store, std::uint64_t owner, std::span<const std::uint64_t> ids) {
  std::vector<SnapshotStore::Bytes> held(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == 0) continue;
    auto entry = store.Get(ids[i]);
    if (!entry) {
      return Refuse(Status::kInvalidId, Place(ids[i], i) +
                                            ", which was never given, was dropped or had to make "
                                            "room for newer ones");
    }
    if (entry->owner != owner) return RefuseForeign(ids[i], i);
    held[i] = std::move(entry->bytes);
  }
  return held;
}

tl::expected<void, Refusal> ResetRows(VectorEnvironment& environment, ResetOptions options,
                                      std::span<const std::uint64_t> ids,
                                      const SnapshotStore& store, std::uint64_t owner,
                                      const BatchView& out) {
  if (auto good = CheckStarts(options.starts, environment.keeps_states()); !good) return good;
  return FindSnapshots(store, owner, ids).map([&](const auto& held) {
    const auto snapshots = SpansOf(held);
    options.snapshots = snapshots;
    environment.Reset(options, out);
  });
}

tl::expected<void, Refusal> RestoreRows(VectorEnvironment& environment,
                                        std::span<const std::uint64_t> ids,
                                        const SnapshotStore& store, std::uint64_t owner,
                                        const BatchView& out) {
  return FindSnapshots(store, owner, ids).map([&](const auto& held) {
    environment.Restore(SpansOf(held), out);
  });
}

tl::expected<std::vector<std::uint64_t>, Refusal> ImportSnapshots(
    const VectorEnvironment& environment, std::span<const std::span<const std::byte>> states,
    SnapshotStore& store, std::uint64_t owner) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (const auto good = environment.Check(states[i]); !good) {
      return Refuse(Status::kBadArgument, "array 'bytes' has a bad state at place " +
                                              std::to_string(i) + ": " + good.error());
    }
  }
  std::vector<std::uint64_t> ids;
  ids.reserve(states.size());
  for (const std::span<const std::byte> state : states) {
    ids.push_back(store.Put(
        owner, std::make_shared<const std::vector<std::byte>>(state.begin(), state.end())));
  }
  return ids;
}

tl::expected<void, Refusal> DropSnapshots(SnapshotStore& store, std::uint64_t owner,
                                          std::span<const std::uint64_t> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto entry = store.Get(ids[i]);
    if (entry && entry->owner != owner) return RefuseForeign(ids[i], i);
  }
  for (const std::uint64_t id : ids) store.Drop(id);
  return {};
}

}  // namespace hotlap::transport
