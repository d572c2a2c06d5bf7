// What becomes of a session's rows while nobody hears of its client, and who gets them back.
#include "tests/transport/serving.h"

namespace hotlap::transport::lease_test {
namespace {

constexpr int kAll = 64;  // as many as there are

class LeaseTest : public ServingTest {
 protected:
  // A session with all rows, reset and stepped once; its next id is 4.
  Token Driving(RawClient& client, int key = 1) {
    const Token token = client.Hello(key);
    EXPECT_EQ(client.Ask(AttachRequest(token, 1, kAll), {""}).header.status, Status::kOk);
    EXPECT_EQ(client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""}).header.status,
              Status::kOk);
    EXPECT_EQ(Step(client, token, 3).header.status, Status::kOk);
    return token;
  }
  static RawReply Step(RawClient& client, const Token& token, std::uint64_t id) {
    return client.Ask(SessionRequest(Operation::kStep, token, id),
                      {Packed(std::vector<std::int32_t>(kAll, 0)), ""});
  }
  static Status Ping(RawClient& client, const Token& token) {
    return client.Ask(SessionRequest(Operation::kPing, token, 77)).header.status;
  }
  // What the steps from id 4 on give that nobody interrupts.
  std::vector<std::vector<std::string>> Undisturbed(int steps) {
    RawClient client = Raw();
    const Token token = Driving(client, 100);
    std::vector<std::vector<std::string>> replies(static_cast<std::size_t>(steps));
    std::uint64_t id = 4;
    for (auto& reply : replies) reply = Step(client, token, id++).frames;
    Request close = SessionRequest(Operation::kDetach, token, id);
    close.close = true;
    EXPECT_EQ(client.Ask(close).header.status, Status::kOk);
    EXPECT_TRUE(Eventually([this] { return games->free_simulated() == kAll; }));
    return replies;
  }
};

TEST_F(LeaseTest, ADroppedSessionGoesOnForASuccessorWithItsKeyWithTheReplyThatWasMissed) {
  Start();
  const auto undisturbed = Undisturbed(3);
  RawClient before = Raw(), after = Raw();
  const Token old_token = Driving(before);
  before.Send(SessionRequest(Operation::kStep, old_token, 4),
              {Packed(std::vector<std::int32_t>(kAll, 0)), ""});  // and is killed
  ASSERT_TRUE(PassUntilDroppedAre(1));
  EXPECT_EQ(games->free_simulated(), 0);

  Request hello = HelloRequest(1);
  hello.id = 5;
  hello.resume = true;
  const HelloReply resumed = after.Greet(hello);
  EXPECT_EQ(resumed.last_id, 4u);
  ASSERT_TRUE(resumed.attached);
  EXPECT_EQ(resumed.attached->environment, "five");
  EXPECT_EQ(resumed.attached->rows, kAll);
  EXPECT_EQ(Step(after, resumed.token, 4).frames, undisturbed[0]) << "kept, not run again";
  EXPECT_EQ(Step(after, resumed.token, 5).frames, undisturbed[1]);
  RawClient woken = Raw();
  EXPECT_EQ(Ping(woken, old_token), Status::kInvalidKey) << "it was paused only";
  EXPECT_EQ(Step(after, resumed.token, 6).frames, undisturbed[2]);
}

TEST_F(LeaseTest, AClientThatIsHeardOfAgainInTimeHasLostNothing) {
  Start();
  const auto undisturbed = Undisturbed(1);
  RawClient client = Raw();
  const Token token = Driving(client);
  ASSERT_TRUE(PassUntilDroppedAre(1));
  EXPECT_EQ(Ping(client, token), Status::kOk);
  ASSERT_TRUE(PassUntilDroppedAre(0));
  EXPECT_EQ(server->counters().sessions, 1u);
  EXPECT_EQ(Step(client, token, 4).frames, undisturbed[0]);
}

TEST_F(LeaseTest, AfterTheGraceTheRowsAreLentToOthersAndTheKeyResumesNothing) {
  Start();
  RawClient client = Raw();
  const Token token = Driving(client);
  ASSERT_TRUE(PassUntilDroppedAre(1));
  ASSERT_TRUE(PassUntilSessionsAre(0));
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == kAll; }));
  EXPECT_EQ(Ping(client, token), Status::kInvalidKey);
  Request hello = HelloRequest(1);
  hello.resume = true;
  EXPECT_EQ(client.Ask(hello).header.status, Status::kInvalidKey);
  hello.resume = false;
  EXPECT_FALSE(client.Greet(hello).attached);
}

TEST_F(LeaseTest, WithoutAGraceASilentSessionGivesItsRowsBackAtOnce) {
  server_settings.sessions.lease_grace = 0ms;
  Start();
  RawClient client = Raw();
  Driving(client);
  ASSERT_TRUE(PassUntilSessionsAre(0, [this] { EXPECT_EQ(server->counters().dropped, 0u); }));
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == kAll; }));
}

TEST_F(LeaseTest, WhoFindsNoRowsIsToldHowManyAreKeptForDroppedSessions) {
  Start();
  RawClient client = Raw(), other = Raw();
  Driving(client);
  ASSERT_TRUE(PassUntilDroppedAre(1));
  const RawReply reply = other.Ask(AttachRequest(other.Hello(2), 1, 1), {""});
  EXPECT_EQ(reply.header.status, Status::kServerFull);
  EXPECT_THAT(reply.header.error, ::testing::HasSubstr("sessions that were dropped keep 64 more"));
}

TEST_F(LeaseTest, AHelloTellsTheTimeoutThatTheSessionHas) {
  Start();
  RawClient client = Raw();
  EXPECT_EQ(client.Greet(HelloRequest(1)).session_timeout_ms, 5000);
  Request hello = HelloRequest(2);
  hello.timeout = 2500ms;
  EXPECT_EQ(client.Greet(hello).session_timeout_ms, 2500);
  hello.key.fill(std::byte{3});
  hello.timeout = 24h;
  EXPECT_EQ(client.Greet(hello).session_timeout_ms, server_settings.sessions.max_timeout.count());
}

TEST_F(LeaseTest, ASpecWithTheIdZeroIsAnsweredAndNotCounted) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  Request spec = SessionRequest(Operation::kSpec, token, 0);
  spec.environment = "five";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Ask(spec).header.status, Status::kOk);
  spec.environment = "six";
  EXPECT_EQ(client.Ask(spec).header.status, Status::kUnknownEnvironment);
  spec.token = Token{};
  EXPECT_EQ(client.Ask(spec).header.status, Status::kInvalidKey);
  EXPECT_EQ(client.Ask(AttachRequest(token, 1, 1), {""}).header.status, Status::kOk);
}

}  // namespace
}  // namespace hotlap::transport::lease_test
