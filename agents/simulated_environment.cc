#include "agents/simulated_environment.h"

#include <algorithm>
#include <vector>

#include "env/simulated_games.h"
#include "env/vector_environment.h"

namespace hotlap::agents {

std::unique_ptr<transport::LearnerEnvironment> MakeSimulatedEnvironment(
    const SimulatedEnvironmentSettings& settings,
    std::span<const std::shared_ptr<const transport::OfferedTrack>> tracks,
    const sim::VehicleParams& vehicle) {
  const auto num_rows = static_cast<std::size_t>(settings.rows);
  const auto threads = static_cast<std::size_t>(std::clamp(settings.threads, 1, settings.rows));
  std::vector<std::unique_ptr<GameGroup>> groups;
  std::vector<RowConfig> rows;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    std::vector<SimulatedGame> games;
    while (rows.size() < num_rows * (thread + 1) / threads) {
      const transport::OfferedTrack& track = *tracks[rows.size() % tracks.size()];
      games.push_back({track.track, vehicle});
      rows.push_back({track.centreline, track.track->hash(), rows.size()});
    }
    groups.push_back(MakeSimulatedGames(games));
  }
  VectorEnvironmentConfig config;
  config.environment = settings.environment;
  config.autoreset = settings.autoreset;
  config.info_columns = settings.info;
  config.archive = settings.archive;
  config.starts = settings.starts;
  config.num_threads = static_cast<int>(threads);
  return std::make_unique<transport::LocalVectorEnvironment>(
      std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(rows)));
}

std::unique_ptr<transport::LearnerEnvironment> MakeSimulatedEnvironment(
    const SimulatedEnvironmentSettings& settings, const transport::OfferedTrack& track,
    const sim::VehicleParams& vehicle) {
  const std::vector tracks = {std::make_shared<const transport::OfferedTrack>(track)};
  return MakeSimulatedEnvironment(settings, tracks, vehicle);
}

}  // namespace hotlap::agents
