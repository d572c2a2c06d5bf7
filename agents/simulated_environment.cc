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
  const auto track_of = [&](int row) -> const transport::OfferedTrack& {
    return *tracks[static_cast<std::size_t>(row) % tracks.size()];
  };
  const int threads = std::clamp(settings.threads, 1, settings.rows);
  std::vector<std::unique_ptr<GameGroup>> groups;
  std::vector<RowConfig> rows;
  for (int thread = 0; thread < threads; ++thread) {
    const int last = settings.rows * (thread + 1) / threads;
    std::vector<SimulatedGame> games;
    for (int row = settings.rows * thread / threads; row < last; ++row) {
      const transport::OfferedTrack& track = track_of(row);
      games.push_back({track.track, vehicle});
      rows.push_back({track.centreline, track.track->hash(), static_cast<std::uint64_t>(row)});
    }
    groups.push_back(MakeSimulatedGames(games));
  }
  VectorEnvironmentConfig config;
  config.environment = settings.environment;
  config.autoreset = settings.autoreset;
  config.info_columns = settings.info;
  config.archive = settings.archive;
  config.starts = settings.starts;
  config.num_threads = threads;
  return std::make_unique<transport::LocalVectorEnvironment>(
      std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(rows)));
}

}  // namespace hotlap::agents
