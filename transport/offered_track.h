// A track as rows get it.
#pragma once

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
};

}  // namespace hotlap::transport
