#include "transport/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "transport/seen_events.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OutboxTest : public ::testing::Test {
 protected:
  std::uint64_t Post(DeliveryMode mode) {
    return outbox
        .Post(
            {.text = "text"}, mode,
            [this](bool is_acknowledged) { outcomes.push_back(is_acknowledged); }, now)
        .value();
  }
  // Numbers of what is to be sent after `time`.
  std::vector<std::uint64_t> DueAfter(std::chrono::milliseconds time, bool is_listened_to = true) {
    now += time;
    std::vector<std::uint64_t> numbers;
    for (const NumberedEvent& event : outbox.TakeDue(is_listened_to, now)) {
      numbers.push_back(event.number);
    }
    return numbers;
  }

  Outbox outbox{1000ms};
  Deadline now = Clock::now();
  std::vector<bool> outcomes;
};

TEST_F(OutboxTest, AnEventWithoutDeliveryIsSentOnceAndNeverToldOf) {
  Post(DeliveryMode::kNone);
  EXPECT_EQ(outbox.num_pending(), 1u);
  EXPECT_THAT(DueAfter(0ms), ElementsAre(1));
  EXPECT_EQ(outbox.num_pending(), 0u);
  EXPECT_THAT(DueAfter(10s), IsEmpty());
  outbox.Acknowledge(1);
  EXPECT_THAT(outcomes, IsEmpty());
}

TEST_F(OutboxTest, BestEffortIsSentAgainUntilTheTimeout) {
  Post(DeliveryMode::kBestEffort);
  EXPECT_THAT(DueAfter(0ms), ElementsAre(1));
  EXPECT_THAT(DueAfter(249ms), IsEmpty());
  EXPECT_THAT(DueAfter(1ms), ElementsAre(1));
  EXPECT_THAT(DueAfter(250ms), ElementsAre(1));
  EXPECT_THAT(outcomes, IsEmpty());
  EXPECT_THAT(DueAfter(500ms), IsEmpty());
  EXPECT_THAT(outcomes, ElementsAre(false));
  EXPECT_EQ(outbox.num_pending(), 0u);
  EXPECT_EQ(outbox.num_timed_out(), 1u);
  EXPECT_EQ(outbox.num_acknowledged(), 0u);
}

TEST_F(OutboxTest, RetryIsSentAgainUntilItIsAcknowledged) {
  Post(DeliveryMode::kRetry);
  for (int i = 0; i < 100; ++i) EXPECT_THAT(DueAfter(250ms), ElementsAre(1));
  outbox.Acknowledge(1);
  EXPECT_THAT(outcomes, ElementsAre(true));
  EXPECT_THAT(DueAfter(250ms), IsEmpty());
  outbox.Acknowledge(1);
  EXPECT_THAT(outcomes, ElementsAre(true)) << "told once";
  EXPECT_EQ(outbox.num_acknowledged(), 1u);
}

TEST_F(OutboxTest, AcknowledgementsComeInAnyOrder) {
  Post(DeliveryMode::kRetry);
  Post(DeliveryMode::kBestEffort);
  EXPECT_THAT(DueAfter(0ms), ElementsAre(1, 2));
  outbox.Acknowledge(2);
  EXPECT_THAT(DueAfter(250ms), ElementsAre(1));
}

TEST_F(OutboxTest, WhileNobodyListensNothingIsSentAndOnlyRetriesWait) {
  Post(DeliveryMode::kNone);
  Post(DeliveryMode::kBestEffort);
  Post(DeliveryMode::kRetry);
  EXPECT_THAT(DueAfter(0ms, false), IsEmpty());
  EXPECT_THAT(DueAfter(1000ms, false), IsEmpty());
  EXPECT_THAT(outcomes, ElementsAre(false));
  EXPECT_EQ(outbox.next_turn(false), kNoDeadline);
  EXPECT_THAT(DueAfter(1h), ElementsAre(3));
}

TEST_F(OutboxTest, KnowsWhenItsNextTurnIs) {
  EXPECT_EQ(outbox.next_turn(true), kNoDeadline);
  Post(DeliveryMode::kBestEffort);
  EXPECT_EQ(outbox.next_turn(true), now);
  EXPECT_EQ(outbox.next_turn(false), now + 1000ms);
  DueAfter(0ms);
  EXPECT_EQ(outbox.next_turn(true), now + 250ms);
}

TEST_F(OutboxTest, HoldsABoundedNumber) {
  for (std::size_t i = 0; i < kMaxPendingEvents; ++i) Post(DeliveryMode::kRetry);
  EXPECT_EQ(outbox.Post({}, DeliveryMode::kRetry, {}, now).error().status, Status::kBusy);
  outbox.Acknowledge(5);
  EXPECT_EQ(Post(DeliveryMode::kRetry), kMaxPendingEvents + 1) << "a refused one has no number";
}

TEST_F(OutboxTest, NoEventFallsBehindWhatAClientLooksBackOn) {
  Post(DeliveryMode::kRetry);
  for (std::uint64_t number = 2; number <= kEventMemory; ++number) {
    Post(DeliveryMode::kNone);
    DueAfter(0ms);
  }
  EXPECT_EQ(outbox.Post({}, DeliveryMode::kNone, {}, now).error().status, Status::kBusy);
  outbox.Acknowledge(1);
  EXPECT_EQ(Post(DeliveryMode::kNone), kEventMemory + 1);
}

TEST_F(OutboxTest, GivesUpAllWhenTheSessionEnds) {
  Post(DeliveryMode::kNone);
  Post(DeliveryMode::kBestEffort);
  Post(DeliveryMode::kRetry);
  outbox.GiveUp();
  EXPECT_THAT(outcomes, ElementsAre(false, false));
  EXPECT_EQ(outbox.num_pending(), 0u);
}

TEST_F(OutboxTest, ACallbackMayPostTheNextEvent) {
  const auto post_next = [this](bool) { Post(DeliveryMode::kRetry); };
  outbox.Post({}, DeliveryMode::kBestEffort, post_next, now).value();
  DueAfter(1000ms);
  EXPECT_THAT(DueAfter(0ms), ElementsAre(2));
  outbox.Post({}, DeliveryMode::kRetry, post_next, now).value();
  outbox.Acknowledge(3);
  EXPECT_THAT(DueAfter(0ms), ElementsAre(4));
}

TEST(SeenEventsTest, TakesEachNumberOnceInAnyOrder) {
  SeenEvents seen;
  for (const std::uint64_t number : {1u, 3u, 2u, 7u}) EXPECT_TRUE(seen.Add(number)) << number;
  for (const std::uint64_t number : {1u, 2u, 3u, 7u}) EXPECT_FALSE(seen.Add(number)) << number;
  EXPECT_TRUE(seen.Add(5));
}

TEST(SeenEventsTest, LooksBackAsFarAsEventsAreSentAgain) {
  SeenEvents seen;
  EXPECT_TRUE(seen.Add(10));
  EXPECT_TRUE(seen.Add(10 + kEventMemory - 1));
  EXPECT_FALSE(seen.Add(10));
  EXPECT_TRUE(seen.Add(11));
  EXPECT_TRUE(seen.Add(10 + kEventMemory)) << "whose place is that of 10";
  EXPECT_FALSE(seen.Add(10 + kEventMemory));
  EXPECT_FALSE(seen.Add(10)) << "too old";
  EXPECT_FALSE(seen.Add(11));
}

TEST(SeenEventsTest, ALeapForgetsWhatIsTooFarBehind) {
  SeenEvents seen;
  EXPECT_TRUE(seen.Add(3));
  const std::uint64_t far = 3 + 5 * kEventMemory;  // the same place
  EXPECT_TRUE(seen.Add(far));
  EXPECT_FALSE(seen.Add(far));
  EXPECT_TRUE(seen.Add(far - 1));
  EXPECT_FALSE(seen.Add(3));
}

}  // namespace
}  // namespace hotlap::transport
