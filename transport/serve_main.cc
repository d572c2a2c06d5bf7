// Program hotlap-serve: environments behind a ZeroMQ socket.
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "transport/catalogue.h"
#include "transport/game_pool.h"
#include "transport/installed_configs.h"
#include "transport/server.h"
#include "transport/server_config.h"

namespace hotlap::transport {
namespace {

std::atomic<Server*> server_to_stop{nullptr};
static_assert(std::atomic<Server*>::is_always_lock_free);

// SIGINT and SIGTERM stop the server as long as this lives.
class StopOnSignals {
 public:
  explicit StopOnSignals(Server& server) {
    server_to_stop = &server;
    struct sigaction action {};
    action.sa_handler = [](int) {
      if (Server* stopped = server_to_stop.load()) stopped->Stop();
    };
    for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }
  ~StopOnSignals() { server_to_stop = nullptr; }
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;
};

struct Flags {
  std::filesystem::path config;
  std::vector<std::string> endpoints;
  std::optional<int> simulated, games, threads;
  std::string log_level;
};

ServeConfig ReadConfig(const Flags& flags) {
  ServeConfig config = LoadServeConfig(
      flags.config.empty() ? InstalledConfigs("--config") / "servers/default.yaml" : flags.config);
  if (!flags.endpoints.empty()) config.server.endpoints = flags.endpoints;
  if (flags.simulated) config.games.simulated = *flags.simulated;
  if (flags.games && *flags.games != config.games.games) {
    config.games.games = *flags.games;
    config.games.names.clear();
  }
  if (flags.threads) config.server.threads = *flags.threads;
  if (!flags.log_level.empty()) config.log_level = flags.log_level;
  return config;
}

int Serve(const Flags& flags) {
  ServeConfig config = ReadConfig(flags);
  spdlog::set_default_logger(spdlog::stderr_color_mt("hotlap-serve"));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  Catalogue catalogue(config.paths);
  FillGameCommand(config, catalogue);
  GamePool games(config.games);
  Server server(config.server, catalogue, games);
  const StopOnSignals stop_on_signals(server);
  // For whoever started us: learners can connect.
  std::string ready = "ready";
  for (const std::string& endpoint : server.endpoints()) ready += " " + endpoint;
  std::printf("%s\n", ready.c_str());
  std::fflush(stdout);
  if (!server.Run()) {  // a step waits for a game that has gone silent: do not wait with it
    games.KillGames();
    std::_Exit(0);
  }
  return 0;
}

}  // namespace
}  // namespace hotlap::transport

int main(int argc, char** argv) {
  hotlap::transport::Flags flags;
  CLI::App app(
      "Serves TrackMania environments to learners over ZeroMQ; docs/protocol.md says how.");
  app.name("hotlap-serve");
  app.add_option("--config", flags.config,
                 "YAML file of the server (default: configs/servers/default.yaml)");
  app.add_option("--endpoint", flags.endpoints,
                 "tcp://address:port or ipc://path; may be given several times");
  app.add_option("--simulated", flags.simulated, "games in this process that may be lent")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--games", flags.games, "hotlap-game processes to start, behind mapped buffers")
      ->check(CLI::Range(0, 16));
  app.add_option("--threads", flags.threads, "that compute simulated rows (default: the cores)")
      ->check(CLI::Range(1, 256));
  app.add_option("--log-level", flags.log_level, "least severity that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}));
  CLI11_PARSE(app, argc, argv);
  try {
    return hotlap::transport::Serve(flags);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-serve: %s\n", error.what());
    return 2;
  }
}
