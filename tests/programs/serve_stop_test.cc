// hotlap-serve when it is told to leave while a game hangs.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "env/game_mark.h"
#include "tests/process.h"
#include "transport/client.h"

namespace hotlap {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST(ServeStopTest, LeavesWithStatusZeroAndNothingBehindAlthoughAGameHangs) {
  const std::string name = "hotlap-stop-" + std::to_string(getpid());
  const fs::path directory = fs::temp_directory_path() / name;
  const fs::path configs = fs::path(HOTLAP_SOURCE_DIR) / "configs";
  const std::string endpoint = "ipc://" + (directory / "socket").string();
  fs::create_directories(directory);
  // The server's patience with the game is longer than the test's.
  std::ofstream(directory / "server.yaml")
      << "endpoints: [\"" << endpoint
      << "\"]\nenvironments: " << (configs / "environments").string()
      << "\ntracks: " << (configs / "tracks").string()
      << "\nvehicle: " << (configs / "vehicles/stadium.yaml").string()
      << "\nlog_level: \"off\"\ngames: {count: 1, names: [" << name << "], game_timeout_s: 60}\n";
  Process server(
      {HOTLAP_PROGRAM_DIR "/hotlap-serve", "--config", (directory / "server.yaml").string()});
  ASSERT_EQ(server.ReadLine(), "ready " + endpoint);

  transport::ConnectOptions options;
  options.endpoint = endpoint;
  auto remote = transport::RemoteVectorEnvironment::Connect(options, DeadlineIn(30s));
  ASSERT_TRUE(remote) << remote.error().text;
  transport::AttachOptions attach;
  attach.environment = "default";
  attach.tracks = {"short_sprint"};
  attach.kind = transport::GameKind::kTMInterface;
  ASSERT_TRUE((*remote)->Attach(attach, DeadlineIn(30s)));
  ASSERT_TRUE((*remote)->Reset({}, DeadlineIn(30s)));

  const std::vector<pid_t> games = ProcessesMarked({GameMark(name)});
  ASSERT_EQ(games.size(), 1u);
  const pid_t game = games[0];
  ASSERT_GT(game, 0);
  ASSERT_EQ(kill(game, SIGSTOP), 0);
  const std::vector<std::int32_t> actions = {0};
  const auto step = (*remote)->Step({.discrete = actions, .continuous = {}}, DeadlineIn(200ms));
  EXPECT_FALSE(step);  // it waits for the game
  server.Signal(SIGTERM);
  const auto status = server.Wait();
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 0) << *status;
  EXPECT_NE(kill(game, 0), 0);
  EXPECT_FALSE(fs::exists("/dev/shm/" + name));
  EXPECT_FALSE(fs::exists(directory / "socket"));
  fs::remove_all(directory);
}

}  // namespace
}  // namespace hotlap
