// What spectators see of a session's rows: a copy of the latest state of each. The thread that runs
// the session's requests writes it, the socket's thread reads it, both may at any time. Steps pay
// for it only while somebody watches.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "env/deadline.h"
#include "env/inputs.h"
#include "env/vec3.h"
#include "env/vector_environment.h"
#include "transport/catalogue.h"
#include "transport/protocol.h"

namespace hotlap::transport {

// What a session has leased.
struct WatchedRows {
  std::vector<std::shared_ptr<const OfferedTrack>> tracks{};  // of each row
  int num_simulated = 0;     // the first rows; the others are behind buffers:
  std::vector<int> games{};  // numbers of theirs in the pool
};

// What a row does in its episode.
struct RowState {
  std::uint64_t episode = 0;
  std::int32_t race_time_ms = 0;
  std::int32_t checkpoints = 0;  // taken so far, over all laps
  Vec3 position_m, velocity_mps;
  Mat3 rotation;  // car to world
  Inputs inputs;  // in force in the latest tick
};

// One row as it was last seen.
struct RowSight {
  std::string track;
  GameKind kind = GameKind::kSimulated;
  double speed = 0;  // times real time, on average of the session's rows since the lease
  std::optional<RowState> state;  // none before its first episode
};

class RowWatch {
 public:
  void Lease(WatchedRows rows, Deadline now);
  void Return();
  // Copies what all rows show. `ticks`: that they have run in all since the lease.
  void Show(const VectorEnvironment& environment, std::uint64_t ticks, Deadline now);

  // Whether somebody asked lately: then Show is called after each request.
  bool is_watched() const { return is_watched_.load(std::memory_order_relaxed); }
  void set_is_watched(bool is_watched) { is_watched_.store(is_watched, std::memory_order_relaxed); }

  int num_rows() const;
  int num_simulated() const;
  std::vector<int> games() const;               // of the rows behind those
  std::optional<RowSight> Look(int row) const;  // nullopt: there is no such row (any more)

 private:
  std::atomic<bool> is_watched_{false};
  mutable std::mutex mutex_;
  WatchedRows rows_;
  Deadline leased_at_{};
  std::vector<RowSight> sights_;  // but the track and the kind
};

}  // namespace hotlap::transport
