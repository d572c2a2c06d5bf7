#include "transport/server_config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "env/config.h"
#include "env/tminterface/mapped_buffer.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

// A real game is TMInterface0 to TMInterface15; hotlap-game takes any plain name.
constexpr std::string_view kBufferNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int Cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

bool IsSpeed(const std::string& text) {
  double speed = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), speed);
  return text == "max" || (read.ec == std::errc() && read.ptr == text.data() + text.size() &&
                           speed >= 0.01 && speed <= 1000);
}

// Of an endpoint tcp://<address>:<port>; npos when it is another kind.
std::size_t PortBegin(const std::string& endpoint) {
  return endpoint.starts_with("tcp://") ? endpoint.rfind(':') + 1 : std::string::npos;
}

void ReadSessions(const ConfigMap& map, ServerSettings& settings) {
  settings.sessions.max_sessions = map.Int("max", 1, 10000, settings.sessions.max_sessions);
  settings.max_rows = map.Int("max_rows", 1, kMaxRows, settings.max_rows);
  settings.sessions.timeout = map.Milliseconds("timeout_s", 0.1, 3600, settings.sessions.timeout);
  SessionSettings& sessions = settings.sessions;
  sessions.min_timeout = map.Milliseconds("min_timeout_s", 0.1, 3600, sessions.min_timeout);
  sessions.max_timeout = map.Milliseconds("max_timeout_s", 0.1, 3600, sessions.max_timeout);
  sessions.handshake_timeout =
      map.Milliseconds("handshake_timeout_s", 0.1, 3600, sessions.handshake_timeout);
  sessions.message_timeout =
      map.Milliseconds("message_timeout_s", 0.01, 60, sessions.message_timeout);
  sessions.lease_grace = map.Milliseconds("lease_grace_s", 0, 3600, sessions.lease_grace);
  settings.sessions.window = map.Int("window", 1, 64, settings.sessions.window);
  const int snapshots_mib =
      map.Int("snapshots_mib", 1, 1 << 20, static_cast<int>(settings.snapshot_bytes >> 20));
  settings.snapshot_bytes = static_cast<std::size_t>(snapshots_mib) << 20;
  const int transfer_mib =
      map.Int("transfer_mib", 1, 1024, static_cast<int>(settings.transfer_bytes >> 20));
  settings.transfer_bytes = static_cast<std::size_t>(transfer_mib) << 20;
  const int kept_mib = map.Int("kept_mib", 1, 1 << 20, static_cast<int>(settings.kept_bytes >> 20));
  settings.kept_bytes = static_cast<std::size_t>(kept_mib) << 20;
}

// How they are started, started again and ended.
void ReadGameProcesses(const ConfigMap& map, GamePoolSettings& games) {
  if (map.Has("command")) {
    games.command = map.Strings("command", 1, 256);
    for (const char* key : {"program", "speed"}) {
      if (map.Has(key)) map.Fail(key, "goes with hotlap-game, not with a command of your own");
    }
  }
  const auto client_timeout = map.Milliseconds("client_timeout_s", 0, 3600, 0ms);
  if (client_timeout > 0ms) games.tminterface.client_timeout = client_timeout;
  RestartPolicy& restarts = games.processes.restarts;
  restarts.first_pause = map.Milliseconds("restart_pause_s", 0.01, 60, restarts.first_pause);
  restarts.longest_pause =
      map.Milliseconds("longest_restart_pause_s", 0.01, 3600, restarts.longest_pause);
  restarts.per_hour = map.Int("restarts_per_hour", 1, 1 << 20, restarts.per_hour);
  games.processes.outlive_us = map.Bool("outlive", false);
  if (games.processes.outlive_us && games.games > 0 && games.names.empty()) {
    map.Fail("outlive", "wants names, by which the next server finds the games");
  }
}

void ReadGames(const ConfigMap& map, ServeConfig& config) {
  GamePoolSettings& games = config.games;
  games.games = map.Int("count", 0, tminterface::kMaxInstances, games.games);
  if (map.Has("names")) {
    games.names = map.Strings("names", static_cast<std::size_t>(games.games),
                              static_cast<std::size_t>(games.games));
    std::set<std::string> seen;
    for (const std::string& name : games.names) {
      const bool is_plain = !name.empty() && name.size() <= 64 &&
                            name.find_first_not_of(kBufferNameCharacters) == std::string::npos;
      if (!is_plain) {
        map.Fail("names", "'" + name + "' must be 1 to 64 letters, digits, '-' or '_'");
      }
      if (!seen.insert(name).second) map.Fail("names", "'" + name + "' is there twice");
    }
  }
  if (map.Has("program")) config.game_program = map.Path("program");
  config.game_speed = map.String("speed", config.game_speed);
  if (!IsSpeed(config.game_speed)) {
    map.Fail("speed", "'" + config.game_speed + "'; allowed: max, or a number in [0.01, 1000]");
  }
  games.tminterface.game_timeout =
      map.Milliseconds("game_timeout_s", 0.1, 60, games.tminterface.game_timeout);
  games.tminterface.start_timeout =
      map.Milliseconds("start_timeout_s", 1, 600, games.tminterface.start_timeout);
  ReadGameProcesses(map, games);
}

std::vector<std::string> HotlapGame(const ServeConfig& config, const Catalogue& catalogue,
                                    const std::filesystem::path& beside) {
  const std::filesystem::path program =
      config.game_program.empty() ? beside / "hotlap-game" : config.game_program;
  if (!std::filesystem::exists(program)) {
    throw std::runtime_error(program.string() +
                             ": there is no such program; games.program names hotlap-game");
  }
  const std::vector<std::filesystem::path> tracks = catalogue.track_files();
  for (const std::filesystem::path& track : tracks) {
    if (track.string().find_first_of("\"#\n") != std::string::npos) {
      throw std::runtime_error(
          track.string() +
          ": a game's console, which loads tracks, takes no path with \", # or "
          "a line break");
    }
  }
  std::vector<std::string> command = {program.string(),
                                      "--name",
                                      "{name}",
                                      "--track",
                                      tracks.front().string(),
                                      "--vehicle",
                                      std::filesystem::canonical(config.paths.vehicle).string(),
                                      "--speed",
                                      config.game_speed,
                                      "--log-level",
                                      config.log_level == "off" ? "off" : "error"};
  if (!config.games.processes.outlive_us) {
    // Beside the keeper, which may be killed too.
    command.insert(command.end(), {"--exit-with-parent", std::to_string(getpid())});
  }
  return command;
}

void ReadSecurity(const ConfigMap& map, SecuritySettings& security) {
  const auto path = [&](const char* key, std::filesystem::path& out) {
    if (map.Has(key)) out = map.Path(key);
  };
  path("server_key", security.server_key);
  path("allowed_clients", security.allowed_clients);
  path("blocked", security.blocked);
  path("access_log", security.access_log);
  if (security.has_curve() == security.allowed_clients.empty()) {
    map.Fail("server_key", "and allowed_clients go together: give both or none");
  }
}

}  // namespace

ServeConfig LoadServeConfig(const std::filesystem::path& file) {
  const ConfigMap map = ConfigMap::Load(file);
  ServeConfig config;
  config.server.endpoints = map.Strings("endpoints", 1, 16);
  config.server.threads = map.Int("threads", 0, 256, 0);
  if (config.server.threads == 0) config.server.threads = Cores();
  config.server.inline_limit_us = static_cast<double>(
      map.Float("inline_limit_us", 0, 10000, static_cast<float>(config.server.inline_limit_us)));
  config.paths.environments = map.Path("environments");
  config.paths.tracks = map.Path("tracks");
  config.paths.vehicle = map.Path("vehicle");
  config.games.simulated = map.Int("simulated", 0, 1 << 20, config.games.simulated);
  ReadGames(map.Map("games"), config);
  ReadSessions(map.Map("sessions"), config.server);
  ReadSecurity(map.Map("security"), config.server.security);
  constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error", "off"};
  config.log_level = kLevels[map.Choice("log_level", kLevels, 1)];
  config.server.chat_size = static_cast<std::size_t>(
      map.Int("chat_size", 0, kMaxBoardSize, static_cast<int>(config.server.chat_size)));
  config.server.admin_key = map.String("admin_key", config.server.admin_key);
  if (config.server.admin_key.size() > kMaxAdminKeyBytes) {
    map.Fail("admin_key", "is longer than " + std::to_string(kMaxAdminKeyBytes) + " bytes");
  }
  config.log_lines =
      map.Int("log_lines", 0, static_cast<int>(kMaxLogLines), static_cast<int>(kMaxLogLines));
  map.Finish();
  return config;
}

void SetPort(ServeConfig& config, int port) {
  bool has_one = false;
  for (std::string& endpoint : config.server.endpoints) {
    const std::size_t begin = PortBegin(endpoint);
    if (begin == std::string::npos) continue;
    endpoint = endpoint.substr(0, begin) + std::to_string(port);
    has_one = true;
  }
  if (!has_one)
    throw std::runtime_error("there is no endpoint tcp://address:port to set a port of");
}

void FillGameCommand(ServeConfig& config, const Catalogue& catalogue) {
  GamePoolSettings& games = config.games;
  if (games.games == 0) return;
  const std::filesystem::path beside =
      std::filesystem::read_symlink("/proc/self/exe").parent_path();
  if (games.command.empty()) games.command = HotlapGame(config, catalogue, beside);
  games.processes.keeper = beside / "hotlap-keeper";
  if (!std::filesystem::exists(games.processes.keeper)) {
    throw std::runtime_error(games.processes.keeper.string() + ": there is no such program");
  }
}

}  // namespace hotlap::transport
