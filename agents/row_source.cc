#include "agents/row_source.h"

#include <algorithm>
#include <utility>

#include "agents/simulated_environment.h"

namespace hotlap::agents {

using transport::LearnerEnvironment;
using transport::Refusal;
using transport::RemoteVectorEnvironment;

std::vector<RowRequest> Shares(const RowRequest& request, int parts) {
  std::vector<RowRequest> shares(static_cast<std::size_t>(parts), request);
  for (int i = 0; i < parts; ++i) {
    const int first = request.rows * i / parts;
    RowRequest& share = shares[static_cast<std::size_t>(i)];
    share.rows = request.rows * (i + 1) / parts - first;
    std::rotate(share.tracks.begin(),
                share.tracks.begin() + first % static_cast<int>(share.tracks.size()),
                share.tracks.end());
  }
  return shares;
}

tl::expected<std::vector<std::unique_ptr<LearnerEnvironment>>, Refusal> OpenAll(
    RowSource& source, const std::vector<RowRequest>& requests) {
  std::vector<std::unique_ptr<LearnerEnvironment>> opened;
  opened.reserve(requests.size());
  for (const RowRequest& request : requests) {
    auto rows = source.Open(request);
    if (!rows) return tl::unexpected(rows.error());
    opened.push_back(std::move(*rows));
  }
  return opened;
}

tl::expected<EnvironmentSpec, Refusal> LocalRowSource::Spec(const std::string& environment) {
  return catalogue_.FindEnvironment(environment).map([](const auto* found) { return found->spec; });
}

tl::expected<std::unique_ptr<LearnerEnvironment>, Refusal> LocalRowSource::Open(
    const RowRequest& request) {
  const auto environment = catalogue_.FindEnvironment(request.environment);
  if (!environment) return tl::unexpected(environment.error());
  std::vector<std::shared_ptr<const transport::OfferedTrack>> tracks;
  for (const std::string& name : request.tracks) {
    const auto track = catalogue_.FindTrack(name);
    if (!track) return tl::unexpected(track.error());
    tracks.push_back(*track);
  }
  return MakeSimulatedEnvironment({.environment = (*environment)->config,
                                   .autoreset = request.autoreset,
                                   .rows = request.rows,
                                   .threads = 1,
                                   .info = request.info,
                                   .archive = {.every_m = request.keep_every_m},
                                   .starts = request.starts},
                                  tracks, catalogue_.vehicle());
}

tl::expected<EnvironmentSpec, Refusal> RemoteRowSource::Spec(const std::string& environment) {
  const Deadline deadline = DeadlineIn(timeout_);
  return RemoteVectorEnvironment::Connect(options_, deadline).and_then([&](const auto& remote) {
    return remote->Spec(environment, deadline);
  });
}

tl::expected<std::unique_ptr<LearnerEnvironment>, Refusal> RemoteRowSource::Open(
    const RowRequest& request) {
  const Deadline deadline = DeadlineIn(request.wait + timeout_);
  auto remote = RemoteVectorEnvironment::Connect(options_, deadline);
  if (!remote) return tl::unexpected(remote.error());
  const auto attached = (*remote)->Attach({.environment = request.environment,
                                           .rows = request.rows,
                                           .tracks = request.tracks,
                                           .kind = kind_,
                                           .autoreset = request.autoreset,
                                           .info = request.info,
                                           .wait = request.wait,
                                           .keep_every_m = request.keep_every_m,
                                           .starts = request.starts},
                                          deadline);
  if (!attached) return tl::unexpected(attached.error());
  return std::move(*remote);
}

}  // namespace hotlap::agents
