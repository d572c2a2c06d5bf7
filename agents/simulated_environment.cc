#include "agents/simulated_environment.h"

#include <algorithm>
#include <vector>

#include "env/simulated_games.h"
#include "env/vector_environment.h"

namespace hotlap::agents {

std::unique_ptr<transport::LearnerEnvironment> MakeSimulatedEnvironment(
    const SimulatedEnvironmentSettings& settings, const transport::OfferedTrack& track,
    const sim::VehicleParams& vehicle) {
  const int threads = std::clamp(settings.threads, 1, settings.rows);
  std::vector<std::unique_ptr<GameGroup>> groups;
  for (int thread = 0; thread < threads; ++thread) {
    const int first = settings.rows * thread / threads;
    const int last = settings.rows * (thread + 1) / threads;
    groups.push_back(MakeSimulatedGames(std::vector<SimulatedGame>(
        static_cast<std::size_t>(last - first), SimulatedGame{track.track, vehicle})));
  }
  std::vector<RowConfig> rows(static_cast<std::size_t>(settings.rows));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    rows[row] = {track.centreline, track.track->hash(), row};
  }
  VectorEnvironmentConfig config;
  config.environment = settings.environment;
  config.autoreset = settings.autoreset;
  config.num_threads = threads;
  return std::make_unique<transport::LocalVectorEnvironment>(
      std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(rows)));
}

}  // namespace hotlap::agents
