// Peers that never end a message: what ZeroMQ keeps for them is bounded.
#include "transport/connection_watch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
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
  // One, with another to follow.
  bool SendFrame(std::size_t bytes) {
    std::string frame(1, '\3');  // more, and a long size, big-endian
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(bytes >> shift);
    return Send(frame + std::string(bytes, 'x'));
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

TEST_F(ConnectionWatchTest, ManyThatSendALittleEachAreCutTogetherWhoeverHasMostFirst) {
  Start();
  std::vector<std::unique_ptr<EndlessPeer>> peers;
  for (std::uint64_t i = 0; i < ConnectionWatch::kMostTogether; ++i) {
    peers.push_back(std::make_unique<EndlessPeer>(endpoint));
    ASSERT_TRUE(peers.back()->SendFrames(limit() * 8 / 10));
  }
  EndlessPeer most(endpoint);
  ASSERT_TRUE(most.SendFrames(limit() * 9 / 10));
  EXPECT_EQ(num_cut(), 0u);
  EndlessPeer last(endpoint);
  ASSERT_TRUE(last.SendFrames(limit() * 8 / 10));
  EXPECT_TRUE(Eventually([&] { return !most.SendFrames(2); }));
  EXPECT_EQ(num_cut(), 1u);
  for (const auto& peer : peers) EXPECT_TRUE(peer->SendLastFrame());
}

TEST_F(ConnectionWatchTest, AMessageOfManyFramesEndsItsConnectionAlthoughItIsWhole) {
  Start();
  const auto learner = Attached(4);
  const auto undisturbed = Local(4);
  EXPECT_EQ(Race(*learner, 5), Race(*undisturbed, 5));
  EndlessPeer peer(endpoint);
  ASSERT_TRUE(peer.SendFrames(limit() / 2));
  ASSERT_TRUE(peer.SendLastFrame());
  EXPECT_TRUE(Eventually([&] { return !peer.SendFrames(2); }));
  EXPECT_EQ(num_cut(), 1u);
  EXPECT_EQ(Drive(*learner, 5, 20), Drive(*undisturbed, 5, 20));
}

TEST_F(ConnectionWatchTest, ConnectionsBeyondTheirNumberAreCut) {
  server_settings.sessions.max_sessions = 1;
  Start();
  const auto learner = Attached(1);
  std::vector<std::unique_ptr<EndlessPeer>> peers;
  EXPECT_TRUE(Eventually([&] {
    try {
      peers.push_back(std::make_unique<EndlessPeer>(endpoint));
    } catch (const std::runtime_error&) {  // it was cut before it had finished its handshake
    }
    return num_cut() > 0;
  }));
  EXPECT_GT(peers.size(), 50u);
  EXPECT_TRUE(learner->Reset({}, DeadlineIn(kPatience)));
}

// Whoever is slow to read takes nobody for endless who has only sent ahead.
TEST(UnreadMessagesTest, AreWaitedForAndEndlessOnesAreNot) {
  constexpr int kNumMessages = 10;
  constexpr std::size_t kBytes = 60000;
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router),
      dealer(context, zmq::socket_type::dealer);
  std::atomic<int> num_wakes{0};
  ConnectionWatch watch(context, router, {.connections = 8, .bytes = 2 * kBytes}, nullptr,
                        [&] { ++num_wakes; });
  router.bind("tcp://127.0.0.1:*");
  dealer.connect(router.get(zmq::sockopt::last_endpoint));
  const std::string bytes(kBytes, 'x');
  for (int i = 0; i < kNumMessages; ++i) dealer.send(zmq::buffer(bytes));
  // At each look it asks for what it waits for.
  EXPECT_TRUE(Eventually([&] { return num_wakes > 20; }));
  EXPECT_EQ(watch.num_cut(), 0u);
  for (int i = 0; i < kNumMessages; ++i) {
    zmq::message_t identity, frame;
    ASSERT_TRUE(router.recv(identity) && router.recv(frame));
    watch.Complete(frame);
  }
  watch.Drained();
  const int before = num_wakes;
  EndlessPeer endless(router.get(zmq::sockopt::last_endpoint));
  EXPECT_TRUE(endless.SendFrames(3 * kBytes));
  EXPECT_TRUE(Eventually([&] { return num_wakes > before; }));
  watch.Drained();  // and it brought nothing whole
  EXPECT_TRUE(Eventually([&] { return watch.num_cut() == 1; }));
  watch.Stop();
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
  for (std::uint64_t i = 1; i <= 6; ++i) {
    for (int part = 0; part < 3; ++part) ASSERT_TRUE(peer.SendFrame(30000));
    ASSERT_TRUE(peer.SendLastFrame());
    ASSERT_TRUE(Eventually([&] { return server->counters().messages == i; }));
  }
  EXPECT_EQ(num_cut(), 0u);
}

}  // namespace
}  // namespace hotlap::transport
