// Rows of a VectorEnvironment with the arrays around them, and the verbs of their tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/environment_snapshot.h"
#include "env/simulated_games.h"
#include "env/vector_environment.h"
#include "tests/env/roads.h"

namespace hotlap {

// Of the default set of keys.
inline constexpr std::int32_t kThrottle = 0, kThrottleLeft = 1, kThrottleRight = 2, kNothing = 3,
                              kBrake = 6;

struct FleetSettings {
  EnvironmentConfig environment;
  Autoreset autoreset = Autoreset::kNextStep;
  std::vector<int> groups = {2};  // rows of each
  int num_threads = 1;
  std::vector<std::string> info_columns;  // empty: all of them
  sim::TrackSpec road = StraightRoad(400, 100);
  std::uint64_t seed = 100;  // row i has seed + i
  ArchiveSettings archive{};
  Starts starts{};
};

// Everything that one call gave, to compare bit for bit.
struct Given {
  std::vector<float> observations, rewards;
  std::vector<std::uint8_t> terminated, truncated, status;
  std::vector<std::byte> info;
  std::vector<std::int32_t> final_rows;
  std::vector<float> final_observations;
  std::vector<std::byte> final_info;
  friend bool operator==(const Given&, const Given&) = default;
};

class Fleet {
 public:
  explicit Fleet(const FleetSettings& settings = FleetSettings())
      : Fleet(settings, MakeGames(settings)) {}
  Fleet(const FleetSettings& settings, std::vector<std::unique_ptr<GameGroup>> games)
      : Fleet(settings, sim::Track::Build(settings.road), std::move(games)) {}
  // Simulated ones, of the settings.
  static std::vector<std::unique_ptr<GameGroup>> MakeGames(const FleetSettings& settings) {
    const auto track = sim::Track::Build(settings.road);
    std::vector<std::unique_ptr<GameGroup>> games;
    for (const int slots : settings.groups) {
      games.push_back(MakeSimulatedGames(std::vector<SimulatedGame>(Index(slots), {track, {}})));
    }
    return games;
  }

  int num_rows() const { return rows_.num_rows(); }
  VectorEnvironment& rows() { return rows_; }
  BatchBuffer& batch() { return batch_; }
  const Centreline& line() const { return *line_; }

  void Reset(const ResetOptions& options = {}) { rows_.Reset(options, batch_.view()); }
  void ResetRow(int row, std::span<const std::byte> snapshot = {}) {
    const auto n = static_cast<std::size_t>(num_rows());
    std::vector<std::uint8_t> mask(n);
    std::vector<std::span<const std::byte>> snapshots(n);
    mask[Index(row)] = 1;
    snapshots[Index(row)] = snapshot;
    Reset({.mask = mask, .seeds = {}, .snapshots = snapshots});
  }
  void Step(std::int32_t action) {
    Step(std::vector<std::int32_t>(static_cast<std::size_t>(num_rows()), action));
  }
  void Step(const std::vector<std::int32_t>& actions) {
    num_final_ = rows_.Step({.discrete = actions, .continuous = {}}, batch_.view()).num_final;
  }
  // Until the row ends; fails the test after too many steps.
  void StepToTheEnd(int row, std::int32_t action) {
    for (int i = 0; i < 20000; ++i) {
      Step(action);
      if (terminated(row) || truncated(row)) return;
    }
    throw std::runtime_error("the episode does not end");
  }
  tl::expected<void, std::string> Restore(int row, std::span<const std::byte> snapshot) {
    return rows_.Restore(row, snapshot, batch_.view());
  }
  void Restore(const std::vector<std::span<const std::byte>>& snapshots) {
    rows_.Restore(snapshots, batch_.view());
  }
  std::vector<std::byte> Save(int row) { return rows_.Save(row); }
  // The record inside a snapshot of the row.
  RowRecord RecordOf(int row) {
    const auto bytes = Save(row);
    const SnapshotOrigin origin{kind_, track_hash_, rows_.spec().policy_hash,
                                rows_.spec().task_hash};
    const auto opened = OpenSnapshot(bytes, origin, *line_, SnapshotUse::kRestore);
    if (!opened) throw std::runtime_error(opened.error());
    return opened->record;
  }

  RowStatus status(int row) const { return static_cast<RowStatus>(batch_.status[Index(row)]); }
  float reward(int row) const { return batch_.rewards[Index(row)]; }
  bool terminated(int row) const { return batch_.terminated[Index(row)] != 0; }
  bool truncated(int row) const { return batch_.truncated[Index(row)] != 0; }
  std::vector<float> observation(int row) const { return Observation(batch_.observations, row); }
  double info(std::string_view column, int row) const { return Info(batch_.info, column, row); }
  EndReason end_reason(int row) const { return static_cast<EndReason>(info("end_reason", row)); }
  int num_final() const { return num_final_; }
  int final_row(int k) const { return batch_.final_rows[Index(k)]; }
  std::vector<float> final_observation(int k) const {
    return Observation(batch_.final_observations, k);
  }
  double final_info(std::string_view column, int k) const {
    return Info(batch_.final_info, column, k);
  }

  // What the last call gave; nothing of rows that it refused or skipped.
  Given given() const {
    const auto n = static_cast<std::size_t>(num_rows()), k = Index(num_final_);
    const std::size_t d = batch_.observations.size() / n;
    const std::size_t num_columns = rows_.info_columns().size();
    Given g{batch_.observations,
            batch_.rewards,
            batch_.terminated,
            batch_.truncated,
            batch_.status,
            batch_.info,
            {},
            {},
            {}};
    for (std::size_t row = 0; row < n; ++row) {
      if (status(static_cast<int>(row)) == RowStatus::kOk) continue;
      std::fill_n(g.observations.begin() + static_cast<std::ptrdiff_t>(row * d), d, 0.0f);
      g.rewards[row] = 0;
      g.terminated[row] = g.truncated[row] = 0;
      for (std::size_t column = 0; column < num_columns; ++column) {
        std::fill_n(&g.info[(column * n + row) * 4], 4, std::byte{});
      }
    }
    g.final_rows.assign(batch_.final_rows.begin(), batch_.final_rows.begin() + num_final_);
    g.final_observations.assign(
        batch_.final_observations.begin(),
        batch_.final_observations.begin() + static_cast<std::ptrdiff_t>(k * d));
    for (std::size_t column = 0; column < num_columns; ++column) {
      const std::byte* const from = batch_.final_info.data() + column * n * 4;
      g.final_info.insert(g.final_info.end(), from, from + k * 4);
    }
    return g;
  }

 private:
  static std::size_t Index(int i) { return static_cast<std::size_t>(i); }
  static VectorEnvironmentConfig ConfigOf(const FleetSettings& settings) {
    VectorEnvironmentConfig config;
    config.environment = settings.environment;
    config.autoreset = settings.autoreset;
    config.num_threads = settings.num_threads;
    config.info_columns = settings.info_columns;
    config.archive = settings.archive;
    config.starts = settings.starts;
    if (config.info_columns.empty()) {
      for (const InfoColumn& column : MakeSpec(settings.environment).info) {
        config.info_columns.push_back(column.name);
      }
    }
    return config;
  }
  static std::vector<RowConfig> RowsOf(const FleetSettings& settings, const sim::Track& track,
                                       const std::shared_ptr<const Centreline>& line) {
    std::vector<RowConfig> rows;
    for (const int slots : settings.groups) {
      for (int slot = 0; slot < slots; ++slot) {
        rows.push_back({line, track.hash(), settings.seed + rows.size()});
      }
    }
    return rows;
  }
  Fleet(const FleetSettings& settings, const std::shared_ptr<const sim::Track>& track,
        std::vector<std::unique_ptr<GameGroup>> games)
      : line_(Centreline::FromTrack(*track)),
        track_hash_(track->hash()),
        kind_(games.front()->kind()),
        rows_(ConfigOf(settings), std::move(games), RowsOf(settings, *track, line_)),
        batch_(rows_) {}

  std::vector<float> Observation(const std::vector<float>& from, int row) const {
    const std::size_t d = rows_.spec().observation.size();
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(Index(row) * d);
    return {first, first + static_cast<std::ptrdiff_t>(d)};
  }
  double Info(const std::vector<std::byte>& from, std::string_view name, int row) const {
    const auto columns = rows_.info_columns();
    const auto found = std::ranges::find(columns, name, &InfoColumn::name);
    if (found == columns.end()) throw std::invalid_argument(std::string(name));
    const auto column = static_cast<std::size_t>(found - columns.begin());
    const std::byte* const value = &from[(column * Index(num_rows()) + Index(row)) * 4];
    if (found->type == InfoType::kFloat32) {
      float number = 0;
      std::memcpy(&number, value, sizeof number);
      return static_cast<double>(number);
    }
    std::int32_t number = 0;
    std::memcpy(&number, value, sizeof number);
    return number;
  }

  std::shared_ptr<const Centreline> line_;
  std::uint64_t track_hash_;
  std::string kind_;
  VectorEnvironment rows_;
  BatchBuffer batch_;
  int num_final_ = 0;
};

}  // namespace hotlap
