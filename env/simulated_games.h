// Games in this process: a block of embedded cars behind GameGroup.
#pragma once

#include <memory>
#include <vector>

#include "env/game_group.h"
#include "env/sim/track.h"
#include "env/sim/vehicle_params.h"

namespace hotlap {

struct SimulatedGame {  // settings of one slot
  std::shared_ptr<const sim::Track> track;
  sim::VehicleParams vehicle;
};

// One slot per element. Starts at s(0). Snapshots are a versioned header, the hashes of track and
// vehicle, and the RaceState; one of another track or vehicle is refused. The hash is of the
// settings: factors that vary the car come with each kAdvance.
std::unique_ptr<GameGroup> MakeSimulatedGames(const std::vector<SimulatedGame>& games);

}  // namespace hotlap
