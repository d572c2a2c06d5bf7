// hotlap-serve and hotlap-eval with keys, as an operator sets them up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/process.h"
#include "transport/client.h"

namespace hotlap::serve_keys_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string kServe = HOTLAP_PROGRAM_DIR "/hotlap-serve";
const std::string kEvaluate = HOTLAP_PROGRAM_DIR "/hotlap-eval";
constexpr auto kLongEnough = 60s;

class ServeKeysTest : public ::testing::Test {
 public:
  ~ServeKeysTest() override { fs::remove_all(directory_); }

 protected:
  ServeKeysTest()
      : directory_(fs::temp_directory_path() / ("hotlap-keys-" + std::to_string(getpid()))) {
    fs::create_directories(directory_);
  }

  int StatusOf(std::vector<std::string> arguments) {
    Process process(std::move(arguments));
    const auto status = process.Wait(kLongEnough);
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }
  int Generate(const std::string& client) {
    return StatusOf({kServe, "--generate-keys", keys(), "--client", client});
  }
  std::string keys() const { return (directory_ / "keys").string(); }
  std::vector<std::string> ServeArguments(const std::string& security,
                                          const std::string& endpoint) const {
    const fs::path configs = fs::path(HOTLAP_SOURCE_DIR) / "configs";
    std::ofstream(directory_ / "server.yaml")
        << "endpoints: [\"" << endpoint
        << "\"]\nenvironments: " << (configs / "environments").string()
        << "\ntracks: " << (configs / "tracks").string()
        << "\nvehicle: " << (configs / "vehicles/stadium.yaml").string()
        << "\nlog_level: \"off\"\nsimulated: 4\n"
        << security;
    return {kServe, "--config", (directory_ / "server.yaml").string()};
  }

  const fs::path directory_;
};

TEST_F(ServeKeysTest, AnEvaluationDrivesWithTheKeysThatTheServerMade) {
  ASSERT_EQ(Generate("alice"), 0);
  EXPECT_EQ(Generate("alice"), 2);  // nothing is overwritten
  const fs::path log = directory_ / "access.log";
  const std::string security =
      "security: {server_key: keys/server.key, access_log: access.log, "
      "allowed_clients: keys/clients}\n";
  Process server(ServeArguments(security, "tcp://0.0.0.0:*"));
  const std::string ready = server.ReadLine().value();
  const std::string endpoint = "tcp://127.0.0.1" + ready.substr(ready.rfind(':'));
  const std::vector<std::string> evaluation = {kEvaluate, "--policy",     "random",
                                               "--track", "short_sprint", "--episodes",
                                               "1",       "--server",     endpoint};
  auto with_keys = evaluation, without = evaluation;
  for (const std::string& more : {std::string("--server-key"), keys() + "/server.pub",
                                  std::string("--key"), keys() + "/alice.key"}) {
    with_keys.push_back(more);
  }
  without.insert(without.end(), {"--deadline", "2"});
  EXPECT_EQ(StatusOf(with_keys), 0);
  EXPECT_NE(StatusOf(without), 0);

  fs::rename(log, directory_ / "old.log");
  server.Signal(SIGHUP);
  const Deadline deadline = DeadlineIn(kLongEnough);
  while (!fs::exists(log) && Clock::now() < deadline) usleep(1000);
  EXPECT_TRUE(fs::exists(log));
  std::ifstream old(directory_ / "old.log");
  std::string opened;
  std::getline(old, opened);
  EXPECT_THAT(opened, ::testing::HasSubstr("\"client\": \"alice\""));

  server.Signal(SIGTERM);
  const auto status = server.Wait(kLongEnough);
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 0) << *status;
}

TEST_F(ServeKeysTest, WithoutKeysNobodyElseIsServedUnlessAsked) {
  std::vector<std::string> arguments = ServeArguments("", "tcp://0.0.0.0:*");
  EXPECT_EQ(StatusOf(arguments), 2);
  arguments.push_back("--insecure");
  Process server(arguments);
  EXPECT_THAT(server.ReadLine().value(), ::testing::StartsWith("ready tcp://0.0.0.0:"));
}

}  // namespace
}  // namespace hotlap::serve_keys_test
