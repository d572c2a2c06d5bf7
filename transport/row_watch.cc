#include "transport/row_watch.h"

#include <chrono>
#include <utility>

#include "env/row_record.h"

namespace hotlap::transport {
namespace {

constexpr double kTickS = 0.01;

}  // namespace

void RowWatch::Lease(WatchedRows rows, Deadline now) {
  const std::lock_guard lock(mutex_);
  rows_ = std::move(rows);
  leased_at_ = now;
  sights_.assign(rows_.tracks.size(), RowSight{});
}

void RowWatch::Return() {
  const std::lock_guard lock(mutex_);
  rows_ = {};
  sights_.clear();
}

void RowWatch::Show(const VectorEnvironment& environment, std::uint64_t ticks, Deadline now) {
  const std::lock_guard lock(mutex_);
  const double passed_s = std::chrono::duration<double>(now - leased_at_).count();
  const double rows_s = passed_s * static_cast<double>(sights_.size());
  const double speed = rows_s > 0 ? static_cast<double>(ticks) * kTickS / rows_s : 0;
  for (std::size_t row = 0; row < sights_.size(); ++row) {
    const RowRecord& record = environment.record(static_cast<int>(row));
    const GameState& state = environment.game_state(static_cast<int>(row));
    RowSight& sight = sights_[row];
    sight.speed = speed;
    if (record.phase == RowPhase::kNew) continue;
    sight.state = RowState{.episode = record.episode,
                           .race_time_ms = state.race_time_ms,
                           .checkpoints = record.checkpoints_passed,
                           .position_m = state.position_m,
                           .velocity_mps = state.velocity_mps,
                           .rotation = state.rotation,
                           .inputs = state.inputs};
  }
}

int RowWatch::num_rows() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(rows_.tracks.size());
}

int RowWatch::num_simulated() const {
  const std::lock_guard lock(mutex_);
  return rows_.num_simulated;
}

std::vector<int> RowWatch::games() const {
  const std::lock_guard lock(mutex_);
  return rows_.games;
}

std::optional<RowSight> RowWatch::Look(int row) const {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<std::size_t>(row);
  if (row < 0 || index >= sights_.size()) return std::nullopt;
  RowSight sight = sights_[index];
  sight.track = rows_.tracks[index]->name;
  sight.kind = row < rows_.num_simulated ? GameKind::kSimulated : GameKind::kTMInterface;
  return sight;
}

}  // namespace hotlap::transport
