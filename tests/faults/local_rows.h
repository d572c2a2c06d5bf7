// The rows of the fault test in this process, with nobody between.
#pragma once

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "env/simulated_games.h"
#include "env/track_config.h"
#include "env/vector_environment.h"
#include "env/vehicle_config.h"
#include "tests/faults/learner.h"
#include "transport/client.h"

namespace hotlap::faults {

inline std::filesystem::path Configs() {
  return std::filesystem::path(HOTLAP_SOURCE_DIR) / "configs";
}

inline transport::AttachOptions Rows(int rows) {
  transport::AttachOptions options;
  options.environment = "default";
  options.rows = rows;
  options.tracks = {kTrack};
  options.kind = transport::GameKind::kTMInterface;
  options.autoreset = Autoreset::kDisabled;
  options.info.assign(std::begin(kInfoColumns), std::end(kInfoColumns));
  return options;
}

inline std::unique_ptr<transport::LearnerEnvironment> LocalRows(int rows) {
  VectorEnvironmentConfig config;
  config.environment = LoadEnvironmentConfig(Configs() / "environments/default.yaml");
  config.autoreset = Autoreset::kDisabled;
  config.info_columns.assign(std::begin(kInfoColumns), std::end(kInfoColumns));
  const auto track =
      sim::Track::Build(LoadTrackSpec(Configs() / "tracks" / (std::string(kTrack) + ".yaml")));
  const auto vehicle = LoadVehicleParams(Configs() / "vehicles/stadium.yaml");
  const auto centreline = Centreline::FromTrack(*track);
  std::vector<std::unique_ptr<GameGroup>> groups;
  std::vector<RowConfig> row_configs;
  for (int row = 0; row < rows; ++row) {
    groups.push_back(MakeSimulatedGames({{track, vehicle}}));
    row_configs.push_back({centreline, track->hash(), static_cast<std::uint64_t>(row)});
  }
  return std::make_unique<transport::LocalVectorEnvironment>(
      std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(row_configs)));
}

// What a learner saw of one row in one batch.
struct Sight {
  std::string observation;
  float reward = 0;
  bool terminated = false, truncated = false;
  RowStatus status = RowStatus::kOk;
  std::vector<std::int32_t> info;  // the bits of each of kInfoColumns

  std::int32_t Info(std::string_view column) const {
    std::size_t c = 0;
    while (kInfoColumns[c] != column) ++c;
    return info[c];
  }
  friend bool operator==(const Sight&, const Sight&) = default;
};

inline Sight SightOf(const transport::LearnerEnvironment& environment,
                     const transport::ConstBatchView& batch, int row) {
  const auto rows = static_cast<std::size_t>(environment.num_rows());
  const auto r = static_cast<std::size_t>(row);
  const auto width = static_cast<std::size_t>(environment.spec().observation_size());
  Sight sight;
  sight.observation.assign(reinterpret_cast<const char*>(batch.observations.data() + r * width),
                           width * sizeof(float));
  sight.reward = batch.rewards[r];
  sight.terminated = batch.terminated[r] != 0;
  sight.truncated = batch.truncated[r] != 0;
  sight.status = static_cast<RowStatus>(batch.status[r]);
  for (std::size_t c = 0; c < std::size(kInfoColumns); ++c) {
    std::int32_t bits = 0;
    std::memcpy(&bits, batch.info.data() + (c * rows + r) * 4, 4);
    sight.info.push_back(bits);
  }
  return sight;
}

}  // namespace hotlap::faults
