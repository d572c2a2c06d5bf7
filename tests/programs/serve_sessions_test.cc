// hotlap-serve and learners that are killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/process.h"
#include "transport/client.h"

namespace hotlap::serve_sessions_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using transport::ConnectOptions;
using transport::RemoteVectorEnvironment;
using transport::Status;

constexpr auto kLongEnough = 60s;
constexpr int kRows = 3;

class ServeSessionsTest : public ::testing::Test {
 public:
  ~ServeSessionsTest() override { fs::remove_all(directory_); }

 protected:
  ServeSessionsTest() {
    const fs::path configs = fs::path(HOTLAP_SOURCE_DIR) / "configs";
    fs::create_directories(directory_);
    std::ofstream(directory_ / "server.yaml")
        << "endpoints: [\"" << endpoint_
        << "\"]\nenvironments: " << (configs / "environments").string()
        << "\ntracks: " << (configs / "tracks").string()
        << "\nvehicle: " << (configs / "vehicles/stadium.yaml").string()
        << "\nlog_level: \"off\"\nsessions: {timeout_s: 0.5}\n";
  }

  Process Served() {
    Process server(
        {HOTLAP_PROGRAM_DIR "/hotlap-serve", "--config", (directory_ / "server.yaml").string()});
    EXPECT_EQ(server.ReadLine(), "ready " + endpoint_);
    return server;
  }
  ConnectOptions Options(bool reconnects) const {
    ConnectOptions options;
    options.endpoint = endpoint_;
    if (reconnects) options.reconnect = transport::BackoffSettings{};
    return options;
  }
  static std::unique_ptr<RemoteVectorEnvironment> Connected(const ConnectOptions& options) {
    auto remote = RemoteVectorEnvironment::Connect(options, DeadlineIn(kLongEnough));
    EXPECT_TRUE(remote) << remote.error().text;
    return *std::move(remote);
  }
  static std::unique_ptr<RemoteVectorEnvironment> Ready(const ConnectOptions& options) {
    auto remote = Connected(options);
    const transport::AttachOptions attach{
        .environment = "default", .rows = kRows, .tracks = {"short_sprint"}};
    EXPECT_TRUE(remote->Attach(attach, DeadlineIn(kLongEnough)));
    EXPECT_TRUE(remote->Reset({}, DeadlineIn(kLongEnough)));
    return remote;
  }
  static auto Step(RemoteVectorEnvironment& remote) {
    static const std::vector<std::int32_t> actions(kRows, 0);
    return remote.Step({.discrete = actions, .continuous = {}}, DeadlineIn(kLongEnough));
  }
  static std::vector<float> Observed(RemoteVectorEnvironment& remote) {
    const auto batch = Step(remote);
    EXPECT_TRUE(batch) << batch.error().text;
    return {batch->observations.begin(), batch->observations.end()};
  }

  const fs::path directory_ =
      fs::temp_directory_path() / ("hotlap-sessions-" + std::to_string(getpid()));
  const std::string endpoint_ = "ipc://" + (directory_ / "socket").string();
};

TEST_F(ServeSessionsTest, AKilledServerIsLostAndItsSuccessorKnowsNobody) {
  Process server = Served();
  const auto plain = Ready(Options(false)), reconnecting = Ready(Options(true));
  server.Signal(SIGKILL);
  ASSERT_TRUE(server.Wait());
  EXPECT_EQ(Step(*plain).error().status, Status::kServerLost);

  const Process successor = Served();
  const Deadline end = DeadlineIn(kLongEnough);
  Status status = Status::kServerLost;
  while (status == Status::kServerLost && Clock::now() < end) {
    const auto resumed = plain->Resume(DeadlineIn(kLongEnough));
    ASSERT_FALSE(resumed);
    status = resumed.error().status;
  }
  EXPECT_EQ(status, Status::kInvalidKey);
  EXPECT_EQ(Step(*reconnecting).error().status, Status::kInvalidKey);
}

// The learner's process steps ten times, sends one more step and tells us what it has; then it is
// killed.
TEST_F(ServeSessionsTest, AKilledLearnersSuccessorGoesOnBitForBit) {
  constexpr int kSteps = 10;
  const Process server = Served();
  ConnectOptions options = Options(true);
  options.key = transport::RandomToken();
  std::array<int, 2> told;
  ASSERT_EQ(pipe(told.data()), 0);
  const pid_t learner = fork();
  if (learner == 0) {
    const auto remote = Ready(options);
    for (int i = 0; i < kSteps; ++i) Observed(*remote);
    const std::uint64_t last_id = remote->last_id();
    const std::vector<std::int32_t> actions(kRows, 0);
    const bool sent =
        remote->SendStep({}, {.discrete = actions, .continuous = {}}, DeadlineIn(kLongEnough))
            .has_value();
    if (sent && write(told[1], &last_id, sizeof last_id) == sizeof last_id) pause();
    _exit(1);
  }
  std::uint64_t last_id = 0;
  ASSERT_EQ(read(told[0], &last_id, sizeof last_id), static_cast<ssize_t>(sizeof last_id));
  ASSERT_EQ(kill(learner, SIGKILL), 0);
  ASSERT_EQ(waitpid(learner, nullptr, 0), learner);
  close(told[0]);
  close(told[1]);

  options.last_id = last_id;
  const auto successor = Connected(options);
  const auto undisturbed = Ready(Options(false));
  for (int i = 0; i < kSteps; ++i) Observed(*undisturbed);
  for (int i = 0; i < kSteps; ++i) EXPECT_EQ(Observed(*successor), Observed(*undisturbed));
}

}  // namespace
}  // namespace hotlap::serve_sessions_test
