#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <iterator>
#include <random>

#include "tests/test_size.h"
#include "tests/transport/serving.h"
#include "transport/header.h"

namespace hotlap::transport::flood_test {
namespace {

constexpr int kRows = 4;
constexpr std::size_t kActionBytes = 16;

// Malformed messages of every sort, in a sequence fixed by the seed. Has a session and rows of its
// own, because the worst messages are those that get far.
class Flooder {
 public:
  Flooder(RawClient& client, unsigned seed) : client_(client), random_(seed) {
    token_ = client.Hello(200);
    EXPECT_EQ(client.Ask(AttachRequest(token_, 1, kRows), {""}).header.status, Status::kOk);
    next_id_ = 2;
  }

  // Sends `count` of them; each must get an error or silence.
  void Flood(int count) {
    for (int i = 0; i < count; ++i) client_.Send(Next());
    Request ping;
    ping.id = ++num_pings_;
    client_.Send(ping);
    while (true) {
      const std::optional<RawReply> reply = client_.Receive();
      ASSERT_TRUE(reply);
      if (reply->header.id == ping.id && reply->header.status == Status::kOk) return;
      ASSERT_NE(reply->header.status, Status::kOk);
      ASSERT_FALSE(reply->header.error.empty());
      ++num_errors_;
    }
  }
  int num_errors() const { return num_errors_; }

 private:
  unsigned Below(unsigned limit) { return static_cast<unsigned>(random_()) % limit; }
  std::string Noise(unsigned max_size) {
    std::string noise(Below(max_size + 1), '\0');
    for (char& c : noise) c = static_cast<char>(random_());
    return noise;
  }
  std::string GoodHeader(std::uint64_t id) {
    constexpr Operation kAny[] = {Operation::kReset,  Operation::kStep,   Operation::kSend,
                                  Operation::kRecv,   Operation::kSave,   Operation::kRestore,
                                  Operation::kBranch, Operation::kExport, Operation::kImport,
                                  Operation::kDrop};
    return EncodeRequest(
        SessionRequest(kAny[Below(static_cast<unsigned>(std::size(kAny)))], token_, id));
  }

  std::vector<std::string> Next() {
    switch (Below(10)) {
      case 0:
        return {Noise(300)};
      case 1: {  // random frames, most of them more than any operation has
        std::vector<std::string> frames(Below(30) + 1);
        for (std::string& frame : frames) frame = Noise(40);
        return frames;
      }
      case 2: {
        const std::string header = EncodeRequest(AttachRequest(token_, next_id_, kRows));
        return {header.substr(0, Below(static_cast<unsigned>(header.size()))), ""};
      }
      case 3:  // the right id, the wrong shape: counted, refused
        return {EncodeRequest(SessionRequest(Operation::kStep, token_, next_id_++)),
                Noise(kActionBytes - 1), Noise(kActionBytes)};
      case 4:  // ids that leave some out
        return {
            EncodeRequest(SessionRequest(Operation::kStep, token_, next_id_ + 1 + Below(1 << 30))),
            std::string(kActionBytes, '\0'), ""};
      case 5:
        return {EncodeRequest(SessionRequest(Operation::kStep, token_, 0)),
                std::string(kActionBytes, '\0'), ""};
      case 6: {  // somebody else's token
        Token guess;
        for (std::byte& byte : guess) byte = static_cast<std::byte>(random_());
        return {EncodeRequest(SessionRequest(Operation::kStep, guess, 1)),
                std::string(kActionBytes, '\0'), ""};
      }
      case 7: {
        std::vector<std::string> frames(5 + Below(40), std::string(kActionBytes, '\0'));
        frames[0] = GoodHeader(next_id_);
        return frames;
      }
      case 8: {  // a field too many, of a random name
        HeaderWriter writer;
        writer.Unsigned("v", 1).String("op", "step").Unsigned("id", next_id_);
        writer.Bytes("token", token_).String("x" + std::to_string(Below(1000)), Noise(20));
        return {writer.Finish(), std::string(kActionBytes, '\0'), ""};
      }
      default:
        return {GoodHeader(next_id_) + Noise(70000) + "x"};
    }
  }

  RawClient& client_;
  std::mt19937 random_;
  Token token_;
  std::uint64_t next_id_ = 0;
  std::uint64_t num_pings_ = 1u << 31;
  int num_errors_ = 0;
};

class FloodTest : public ServingTest {};

TEST_F(FloodTest, ALearnerBesideMalformedMessagesLosesNoStep) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  Start();
  const auto learner = Attached(kRows);
  const auto undisturbed = Local(kRows);
  RawClient client = Raw();
  Flooder flooder(client, seed);

  std::atomic<bool> is_over{false};
  std::vector<std::string> batches;
  std::thread driving([&] {
    batches = Race(*learner, 10);
    while (!is_over) {
      for (std::string& batch : Drive(*learner, static_cast<int>(batches.size()) - 1, 10)) {
        batches.push_back(std::move(batch));
      }
      if (::testing::Test::HasFailure()) return;
    }
  });
  constexpr int kAtOnce = 25;  // more unread replies than this the server may drop
  const int floods = TestCount(10000, 20000, 1000000) / kAtOnce;
  for (int i = 0; i < floods && !HasFatalFailure(); ++i) flooder.Flood(kAtOnce);
  is_over = true;
  driving.join();
  EXPECT_GE(flooder.num_errors(), floods * kAtOnce * 9 / 10);

  const auto expected = Race(*undisturbed, static_cast<int>(batches.size()) - 1);
  ASSERT_EQ(batches.size(), expected.size());
  for (std::size_t i = 0; i < batches.size(); ++i) ASSERT_EQ(batches[i], expected[i]) << i;
}

// Bytes that are no ZeroMQ at all.
TEST_F(FloodTest, ALearnerBesideGarbageOnThePortLosesNoStep) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  server_settings.endpoints = {"tcp://127.0.0.1:*"};
  Start();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto learner = Attached(kRows);
  const auto undisturbed = Local(kRows);
  auto batches = Race(*learner, 0), expected = Race(*undisturbed, 0);
  for (int i = 0; i < TestCount(20, 100, 1000); ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    std::string garbage(random() % 5000, '\0');
    for (char& c : garbage) c = static_cast<char>(random());
    // A good greeting in front of every other one.
    if (i % 2 == 0) {
      garbage.insert(0,
                     std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16) + std::string(48, '\0'));
    }
    [[maybe_unused]] const ssize_t sent = send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
    ASSERT_EQ(Drive(*learner, i, 1), Drive(*undisturbed, i, 1));
    close(fd);
  }
}

}  // namespace
}  // namespace hotlap::transport::flood_test
