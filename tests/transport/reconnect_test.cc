// Learners whose server is not heard of for a while, and their successors.
#include <optional>

#include "tests/transport/ferry.h"
#include "tests/transport/serving.h"

namespace hotlap::transport::reconnect_test {
namespace {

constexpr int kRows = 3;

class ReconnectTest : public ServingTest {
 public:
  ~ReconnectTest() override { ferry.reset(); }

 protected:
  ReconnectTest() {
    server_settings.sessions.timeout = 300ms;  // of the test's clock, and of the learner's own
    server_settings.inline_limit_us = 0;
  }
  void StartBehindFerry() {
    Start();
    ferry.emplace(context, endpoint);
  }

  ConnectOptions ByFerry() { return {.endpoint = Ferry::kEndpoint, .context = &context}; }
  static ConnectOptions Reconnecting(ConnectOptions options) {
    options.reconnect = BackoffSettings{.first = 20ms, .longest = 200ms};
    return options;
  }
  tl::expected<std::unique_ptr<RemoteVectorEnvironment>, Refusal> TryConnect(
      const ConnectOptions& options) {
    return RemoteVectorEnvironment::Connect(options, DeadlineIn(kPatience));
  }
  // With rows that have been reset and stepped so often.
  std::unique_ptr<RemoteVectorEnvironment> Driving(const ConnectOptions& options, int steps) {
    auto remote = TryConnect(options);
    EXPECT_TRUE(remote) << remote.error().text;
    EXPECT_TRUE((*remote)->Attach(kAttach, DeadlineIn(kPatience)));
    Race(**remote, steps);
    return *std::move(remote);
  }
  // The bits that an undisturbed learner gets, step by step.
  std::vector<std::string> Undisturbed(int steps) { return Race(*Local(kRows), steps); }

  static tl::expected<ConstBatchView, Refusal> Step(RemoteVectorEnvironment& remote, int step,
                                                    Deadline deadline = DeadlineIn(kPatience)) {
    const auto actions = Actions(remote.spec().action, kRows, step);
    return remote.Step({.discrete = actions, .continuous = {}}, deadline);
  }
  static void SendStep(RemoteVectorEnvironment& remote, int step) {
    const auto actions = Actions(remote.spec().action, kRows, step);
    ASSERT_TRUE(
        remote.SendStep({}, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience)));
  }
  // Both connections of a learner, that of its keep-alive too, have carried something.
  void CutThese() {
    ASSERT_TRUE(Eventually([this] { return ferry->num_connections() >= 2; }));
    ferry->CutThese();
  }
  static Token KeyOf(int fill) {
    Token key;
    key.fill(static_cast<std::byte>(fill));
    return key;
  }

  static inline const AttachOptions kAttach{
      .environment = "five", .rows = kRows, .tracks = {"short_sprint"}};
  std::optional<Ferry> ferry;
};

// ---- the line is cut

TEST_F(ReconnectTest, ACutShorterThanTheTimeoutCostsNothing) {
  server_settings.sessions.timeout = 60s;
  server_settings.sessions.message_timeout = 10ms;
  StartBehindFerry();
  const auto expected = Undisturbed(8);
  const auto remote = Driving(ByFerry(), 5);
  ferry->Cut();
  SendStep(*remote, 5);
  EXPECT_EQ(remote->ReceiveStep(DeadlineIn(50ms)).error().status, Status::kTimedOut);
  ferry->Mend();
  const auto batch = remote->ReceiveStep(DeadlineIn(kPatience));
  ASSERT_TRUE(batch) << batch.error().text;
  EXPECT_EQ(BytesOf(*batch), expected[6]);
  EXPECT_EQ(Drive(*remote, 6, 2), (std::vector{expected[7], expected[8]}));
}

TEST_F(ReconnectTest, ALostServerIsToldBeforeTheDeadlineAndTheDroppedSessionGoesOn) {
  StartBehindFerry();
  const auto expected = Undisturbed(7);
  const auto remote = Driving(ByFerry(), 5);
  ferry->Cut();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  const auto lost = Step(*remote, 5, kNoDeadline);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().status, Status::kServerLost);
  EXPECT_THAT(lost.error().text,
              ::testing::HasSubstr("inproc://ferry has not answered for 300 ms"));
  ferry->Mend();
  std::string resumed;
  EXPECT_TRUE(Eventually([&] {
    const auto batch = remote->Resume(DeadlineIn(kPatience));
    if (batch) resumed = BytesOf(*batch);
    return batch.has_value();
  }));
  EXPECT_EQ(resumed, expected[6]);
  EXPECT_EQ(Drive(*remote, 6, 1)[0], expected[7]);
  EXPECT_FALSE(remote->session_is_lost());
}

TEST_F(ReconnectTest, ACallReconnectsByItselfAndTheDroppedSessionGoesOnUnderANewToken) {
  StartBehindFerry();
  const auto expected = Undisturbed(8);
  const auto remote = Driving(Reconnecting(ByFerry()), 5);
  const Token token = remote->hello().token;
  CutThese();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  for (int step = 5; step < 7; ++step) SendStep(*remote, step);  // both are repeated
  for (int step = 5; step < 7; ++step) {
    const auto batch = remote->ReceiveStep(DeadlineIn(kPatience));
    ASSERT_TRUE(batch) << batch.error().text;
    EXPECT_EQ(BytesOf(*batch), expected[static_cast<std::size_t>(step) + 1]);
  }
  EXPECT_EQ(Drive(*remote, 7, 1)[0], expected[8]);
  EXPECT_NE(remote->hello().token, token);
  EXPECT_EQ(server->counters().sessions, 1u);
}

TEST_F(ReconnectTest, ASessionThatWasNotDroppedGoesOnUnderItsToken) {
  StartBehindFerry();
  const auto expected = Undisturbed(6);
  const auto remote = Driving(Reconnecting(ByFerry()), 5);
  const Token token = remote->hello().token;
  CutThese();
  EXPECT_EQ(BytesOf(Step(*remote, 5).value()), expected[6]);
  EXPECT_EQ(remote->hello().token, token);
}

TEST_F(ReconnectTest, AQuestionReconnectsByItselfAndTheStepsInFlightGoOn) {
  StartBehindFerry();
  const auto expected = Undisturbed(7);
  const auto remote = Driving(Reconnecting(ByFerry()), 5);
  CutThese();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  for (int step = 5; step < 7; ++step) SendStep(*remote, step);
  const auto sessions = remote->Sessions(DeadlineIn(kPatience));
  ASSERT_TRUE(sessions) << sessions.error().text;
  EXPECT_EQ(sessions->size(), 1u);
  for (int step = 5; step < 7; ++step) {
    const auto batch = remote->ReceiveStep(DeadlineIn(kPatience));
    ASSERT_TRUE(batch) << batch.error().text;
    EXPECT_EQ(BytesOf(*batch), expected[static_cast<std::size_t>(step) + 1]);
  }
}

TEST_F(ReconnectTest, AQuestionToALostServerIsToldAndTheStepInFlightStaysThere) {
  StartBehindFerry();
  const auto expected = Undisturbed(6);
  const auto remote = Driving(ByFerry(), 5);
  ferry->Cut();
  SendStep(*remote, 5);
  EXPECT_EQ(remote->Sessions(kNoDeadline).error().status, Status::kServerLost);
  EXPECT_EQ(remote->Stats(kNoDeadline).error().status, Status::kServerLost);
  ferry->Mend();
  EXPECT_TRUE(Eventually([&] { return remote->Sessions(DeadlineIn(kPatience)).has_value(); }));
  const auto batch = remote->ReceiveStep(DeadlineIn(kPatience));
  ASSERT_TRUE(batch) << batch.error().text;
  EXPECT_EQ(BytesOf(*batch), expected[6]);
}

TEST_F(ReconnectTest, ACallerThatAsksALostServerAgainAndAgainDoesNotSpin) {
  StartBehindFerry();
  const auto remote = Driving(ByFerry(), 1);
  ferry->Cut();
  EXPECT_EQ(Step(*remote, 1, kNoDeadline).error().status, Status::kServerLost);
  const Deadline begin = Clock::now();
  EXPECT_EQ(remote->Resume(kNoDeadline).error().status, Status::kServerLost);
  EXPECT_GE(Clock::now(), begin + 100ms);
  const Deadline deadline = DeadlineIn(10ms);
  EXPECT_EQ(remote->Resume(deadline).error().status, Status::kServerLost);
  EXPECT_GE(Clock::now(), deadline);
}

TEST_F(ReconnectTest, ACallThatReachesNobodyEndsAtItsDeadline) {
  StartBehindFerry();
  const auto remote = Driving(Reconnecting(ByFerry()), 1);
  ferry->Cut();
  const auto lost = Step(*remote, 1, DeadlineIn(600ms));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().status, Status::kServerLost);
  ferry->Mend();
  EXPECT_TRUE(remote->Resume(DeadlineIn(kPatience)));
}

TEST_F(ReconnectTest, AfterTheGraceTheSessionIsGoneAndTheLearnerIsTold) {
  StartBehindFerry();
  const auto plain = Driving(ByFerry(), 1), reconnecting = Driving(Reconnecting(ByFerry()), 1);
  ferry->Cut();
  ASSERT_TRUE(PassUntilSessionsAre(0));
  EXPECT_EQ(Step(*plain, 1, kNoDeadline).error().status, Status::kServerLost);
  ferry->Mend();
  EXPECT_TRUE(Eventually(
      [&] { return plain->Resume(DeadlineIn(kPatience)).error().status == Status::kInvalidKey; }));
  EXPECT_EQ(Step(*reconnecting, 1).error().status, Status::kInvalidKey);
  EXPECT_EQ(Step(*reconnecting, 1).error().status, Status::kInvalidKey)
      << "and so is the next call";
  EXPECT_TRUE(Eventually([&] { return plain->session_is_lost(); }));
  EXPECT_TRUE(Eventually([&] { return reconnecting->session_is_lost(); }));
}

TEST_F(ReconnectTest, AReconnectingLearnerIsToldThatNobodyKnowsItsSession) {
  StartBehindFerry();
  const auto remote = Driving(Reconnecting(ByFerry()), 1);
  CutThese();
  ASSERT_TRUE(PassUntilSessionsAre(0));
  for (int i = 0; i < 2; ++i) {
    const auto gone = Step(*remote, 1);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().status, Status::kInvalidKey);
    // As it noticed the cut or the refusal first.
    EXPECT_THAT(gone.error().text,
                ::testing::AnyOf(::testing::HasSubstr("'key' is of no session"),
                                 ::testing::HasSubstr("'token' is of no living session")));
    EXPECT_TRUE(remote->session_is_lost());
  }
}

// ---- successors

TEST_F(ReconnectTest, ASuccessorMakesTheCallsAfterTheLastReplyAgainAndGoesOnBitForBit) {
  StartBehindFerry();
  const auto expected = Undisturbed(10);
  ConnectOptions options = ByFerry();
  options.key = KeyOf(1);
  const auto killed = Driving(options, 5);
  const std::uint64_t last_id = killed->last_id();
  const auto messages = server->counters().messages;
  SendStep(*killed, 5);  // is run, and its reply is never read
  EXPECT_EQ(killed->last_id(), last_id);
  ASSERT_TRUE(Eventually([&] { return server->counters().messages > messages; }));
  ferry->Cut();
  ASSERT_TRUE(PassUntilDroppedAre(1));

  const auto successor =
      TryConnect({.endpoint = endpoint, .context = &context, .key = KeyOf(1), .last_id = last_id});
  ASSERT_TRUE(successor) << successor.error().text;
  EXPECT_EQ((*successor)->num_rows(), kRows);
  EXPECT_EQ((*successor)->info_columns().size(), killed->info_columns().size());
  EXPECT_EQ(Drive(**successor, 5, 5), (std::vector(expected.begin() + 6, expected.begin() + 11)));

  ferry->Mend();  // the first one was not killed, it was paused
  EXPECT_TRUE(Eventually([&] {
    const auto refused = Step(*killed, 6);
    return !refused && refused.error().status == Status::kInvalidKey;
  }));
  EXPECT_TRUE((*successor)->Reset({}, DeadlineIn(kPatience)));
}

TEST_F(ReconnectTest, ASuccessorIsToldTheSpecOfRowsWithSettings) {
  StartBehindFerry();
  ConnectOptions options = ByFerry();
  options.key = KeyOf(1);
  const auto killed = TryConnect(options);
  ASSERT_TRUE(killed) << killed.error().text;
  AttachOptions attach = kAttach;
  attach.settings = "ticks_per_step: 3";
  ASSERT_TRUE((*killed)->Attach(attach, DeadlineIn(kPatience)));
  ferry->Cut();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  const auto successor = TryConnect({.endpoint = endpoint, .context = &context, .key = KeyOf(1)});
  ASSERT_TRUE(successor) << successor.error().text;
  EXPECT_EQ((*successor)->spec().ticks_per_step, 3);
  EXPECT_EQ((*successor)->spec().policy_hash, (*killed)->spec().policy_hash);
}

TEST_F(ReconnectTest, ASuccessorWithoutALastIdGoesOnBehindWhatWasCounted) {
  StartBehindFerry();
  const auto expected = Undisturbed(6);
  ConnectOptions options = ByFerry();
  options.key = KeyOf(1);
  const auto killed = Driving(options, 5);
  ferry->Cut();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  const auto successor = TryConnect({.endpoint = endpoint, .context = &context, .key = KeyOf(1)});
  ASSERT_TRUE(successor) << successor.error().text;
  EXPECT_EQ((*successor)->last_id(), killed->last_id());
  EXPECT_EQ(Drive(**successor, 5, 1)[0], expected[6]);
}

TEST_F(ReconnectTest, ASuccessorThatIsTooFarBehindIsStale) {
  StartBehindFerry();
  ConnectOptions options = ByFerry();
  options.key = KeyOf(1);
  const auto killed = Driving(options, 10);
  const std::uint64_t last_id = killed->last_id();
  ferry->Cut();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  ConnectOptions successor{.endpoint = endpoint, .context = &context, .key = KeyOf(1)};
  successor.last_id = last_id - 5;  // of which four replies are kept
  EXPECT_EQ(Step(**TryConnect(successor), 0).error().status, Status::kStale);
}

TEST_F(ReconnectTest, ASuccessorThatIsAheadOfTheSessionIsRefused) {
  StartBehindFerry();
  ConnectOptions options = ByFerry();
  options.key = KeyOf(1);
  const auto killed = Driving(options, 1);
  ferry->Cut();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  const auto refused = TryConnect({.endpoint = endpoint,
                                   .context = &context,
                                   .key = KeyOf(1),
                                   .last_id = killed->last_id() + 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kBadArgument);
  EXPECT_EQ(server->counters().sessions, 1u) << "it stays for another one";
}

TEST_F(ReconnectTest, ASuccessorThatLeavesGivesTheRowsBackAtOnce) {
  StartBehindFerry();
  ConnectOptions options = ByFerry();
  options.key = KeyOf(1);
  const auto killed = Driving(options, 3);
  ferry->Cut();
  ASSERT_TRUE(PassUntilDroppedAre(1));
  ConnectOptions successor{.endpoint = endpoint, .context = &context, .key = KeyOf(1)};
  successor.last_id = killed->last_id() - 2;
  ASSERT_TRUE(TryConnect(successor));  // and is gone again
  EXPECT_TRUE(Eventually([this] { return server->counters().sessions == 0; }));
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == game_settings.simulated; }));
}

TEST_F(ReconnectTest, ALivingSessionIsHandedToNobodyAndASuccessorThatReconnectsWaitsForItsEnd) {
  StartBehindFerry();
  const auto expected = Undisturbed(6);
  ConnectOptions options = ByFerry();
  options.key = KeyOf(1);
  const auto killed = Driving(options, 5);
  ConnectOptions direct{.endpoint = endpoint, .context = &context, .key = KeyOf(1)};
  direct.last_id = killed->last_id();
  EXPECT_EQ(TryConnect(direct).error().status, Status::kAlreadyConnected);
  ferry->Cut();
  std::thread passing([this] { EXPECT_TRUE(PassUntilDroppedAre(1)); });
  const auto successor = TryConnect(Reconnecting(direct));
  passing.join();
  ASSERT_TRUE(successor) << successor.error().text;
  EXPECT_EQ(Drive(**successor, 5, 1)[0], expected[6]);
}

TEST_F(ReconnectTest, ASuccessorOfNobodyIsTold) {
  Start();
  const auto refused =
      TryConnect({.endpoint = endpoint, .context = &context, .key = KeyOf(1), .last_id = 3});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kInvalidKey);
  EXPECT_EQ(server->counters().sessions, 0u);
}

TEST_F(ReconnectTest, ALearnerGetsTheTimeoutThatItAsksFor) {
  Start();
  const auto remote =
      TryConnect({.endpoint = endpoint, .context = &context, .nick = "patient", .timeout = 20s});
  ASSERT_TRUE(remote) << remote.error().text;
  EXPECT_EQ((*remote)->hello().session_timeout_ms, 20000);
}

}  // namespace
}  // namespace hotlap::transport::reconnect_test
