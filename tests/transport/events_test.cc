// Events, from the server to who listens.
#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#include "tests/transport/serving.h"
#include "tests/transport/told.h"
#include "transport/event.h"

namespace hotlap::transport {
namespace {

using ::testing::HasSubstr;

TEST(EventTest, ComesBackAsItWasEncoded) {
  for (const NumberedEvent& sent :
       {NumberedEvent{1, DeliveryMode::kBestEffort, {EventKind::kExpiring, "", 0, 2500}},
        NumberedEvent{UINT64_MAX, DeliveryMode::kRetry, {EventKind::kReplaced, "", 65535, 0}},
        NumberedEvent{7, DeliveryMode::kNone, {EventKind::kShuttingDown, "", 0, 0}},
        NumberedEvent{8, DeliveryMode::kRetry, {EventKind::kMessage, "text", 0, 0}}}) {
    SCOPED_TRACE(EventKindName(sent.event.kind));
    const std::string frame = EncodeEvent(sent);
    const auto read = DecodeEvent(std::as_bytes(std::span(frame)));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(read->number, sent.number);
    EXPECT_EQ(read->mode, sent.mode);
    EXPECT_EQ(read->event.kind, sent.event.kind);
    EXPECT_EQ(read->event.text, sent.event.text);
    EXPECT_EQ(read->event.row, sent.event.row);
    EXPECT_EQ(read->event.within_ms, sent.event.within_ms);
  }
}

TEST(EventTest, WhatIsNoneIsRefusedByName) {
  const auto error_of = [](const std::string& frame) {
    return DecodeEvent(std::as_bytes(std::span(frame))).error();
  };
  const auto begin = [](std::uint64_t number, int mode, const char* kind) {
    HeaderWriter writer;
    writer.Unsigned("event", number).Signed("mode", mode).String("kind", kind);
    return writer;
  };
  EXPECT_THAT(error_of(EncodeReply({1, Status::kOk, {}})), HasSubstr("'event'"));
  EXPECT_THAT(error_of(begin(0, 0, "expiring").Finish()), HasSubstr("'event'"));
  EXPECT_THAT(error_of(begin(1, 2, "expiring").Finish()), HasSubstr("'mode'"));
  EXPECT_THAT(error_of(begin(1, 0, "party").Finish()), HasSubstr("'kind'"));
  EXPECT_THAT(error_of(begin(1, 0, "replaced").Unsigned("row", 65536).Finish()),
              HasSubstr("'row'"));
}

class EventsTest : public ServingTest {
 protected:
  static constexpr std::uint64_t kAnyId = 999;

  void Listen(RawClient& client, const Token& token) {
    EXPECT_EQ(client.Ask(SessionRequest(Operation::kListen, token, kAnyId)).header.status,
              Status::kOk);
  }
  void Announce(RawClient& client, const Token& token, std::uint64_t id, const std::string& text) {
    Request request = SessionRequest(Operation::kAnnounce, token, id);
    request.admin_key = kAdminKey;
    request.text = text;
    const RawReply reply = client.Ask(request);
    EXPECT_EQ(reply.header.status, Status::kOk) << reply.header.error;
  }
  void Acknowledge(RawClient& client, const Token& token, std::uint64_t event) {
    Request request = SessionRequest(Operation::kAck, token, kAnyId);
    request.event = event;
    EXPECT_EQ(client.Ask(request).header.status, Status::kOk);
  }
  // The next message, which is an event.
  NumberedEvent Heard(RawClient& client) {
    const std::vector<std::string> frames = client.ReceiveFrames();
    EXPECT_EQ(frames.size(), 1u);
    const auto event = DecodeEvent(std::as_bytes(std::span(frames.at(0))));
    EXPECT_TRUE(event) << event.error();
    return *event;
  }
  // The events that came before the reply to a ping.
  std::vector<NumberedEvent> HeardSoFar(RawClient& client) {
    client.Send(Request{});
    std::vector<NumberedEvent> heard;
    while (true) {
      const std::vector<std::string> frames = client.ReceiveFrames();
      const auto event = DecodeEvent(std::as_bytes(std::span(frames.at(0))));
      if (!event) return heard;
      heard.push_back(*event);
    }
  }
  // The next event, waited for, and those that came with it.
  std::vector<NumberedEvent> HeardAtLast(RawClient& client) {
    std::vector<NumberedEvent> heard{Heard(client)};
    std::ranges::copy(HeardSoFar(client), std::back_inserter(heard));
    return heard;
  }
  // Lets the server's clock pass, and the server have turns, sessions being heard of.
  void Pass(std::chrono::milliseconds time, RawClient& pinger, const std::vector<Token>& tokens) {
    for (std::chrono::milliseconds passed{0}; passed < time; passed += 250ms) {
      clock.Advance(250ms);
      for (const Token& token : tokens) {
        pinger.Ask(SessionRequest(Operation::kPing, token, kAnyId));
      }
      pinger.Ask(Request{});  // and one after it has handled what came
    }
  }
  Told Stats(RawClient& client, const Token& token) {
    return Told(client.Ask(SessionRequest(Operation::kStats, token, kAnyId)));
  }

  EventsTest() { server_settings.admin_key = kAdminKey; }
  static constexpr const char* kAdminKey = "open sesame";
};

TEST_F(EventsTest, TheOperatorsMessageReachesAllWhoListenUntilTheyAcknowledgeIt) {
  Start();
  RawClient operating = Raw(), one = Raw(), deaf = Raw(), pinger = Raw();
  const Token admin = operating.Hello(1), token = one.Hello(2), deaf_token = deaf.Hello(3);
  Listen(one, token);
  Announce(operating, admin, 1, "the server restarts at noon");
  const NumberedEvent first = Heard(one);
  EXPECT_EQ(first.number, 1u);
  EXPECT_EQ(first.mode, DeliveryMode::kRetry);
  EXPECT_EQ(first.event.kind, EventKind::kMessage);
  EXPECT_EQ(first.event.text, "the server restarts at noon");
  EXPECT_EQ(Stats(pinger, token).Number("events_pending"), 1u);
  for (int i = 0; i < 20; ++i) {
    Pass(250ms, pinger, {admin, token, deaf_token});
    EXPECT_EQ(Heard(one).number, 1u);
  }
  Acknowledge(one, token, 1);
  const Told stats = Stats(pinger, token);
  EXPECT_EQ(stats.Number("events_pending"), 0u);
  EXPECT_EQ(stats.Number("events_acknowledged"), 1u);
  Pass(1000ms, pinger, {admin, token, deaf_token});
  EXPECT_EQ(one.Ask(Request{}).header.id, 0u) << "and nothing before it";
  // Who never listened gets replies alone, as ever.
  EXPECT_EQ(deaf.Ask(SessionRequest(Operation::kPing, deaf_token, 77)).header.id, 77u);
}

TEST_F(EventsTest, WhoListensLaterHearsWhatWaits) {
  Start();
  RawClient operating = Raw(), one = Raw();
  const Token admin = operating.Hello(1), token = one.Hello(2);
  Announce(operating, admin, 1, "hello");
  one.Send(SessionRequest(Operation::kListen, token, kAnyId));
  EXPECT_EQ(one.Receive().value().header.id, kAnyId);
  EXPECT_EQ(Heard(one).event.text, "hello");
}

TEST_F(EventsTest, TheyComeToTheConnectionThatListenedLast) {
  Start();
  RawClient operating = Raw(), before = Raw(), after = Raw();
  const Token admin = operating.Hello(1), token = before.Hello(2);
  Listen(before, token);
  Listen(after, token);
  Announce(operating, admin, 1, "hello");
  EXPECT_EQ(Heard(after).event.text, "hello");
  EXPECT_EQ(before.Ask(Request{}).header.id, 0u);
}

TEST_F(EventsTest, OnlyTheAdministratorAnnounces) {
  Start();
  RawClient client = Raw();
  Request request = SessionRequest(Operation::kAnnounce, client.Hello(1), 1);
  request.admin_key = "guess";
  request.text = "free cars";
  EXPECT_EQ(client.Ask(request).header.status, Status::kPermissionDenied);
}

TEST_F(EventsTest, ASessionThatIsNotHeardOfIsToldOnceBeforeItExpires) {
  Start();
  RawClient client = Raw(), pinger = Raw();
  const Token token = client.Hello(1);
  Listen(client, token);
  Pass(3000ms, pinger, {});
  for (const NumberedEvent& event : HeardAtLast(client)) {
    EXPECT_EQ(event.number, 1u) << "a copy";
    EXPECT_EQ(event.mode, DeliveryMode::kBestEffort);
    EXPECT_EQ(event.event.kind, EventKind::kExpiring);
    EXPECT_GT(event.event.within_ms, 0);
    EXPECT_LE(event.event.within_ms, 2500);
  }
  Acknowledge(pinger, token, 1);  // which is a sign of life
  Pass(2000ms, pinger, {});
  for (const NumberedEvent& event : HeardSoFar(client)) EXPECT_EQ(event.number, 1u) << "a copy";
  Pass(1000ms, pinger, {});
  EXPECT_EQ(HeardAtLast(client)[0].number, 2u) << "silent anew";
}

TEST_F(EventsTest, AServerThatLeavesSaysSo) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  Listen(client, token);
  Stop();
  EXPECT_EQ(Heard(client).event.kind, EventKind::kShuttingDown);
}

// Events as a C++ client is told of them, on another thread.
class Listener {
 public:
  void Hear(const Event& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    came_.notify_all();
  }
  std::vector<Event> Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(came_.wait_for(lock, kPatience, [&] { return events_.size() >= count; }));
    return events_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Event> events_;
};

class ListeningClientTest : public EventsTest {
 protected:
  std::unique_ptr<RemoteVectorEnvironment> Listening(const std::string& nick = {}) {
    auto remote = RemoteVectorEnvironment::Connect(
        {.endpoint = endpoint,
         .context = &context,
         .nick = nick,
         .on_event = [this](const Event& event) { listener.Hear(event); }},
        DeadlineIn(kPatience));
    EXPECT_TRUE(remote) << remote.error().text;
    return *std::move(remote);
  }

  Listener listener;
};

TEST_F(ListeningClientTest, HearsEachEventOnceAndAcknowledgesIt) {
  server_settings.now = &Clock::now;
  server_settings.sessions.message_timeout = 20ms;  // so that copies are many
  Start();
  const auto remote = Listening();
  RawClient operating = Raw();
  const Token admin = operating.Hello(1);
  constexpr int kEvents = 20;
  for (std::uint64_t i = 0; i < kEvents; ++i) {
    Announce(operating, admin, i + 1, std::to_string(i));
  }
  listener.Await(kEvents);
  // All are acknowledged in the end, and none came twice meanwhile.
  EXPECT_TRUE(Eventually([&] {
    return Stats(operating, remote->hello().token).Number("events_acknowledged") == kEvents;
  }));
  std::vector<std::string> texts, expected;
  for (const Event& event : listener.Await(kEvents)) texts.push_back(event.text);
  for (int i = 0; i < kEvents; ++i) expected.push_back(std::to_string(i));
  std::ranges::sort(texts);
  std::ranges::sort(expected);
  EXPECT_EQ(texts, expected);
}

TEST_F(ListeningClientTest, IsToldWhenTheServerLeavesAndDrivesOnUndisturbedUntilThen) {
  Start();
  const auto remote = Listening();
  ASSERT_TRUE(remote->Attach({.environment = "five", .rows = 2, .tracks = {"short_sprint"}},
                             DeadlineIn(kPatience)));
  EXPECT_EQ(Race(*remote, 20), Race(*Local(2), 20));
  RawClient operating = Raw();
  Announce(operating, operating.Hello(1), 1, "heard");  // which shows that it listens by now
  listener.Await(1);
  Stop();
  EXPECT_EQ(listener.Await(2).at(1).kind, EventKind::kShuttingDown);
}

TEST_F(ListeningClientTest, TellsItsNickAndItsRoundTrip) {
  Start();
  const auto remote = Listening("Ayrton");
  RawClient asking = Raw();
  const Token token = asking.Hello(1);
  EXPECT_TRUE(Eventually([&] {
    const Told told(asking.Ask(SessionRequest(Operation::kSessions, token, kAnyId)));
    return told.Texts("nicks")[0] == "Ayrton" && told.Floats("latencies_us")[0] > 0;
  }));
}

}  // namespace
}  // namespace hotlap::transport
