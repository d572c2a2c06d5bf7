#include "transport/offered_track.h"

#include "env/sim/floating_point_guard.h"
#include "env/sim/lap_bound.h"

namespace hotlap::transport {

std::uint64_t LowerBoundMs(const OfferedTrack& track, const sim::VehicleParams& vehicle) {
  std::uint64_t bound_ms = track.lower_bound_ms->load();
  if (bound_ms == 0) {
    const sim::FloatingPointGuard guard;
    bound_ms = static_cast<std::uint64_t>(sim::BoundLap(*track.track, vehicle).time_s * 1000);
    track.lower_bound_ms->store(bound_ms);
  }
  return bound_ms;
}

}  // namespace hotlap::transport
