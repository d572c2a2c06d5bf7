// Where rows come from: games in this process, or a server.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/spec.h"
#include "env/state_archive.h"
#include "transport/catalogue.h"
#include "transport/client.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

struct RowRequest {
  std::string environment;
  std::vector<std::string> tracks;  // row i drives tracks[i % size]
  int rows = 1;
  Autoreset autoreset = Autoreset::kSameStep;
  std::vector<std::string> info;  // columns
  float keep_every_m = 0;         // of the line, states are kept to begin at; 0: none
  Starts starts;
  std::chrono::milliseconds wait{0};  // for games of a server that are being given back
};

// The request in parts, one for each worker: together the same rows in their order, each on the
// track that its number in the whole says. REQUIRES: parts <= request.rows.
std::vector<RowRequest> Shares(const RowRequest& request, int parts);

class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual tl::expected<EnvironmentSpec, transport::Refusal> Spec(
      const std::string& environment) = 0;
  // Rows of one thread's own. Not thread-safe.
  virtual tl::expected<std::unique_ptr<transport::LearnerEnvironment>, transport::Refusal> Open(
      const RowRequest& request) = 0;
};

// Opens each; the first refusal of all.
tl::expected<std::vector<std::unique_ptr<transport::LearnerEnvironment>>, transport::Refusal>
OpenAll(RowSource& source, const std::vector<RowRequest>& requests);

// Of a catalogue's environments and tracks.
class LocalRowSource : public RowSource {
 public:
  explicit LocalRowSource(const transport::CataloguePaths& paths) : catalogue_(paths) {}
  tl::expected<EnvironmentSpec, transport::Refusal> Spec(const std::string& environment) override;
  tl::expected<std::unique_ptr<transport::LearnerEnvironment>, transport::Refusal> Open(
      const RowRequest& request) override;

 private:
  transport::Catalogue catalogue_;
};

// Each Open is a session of its own.
class RemoteRowSource : public RowSource {
 public:
  RemoteRowSource(transport::ConnectOptions options, transport::GameKind kind,
                  std::chrono::milliseconds timeout)
      : options_(std::move(options)), kind_(kind), timeout_(timeout) {}
  tl::expected<EnvironmentSpec, transport::Refusal> Spec(const std::string& environment) override;
  tl::expected<std::unique_ptr<transport::LearnerEnvironment>, transport::Refusal> Open(
      const RowRequest& request) override;

 private:
  transport::ConnectOptions options_;
  transport::GameKind kind_;
  std::chrono::milliseconds timeout_;
};

}  // namespace hotlap::agents
