#include "transport/event_handler.h"

#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Writes down what it is told, and from which thread; does more when a test wants.
class Recorder : public EventHandler {
 public:
  void Starting() override { Note("starting"); }
  void Connect(const SessionHandle& session) override {
    Note("connect " + session.public_id());
    if (on_connect) on_connect(session);
  }
  void Disconnect(const SessionHandle& session) override {
    Note("disconnect " + session.public_id());
  }
  void HandleMessage(const SessionHandle& session, std::uint64_t number,
                     const Request& request) override {
    Note(session.public_id() + " " + std::to_string(number) + " " +
         OperationName(request.operation));
    if (on_message) on_message(session);
  }
  void Update(std::chrono::nanoseconds delta) override {
    const std::lock_guard lock(mutex_);
    deltas_.push_back(delta);
    threads_.push_back(std::this_thread::get_id());
    if (on_update) on_update();
  }
  void Shutdown() override { Note("shutdown"); }

  std::vector<std::string> notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  std::vector<std::chrono::nanoseconds> deltas() const {
    const std::lock_guard lock(mutex_);
    return deltas_;
  }
  bool IsAllOfOneThread() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::all_of(threads_, [&](auto id) { return id == threads_[0]; }) &&
           threads_[0] != std::this_thread::get_id();
  }

  // Set before the server starts.
  std::function<void(const SessionHandle&)> on_connect, on_message;
  std::function<void()> on_update;

 private:
  void Note(const std::string& note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(note);
    threads_.push_back(std::this_thread::get_id());
  }

  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
  std::vector<std::chrono::nanoseconds> deltas_;
  std::vector<std::thread::id> threads_;
};

class EventHandlerTest : public ServingTest {
 public:
  EventHandlerTest() { server_settings.handler = &recorder; }
  ~EventHandlerTest() override { Stop(); }

 protected:
  static constexpr std::uint64_t kAnyId = 999;

  static void Close(RawClient& client, const Token& token, std::uint64_t id) {
    Request close = SessionRequest(Operation::kDetach, token, id);
    close.close = true;
    EXPECT_EQ(client.Ask(close).header.status, Status::kOk);
  }
  NumberedEvent Heard(RawClient& client) {
    const std::vector<std::string> frames = client.ReceiveFrames();
    const auto event = DecodeEvent(std::as_bytes(std::span(frames.at(0))));
    EXPECT_TRUE(event) << event.error();
    return *event;
  }

  Recorder recorder;
};

TEST_F(EventHandlerTest, HearsOfSessionsAndTheirRequestsInOrderFromOneThread) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  EXPECT_EQ(client.Hello(1), token);  // sent again: no other session
  const Request attach = AttachRequest(token, 1, 2);
  client.Ask(attach, {""});
  client.Ask(attach, {""});                                      // a repeat
  client.Ask(SessionRequest(Operation::kStats, token, kAnyId));  // a question
  client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""});
  Close(client, token, 3);
  Stop();
  EXPECT_THAT(recorder.notes(),
              ElementsAre("starting", "connect s000001", "s000001 1 attach", "s000001 2 reset",
                          "s000001 3 detach", "disconnect s000001", "shutdown"));
  EXPECT_TRUE(recorder.IsAllOfOneThread());
}

TEST_F(EventHandlerTest, HearsOfSessionsThatExpireAndOfThoseThatTheServerEnds) {
  Start();
  RawClient client = Raw();
  client.Hello(1);
  EXPECT_TRUE(PassUntilSessionsAre(0));
  client.Hello(2);
  Stop();
  EXPECT_THAT(recorder.notes(), ElementsAre("starting", "connect s000001", "disconnect s000001",
                                            "connect s000002", "disconnect s000002", "shutdown"));
}

TEST_F(EventHandlerTest, UpdateComesOnceATickWhoseIntervalMayChange) {
  server_settings.tick_interval = 100ms;
  Start();
  RawClient client = Raw();
  const auto pass = [&](std::chrono::milliseconds time) {
    clock.Advance(time);
    for (int i = 0; i < 2; ++i) client.Ask(Request{});
  };
  pass(99ms);
  EXPECT_THAT(recorder.deltas(), IsEmpty());
  pass(1ms);
  const auto number_is = [&](std::size_t count) {
    return Eventually([&] { return recorder.deltas().size() == count; });
  };
  ASSERT_TRUE(number_is(1));
  pass(250ms);
  ASSERT_TRUE(number_is(2)) << "one, however late";
  server->set_tick_interval(10ms);
  pass(10ms);
  ASSERT_TRUE(number_is(3));
  EXPECT_THAT(recorder.deltas(), ElementsAre(100ms, 250ms, 10ms));
  server->set_tick_interval(0ms);
  pass(1h);
  EXPECT_EQ(recorder.deltas().size(), 3u) << "none any more";
}

TEST_F(EventHandlerTest, UpdateComesWithoutAnyMessages) {
  server_settings.tick_interval = 1ms;
  server_settings.now = &Clock::now;
  Start();
  EXPECT_TRUE(Eventually([&] { return recorder.deltas().size() >= 5; }));
}

TEST_F(EventHandlerTest, WhatItThrowsCostsNobodyAnything) {
  recorder.on_connect = [](const SessionHandle&) { throw std::runtime_error("out of tea"); };
  recorder.on_message = [](const SessionHandle&) { throw 7; };  // NOLINT: of any type
  recorder.on_update = [] { throw std::runtime_error("again"); };
  server_settings.tick_interval = 1ms;
  server_settings.now = &Clock::now;
  Start();
  EXPECT_EQ(Race(*Attached(2), 20), Race(*Local(2), 20));
}

TEST_F(EventHandlerTest, ASessionTellsWhoItIsAndWhatItDid) {
  server_settings.endpoints = {"tcp://127.0.0.1:*"};
  std::mutex mutex;
  std::vector<SessionHandle> handles;
  recorder.on_connect = [&](const SessionHandle& session) {
    session.Log(LogLevel::kDebug, "hello");
    const std::lock_guard lock(mutex);
    handles.push_back(session);
  };
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1, "Ayrton");
  Request ping = SessionRequest(Operation::kPing, token, kAnyId);
  ping.round_trip_us = 300;
  client.Ask(ping);
  Close(client, token, 1);
  Stop();  // its thread is gone, so that the handle may be asked here
  ASSERT_EQ(handles.size(), 1u);
  SessionHandle session = handles[0];
  EXPECT_EQ(session.public_id(), "s000001");
  EXPECT_EQ(session.nick(), "Ayrton");
  EXPECT_EQ(session.address(), "127.0.0.1");
  EXPECT_EQ(session.latency_us(), 300);
  EXPECT_EQ(session.stats().traffic.messages_in, 2u) << "with its token";
  EXPECT_EQ(session.status(), SessionStatus::kDisconnected);
}

TEST_F(EventHandlerTest, ItsEventsReachTheClientAndTheCallbackHearsOfTheAcknowledgement) {
  std::mutex mutex;
  std::vector<bool> outcomes;
  recorder.on_connect = [&](const SessionHandle& session) {
    const auto number =
        session.Send({.text = "welcome"}, DeliveryMode::kRetry, [&](bool is_acknowledged) {
          const std::lock_guard lock(mutex);
          outcomes.push_back(is_acknowledged);
          throw std::runtime_error("and this is nobody's trouble");
        });
    EXPECT_EQ(number.value(), 1u);
    EXPECT_EQ(session.Send({.text = "a\nb"}, DeliveryMode::kNone).error().status,
              Status::kBadArgument);
  };
  Start();
  RawClient client = Raw(), other = Raw();
  const Token token = client.Hello(1), deaf = other.Hello(2);
  client.Send(SessionRequest(Operation::kListen, token, kAnyId));
  EXPECT_EQ(client.Receive().value().header.id, kAnyId);
  EXPECT_EQ(Heard(client).event.text, "welcome");
  Request ack = SessionRequest(Operation::kAck, token, kAnyId);
  ack.event = 1;
  client.Ask(ack);
  {
    const std::lock_guard lock(mutex);
    EXPECT_THAT(outcomes, ElementsAre(true));
  }
  Close(other, deaf, 1);  // its event is given up
  other.Ask(Request{});
  const std::lock_guard lock(mutex);
  EXPECT_THAT(outcomes, ElementsAre(true, false));
}

TEST_F(EventHandlerTest, DisconnectEndsASessionWhenWhatItAskedForIsAnswered) {
  recorder.on_message = [](const SessionHandle& session) {
    session.Disconnect();
    EXPECT_TRUE(session.is_open());
    EXPECT_EQ(session.status(), SessionStatus::kDisconnecting);
  };
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  EXPECT_EQ(client.Ask(AttachRequest(token, 1, 2), {""}).header.status, Status::kOk);
  EXPECT_EQ(client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""}).header.status,
            Status::kInvalidKey);
  EXPECT_TRUE(Eventually([&] { return games->free_simulated() == game_settings.simulated; }));
  EXPECT_THAT(recorder.notes(),
              ElementsAre("starting", "connect s000001", "s000001 1 attach", "disconnect s000001"));
}

TEST_F(EventHandlerTest, DisconnectOfAnIdleSessionEndsItAtOnce) {
  recorder.on_connect = [](const SessionHandle& session) { session.Disconnect(); };
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  EXPECT_EQ(client.Ask(SessionRequest(Operation::kReset, token, 1), {"", "", ""}).header.status,
            Status::kInvalidKey)
      << "nothing new is taken";
  // It may hear until the turn of the server is over in which it was opened.
  const Deadline deadline = DeadlineIn(kPatience);
  Status status = Status::kOk;
  while (status == Status::kOk && Clock::now() < deadline) {
    status = client.Ask(SessionRequest(Operation::kPing, token, kAnyId)).header.status;
  }
  EXPECT_EQ(status, Status::kInvalidKey);
}

}  // namespace
}  // namespace hotlap::transport
