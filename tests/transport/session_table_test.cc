#include "transport/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;
using Admission = SessionTable::Admission;

Token KeyOf(int fill) {
  Token key;
  key.fill(static_cast<std::byte>(fill));
  return key;
}

class SessionTableTest : public ::testing::Test {
 protected:
  static constexpr auto kTimeout = 5000ms;
  static constexpr bool kGoodbye = true;

  static Request Hello(int key, std::uint64_t id = 0) {
    Request hello;
    hello.operation = Operation::kHello;
    hello.id = id;
    hello.key = KeyOf(key);
    return hello;
  }
  // A session that has been heard of.
  std::shared_ptr<Session> Opened(int key = 1) {
    auto session = *table.Open(Hello(key), now);
    table.Hear(session->token, now);
    return session;
  }
  // One with rows that has been dropped.
  std::shared_ptr<Session> Dropped(int key = 1) {
    auto session = Opened(key);
    session->rows = 3;
    EXPECT_THAT(Pass(kTimeout).dropped, ::testing::ElementsAre(session));
    return session;
  }
  void Admit(Session& session, std::uint64_t id) {
    ASSERT_EQ(table.Admit(session, id).value(), Admission::kNew);
  }
  void Answer(Session& session, const std::string& text) {
    table.Answer(session, Reply::HeaderOnly(text), now);
  }
  std::string KeptText(Session& session, std::uint64_t id) {
    return table.Kept(session, id).frames[0].to_string();
  }
  Status Refused(Session& session, std::uint64_t id) {
    const auto admitted = table.Admit(session, id);
    EXPECT_FALSE(admitted);
    return admitted ? Status::kOk : admitted.error().status;
  }

  // Lets time pass as the server does, looking for silent sessions all the while.
  SessionTable::Silent Pass(std::chrono::milliseconds time) {
    SessionTable::Silent silent = table.Expire(now);
    for (const Deadline end = now + time; now < end;) {
      now = std::min<Deadline>(end, now + settings.shortest_timeout() / 8);
      auto [dropped, gone] = table.Expire(now);
      for (auto& session : dropped) silent.dropped.push_back(std::move(session));
      for (auto& session : gone) silent.gone.push_back(std::move(session));
    }
    return silent;
  }
  bool PassesUnnoticed(std::chrono::milliseconds time) {
    const SessionTable::Silent silent = Pass(time);
    return silent.dropped.empty() && silent.gone.empty();
  }
  Status Refused(const Request& hello) {
    const auto opened = table.Open(hello, now);
    EXPECT_FALSE(opened);
    return opened ? Status::kOk : opened.error().status;
  }

  const SessionSettings settings{.max_sessions = 2, .timeout = kTimeout, .window = 3};
  SessionTable table{settings};
  Deadline now = Clock::now();
};

TEST_F(SessionTableTest, TokensFindTheirSessions) {
  const auto a = Opened(1), b = Opened(2);
  EXPECT_EQ(table.Hear(a->token, now), a);
  EXPECT_EQ(table.Hear(b->token, now), b);
  EXPECT_EQ(table.Hear(KeyOf(1), now), nullptr);
  EXPECT_NE(a->public_id, b->public_id);
}

TEST_F(SessionTableTest, ARepeatedHelloFindsItsSession) {
  const auto first = Opened(1);
  EXPECT_EQ(Opened(1), first);
  EXPECT_EQ(table.size(), 1u);
}

TEST_F(SessionTableTest, AnotherHelloWithAKeyInUseIsAlreadyConnected) {
  const auto session = Opened(1);
  EXPECT_EQ(Refused(Hello(1, 1)), Status::kAlreadyConnected);
  Admit(*session, 1);
  EXPECT_EQ(Refused(Hello(1)), Status::kAlreadyConnected);
}

TEST_F(SessionTableTest, NoMoreSessionsThanAllowed) {
  Opened(1);
  Opened(2);
  EXPECT_EQ(Refused(Hello(3)), Status::kServerFull);
}

TEST_F(SessionTableTest, AFullTableSaysHowManySessionsAreDropped) {
  Dropped(1);
  Opened(2);
  EXPECT_THAT(table.Open(Hello(3), now).error().text,
              ::testing::HasSubstr("its 2 sessions already, 1 of them dropped"));
}

TEST_F(SessionTableTest, IdsGrowByOne) {
  const auto session = Opened();
  Admit(*session, 1);
  Answer(*session, "one");
  Admit(*session, 2);
  EXPECT_EQ(Refused(*session, 4), Status::kGap);
  EXPECT_EQ(Refused(*session, UINT64_MAX), Status::kGap);
}

TEST_F(SessionTableTest, ARepeatWhileRunningIsJoined) {
  const auto session = Opened();
  Admit(*session, 1);
  EXPECT_EQ(table.Admit(*session, 1).value(), Admission::kJoined);
}

TEST_F(SessionTableTest, ARepeatAfterTheAnswerGetsTheSameReply) {
  const auto session = Opened();
  for (std::uint64_t id = 1; id <= 3; ++id) {
    Admit(*session, id);
    Answer(*session, "reply " + std::to_string(id));
  }
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(table.Admit(*session, id).value(), Admission::kRepeat);
    EXPECT_EQ(KeptText(*session, id), "reply " + std::to_string(id));
  }
}

TEST_F(SessionTableTest, AnIdOlderThanTheWindowIsStale) {
  const auto session = Opened();
  for (std::uint64_t id = 1; id <= 4; ++id) {
    Admit(*session, id);
    Answer(*session, "reply " + std::to_string(id));
  }
  EXPECT_EQ(Refused(*session, 1), Status::kStale);
  EXPECT_EQ(KeptText(*session, 2), "reply 2");
}

TEST_F(SessionTableTest, RepliesAreKeptBesideRequestsInFlight) {
  const auto session = Opened();
  Admit(*session, 1);
  Answer(*session, "reply 1");
  Admit(*session, 2);
  ASSERT_EQ(table.Admit(*session, 3).value(), Admission::kNew);
  EXPECT_EQ(table.Admit(*session, 1).value(), Admission::kRepeat);
  EXPECT_EQ(KeptText(*session, 1), "reply 1");
  EXPECT_EQ(table.Admit(*session, 2).value(), Admission::kJoined);
  EXPECT_EQ(table.Admit(*session, 3).value(), Admission::kJoined);
}

TEST_F(SessionTableTest, MoreInFlightThanTheWindowIsBusyAndLeavesTheIdFree) {
  const auto session = Opened();
  Admit(*session, 1);
  for (std::uint64_t id = 2; id <= 3; ++id) {
    ASSERT_EQ(table.Admit(*session, id).value(), Admission::kNew);
  }
  EXPECT_EQ(Refused(*session, 4), Status::kBusy);
  Answer(*session, "one");
  EXPECT_EQ(table.Admit(*session, 4).value(), Admission::kNew);
}

TEST_F(SessionTableTest, AGoodbyeIsAdmittedBeyondTheWindowAndNothingAfterIt) {
  const auto session = Opened();
  for (std::uint64_t id = 1; id <= 3; ++id) Admit(*session, id);
  EXPECT_EQ(Refused(*session, 4), Status::kBusy);
  EXPECT_EQ(table.Admit(*session, 4, kGoodbye).value(), Admission::kNew);
  for (const bool goodbye : {false, kGoodbye}) {
    EXPECT_EQ(table.Admit(*session, 5, goodbye).error().status, Status::kInvalidKey);
    EXPECT_EQ(table.Admit(*session, 6, goodbye).error().status, Status::kInvalidKey);
  }
  Answer(*session, "one");
  EXPECT_EQ(Refused(*session, 5), Status::kInvalidKey) << "also when the window has room again";
}

TEST_F(SessionTableTest, RepeatsAroundAGoodbyeAreAnsweredLikeOthers) {
  const auto session = Opened();
  Admit(*session, 1);
  Answer(*session, "reply 1");
  for (std::uint64_t id = 2; id <= 4; ++id) Admit(*session, id);
  ASSERT_EQ(table.Admit(*session, 5, kGoodbye).value(), Admission::kNew);
  EXPECT_EQ(table.Admit(*session, 5, kGoodbye).value(), Admission::kJoined);
  EXPECT_EQ(table.Admit(*session, 2).value(), Admission::kJoined);
  EXPECT_EQ(table.Admit(*session, 1).value(), Admission::kRepeat);
  for (std::uint64_t id = 2; id <= 5; ++id) Answer(*session, "reply " + std::to_string(id));
  EXPECT_EQ(Refused(*session, 1), Status::kStale);
  for (std::uint64_t id = 3; id <= 5; ++id) {
    EXPECT_EQ(table.Admit(*session, id).value(), Admission::kRepeat);
    EXPECT_EQ(KeptText(*session, id), "reply " + std::to_string(id));
  }
}

TEST_F(SessionTableTest, AGoodbyeThatLeavesAnIdOutIsAGapAndEndsNothing) {
  const auto session = Opened();
  EXPECT_EQ(table.Admit(*session, 2, kGoodbye).error().status, Status::kGap);
  Admit(*session, 1);
}

TEST_F(SessionTableTest, AnyMessageExtendsTheLease) {
  const auto session = Opened();
  EXPECT_TRUE(PassesUnnoticed(kTimeout - 1ms));
  EXPECT_NE(table.Hear(session->token, now), nullptr);
  EXPECT_TRUE(PassesUnnoticed(kTimeout - 1ms));
}

TEST_F(SessionTableTest, ASilentSessionExpiresAlone) {
  const auto silent = Opened(1), heard = Opened(2);
  EXPECT_TRUE(PassesUnnoticed(kTimeout - 1ms));
  table.Hear(heard->token, now);
  EXPECT_THAT(Pass(1ms).gone, ::testing::ElementsAre(silent));
  EXPECT_EQ(silent->status, SessionStatus::kDisconnected);
  EXPECT_EQ(table.Hear(silent->token, now), nullptr);
  EXPECT_EQ(table.Hear(heard->token, now), heard);
}

TEST_F(SessionTableTest, ASessionDoesNotExpireWhileItsRequestRunsAndLivesOnFromItsAnswer) {
  const auto session = Opened();
  Admit(*session, 1);
  EXPECT_TRUE(PassesUnnoticed(10 * kTimeout));
  Answer(*session, "at last");
  EXPECT_TRUE(PassesUnnoticed(kTimeout - 1ms));
  EXPECT_THAT(Pass(1ms).gone, ::testing::ElementsAre(session));
}

TEST_F(SessionTableTest, ASessionDoesNotExpireWhileItsRequestWaits) {
  const auto session = Opened();
  ASSERT_EQ(table.Admit(*session, 1).value(), Admission::kNew);
  EXPECT_TRUE(PassesUnnoticed(10 * kTimeout));
}

TEST_F(SessionTableTest, TheServersOwnAbsenceCostsNobodyItsSession) {
  const auto session = Opened();
  Pass(1ms);
  now += 10 * kTimeout;  // the server stood still, and its clients' messages wait to be read
  EXPECT_TRUE(table.Expire(now).gone.empty());
  EXPECT_EQ(table.Hear(session->token, now), session);
  EXPECT_THAT(Pass(kTimeout).gone, ::testing::ElementsAre(session));
}

TEST_F(SessionTableTest, StatusesHaveTheNumbersThatClientsSee) {
  EXPECT_EQ(static_cast<int>(SessionStatus::kConnecting), 1);
  EXPECT_EQ(static_cast<int>(SessionStatus::kConnected), 2);
  EXPECT_EQ(static_cast<int>(SessionStatus::kDisconnecting), 3);
  EXPECT_EQ(static_cast<int>(SessionStatus::kDisconnected), 4);
  EXPECT_EQ(static_cast<int>(SessionStatus::kDropped), 5);
}

TEST_F(SessionTableTest, ASessionIsConnectingUntilSomethingComesWithItsToken) {
  const auto session = *table.Open(Hello(1), now);
  EXPECT_EQ(session->status, SessionStatus::kConnecting);
  table.Hear(session->token, now);
  EXPECT_EQ(session->status, SessionStatus::kConnected);
  ASSERT_EQ(table.Admit(*session, 1, kGoodbye).value(), Admission::kNew);
  EXPECT_EQ(session->status, SessionStatus::kDisconnecting);
  table.Hear(session->token, now);
  EXPECT_EQ(session->status, SessionStatus::kDisconnecting);
  table.Close(*session);
  EXPECT_EQ(session->status, SessionStatus::kDisconnected);
}

TEST_F(SessionTableTest, AHelloThatNothingFollowsIsForgottenAfterTheHandshakeTimeout) {
  const auto session = *table.Open(Hello(1), now);
  EXPECT_TRUE(PassesUnnoticed(settings.handshake_timeout - 1ms));
  EXPECT_THAT(Pass(1ms).gone, ::testing::ElementsAre(session));
}

TEST_F(SessionTableTest, AClientGetsTheTimeoutThatItAsksForWithinTheBounds) {
  Request hello = Hello(1);
  const auto timeout_for = [&](std::chrono::milliseconds asked) {
    hello.timeout = asked;
    const auto session = *table.Open(hello, now);
    table.Close(*session);
    return session->timeout;
  };
  EXPECT_EQ(timeout_for(7000ms), 7000ms);
  EXPECT_EQ(timeout_for(1ms), settings.min_timeout);
  EXPECT_EQ(timeout_for(24h), settings.max_timeout);
  EXPECT_EQ(Opened(2)->timeout, kTimeout);
}

TEST_F(SessionTableTest, ASessionLivesForItsOwnTimeout) {
  Request hello = Hello(1);
  hello.timeout = 2 * kTimeout;
  const auto session = *table.Open(hello, now);
  table.Hear(session->token, now);
  EXPECT_TRUE(PassesUnnoticed(2 * kTimeout - 1ms));
  EXPECT_THAT(Pass(1ms).gone, ::testing::ElementsAre(session));
}

TEST_F(SessionTableTest, ASilentSessionWithRowsIsDroppedAndGoneWhenItsGraceIsOver) {
  const auto session = Dropped();
  EXPECT_EQ(session->status, SessionStatus::kDropped);
  EXPECT_EQ(table.dropped().sessions, 1);
  EXPECT_EQ(table.dropped().rows, 3);
  EXPECT_TRUE(PassesUnnoticed(settings.lease_grace - 1ms));
  EXPECT_THAT(Pass(1ms).gone, ::testing::ElementsAre(session));
  EXPECT_EQ(table.dropped().sessions, 0);
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(SessionTableTest, ADroppedSessionGoesOnAtAnyMessageWithItsToken) {
  const auto session = Dropped();
  EXPECT_EQ(table.Hear(session->token, now), session);
  EXPECT_EQ(session->status, SessionStatus::kConnected);
  EXPECT_TRUE(PassesUnnoticed(kTimeout - 1ms));
  EXPECT_THAT(Pass(1ms).dropped, ::testing::ElementsAre(session));
}

TEST_F(SessionTableTest, ADroppedSessionGoesOnForWhoHasItsKeyUnderANewToken) {
  const auto session = Opened();
  Admit(*session, 1);
  Answer(*session, "reply 1");
  session->rows = 3;
  ASSERT_THAT(Pass(kTimeout).dropped, ::testing::ElementsAre(session));
  const Token old_token = session->token;
  EXPECT_EQ(*table.Open(Hello(1, 77), now), session);
  EXPECT_EQ(session->status, SessionStatus::kConnecting);
  EXPECT_NE(session->token, old_token);
  EXPECT_EQ(table.Hear(old_token, now), nullptr);
  EXPECT_EQ(table.Hear(session->token, now), session);
  EXPECT_EQ(table.Admit(*session, 1).value(), Admission::kRepeat);
  EXPECT_EQ(KeptText(*session, 1), "reply 1");
  Admit(*session, 2);
  EXPECT_EQ(table.size(), 1u);
}

TEST_F(SessionTableTest, ARepeatedHelloFindsTheSessionThatItResumed) {
  const auto session = Dropped();
  ASSERT_EQ(*table.Open(Hello(1, 77), now), session);
  const Token token = session->token;
  EXPECT_EQ(*table.Open(Hello(1, 77), now), session);
  EXPECT_EQ(session->token, token);
  EXPECT_EQ(Refused(Hello(1, 78)), Status::kAlreadyConnected) << "a second successor";
}

TEST_F(SessionTableTest, AResumedSessionThatNothingFollowsIsDroppedAgain) {
  const auto session = Dropped();
  ASSERT_EQ(*table.Open(Hello(1, 77), now), session);
  EXPECT_THAT(Pass(settings.handshake_timeout).dropped, ::testing::ElementsAre(session));
}

TEST_F(SessionTableTest, OnlyAKeyOfASessionResumesOne) {
  Request hello = Hello(1);
  hello.resume = true;
  EXPECT_EQ(Refused(hello), Status::kInvalidKey);
  EXPECT_EQ(table.size(), 0u);
  const auto session = Dropped();
  EXPECT_EQ(*table.Open(hello, now), session);
}

TEST_F(SessionTableTest, ALivingSessionIsHandedToNobody) {
  const auto session = Opened();
  Request hello = Hello(1, 5);
  hello.resume = true;
  EXPECT_EQ(Refused(hello), Status::kAlreadyConnected);
  EXPECT_EQ(table.Hear(session->token, now), session);
}

}  // namespace
}  // namespace hotlap::transport
