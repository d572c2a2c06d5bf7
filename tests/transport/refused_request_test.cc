// What the client does after a refusal, whatever its status, against a server that does little else
// than count and refuse.
#include <algorithm>
#include <atomic>
#include <optional>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

// Those that docs/protocol.md lists as not counted.
constexpr Status kNotCounted[] = {
    Status::kInvalidPacket, Status::kInvalidKey, Status::kWrongVersion, Status::kUnknownOperation,
    Status::kGap,           Status::kStale,      Status::kBusy,         Status::kShuttingDown};
constexpr Status kCounted[] = {Status::kServerFull,       Status::kInvalidId,
                               Status::kPermissionDenied, Status::kNotAttached,
                               Status::kAlreadyAttached,  Status::kBadArgument,
                               Status::kSpecMismatch,     Status::kUnknownEnvironment,
                               Status::kUnknownTrack,     Status::kUnknownError};

// Refuses every attach of one row, each copy of it, and takes every other one. Counts ids as
// docs/protocol.md says.
class RefusingServer {
 public:
  // The first attach is answered once it has come `copies` times.
  RefusingServer(zmq::context_t& context, Status status, bool counts, int copies)
      : status_(status),
        counts_(counts),
        copies_(copies),
        router_(context, zmq::socket_type::router) {
    router_.bind("inproc://refusing");
    thread_ = std::thread([this] {
      while (!stopping_) {
        zmq::pollitem_t item{router_.handle(), 0, ZMQ_POLLIN, 0};
        zmq::poll(&item, 1, 10ms);
        if ((item.revents & ZMQ_POLLIN) != 0) Answer();
      }
      router_.close();
    });
  }
  ~RefusingServer() {
    stopping_ = true;
    thread_.join();
  }

 private:
  void Answer() {
    std::vector<std::string> frames;
    zmq::message_t frame;
    do {
      if (!router_.recv(frame)) return;
      TakeOver(frame);
      frames.push_back(frame.to_string());
    } while (frame.more());
    const Request request = DecodeRequest(std::as_bytes(std::span(frames[1]))).value();
    const std::uint64_t id = request.id;
    if (request.operation == Operation::kHello) {
      HelloReply hello;
      hello.session_timeout_ms = 3600'000;
      return Send(frames[0], EncodeReply(id, hello));
    }
    if (request.operation == Operation::kPing) {
      return Send(frames[0], EncodeReply(ReplyStatus{id, Status::kOk, {}}));
    }
    if (request.operation == Operation::kAttach && request.rows == 1) {
      if (counts_ && id == last_id_ + 1) ++last_id_;
      if (++refused_ < copies_) return;
      for (int i = refused_ == copies_ ? copies_ : 1; i > 0; --i) {
        Send(frames[0], EncodeReply(ReplyStatus{id, status_, "refused"}));
      }
      return;
    }
    if (id > last_id_ + 1)
      return Send(frames[0], EncodeReply(ReplyStatus{id, Status::kGap, "gap"}));
    last_id_ = std::max(last_id_, id);
    AttachReply attached;
    attached.rows = request.rows;
    Send(frames[0], request.operation == Operation::kAttach ? EncodeReply(id, attached)
                                                            : EncodeReply(id, EnvironmentSpec{}));
  }
  void Send(const std::string& identity, const std::string& header) {
    router_.send(zmq::buffer(identity), zmq::send_flags::sndmore);
    zmq::message_t frame(header.data(), header.size());
    HandOver(frame);
    router_.send(std::move(frame), zmq::send_flags::none);
  }

  const Status status_;
  const bool counts_;
  const int copies_;
  zmq::socket_t router_;
  std::uint64_t last_id_ = 0;
  int refused_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class RefusedRequestTest : public ::testing::TestWithParam<Status> {
 protected:
  bool counts() const { return std::ranges::find(kCounted, GetParam()) != std::end(kCounted); }

  void RefuseThenAttach(int copies, std::chrono::milliseconds retry_interval) {
    zmq::context_t context;
    const RefusingServer server(context, GetParam(), counts(), copies);
    auto remote = RemoteVectorEnvironment::Connect(
        {.endpoint = "inproc://refusing", .retry_interval = retry_interval, .context = &context},
        DeadlineIn(kPatience));
    ASSERT_TRUE(remote) << remote.error().text;
    AttachOptions options{.environment = "any", .rows = 1, .tracks = {"any"}};
    for (int i = 0; i < 3; ++i) {
      const auto refused = (*remote)->Attach(options, DeadlineIn(kPatience));
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().status, GetParam()) << refused.error().text;
    }
    options.rows = 2;
    const auto attached = (*remote)->Attach(options, DeadlineIn(kPatience));
    EXPECT_TRUE(attached) << attached.error().text;
  }
};

std::string NameOf(const ::testing::TestParamInfo<Status>& test) { return StatusName(test.param); }

INSTANTIATE_TEST_SUITE_P(Counted, RefusedRequestTest, ::testing::ValuesIn(kCounted), NameOf);
INSTANTIATE_TEST_SUITE_P(NotCounted, RefusedRequestTest, ::testing::ValuesIn(kNotCounted), NameOf);

TEST_P(RefusedRequestTest, AGoodAttachFollowsOnTheSameSession) { RefuseThenAttach(1, 1h); }

TEST_P(RefusedRequestTest, LateRefusalsOfItsCopiesAreNotTakenForTheNextReply) {
  RefuseThenAttach(3, 1ms);
}

}  // namespace
}  // namespace hotlap::transport
