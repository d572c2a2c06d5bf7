// The flags of programs whose rows are games of their own process or of a server, and what they
// mean. For a program's main alone: it needs CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "transport/catalogue.h"
#include "transport/client.h"
#include "transport/installed_configs.h"
#include "transport/status.h"

namespace hotlap::agents {

struct ServerFlags {
  std::string server;  // empty: in this process
  std::filesystem::path server_key, key, configs;
  double deadline_s = 30;

  bool is_local() const { return server.empty(); }
  std::chrono::milliseconds deadline() const {
    return std::chrono::milliseconds(static_cast<std::int64_t>(deadline_s * 1000));
  }
  // Throws std::invalid_argument that names the flag which is wrong, as the others do.
  transport::ConnectOptions connect_options() const {
    if (!server.starts_with("tcp://") && !server.starts_with("ipc://")) {
      throw std::invalid_argument("--server: '" + server +
                                  "' is no endpoint; allowed: tcp://address:port, ipc://path");
    }
    transport::ConnectOptions options;
    options.endpoint = server;
    if (!key.empty()) options.keys = transport::ReadClientKeys(server_key, key);
    return options;
  }
  transport::CataloguePaths catalogue_paths() const {
    const auto folder = configs.empty() ? transport::InstalledConfigs("--configs") : configs;
    return {folder / "environments", folder / "tracks", folder / "vehicles" / "stadium.yaml"};
  }
  // `kind`: one of simulated, tminterface, any; what is not in this process is refused.
  transport::GameKind game_kind(const std::string& kind) const {
    if (kind == "simulated") return transport::GameKind::kSimulated;
    if (kind == "any") return transport::GameKind::kAny;
    if (is_local()) {
      throw std::invalid_argument(
          "--kind: tminterface needs --server; allowed without: simulated, any");
    }
    return transport::GameKind::kTMInterface;
  }
};

inline void AddServerFlags(CLI::App& app, ServerFlags& flags) {
  app.add_option("--server", flags.server,
                 "tcp://address:port or ipc://path of a hotlap-serve (default: in this process)");
  auto* server_key = app.add_option("--server-key", flags.server_key,
                                    "file with the public key of the server (server.pub)");
  auto* key = app.add_option("--key", flags.key, "file with the secret key of this client");
  server_key->needs(key);
  key->needs(server_key);
  app.add_option("--configs", flags.configs,
                 "without --server: directory with environments/, tracks/ and vehicles/ (default: "
                 "beside the program)");
  app.add_option(
         "--deadline", flags.deadline_s,
         "s, for each answer of the server; episodes are limited in game ticks (default: 30)")
      ->check(CLI::Range(0.1, 3600.0));
}

// Whether the flags and files were at fault, rather than what happened on the way.
inline bool IsOfTheCaller(transport::Status status) {
  switch (status) {
    case transport::Status::kUnknownEnvironment:
    case transport::Status::kUnknownTrack:
    case transport::Status::kBadArgument:
    case transport::Status::kServerFull:
    case transport::Status::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

}  // namespace hotlap::agents
