// Who gets in, who does not, and what an operator sees of it.
#include "transport/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(IsLocalTest, LoopbackAndSocketFilesAre) {
  for (const char* local :
       {"tcp://127.0.0.1:5555", "tcp://127.9.9.9:*", "tcp://[::1]:5555", "tcp://localhost:5555",
        "tcp://lo:5555", "ipc:///tmp/socket", "inproc://server"}) {
    EXPECT_TRUE(IsLocal(local)) << local;
  }
  for (const char* remote :
       {"tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://[::]:5555", "tcp://192.0.2.7:5555",
        "tcp://[2001:db8::1]:*", "tcp://eth0:5555", "tcp://128.0.0.1:5555",
        "tcp://127.0.0.1.example:5555", "tcp://", "udp://127.0.0.1:5555"}) {
    EXPECT_FALSE(IsLocal(remote)) << remote;
  }
}

class SecurityTest : public ServingTest {
 protected:
  SecurityTest() { server_settings.endpoints = {"tcp://127.0.0.1:*"}; }

  void UseCurve() {
    GenerateKeys(keys, std::vector<std::string>{"alice", "bob"});
    server_settings.security.server_key = keys / "server.key";
    server_settings.security.allowed_clients = keys / "clients";
  }
  ClientKeys KeysOf(const std::string& name) const {
    return ReadClientKeys(keys / "server.pub", keys / (name + ".key"));
  }
  void Block(const std::string& text) {
    const fs::path next = directory.path() / "next";
    std::ofstream(next) << text;
    fs::rename(next, server_settings.security.blocked = directory.path() / "blocked");
  }
  void ReloadAndWait() {
    const auto before = server->counters().reloads;
    server->Reload();
    ASSERT_TRUE(Eventually([&] { return server->counters().reloads > before; }));
  }

  tl::expected<std::unique_ptr<RemoteVectorEnvironment>, Refusal> Connect(
      std::optional<ClientKeys> client_keys, std::chrono::milliseconds wait = kPatience) {
    ConnectOptions options;
    options.endpoint = endpoint;
    options.keys = std::move(client_keys);
    return RemoteVectorEnvironment::Connect(options, DeadlineIn(wait));
  }
  // What whoever is kept out hears in the end.
  std::string KeptOut(const std::optional<ClientKeys>& client_keys) {
    std::string text;
    EXPECT_TRUE(Eventually([&] {
      const auto remote = Connect(client_keys, 300ms);
      if (remote) {
        ADD_FAILURE() << "got in";
        return true;
      }
      text = remote.error().text;
      return remote.error().status == Status::kPermissionDenied;
    })) << text;
    return text;
  }
  // A client that was turned away does not ask again by itself: each try is a new one.
  bool GetsIn(const std::optional<ClientKeys>& client_keys) {
    return Eventually([&] { return Connect(client_keys, 1s).has_value(); });
  }
  // Whether a living session's client gets an answer.
  static bool IsHeard(RemoteVectorEnvironment& remote, std::chrono::milliseconds wait) {
    return remote.Ping(DeadlineIn(wait)).has_value();
  }

  const fs::path keys = directory.path() / "keys";
  static constexpr std::array<std::int32_t, 2> kActions{};
};

TEST_F(SecurityTest, AnAllowedClientDrivesAsWithoutKeys) {
  UseCurve();
  Start();
  auto remote = Connect(KeysOf("alice"));
  ASSERT_TRUE(remote) << remote.error().text;
  ASSERT_TRUE((*remote)->Attach({.environment = "five", .rows = 2, .tracks = {"short_sprint"}},
                                DeadlineIn(kPatience)));
  EXPECT_EQ(Race(**remote, 20), Race(*Local(2), 20));
}

// Encryption makes a frame longer; what the protocol allows is allowed all the same.
TEST_F(SecurityTest, TheLargestFramePassesEncrypted) {
  UseCurve();
  server_settings.max_rows = 16;
  server_settings.transfer_bytes = std::size_t{1} << 20;
  Start();
  auto remote = Connect(KeysOf("alice"));
  ASSERT_TRUE(remote) << remote.error().text;
  ASSERT_TRUE((*remote)->Attach({.environment = "five", .rows = 1, .tracks = {"short_sprint"}},
                                DeadlineIn(kPatience)));
  const std::vector<std::vector<std::byte>> states = {
      std::vector<std::byte>(server_settings.transfer_bytes)};
  const auto imported = (*remote)->Import(states, DeadlineIn(kPatience));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().status, Status::kBadArgument) << imported.error().text;
}

TEST_F(SecurityTest, WhoHasNoKeyOrAForeignOneIsKeptOut) {
  UseCurve();
  Start();
  EXPECT_THAT(KeptOut(std::nullopt), HasSubstr("one of the two has none"));
  ClientKeys foreign = KeysOf("alice");
  foreign.own = MakeKeyPair();
  EXPECT_THAT(KeptOut(foreign), HasSubstr("does not admit this client's key"));
  EXPECT_EQ(server->counters().messages, 0u);
}

TEST_F(SecurityTest, AClientTalksToNoServerButItsOwn) {
  UseCurve();
  Start();
  ClientKeys pinned = KeysOf("alice");
  pinned.server_key = MakeKeyPair().public_key;
  EXPECT_THAT(KeptOut(pinned), HasSubstr("another key than the client was given"));
}

TEST_F(SecurityTest, AServerWithoutKeysIsNotTakenForOneWithThem) {
  GenerateKeys(keys, std::vector<std::string>{"alice"});
  Start();
  EXPECT_THAT(KeptOut(KeysOf("alice")), HasSubstr("one of the two has none"));
}

TEST_F(SecurityTest, AKeyThatIsPutIntoTheFolderIsAllowedWithoutARestart) {
  UseCurve();
  fs::rename(keys / "clients" / "bob.pub", keys / "bob.pub");
  Start();
  KeptOut(KeysOf("bob"));
  fs::rename(keys / "bob.pub", keys / "clients" / "bob.pub");
  EXPECT_TRUE(GetsIn(KeysOf("bob")));  // the server looks by itself
}

TEST_F(SecurityTest, AKeyThatIsTakenAwayEndsItsConnectionsToo) {
  UseCurve();
  Start();
  auto alice = Connect(KeysOf("alice")), bob = Connect(KeysOf("bob"));
  ASSERT_TRUE(alice && bob);
  fs::remove(keys / "clients" / "bob.pub");
  ReloadAndWait();
  EXPECT_FALSE(IsHeard(**bob, 300ms));
  EXPECT_TRUE(IsHeard(**alice, kPatience));
  EXPECT_GT(server->counters().barred, 0u);
  EXPECT_TRUE(Eventually([&] { return server->counters().cut > 0; }));
  KeptOut(KeysOf("bob"));
}

TEST_F(SecurityTest, AKeyThatIsTakenAwayIsNotHeardOverASocketFileEither) {
  UseCurve();
  server_settings.endpoints = {"ipc://" + (directory.path() / "socket").string()};
  Start();
  auto bob = Connect(KeysOf("bob"));
  ASSERT_TRUE(bob) << bob.error().text;
  EXPECT_TRUE(IsHeard(**bob, kPatience));
  fs::remove(keys / "clients" / "bob.pub");
  ReloadAndWait();
  EXPECT_FALSE(IsHeard(**bob, 300ms));
}

TEST_F(SecurityTest, AFolderWithABrokenKeyChangesNothing) {
  UseCurve();
  Start();
  const auto before = server->counters().reloads;
  std::ofstream(keys / "clients" / "eve.pub") << "no key";
  fs::remove(keys / "clients" / "bob.pub");
  server->Reload();
  // Lists are read before connections are answered for.
  const auto bob = Connect(KeysOf("bob"));
  ASSERT_TRUE(bob) << bob.error().text;
  EXPECT_EQ(server->counters().reloads, before);
  fs::remove(keys / "clients" / "eve.pub");
  ReloadAndWait();
  EXPECT_FALSE(IsHeard(**bob, 300ms));
}

TEST_F(SecurityTest, AReconnectingLearnerIsToldThatItsKeyIsGoneAndGoesOnWhenItIsBack) {
  UseCurve();
  Start();
  ConnectOptions options;
  options.endpoint = endpoint;
  options.keys = KeysOf("alice");
  options.timeout = 1s;
  options.reconnect = BackoffSettings{.first = 20ms, .longest = 100ms};
  auto connected = RemoteVectorEnvironment::Connect(options, DeadlineIn(kPatience));
  ASSERT_TRUE(connected) << connected.error().text;
  RemoteVectorEnvironment& remote = **connected;
  ASSERT_TRUE(remote.Attach({.environment = "five", .rows = 2, .tracks = {"short_sprint"}},
                            DeadlineIn(kPatience)));
  ASSERT_TRUE(remote.Reset({}, DeadlineIn(kPatience)));
  fs::rename(keys / "clients" / "alice.pub", keys / "alice.pub");
  ReloadAndWait();
  ASSERT_TRUE(Eventually([&] {
    const auto step = remote.Step({.discrete = kActions, .continuous = {}}, DeadlineIn(500ms));
    return !step && step.error().status == Status::kServerLost &&
           step.error().text.find("does not admit this client's key") != std::string::npos;
  }));
  fs::rename(keys / "alice.pub", keys / "clients" / "alice.pub");
  ReloadAndWait();
  EXPECT_EQ(Race(remote, 20), Race(*Local(2), 20));
}

TEST_F(SecurityTest, ABlockedAddressIsKeptOutUntilItIsTakenFromTheList) {
  Block("127.0.0.0/8\n");
  Start();
  EXPECT_THAT(KeptOut(std::nullopt), HasSubstr("key or address"));
  EXPECT_EQ(server->counters().messages, 0u);
  Block("");
  EXPECT_TRUE(GetsIn(std::nullopt));  // the server looks by itself
}

TEST_F(SecurityTest, ABlockedAddressIsNotHeardAnyMore) {
  Block("192.0.2.7\n");
  Start();
  const auto remote = Connect(std::nullopt);
  ASSERT_TRUE(remote) << remote.error().text;
  Block("127.0.0.1\n");
  ReloadAndWait();
  ASSERT_TRUE(Eventually([&] {
    EXPECT_FALSE(IsHeard(**remote, 100ms));
    return server->counters().barred > 0;
  }));
  const auto messages = server->counters().messages;
  EXPECT_FALSE(IsHeard(**remote, 300ms));
  EXPECT_EQ(server->counters().messages, messages);
}

TEST_F(SecurityTest, TheBlockListHoldsForClientsWithKeys) {
  UseCurve();
  Block("127.0.0.1\n");
  Start();
  KeptOut(KeysOf("alice"));
}

TEST_F(SecurityTest, ABrokenBlockListChangesNothing) {
  Block("127.0.0.1\n");
  Start();
  Block("everybody\n");
  server->Reload();
  KeptOut(std::nullopt);
  EXPECT_EQ(server->counters().reloads, 0u);
}

TEST_F(SecurityTest, ThisProcessNeedsNoKey) {
  UseCurve();
  Block("127.0.0.1\n");
  server_settings.endpoints = {"inproc://server"};
  Start();
  Connected();
}

TEST_F(SecurityTest, ABlockListIsNothingToASocketFile) {
  Block("0.0.0.0/0\n::/0\n");
  server_settings.endpoints = {"ipc://" + (directory.path() / "socket").string()};
  Start();
  Connected();
}

TEST_F(SecurityTest, AnEndpointThatOthersReachWantsKeysOrTheWordInsecure) {
  server_settings.endpoints = {"tcp://0.0.0.0:*"};
  try {
    Start();
    FAIL() << "was bound";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("tcp://0.0.0.0:*"));
    EXPECT_THAT(error.what(), HasSubstr("--insecure"));
  }
  server_settings.security.is_insecure = true;
  Start();
  Stop();
  server_settings.security.is_insecure = false;
  UseCurve();
  Start();
}

TEST_F(SecurityTest, AFileThatIsWrongAtTheStartIsNamed) {
  UseCurve();
  const auto error_of_start = [&]() -> std::string {
    try {
      Start();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no error";
  };
  server_settings.security.allowed_clients = keys / "nowhere";
  EXPECT_THAT(error_of_start(), HasSubstr("nowhere"));
  server_settings.security.allowed_clients = keys / "clients";
  server_settings.security.server_key = keys / "clients" / "alice.pub";
  EXPECT_THAT(error_of_start(), HasSubstr("chmod 600"));
  server_settings.security.server_key = keys / "server.key";
  Block("everybody\n");
  EXPECT_THAT(error_of_start(), HasSubstr("'everybody'"));
}

// Not a ZeroMQ client at all: it connects and says nothing.
TEST_F(SecurityTest, AConnectionThatSaysNothingIsClosedAfterTheHandshakeTimeout) {
  server_settings.sessions.handshake_timeout = 100ms;
  Start();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const timeval patience{20, 0};  // less than ZeroMQ has by itself
  ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  char byte;
  ssize_t got;
  do {
    got = recv(fd, &byte, 1, 0);
  } while (got == 1);  // the server's greeting
  EXPECT_TRUE(got == 0 || errno == ECONNRESET) << errno;
  close(fd);
}

class ServerAccessLogTest : public SecurityTest {
 protected:
  ServerAccessLogTest() { server_settings.security.access_log = file; }

  std::vector<std::string> Lines() const {  // without their times
    std::vector<std::string> lines;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      auto json = nlohmann::json::parse(line);
      json.erase("time");
      lines.push_back(json.dump());
    }
    return lines;
  }

  const fs::path file = directory.path() / "access.log";
};

TEST_F(ServerAccessLogTest, SessionsAndRefusalsAreInIt) {
  UseCurve();
  Start();
  {
    auto remote = Connect(KeysOf("alice"));
    ASSERT_TRUE(remote) << remote.error().text;
    EXPECT_FALSE((*remote)->Attach({.environment = "five", .rows = 1, .tracks = {"nowhere"}},
                                   DeadlineIn(kPatience)));
  }
  ASSERT_TRUE(Eventually([&] { return server->counters().sessions == 0; }));
  Stop();
  EXPECT_THAT(
      Lines(),
      ::testing::ElementsAre(
          R"({"address":"127.0.0.1","client":"alice","event":"opened","session":"s000001"})",
          R"({"address":"127.0.0.1","client":"alice","event":"refused","operation":"attach","session":"s000001","status":"unknown_track"})",
          R"({"address":"127.0.0.1","client":"alice","event":"closed","session":"s000001"})"));
}

TEST_F(ServerAccessLogTest, WhoWasNotHeardOfIsInIt) {
  Start();
  Raw().Hello(1);
  ASSERT_TRUE(PassUntilSessionsAre(0));
  Stop();
  EXPECT_THAT(Lines(), ::testing::ElementsAre(
                           R"({"address":"127.0.0.1","event":"opened","session":"s000001"})",
                           R"({"address":"127.0.0.1","event":"expired","session":"s000001"})"));
}

TEST_F(ServerAccessLogTest, MalformedMessagesAndStrangersAreInIt) {
  Start();
  RawClient client = Raw();
  client.Send({{"noise"}});
  ASSERT_TRUE(client.Receive());
  EXPECT_EQ(client.Ask(SessionRequest(Operation::kDetach, RandomToken(), 1)).header.status,
            Status::kInvalidKey);
  Stop();
  EXPECT_THAT(Lines(), ::testing::ElementsAre(
                           R"({"address":"127.0.0.1","event":"refused","status":"invalid_packet"})",
                           R"({"address":"127.0.0.1","event":"refused","status":"invalid_key"})"));
}

TEST_F(ServerAccessLogTest, WhoIsTurnedAwayIsInIt) {
  Block("127.0.0.1\n");
  Start();
  KeptOut(std::nullopt);
  Stop();
  const auto lines = Lines();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0], R"({"address":"127.0.0.1","event":"turned_away"})");
}

TEST_F(ServerAccessLogTest, MovedAwayItIsBegunAnewOnReload) {
  Start();
  fs::rename(file, directory.path() / "old.log");
  server->Reload();
  EXPECT_TRUE(Eventually([&] { return fs::exists(file); }));
}

}  // namespace
}  // namespace hotlap::transport
