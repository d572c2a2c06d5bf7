// Rows whose episodes are written down, for what learns from them: nothing is driven.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/agents/driving_spec.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

// An episode ends after so many steps. One of no steps is a step that waits for a lost game: it
// ends at once, truncated, as each such step does.
struct ScriptedEpisode {
  int steps = 1;
  EndReason reason = EndReason::kFinish;
  bool is_truncated = false;
  bool begins_late = false;  // in a step that drives nothing, as after a game came back
};

// Row r lives through script[r] in turn and begins again after the last. An observation is (steps
// of the episode so far, row); each step is paid 1, but those that wait. The state of a row that
// waits cannot be saved.
class ScriptedRows : public transport::LearnerEnvironment {
 public:
  using ConstBatchView = transport::ConstBatchView;
  using Refusal = transport::Refusal;
  using SnapshotId = transport::SnapshotId;
  using Batch = tl::expected<ConstBatchView, Refusal>;

  explicit ScriptedRows(std::vector<std::vector<ScriptedEpisode>> script)
      : script_(std::move(script)), n_(script_.size()), places_(n_) {
    spec_.action = KeyActions();
    spec_.observation = {{"steps", "1", 1, -100, 100}, {"row", "1", 1, -100, 100}};
    for (const char* name : {"end_reason", "episode_length", "finish_time", "full_lap"}) {
      info_.push_back({name, InfoType::kInt32, "", true});
    }
    info_.push_back({"episode_return", InfoType::kFloat32, "", true});
    info_.push_back({"ticks", InfoType::kInt32, "", false});
    observations_.resize(n_ * 2);
    rewards_.resize(n_);
    terminated_.resize(n_);
    truncated_.resize(n_);
    status_.resize(n_);
    info_bytes_.resize(n_ * info_.size() * 4);
  }

  int num_rows() const override { return static_cast<int>(n_); }
  const EnvironmentSpec& spec() const override { return spec_; }
  std::span<const InfoColumn> info_columns() const override { return info_; }
  Autoreset autoreset() const override { return mode; }

  Batch Reset(const transport::ResetRequest& request, Deadline) override {
    ClearFinals();
    for (std::size_t row = 0; row < n_; ++row) {
      const bool is_meant = request.mask.empty() || request.mask[row] != 0;
      Show(row, is_meant);
      if (!is_meant) continue;
      reset_rows.push_back(static_cast<int>(row));
      reset_seeds.push_back(request.seeds[row]);
      places_[row] = {};
      Show(row, true);
    }
    return View();
  }

  Batch Step(const ActionView& actions, Deadline) override {
    if (calls_left == 0) {
      return transport::Refuse(transport::Status::kServerLost, "the server is gone");
    }
    --calls_left;
    ClearFinals();
    seen_actions.insert(seen_actions.end(), actions.discrete.begin(), actions.discrete.end());
    std::vector<std::int32_t> reasons, lengths, times, laps;
    std::vector<float> returns;
    for (std::size_t row = 0; row < n_; ++row) {
      Place& place = places_[row];
      const ScriptedEpisode episode = script_[row][place.episode];
      if (episode.begins_late && !place.has_begun) {
        place.has_begun = true;
        rewards_[row] = 0;
        ShowTicks(row, 0);
        Show(row, true);
        continue;
      }
      ShowTicks(row, episode.steps > 0 ? 10 : 0);
      if (episode.steps > 0) ++place.steps;
      rewards_[row] = episode.steps > 0 ? 1.0f : 0.0f;
      const bool ends = place.steps >= episode.steps;
      terminated_[row] = ends && !episode.is_truncated ? 1 : 0;
      truncated_[row] = ends && episode.is_truncated ? 1 : 0;
      if (ends) {
        final_rows_.push_back(static_cast<std::int32_t>(row));
        final_observations_.push_back(static_cast<float>(place.steps));
        final_observations_.push_back(static_cast<float>(row));
        reasons.push_back(static_cast<std::int32_t>(episode.reason));
        lengths.push_back(place.steps);
        times.push_back(episode.reason == EndReason::kFinish ? 100 * place.steps : 0);
        laps.push_back(episode.reason == EndReason::kFinish ? 1 : 0);
        returns.push_back(static_cast<float>(place.steps));
        place = {(place.episode + 1) % script_[row].size(), 0, false};
      }
      Show(row, true);
    }
    for (const auto* column : {&reasons, &lengths, &times, &laps}) AddFinalInfo(*column);
    AddFinalInfo(returns);
    AddFinalInfo(std::vector<std::int32_t>(final_rows_.size(), 10));  // ticks
    return View();
  }

  Batch Step(std::span<const std::int32_t>, const ActionView&, Deadline) override { return None(); }
  tl::expected<void, Refusal> Send(std::span<const std::int32_t>, const ActionView&,
                                   Deadline) override {
    return None();
  }
  Batch Recv(int, Deadline) override { return None(); }
  Batch Branch(int, std::span<const std::uint8_t>, Deadline) override { return None(); }

  tl::expected<std::vector<SnapshotId>, Refusal> Save(std::span<const std::uint8_t>,
                                                      Deadline) override {
    std::vector<SnapshotId> ids(n_, 0);
    for (std::size_t row = 0; row < n_; ++row) {
      if (script_[row][places_[row].episode].steps == 0) continue;
      kept_.emplace_back(sizeof(Place));
      std::memcpy(kept_.back().data(), &places_[row], sizeof(Place));
      ids[row] = kept_.size();
    }
    return ids;
  }
  tl::expected<std::vector<std::vector<std::byte>>, Refusal> Export(
      std::span<const SnapshotId> snapshots, Deadline) override {
    std::vector<std::vector<std::byte>> states;
    for (const SnapshotId id : snapshots) {
      states.push_back(id == 0 ? std::vector<std::byte>() : kept_[id - 1]);
    }
    return states;
  }
  tl::expected<std::vector<SnapshotId>, Refusal> Import(
      std::span<const std::vector<std::byte>> states, Deadline) override {
    std::vector<SnapshotId> ids;
    for (const std::vector<std::byte>& state : states) {
      if (state.size() != sizeof(Place)) {
        return transport::Refuse(transport::Status::kBadArgument, "a bad state");
      }
      kept_.push_back(state);
      ids.push_back(kept_.size());
    }
    return ids;
  }
  Batch Restore(std::span<const SnapshotId> snapshots, Deadline) override {
    ClearFinals();
    for (std::size_t row = 0; row < n_; ++row) {
      if (snapshots[row] != 0) {
        std::memcpy(&places_[row], kept_[snapshots[row] - 1].data(), sizeof(Place));
      }
      Show(row, snapshots[row] != 0);
    }
    return View();
  }
  tl::expected<void, Refusal> Drop(std::span<const SnapshotId> snapshots, Deadline) override {
    num_dropped += snapshots.size();
    return {};
  }

  Autoreset mode = Autoreset::kSameStep;
  RowStatus status = RowStatus::kOk;  // of every row of every batch from now on
  int calls_left = 1'000'000;         // of Step, then the server is gone
  std::vector<int> reset_rows;
  std::vector<std::uint64_t> reset_seeds;
  std::vector<std::int32_t> seen_actions;  // of all steps
  std::size_t num_dropped = 0;

 private:
  struct Place {
    std::size_t episode = 0;
    int steps = 0;
    bool has_begun = false;
  };

  static tl::unexpected<Refusal> None() {
    return transport::Refuse(transport::Status::kBadArgument, "a learner does not ask for this");
  }
  // Zeros, as a reply has, where the row is not meant.
  void Show(std::size_t row, bool is_meant) {
    status_[row] = static_cast<std::uint8_t>(is_meant ? status : RowStatus::kSkipped);
    observations_[2 * row] = is_meant ? static_cast<float>(places_[row].steps) : 0;
    observations_[2 * row + 1] = is_meant ? static_cast<float>(row) : 0;
  }
  // The last column.
  void ShowTicks(std::size_t row, std::int32_t ticks) {
    std::memcpy(&info_bytes_[((info_.size() - 1) * n_ + row) * 4], &ticks, sizeof(ticks));
  }
  void ClearFinals() {
    final_rows_.clear();
    final_observations_.clear();
    final_info_.clear();
    std::ranges::fill(terminated_, std::uint8_t{0});
    std::ranges::fill(truncated_, std::uint8_t{0});
  }
  template <typename T>
  void AddFinalInfo(const std::vector<T>& column) {
    const auto bytes = std::as_bytes(std::span(column));
    final_info_.insert(final_info_.end(), bytes.begin(), bytes.end());
  }
  ConstBatchView View() const {
    return {observations_, rewards_,    terminated_,         truncated_, status_,
            info_bytes_,   final_rows_, final_observations_, final_info_};
  }

  std::vector<std::vector<ScriptedEpisode>> script_;
  std::size_t n_;
  std::vector<Place> places_;
  EnvironmentSpec spec_;
  std::vector<InfoColumn> info_;
  std::vector<std::vector<std::byte>> kept_;  // id k is kept_[k - 1]
  std::vector<float> observations_, rewards_, final_observations_;
  std::vector<std::uint8_t> terminated_, truncated_, status_;
  std::vector<std::byte> info_bytes_, final_info_;
  std::vector<std::int32_t> final_rows_;
};

}  // namespace hotlap::agents
