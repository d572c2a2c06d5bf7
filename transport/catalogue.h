// What a server offers by name: environments and tracks, each a YAML file of a directory, named
// after it, and generated tracks. Names come from clients, so they are looked up among the files
// found at start-up and never become part of a path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "env/environment_config.h"
#include "env/sim/vehicle_params.h"
#include "env/spec.h"
#include "transport/generated_tracks.h"
#include "transport/offered_track.h"
#include "transport/protocol.h"
#include "transport/status.h"

namespace hotlap::transport {

struct OfferedEnvironment {
  EnvironmentConfig config;
  EnvironmentSpec spec;
};

struct CataloguePaths {
  std::filesystem::path environments;  // directory
  std::filesystem::path tracks;        // directory
  std::filesystem::path vehicle;       // file
};

// Safe to use from any thread.
class Catalogue {
 public:
  // Reads every file. Throws what the config readers throw: file, line, key, what is allowed.
  explicit Catalogue(const CataloguePaths& paths);
  ~Catalogue();

  // kUnknownEnvironment, kUnknownTrack; the text lists what there is.
  tl::expected<const OfferedEnvironment*, Refusal> FindEnvironment(const std::string& name) const;
  // The environment with a client's settings (YAML) over its own. Likewise, and kBadArgument.
  tl::expected<OfferedEnvironment, Refusal> Offer(const std::string& name,
                                                  const std::string& settings) const;
  // One of the files', or a generated one. Builds the track at its first use, which may take long.
  // `field`: of the request, for refusals.
  tl::expected<std::shared_ptr<const OfferedTrack>, Refusal> FindTrack(
      const std::string& name, std::string_view field = "tracks");

  const std::map<std::string, OfferedEnvironment>& environments() const { return environments_; }
  std::vector<std::string> track_names() const;
  std::vector<std::filesystem::path> track_files() const;  // at least one
  const sim::VehicleParams& vehicle() const { return vehicle_; }

 private:
  struct TrackEntry;

  std::map<std::string, OfferedEnvironment> environments_;
  std::map<std::string, std::unique_ptr<TrackEntry>> tracks_;
  GeneratedTracks generated_;
  sim::VehicleParams vehicle_;
};

// Compares the hashes that a hello or attach brings with those of its environment: kSpecMismatch on
// another policy hash, a warning on another task hash, else an empty string.
tl::expected<std::string, Refusal> CompareHashes(const Request& request,
                                                 const EnvironmentSpec& spec);

}  // namespace hotlap::transport
