// Where an evaluation drives: rows of games in this process, or behind a server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/centreline.h"
#include "transport/catalogue.h"
#include "transport/client.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

struct VenueSettings {
  std::string environment;  // by name
  std::string settings{};   // YAML as in configs/environments, over the environment's own
  transport::GameKind kind = transport::GameKind::kAny;
};

struct VenueRows {
  transport::LearnerEnvironment* environment = nullptr;  // the venue's
  std::string kind;  // of all rows' games: "simulated" or "tminterface"
};

// Not thread-safe.
class EvaluationVenue {
 public:
  virtual ~EvaluationVenue() = default;
  virtual std::vector<std::string> TrackNames() const = 0;
  virtual tl::expected<EnvironmentSpec, transport::Refusal> Spec(const VenueSettings& settings) = 0;
  // Row i drives tracks[i % size]; resets are left to the caller. The rows of an earlier call are
  // given back. kBadArgument when rows would be of two kinds of games.
  virtual tl::expected<VenueRows, transport::Refusal> Open(const VenueSettings& settings,
                                                           const std::vector<std::string>& tracks,
                                                           int rows) = 0;
  // Of the venue's own car on the track.
  virtual tl::expected<std::uint64_t, transport::Refusal> LowerBoundMs(
      const std::string& track) = 0;
  // The track's line, as the venue has it.
  virtual tl::expected<std::shared_ptr<const Centreline>, transport::Refusal> LineOf(
      const std::string& track) = 0;
};

// The catalogue must outlive it.
std::unique_ptr<EvaluationVenue> MakeLocalVenue(transport::Catalogue& catalogue, int threads);
// `deadline`: of each call.
std::unique_ptr<EvaluationVenue> MakeRemoteVenue(
    std::unique_ptr<transport::RemoteVectorEnvironment> server, std::chrono::milliseconds deadline);

}  // namespace hotlap::agents
