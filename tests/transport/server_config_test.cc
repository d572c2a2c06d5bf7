#include "transport/server_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "env/config.h"
#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

class ServerConfigTest : public ::testing::Test {
 protected:
  static constexpr const char* kNeeded =
      "endpoints: [\"tcp://127.0.0.1:*\"]\nenvironments: e\ntracks: t\nvehicle: v.yaml\n";

  ServeConfig Load(const std::string& text) {
    const std::filesystem::path file = directory_.path() / "server.yaml";
    std::ofstream(file) << text;
    return LoadServeConfig(file);
  }
  std::string ErrorOf(const std::string& more) {
    try {
      Load(kNeeded + more);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
};

TEST_F(ServerConfigTest, TheDefaultFileHoldsTheProgramsDefaults) {
  const ServeConfig file =
      LoadServeConfig(std::string(HOTLAP_SOURCE_DIR) + "/configs/servers/default.yaml");
  const ServeConfig bare = Load(kNeeded);
  EXPECT_EQ(file.server.endpoints, std::vector<std::string>{"tcp://127.0.0.1:5555"});
  EXPECT_EQ(file.server.threads, bare.server.threads);
  EXPECT_EQ(file.server.inline_limit_us, bare.server.inline_limit_us);
  EXPECT_EQ(file.server.max_rows, bare.server.max_rows);
  EXPECT_EQ(file.server.snapshot_bytes, bare.server.snapshot_bytes);
  EXPECT_EQ(file.server.transfer_bytes, bare.server.transfer_bytes);
  EXPECT_EQ(file.server.kept_bytes, bare.server.kept_bytes);
  EXPECT_EQ(file.server.sessions.max_sessions, bare.server.sessions.max_sessions);
  EXPECT_EQ(file.server.sessions.timeout, bare.server.sessions.timeout);
  EXPECT_EQ(file.server.sessions.message_timeout, bare.server.sessions.message_timeout);
  EXPECT_EQ(file.server.sessions.window, bare.server.sessions.window);
  EXPECT_EQ(file.server.sessions.min_timeout, bare.server.sessions.min_timeout);
  EXPECT_EQ(file.server.sessions.max_timeout, bare.server.sessions.max_timeout);
  EXPECT_EQ(file.server.sessions.handshake_timeout, bare.server.sessions.handshake_timeout);
  EXPECT_EQ(file.server.sessions.message_timeout, bare.server.sessions.message_timeout);
  EXPECT_EQ(file.server.sessions.lease_grace, bare.server.sessions.lease_grace);
  EXPECT_EQ(file.games.simulated, bare.games.simulated);
  EXPECT_EQ(file.games.games, bare.games.games);
  EXPECT_EQ(file.games.tminterface.game_timeout, bare.games.tminterface.game_timeout);
  EXPECT_EQ(file.games.tminterface.start_timeout, bare.games.tminterface.start_timeout);
  EXPECT_EQ(file.games.tminterface.client_timeout, bare.games.tminterface.client_timeout);
  EXPECT_EQ(file.games.processes.restarts.first_pause, bare.games.processes.restarts.first_pause);
  EXPECT_EQ(file.games.processes.restarts.longest_pause,
            bare.games.processes.restarts.longest_pause);
  EXPECT_EQ(file.games.processes.restarts.per_hour, bare.games.processes.restarts.per_hour);
  EXPECT_EQ(file.games.processes.outlive_us, bare.games.processes.outlive_us);
  EXPECT_EQ(file.game_speed, bare.game_speed);
  EXPECT_EQ(file.log_level, bare.log_level);
  EXPECT_EQ(file.log_lines, bare.log_lines);
  EXPECT_EQ(file.server.chat_size, bare.server.chat_size);
  EXPECT_EQ(file.server.admin_key, "");
  for (const ServeConfig* config : {&file, &bare}) {
    EXPECT_FALSE(config->server.security.wants_admission());
    EXPECT_TRUE(config->server.security.access_log.empty());
  }
}

TEST_F(ServerConfigTest, EveryKeyIsRead) {
  const ServeConfig config =
      Load(std::string(kNeeded) +
           "threads: 3\ninline_limit_us: 7\nsimulated: 9\n"
           "log_level: error\nlog_lines: 20\nchat_size: 4\n"
           "admin_key: secret\n"
           "games: {count: 2, names: [a, b], program: game, speed: 10,\n"
           "  game_timeout_s: 3, start_timeout_s: 30, client_timeout_s: 4,\n"
           "  restart_pause_s: 0.5, longest_restart_pause_s: 7,\n"
           "  restarts_per_hour: 11, outlive: true}\n"
           "sessions: {max: 5, max_rows: 6, timeout_s: 0.5, window: 2,\n"
           "  snapshots_mib: 8, transfer_mib: 2, kept_mib: 3,\n"
           "  min_timeout_s: 0.2, max_timeout_s: 7, handshake_timeout_s: 1,\n"
           "  message_timeout_s: 0.3, lease_grace_s: 0}\n"
           "security: {server_key: s.key, allowed_clients: c, blocked: b,\n"
           "  access_log: a}\n");
  EXPECT_EQ(config.server.threads, 3);
  EXPECT_EQ(config.server.inline_limit_us, 7);
  EXPECT_EQ(config.server.max_rows, 6);
  EXPECT_EQ(config.server.snapshot_bytes, std::size_t{8} << 20);
  EXPECT_EQ(config.server.transfer_bytes, std::size_t{2} << 20);
  EXPECT_EQ(config.server.kept_bytes, std::size_t{3} << 20);
  EXPECT_EQ(config.server.sessions.max_sessions, 5);
  EXPECT_EQ(config.server.sessions.timeout, 500ms);
  EXPECT_EQ(config.server.sessions.window, 2);
  EXPECT_EQ(config.server.sessions.min_timeout, 200ms);
  EXPECT_EQ(config.server.sessions.max_timeout, 7s);
  EXPECT_EQ(config.server.sessions.handshake_timeout, 1s);
  EXPECT_EQ(config.server.sessions.message_timeout, 300ms);
  EXPECT_EQ(config.server.sessions.lease_grace, 0ms);
  EXPECT_EQ(config.games.simulated, 9);
  EXPECT_EQ(config.games.games, 2);
  EXPECT_EQ(config.games.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.games.tminterface.game_timeout, 3s);
  EXPECT_EQ(config.games.tminterface.start_timeout, 30s);
  EXPECT_EQ(config.games.tminterface.client_timeout, 4s);
  EXPECT_EQ(config.games.processes.restarts.first_pause, 500ms);
  EXPECT_EQ(config.games.processes.restarts.longest_pause, 7s);
  EXPECT_EQ(config.games.processes.restarts.per_hour, 11);
  EXPECT_TRUE(config.games.processes.outlive_us);
  EXPECT_EQ(config.game_program, directory_.path() / "game");
  EXPECT_EQ(config.game_speed, "10");
  EXPECT_EQ(config.log_level, "error");
  EXPECT_EQ(config.log_lines, 20);
  EXPECT_EQ(config.server.chat_size, 4u);
  EXPECT_EQ(config.server.admin_key, "secret");
  EXPECT_EQ(config.server.security.server_key, directory_.path() / "s.key");
  EXPECT_EQ(config.server.security.allowed_clients, directory_.path() / "c");
  EXPECT_EQ(config.server.security.blocked, directory_.path() / "b");
  EXPECT_EQ(config.server.security.access_log, directory_.path() / "a");
  EXPECT_EQ(config.paths.environments, directory_.path() / "e");
  EXPECT_EQ(config.paths.tracks, directory_.path() / "t");
  EXPECT_EQ(config.paths.vehicle, directory_.path() / "v.yaml");
}

TEST_F(ServerConfigTest, APortIsSetInEveryTcpEndpointAndMustHaveOne) {
  ServeConfig config;
  config.server.endpoints = {"tcp://127.0.0.1:5555", "ipc:///tmp/a:b", "tcp://[::1]:*"};
  SetPort(config, 6000);
  EXPECT_THAT(config.server.endpoints,
              ::testing::ElementsAre("tcp://127.0.0.1:6000", "ipc:///tmp/a:b", "tcp://[::1]:6000"));
  config.server.endpoints = {"ipc:///tmp/a"};
  EXPECT_THROW(SetPort(config, 6000), std::runtime_error);
}

TEST_F(ServerConfigTest, ErrorsNameTheKeyAndWhatIsAllowed) {
  EXPECT_THAT(ErrorOf("threads: -1\n"), ::testing::HasSubstr("threads"));
  EXPECT_THAT(ErrorOf("colour: red\n"), ::testing::HasSubstr("colour"));
  EXPECT_THAT(ErrorOf("sessions: {window: 0}\n"), ::testing::HasSubstr("window"));
  EXPECT_THAT(ErrorOf("games: {count: 17}\n"), ::testing::HasSubstr("count"));
  EXPECT_THAT(ErrorOf("games: {count: 1, names: [a/b]}\n"), ::testing::HasSubstr("'a/b'"));
  EXPECT_THAT(ErrorOf("games: {count: 2, names: [a, a]}\n"), ::testing::HasSubstr("twice"));
  EXPECT_THAT(ErrorOf("games: {count: 2, names: [a]}\n"), ::testing::HasSubstr("names"));
  EXPECT_THAT(ErrorOf("games: {command: [game], speed: max}\n"), ::testing::HasSubstr("speed"));
  EXPECT_THAT(ErrorOf("games: {count: 1, outlive: true}\n"), ::testing::HasSubstr("wants names"));
  EXPECT_THAT(ErrorOf("games: {restarts_per_hour: 0}\n"),
              ::testing::HasSubstr("restarts_per_hour"));
  EXPECT_THAT(ErrorOf("games: {speed: fast}\n"), ::testing::HasSubstr("max, or a number"));
  for (const char* half : {"server_key: k", "allowed_clients: c"}) {
    EXPECT_THAT(ErrorOf(std::string("security: {") + half + "}\n"),
                ::testing::HasSubstr("go together"));
  }
  EXPECT_THAT(ErrorOf("log_level: loud\n"), ::testing::HasSubstr("warning"));
  EXPECT_THAT(ErrorOf("log_lines: 1001\n"), ::testing::HasSubstr("log_lines"));
  EXPECT_THAT(ErrorOf("chat_size: 1001\n"), ::testing::HasSubstr("chat_size"));
  EXPECT_THAT(ErrorOf("admin_key: " + std::string(65, 'x') + "\n"),
              ::testing::HasSubstr("admin_key"));
}

TEST_F(ServerConfigTest, AGameMayBeAnyCommand) {
  const ServeConfig config =
      Load(std::string(kNeeded) + "games: {count: 1, command: [wine, game.exe, '/name={name}']}\n");
  EXPECT_EQ(config.games.command, (std::vector<std::string>{"wine", "game.exe", "/name={name}"}));
}

TEST_F(ServerConfigTest, AFolderWithoutConfigsIsRefusedByName) {
  CataloguePaths paths = MakeCatalogue(directory_.path());
  paths.tracks = directory_.path() / "nothing";
  try {
    Catalogue catalogue(paths);
    FAIL() << "was read";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(paths.tracks.string()));
  }
}

TEST_F(ServerConfigTest, ATrackWhosePathAGamesConsoleCannotTakeIsRefusedByName) {
  CataloguePaths paths = MakeCatalogue(directory_.path());
  const std::filesystem::path tracks = directory_.path() / "c#";
  std::filesystem::create_directories(tracks);
  std::filesystem::copy_file(paths.tracks / "short_sprint.yaml", tracks / "short_sprint.yaml");
  paths.tracks = tracks;
  Catalogue catalogue(paths);
  ServeConfig config;
  config.paths = paths;
  config.game_program = "/bin/true";
  FillGameCommand(config, catalogue);  // no games, no console
  config.games.games = 1;
  try {
    FillGameCommand(config, catalogue);
    FAIL() << "was taken";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("c#/short_sprint.yaml"));
  }
}

}  // namespace
}  // namespace hotlap::transport
