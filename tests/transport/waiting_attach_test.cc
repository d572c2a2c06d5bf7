// Attaches that wait for games which are lent to others.
#include <fstream>
#include <memory>
#include <optional>

#include "tests/transport/serving.h"

namespace hotlap::transport::waiting_attach_test {
namespace {

constexpr int kAll = 64;  // as many as there are

class WaitingAttachTest : public ServingTest {
 protected:
  static Request Attach(const Token& token, std::uint64_t id, int rows,
                        std::chrono::milliseconds wait) {
    Request attach = AttachRequest(token, id, rows);
    attach.wait = wait;
    return attach;
  }
  // A session that has `rows` rows; its next id is 2.
  Token Holding(RawClient& client, int key, int rows) {
    const Token token = client.Hello(key);
    EXPECT_EQ(client.Ask(AttachRequest(token, 1, rows), {""}).header.status, Status::kOk);
    return token;
  }
  // A new session's attach that stands in the line when this returns.
  Token Waiting(RawClient& client, int key, int rows, std::chrono::milliseconds wait = 600s) {
    const Token token = client.Hello(key);
    client.Send(Attach(token, 1, rows, wait), {""});
    const int before = num_waiting_++;
    // Whoever asks for more than there can be at once is told how many wait.
    RawClient other = Raw();
    const Token asking = other.Hello(200 + key);
    std::uint64_t id = 0;
    EXPECT_TRUE(Eventually([&] {
      const RawReply reply = other.Ask(AttachRequest(asking, ++id, kAll + 1), {""});
      return reply.header.error.find(" beside what " + std::to_string(before + 1) + " others") !=
             std::string::npos;
    }));
    Close(other, asking, id + 1);
    return token;
  }
  static RawReply Close(RawClient& client, const Token& token, std::uint64_t id) {
    Request close = SessionRequest(Operation::kDetach, token, id);
    close.close = true;
    return client.Ask(close);
  }
  // The server has come round and has sent it nothing but the answer to this.
  static void ExpectSilence(RawClient& client) {
    Request ping;
    ping.id = 77;
    const RawReply pong = client.Ask(ping);
    EXPECT_EQ(pong.header.id, 77u) << pong.header.error;
  }

  int num_waiting_ = 0;
};

TEST_F(WaitingAttachTest, GetsItsRowsWhenOthersGiveThemBack) {
  Start();
  RawClient holder = Raw(), client = Raw();
  const Token holding = Holding(holder, 1, kAll);
  Waiting(client, 2, 10);
  ExpectSilence(client);
  EXPECT_EQ(holder.Ask(SessionRequest(Operation::kDetach, holding, 2)).header.status, Status::kOk);
  const RawReply reply = client.Receive().value();
  EXPECT_EQ(reply.header.status, Status::kOk) << reply.header.error;
  EXPECT_EQ(games->free_simulated(), kAll - 10);
}

TEST_F(WaitingAttachTest, GetsTheRowsOfASessionThatExpires) {
  Start();
  RawClient holder = Raw(), client = Raw(), pinger = Raw();
  Holding(holder, 1, kAll);
  const Token token = Waiting(client, 2, kAll);
  // The holder's and those of the sessions that only asked are gone.
  EXPECT_TRUE(
      PassUntilSessionsAre(1, [&] { pinger.Ask(SessionRequest(Operation::kPing, token, 1)); }));
  EXPECT_EQ(client.Receive().value().header.status, Status::kOk);
}

TEST_F(WaitingAttachTest, GetsAGameThatLeavesQuarantine) {
  const auto schedule = std::make_shared<TestClock>();  // of the game's restarts
  const std::string repaired = (directory.path() / "repaired").string();
  game_settings.simulated = 0;
  game_settings.games = 1;
  game_settings.command = {"sh", "-c", "[ -e " + repaired + " ] && exec sleep 1000; exit 3"};
  game_settings.processes.restarts = {.first_pause = 1ms, .longest_pause = 2ms, .per_hour = 1};
  game_settings.processes.now = [schedule] {
    schedule->Advance(1ms);  // pauses end
    return schedule->now();
  };
  Start();
  ASSERT_TRUE(
      Eventually([&] { return games->health(0).condition == GameCondition::kQuarantined; }));
  RawClient client = Raw(), pinger = Raw();
  const Token token = Waiting(client, 1, 1);
  ExpectSilence(client);
  std::ofstream(repaired) << "yes\n";
  schedule->Advance(1h);
  std::optional<RawReply> reply;
  EXPECT_TRUE(PassUntil([&] { return bool(reply = client.Receive(0ms)); },
                        [&] { pinger.Ask(SessionRequest(Operation::kPing, token, 1)); }));
  EXPECT_EQ(reply->header.status, Status::kOk) << reply->header.error;
  EXPECT_LT(clock.now(), TestClock().now() + 60s) << "long before its wait was over";
}

TEST_F(WaitingAttachTest, WithoutAWaitItFailsAtOnceAndSaysWhatIsFree) {
  Start();
  RawClient holder = Raw(), client = Raw();
  Holding(holder, 1, kAll - 4);
  const RawReply reply = client.Ask(AttachRequest(client.Hello(2), 1, 5), {""});
  EXPECT_EQ(reply.header.status, Status::kServerFull);
  EXPECT_THAT(reply.header.error, ::testing::HasSubstr("free are 4 simulated"));
}

TEST_F(WaitingAttachTest, SmallOnesDoNotStarveALargeOne) {
  Start();
  RawClient holder = Raw(), large = Raw(), small = Raw(), hasty = Raw();
  const Token holding = Holding(holder, 1, kAll - 4);
  const Token large_token = Waiting(large, 2, kAll);
  Waiting(small, 3, 1);
  const RawReply refused = hasty.Ask(AttachRequest(hasty.Hello(4), 1, 1), {""});
  EXPECT_EQ(refused.header.status, Status::kServerFull);
  EXPECT_THAT(refused.header.error,
              ::testing::HasSubstr("free are 0 simulated and 0 behind mapped buffers, beside what "
                                   "2 others wait for"));
  Close(holder, holding, 2);
  EXPECT_EQ(large.Receive().value().header.status, Status::kOk);
  ExpectSilence(small);
  EXPECT_EQ(large.Ask(SessionRequest(Operation::kDetach, large_token, 2)).header.status,
            Status::kOk);
  EXPECT_EQ(small.Receive().value().header.status, Status::kOk);
}

TEST_F(WaitingAttachTest, IsRefusedWhenItsWaitIsOver) {
  Start();
  RawClient holder = Raw(), client = Raw();
  const Token holding = Holding(holder, 1, kAll);
  const Token token = Waiting(client, 2, 1, 700ms);
  EXPECT_TRUE(PassUntil([&] { return client.Receive(0ms).has_value(); }, [] {}));
  EXPECT_EQ(client.Ask(Attach(token, 1, 1, 700ms), {""}).header.status, Status::kServerFull)
      << "the kept reply";
  EXPECT_EQ(holder.Ask(SessionRequest(Operation::kDetach, holding, 2)).header.status, Status::kOk);
  EXPECT_EQ(client.Ask(AttachRequest(token, 2, 1), {""}).header.status, Status::kOk);
}

TEST_F(WaitingAttachTest, WaitsForNothingThatCannotCome) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  RawReply reply = client.Ask(Attach(token, 1, kAll + 1, 600s), {""});
  EXPECT_EQ(reply.header.status, Status::kServerFull);
  EXPECT_THAT(reply.header.error, ::testing::HasSubstr("the server has no more than 64 simulated"));
  Request nowhere = Attach(token, 2, 1, 600s);
  nowhere.tracks = {"nowhere"};
  EXPECT_EQ(client.Ask(nowhere, {""}).header.status, Status::kUnknownTrack);
}

TEST_F(WaitingAttachTest, OtherRequestsOfItsSessionStayInOrderBehindIt) {
  Start();
  RawClient holder = Raw(), client = Raw();
  const Token holding = Holding(holder, 1, kAll);
  const Token token = Waiting(client, 2, 2);
  client.Send(SessionRequest(Operation::kReset, token, 2), {"", "", ""});
  client.Send(Attach(token, 1, 2, 600s), {""});  // again
  ExpectSilence(client);
  Close(holder, holding, 2);
  for (const std::uint64_t id : {1u, 2u}) {
    const RawReply reply = client.Receive().value();
    EXPECT_EQ(reply.header.id, id);
    EXPECT_EQ(reply.header.status, Status::kOk) << reply.header.error;
  }
}

TEST_F(WaitingAttachTest, AGoodbyeEndsIt) {
  Start();
  RawClient holder = Raw(), client = Raw();
  const Token holding = Holding(holder, 1, kAll);
  const Token token = Waiting(client, 2, 1);
  const RawReply refused = Close(client, token, 2);
  EXPECT_EQ(refused.header.id, 1u);
  EXPECT_EQ(refused.header.status, Status::kServerFull);
  const RawReply closed = client.Receive().value();
  EXPECT_EQ(closed.header.id, 2u);
  EXPECT_EQ(closed.header.status, Status::kOk);
  Close(holder, holding, 2);
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == kAll; }));
}

TEST_F(WaitingAttachTest, EndsWithItsSilentSessionAndLeavesTheLine) {
  Start();
  RawClient holder = Raw(), silent = Raw(), client = Raw(), pinger = Raw();
  const Token holding = Holding(holder, 1, kAll);
  Waiting(silent, 2, kAll);
  const Token token = Waiting(client, 3, 1);
  EXPECT_TRUE(PassUntilSessionsAre(2, [&] {
    pinger.Ask(SessionRequest(Operation::kPing, holding, 1));
    pinger.Ask(SessionRequest(Operation::kPing, token, 1));
  }));
  Close(holder, holding, 2);
  EXPECT_EQ(client.Receive().value().header.status, Status::kOk);
  EXPECT_EQ(games->free_simulated(), kAll - 1);
  EXPECT_FALSE(silent.Receive(0ms));
}

TEST_F(WaitingAttachTest, HoldsNoThread) {
  Start();
  RawClient holder = Raw();
  const Token holding = Holding(holder, 1, kAll - 1);
  std::vector<RawClient> waiting;  // more than there are threads
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(Raw());
    Waiting(waiting.back(), 2 + i, kAll);
  }
  RawClient client = Raw();
  Request nowhere = AttachRequest(client.Hello(100), 1, 1);
  nowhere.tracks = {"nowhere"};
  EXPECT_EQ(client.Ask(nowhere, {""}).header.status, Status::kUnknownTrack);
  EXPECT_EQ(holder.Ask(SessionRequest(Operation::kReset, holding, 2), {"", "", ""}).header.status,
            Status::kOk);
}

TEST_F(WaitingAttachTest, AStoppingServerRefusesIt) {
  Start();
  RawClient holder = Raw(), client = Raw();
  Holding(holder, 1, kAll);
  Waiting(client, 2, 1);
  server->Stop();
  EXPECT_EQ(client.Receive().value().header.status, Status::kShuttingDown);
  thread.join();
  EXPECT_TRUE(finished);
}

TEST_F(WaitingAttachTest, ALearnerWaitsForItsRows) {
  Start();
  auto holder = Attached(kAll);
  const auto remote = Connected();
  std::thread waiting([&] {
    const AttachOptions options{
        .environment = "five", .rows = 2, .tracks = {"short_sprint"}, .wait = 600s};
    const auto attached = remote->Attach(options, DeadlineIn(kPatience));
    EXPECT_TRUE(attached) << attached.error().text;
  });
  const auto messages = server->counters().messages;
  EXPECT_TRUE(Eventually([&] { return server->counters().messages >= messages + 2; }));
  holder.reset();
  waiting.join();
  EXPECT_EQ(Race(*remote, 3), Race(*Local(2), 3));
}

}  // namespace
}  // namespace hotlap::transport::waiting_attach_test
