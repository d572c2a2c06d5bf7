// A track as rows get it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "env/centreline.h"
#include "env/sim/track.h"
#include "env/sim/vehicle_params.h"

namespace hotlap::transport {

struct OfferedTrack {
  std::string name;
  std::filesystem::path file;  // empty: it was generated, and only simulated games have it
  std::shared_ptr<const sim::Track> track;
  std::shared_ptr<const Centreline> centreline;
  // What LowerBoundMs found; 0: nobody has asked for it.
  std::shared_ptr<std::atomic<std::uint64_t>> lower_bound_ms =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

// sim::BoundLap of this car, rounded down and kept: all who ask about a track must have the same
// car. Takes up to a third of a second at first; who comes meanwhile computes the same.
std::uint64_t LowerBoundMs(const OfferedTrack& track, const sim::VehicleParams& vehicle);

}  // namespace hotlap::transport
