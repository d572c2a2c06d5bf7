// Program hotlap-serve: environments behind a ZeroMQ socket.
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transport/catalogue.h"
#include "transport/curve_keys.h"
#include "transport/game_pool.h"
#include "transport/installed_configs.h"
#include "transport/log_lines.h"
#include "transport/log_sink.h"
#include "transport/process_watch.h"
#include "transport/server.h"
#include "transport/server_config.h"
#include "transport/signal_handlers.h"

namespace hotlap::transport {
namespace {

struct Flags {
  std::filesystem::path config;
  std::vector<std::string> endpoints;
  std::optional<int> simulated, games, threads, port, max_conns, chat_size;
  std::optional<pid_t> exit_with;  // a process
  std::string log_level;
  bool insecure = false;
  std::filesystem::path generate_keys;
  std::vector<std::string> clients;  // whose keys are generated
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
  if (flags.port) SetPort(config, *flags.port);
  if (flags.max_conns) config.server.sessions.max_sessions = *flags.max_conns;
  if (flags.chat_size) config.server.chat_size = static_cast<std::size_t>(*flags.chat_size);
  config.server.security.is_insecure = flags.insecure;
  return config;
}

// Lines go to standard error, and to those who ask.
std::shared_ptr<const LogLines> StartLog(const ServeConfig& config) {
  auto lines = std::make_shared<LogLines>(static_cast<std::size_t>(config.log_lines));
  spdlog::sinks_init_list sinks = {std::make_shared<spdlog::sinks::stderr_color_sink_mt>(),
                                   std::make_shared<LogSink>(lines)};
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("hotlap-serve", sinks));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  return lines;
}

int PrintNewKeys(const Flags& flags) {
  for (const auto& file : GenerateKeys(flags.generate_keys, flags.clients)) {
    std::printf("%s\n", file.c_str());
  }
  return 0;
}

int Serve(const Flags& flags) {
  ServeConfig config = ReadConfig(flags);
  config.server.logs = StartLog(config);
  Catalogue catalogue(config.paths);
  FillGameCommand(config, catalogue);
  GamePool games(config.games);
  Server server(config.server, catalogue, games);
  const SignalHandlers signal_handlers(server);
  std::optional<ProcessWatch> watch;
  if (flags.exit_with) watch.emplace(*flags.exit_with, [&server] { server.Stop(); });
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
  app.add_option("--port", flags.port, "of every tcp endpoint, instead of its own; 0: a free one")
      ->check(CLI::Range(0, 65535));
  app.add_option("--max-conns", flags.max_conns, "sessions at a time (default: 100)")
      ->check(CLI::Range(1, 10000));
  app.add_option("--chat-size", flags.chat_size,
                 "messages between clients that are kept (default: 10)")
      ->check(CLI::Range(0, hotlap::transport::kMaxBoardSize));
  app.add_option("--exit-with", flags.exit_with,
                 "number of a process: when that has ended, however it did, the server leaves")
      ->check(CLI::PositiveNumber);
  app.add_option("--log-level", flags.log_level, "least severity that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}));
  app.add_flag("--insecure", flags.insecure,
               "bind endpoints that other machines can reach although no keys are configured");
  auto* generate =
      app.add_option("--generate-keys", flags.generate_keys,
                     "only write keys into this folder: server.key and server.pub, where there are "
                     "none, and those of the clients; nothing is overwritten");
  app.add_option("--client", flags.clients,
                 "with --generate-keys: name of a client, repeatable (default: client)")
      ->needs(generate);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (flags.clients.empty()) flags.clients = {"client"};
  try {
    if (!flags.generate_keys.empty()) return hotlap::transport::PrintNewKeys(flags);
    return hotlap::transport::Serve(flags);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-serve: %s\n", error.what());
    return 2;
  }
}
