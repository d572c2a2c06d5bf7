#include "agents/evaluation_venue.h"

#include <map>
#include <stdexcept>
#include <utility>

#include "agents/simulated_environment.h"
#include "env/vec3.h"
#include "transport/track_reply.h"

namespace hotlap::agents {
namespace {

using transport::GameKind;
using transport::Refusal;
using transport::Status;
using transport::TrackGeometry;

LineShape ShapeOf(const TrackGeometry& track) {
  LineShape shape{.points = {},
                  .gates_s_m = {},
                  .length_m = track.length_m,
                  .spacing_m = track.spacing_m,
                  .start_s_m = track.start_s_m,
                  .finish_s_m = track.finish_s_m,
                  .closed = track.closed,
                  .laps = track.laps};
  for (const TrackGeometry::Gate& gate : track.gates) shape.gates_s_m.push_back(gate.s_m);
  for (const TrackGeometry::Point& p : track.points) {
    shape.points.push_back({p.position_m, p.tangent, p.left, Cross(p.tangent, p.left),
                            p.half_width_left_m, p.half_width_right_m, p.surface, p.is_gap});
  }
  return shape;
}

class LocalVenue : public EvaluationVenue {
 public:
  LocalVenue(transport::Catalogue& catalogue, int threads)
      : catalogue_(catalogue), threads_(threads) {}

  std::vector<std::string> TrackNames() const override { return catalogue_.track_names(); }

  tl::expected<EnvironmentSpec, Refusal> Spec(const VenueSettings& settings) override {
    auto offered = catalogue_.Offer(settings.environment, settings.settings);
    if (!offered) return tl::make_unexpected(offered.error());
    return std::move(offered->spec);
  }

  tl::expected<VenueRows, Refusal> Open(const VenueSettings& settings,
                                        const std::vector<std::string>& tracks, int rows) override {
    if (settings.kind == GameKind::kTMInterface) {
      return transport::Refuse(Status::kBadArgument,
                               "kind is tminterface: without a server there are simulated games");
    }
    const auto offered = catalogue_.Offer(settings.environment, settings.settings);
    if (!offered) return tl::make_unexpected(offered.error());
    std::vector<std::shared_ptr<const transport::OfferedTrack>> driven;
    for (const std::string& name : tracks) {
      const auto track = catalogue_.FindTrack(name);
      if (!track) return tl::make_unexpected(track.error());
      driven.push_back(*track);
    }
    rows_ = MakeSimulatedEnvironment({.environment = offered->config,
                                      .autoreset = Autoreset::kDisabled,
                                      .rows = rows,
                                      .threads = threads_},
                                     driven, catalogue_.vehicle());
    return VenueRows{rows_.get(), transport::GameKindName(GameKind::kSimulated)};
  }

  tl::expected<std::uint64_t, Refusal> LowerBoundMs(const std::string& track) override {
    const auto offered = catalogue_.FindTrack(track);
    if (!offered) return tl::make_unexpected(offered.error());
    return transport::LowerBoundMs(**offered, catalogue_.vehicle());
  }

  tl::expected<std::shared_ptr<const Centreline>, Refusal> LineOf(
      const std::string& track) override {
    return catalogue_.FindTrack(track).map([](const auto& offered) { return offered->centreline; });
  }

 private:
  transport::Catalogue& catalogue_;
  int threads_;
  std::unique_ptr<transport::LearnerEnvironment> rows_;
};

class RemoteVenue : public EvaluationVenue {
 public:
  RemoteVenue(std::unique_ptr<transport::RemoteVectorEnvironment> server,
              std::chrono::milliseconds deadline)
      : server_(std::move(server)), deadline_(deadline) {}

  std::vector<std::string> TrackNames() const override { return server_->hello().tracks; }

  tl::expected<EnvironmentSpec, Refusal> Spec(const VenueSettings& settings) override {
    return server_->Spec(settings.environment, DeadlineIn(deadline_), settings.settings);
  }

  tl::expected<VenueRows, Refusal> Open(const VenueSettings& settings,
                                        const std::vector<std::string>& tracks, int rows) override {
    if (server_->num_rows() > 0) {
      const auto left = server_->Detach(DeadlineIn(deadline_));
      if (!left) return tl::make_unexpected(left.error());
    }
    transport::AttachOptions options;
    options.environment = settings.environment;
    options.settings = settings.settings;
    options.rows = rows;
    options.tracks = tracks;
    options.kind = settings.kind;
    options.autoreset = Autoreset::kDisabled;
    const auto attached = server_->Attach(options, DeadlineIn(deadline_));
    if (!attached) return tl::make_unexpected(attached.error());
    for (const std::string& kind : attached->kinds) {
      if (kind == attached->kinds.front()) continue;
      return transport::Refuse(Status::kBadArgument, "kind is any, and rows are of " +
                                                         attached->kinds.front() + " and " + kind +
                                                         " games: say which");
    }
    return VenueRows{server_.get(), attached->kinds.empty() ? "" : attached->kinds.front()};
  }

  tl::expected<std::uint64_t, Refusal> LowerBoundMs(const std::string& track) override {
    return Ask(track).map([](const TrackGeometry* geometry) { return geometry->lower_bound_ms; });
  }

  tl::expected<std::shared_ptr<const Centreline>, Refusal> LineOf(
      const std::string& track) override {
    const auto geometry = Ask(track);
    if (!geometry) return tl::make_unexpected(geometry.error());
    try {
      return Centreline::FromShape(ShapeOf(**geometry));
    } catch (const std::invalid_argument& error) {
      return transport::Refuse(Status::kUnknownError, track + ": " + error.what());
    }
  }

 private:
  // Once of each track.
  tl::expected<const TrackGeometry*, Refusal> Ask(const std::string& track) {
    if (const auto known = tracks_.find(track); known != tracks_.end()) return &known->second;
    auto geometry = server_->Track(track, DeadlineIn(deadline_));
    if (!geometry) return tl::make_unexpected(geometry.error());
    return &tracks_.emplace(track, std::move(*geometry)).first->second;
  }

  std::unique_ptr<transport::RemoteVectorEnvironment> server_;
  std::chrono::milliseconds deadline_;
  std::map<std::string, TrackGeometry> tracks_;
};

}  // namespace

std::unique_ptr<EvaluationVenue> MakeLocalVenue(transport::Catalogue& catalogue, int threads) {
  return std::make_unique<LocalVenue>(catalogue, threads);
}

std::unique_ptr<EvaluationVenue> MakeRemoteVenue(
    std::unique_ptr<transport::RemoteVectorEnvironment> server,
    std::chrono::milliseconds deadline) {
  return std::make_unique<RemoteVenue>(std::move(server), deadline);
}

}  // namespace hotlap::agents
