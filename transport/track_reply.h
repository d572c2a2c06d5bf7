// The geometry of a track as a reply: what a spectator draws and a planner plans on.
#pragma once

#include <cstdint>

#include "transport/catalogue.h"
#include "transport/reply.h"

namespace hotlap::transport {

Reply MakeTrackReply(std::uint64_t id, const OfferedTrack& track);

}  // namespace hotlap::transport
