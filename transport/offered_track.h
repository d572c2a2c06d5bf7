// A track as rows get it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "env/centreline.h"
#include "env/sim/track.h"

namespace hotlap::transport {

struct OfferedTrack {
  std::string name;
  std::filesystem::path file;  // empty: it was generated, and only simulated games have it
  std::shared_ptr<const sim::Track> track;
  std::shared_ptr<const Centreline> centreline;
  // sim::BoundLap of the server's car, rounded down; 0: nobody has asked for it.
  std::shared_ptr<std::atomic<std::uint64_t>> lower_bound_ms =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace hotlap::transport
