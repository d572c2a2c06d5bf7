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

  std::shared_ptr<Session> Opened(int key = 1) { return *table.Open(KeyOf(key), 0, now); }
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
  std::vector<std::shared_ptr<Session>> Pass(std::chrono::milliseconds time) {
    std::vector<std::shared_ptr<Session>> expired = table.Expire(now);
    for (const Deadline end = now + time; now < end;) {
      now = std::min(end, now + kTimeout / 8);
      for (auto& session : table.Expire(now)) expired.push_back(std::move(session));
    }
    return expired;
  }

  SessionTable table{SessionSettings{.max_sessions = 2, .timeout = kTimeout, .window = 3}};
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
  EXPECT_EQ(table.Open(KeyOf(1), 1, now).error().status, Status::kAlreadyConnected);
  Admit(*session, 1);
  EXPECT_EQ(table.Open(KeyOf(1), 0, now).error().status, Status::kAlreadyConnected);
}

TEST_F(SessionTableTest, NoMoreSessionsThanAllowed) {
  Opened(1);
  Opened(2);
  EXPECT_EQ(table.Open(KeyOf(3), 0, now).error().status, Status::kServerFull);
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
  EXPECT_TRUE(Pass(kTimeout - 1ms).empty());
  EXPECT_NE(table.Hear(session->token, now), nullptr);
  EXPECT_TRUE(Pass(kTimeout - 1ms).empty());
}

TEST_F(SessionTableTest, ASilentSessionExpiresAlone) {
  const auto silent = Opened(1), heard = Opened(2);
  EXPECT_TRUE(Pass(kTimeout - 1ms).empty());
  table.Hear(heard->token, now);
  EXPECT_THAT(Pass(1ms), ::testing::ElementsAre(silent));
  EXPECT_EQ(table.Hear(silent->token, now), nullptr);
  EXPECT_EQ(table.Hear(heard->token, now), heard);
}

TEST_F(SessionTableTest, ASessionDoesNotExpireWhileItsRequestRunsAndLivesOnFromItsAnswer) {
  const auto session = Opened();
  Admit(*session, 1);
  EXPECT_TRUE(Pass(10 * kTimeout).empty());
  Answer(*session, "at last");
  EXPECT_TRUE(Pass(kTimeout - 1ms).empty());
  EXPECT_THAT(Pass(1ms), ::testing::ElementsAre(session));
}

TEST_F(SessionTableTest, ASessionDoesNotExpireWhileItsRequestWaits) {
  const auto session = Opened();
  ASSERT_EQ(table.Admit(*session, 1).value(), Admission::kNew);
  EXPECT_TRUE(Pass(10 * kTimeout).empty());
}

TEST_F(SessionTableTest, TheServersOwnAbsenceCostsNobodyItsSession) {
  const auto session = Opened();
  Pass(1ms);
  now += 10 * kTimeout;  // the server stood still, and its clients' messages wait to be read
  EXPECT_TRUE(table.Expire(now).empty());
  EXPECT_EQ(table.Hear(session->token, now), session);
  EXPECT_THAT(Pass(kTimeout), ::testing::ElementsAre(session));
}

}  // namespace
}  // namespace hotlap::transport
