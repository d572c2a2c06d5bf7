// Peers that never end a message: what ZeroMQ keeps for them is bounded.
#include "transport/connection_watch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

// A DEALER of ZMTP 3.0 by hand, because ZeroMQ sends nothing before a message is whole.
class EndlessPeer {
 public:
  explicit EndlessPeer(const std::string& endpoint) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("cannot connect");
    }
    const std::string greeting =
        std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16) + std::string(48, '\0');
    const std::string ready("\5READY\x0bSocket-Type\0\0\0\6DEALER", 28);
    Send(greeting + '\4' + static_cast<char>(ready.size()) + ready);
    std::string heard;
    while (heard.find("READY") == std::string::npos) {
      char byte;
      if (recv(fd_, &byte, 1, 0) != 1) throw std::runtime_error("no handshake");
      heard += byte;
    }
  }
  ~EndlessPeer() { close(fd_); }
  EndlessPeer(const EndlessPeer&) = delete;
  EndlessPeer& operator=(const EndlessPeer&) = delete;

  // Empty frames, each with another to follow. False: the server has closed the connection.
  bool SendFrames(std::size_t bytes) {
    std::string frames;
    while (frames.size() < bytes) frames += std::string("\1\0", 2);
    return Send(frames);
  }
  bool SendLastFrame() { return Send(std::string("\0\0", 2)); }

 private:
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  const int fd_;
};

class ConnectionWatchTest : public ServingTest {
 protected:
  ConnectionWatchTest() {
    server_settings.endpoints = {"tcp://127.0.0.1:*"};
    server_settings.max_rows = 16;
    server_settings.transfer_bytes = 1;
  }
  std::uint64_t num_cut() const { return server->counters().cut; }
  // What a connection may bring without a whole message.
  std::size_t limit() const {
    return MaxRequestFrameBytes(server_settings.max_rows, server_settings.transfer_bytes) +
           2 * kMaxRequestHeaderBytes;
  }
};

TEST_F(ConnectionWatchTest, AMessageWithoutEndEndsItsConnectionAndNobodyElses) {
  Start();
  const auto learner = Attached(4);
  const auto undisturbed = Local(4);
  EXPECT_EQ(Race(*learner, 5), Race(*undisturbed, 5));
  EndlessPeer endless(endpoint);
  EXPECT_TRUE(Eventually([&] { return !endless.SendFrames(1 << 16); }));
  EXPECT_EQ(num_cut(), 1u);
  EXPECT_EQ(Drive(*learner, 5, 20), Drive(*undisturbed, 5, 20));
}

TEST_F(ConnectionWatchTest, ManyThatSendALittleEachAreCutTogether) {
  Start();
  std::vector<std::unique_ptr<EndlessPeer>> peers;
  for (std::uint64_t i = 0; i < ConnectionWatch::kMostTogether; ++i) {
    peers.push_back(std::make_unique<EndlessPeer>(endpoint));
    ASSERT_TRUE(peers.back()->SendFrames(limit() * 9 / 10));
  }
  peers.push_back(std::make_unique<EndlessPeer>(endpoint));
  EXPECT_TRUE(peers.back()->SendFrames(limit() * 9 / 10));
  EXPECT_TRUE(Eventually([&] { return num_cut() > 0; }));
}

// Far more than the limit in all, but each message ends.
TEST_F(ConnectionWatchTest, WholeMessagesOfAnyNumberPass) {
  Start();
  RawClient client = Raw();
  const std::string array(60000, 'x');
  const Token token = client.Hello(1);
  for (std::size_t sent = 0; sent < 20 * limit(); sent += array.size()) {
    ASSERT_EQ(client.Ask(SessionRequest(Operation::kSave, token, 9), {array}).header.status,
              Status::kGap);
  }
  EXPECT_EQ(num_cut(), 0u);
}

TEST_F(ConnectionWatchTest, AConnectionThatEndsItsMessageBeginsAnew) {
  Start();
  EndlessPeer peer(endpoint);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(peer.SendFrames(limit() / 2));
    ASSERT_TRUE(peer.SendLastFrame());
    ASSERT_TRUE(Eventually([&] { return server->counters().messages == i; }));
  }
  EXPECT_EQ(num_cut(), 0u);
}

}  // namespace
}  // namespace hotlap::transport
