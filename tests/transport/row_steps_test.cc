// Steps of some rows over the wire and in process: in flight, and in their two halves.
#include "transport/row_steps.h"

#include <algorithm>
#include <random>

#include "tests/test_size.h"
#include "tests/transport/ferry.h"
#include "tests/transport/serving.h"

namespace hotlap::transport::row_steps_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kRows = 9;

using Story = std::vector<std::string>;  // what a row gave, call by call

// Drives an environment and keeps what each row gave. A row's actions depend on its own past alone.
class StoryTeller {
 public:
  explicit StoryTeller(LearnerEnvironment& environment) : environment_(environment) {
    Note(environment_.Reset({}, DeadlineIn(kPatience)));
  }

  std::vector<Story> InPlainLoop(int steps) {
    for (int step = 0; step < steps; ++step) {
      const auto actions = ActionsOf(AllRows());
      Note(environment_.Step({.discrete = actions, .continuous = {}}, DeadlineIn(kPatience)));
    }
    return stories_;
  }

  // The rows in parts, each of which has a step in flight while the others are received.
  static std::vector<Story> InFlight(RemoteVectorEnvironment& remote, int steps,
                                     const std::vector<std::vector<std::int32_t>>& parts) {
    StoryTeller teller(remote);
    const auto send = [&](const std::vector<std::int32_t>& part) {
      const auto actions = teller.ActionsOf(part);
      const auto sent =
          remote.SendStep(part, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience));
      ASSERT_TRUE(sent) << sent.error().text;
    };
    for (const auto& part : parts) send(part);
    for (int step = 0; step < steps; ++step) {
      for (const auto& part : parts) {
        const auto batch = remote.ReceiveStep(DeadlineIn(kPatience));
        teller.Note(batch);
        if (::testing::Test::HasFatalFailure()) return {};
        EXPECT_TRUE(std::ranges::equal(batch->rows, part));
        if (step + 1 < steps) send(part);
      }
    }
    return teller.stories_;
  }

  // Some sent, some received, some stepped, as the seed wants.
  std::vector<Story> InParts(int steps, std::uint32_t seed) {
    std::mt19937 random(seed);
    while (!::testing::Test::HasFatalFailure()) {
      std::vector<std::int32_t> idle;
      for (const std::int32_t row : AllRows()) {
        if (!is_under_way_[Size(row)] && num_steps_[Size(row)] < steps) idle.push_back(row);
      }
      const auto num_under_way = std::ranges::count(is_under_way_, true);
      if (idle.empty() && num_under_way == 0) break;
      std::ranges::shuffle(idle, random);
      if (!idle.empty()) idle.resize(1 + random() % idle.size());
      if (!idle.empty() && random() % 3 == 0) {
        const auto actions = ActionsOf(idle);
        Note(environment_.Step(idle, {.discrete = actions, .continuous = {}},
                               DeadlineIn(kPatience)));
      } else if (!idle.empty() && random() % 2 == 0) {
        const auto actions = ActionsOf(idle);
        const auto sent =
            environment_.Send(idle, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience));
        EXPECT_TRUE(sent) << sent.error().text;
        for (const std::int32_t row : idle) is_under_way_[Size(row)] = true;
      } else if (num_under_way > 0) {
        const int count = 1 + static_cast<int>(random() % kRows);
        const auto batch = environment_.Recv(count, DeadlineIn(kPatience));
        Note(batch);
        EXPECT_EQ(std::ssize(batch->rows), std::min<std::ptrdiff_t>(count, num_under_way));
        for (const std::int32_t row : batch->rows) {
          EXPECT_TRUE(is_under_way_[Size(row)]);
          is_under_way_[Size(row)] = false;
        }
      }
    }
    return stories_;
  }

 private:
  static std::size_t Size(std::int32_t n) { return static_cast<std::size_t>(n); }
  static std::vector<std::int32_t> AllRows() {
    std::vector<std::int32_t> rows(kRows);
    for (int row = 0; row < kRows; ++row) rows[Size(row)] = row;
    return rows;
  }
  std::vector<std::int32_t> ActionsOf(const std::vector<std::int32_t>& rows) {
    std::vector<std::int32_t> actions;
    actions.reserve(rows.size());
    for (const std::int32_t row : rows) {
      const int step = num_steps_[Size(row)]++;
      actions.push_back(Actions(environment_.spec().action, kRows, step)[Size(row)]);
    }
    return actions;
  }
  void Note(const tl::expected<ConstBatchView, Refusal>& batch) {
    ASSERT_TRUE(batch) << batch.error().text;
    const std::size_t n = batch->status.size();
    for (std::size_t i = 0; i < n; ++i) {
      const std::int32_t row = batch->rows.empty() ? static_cast<int>(i) : batch->rows[i];
      std::string& told = stories_[Size(row)].emplace_back();
      Append(told, batch->observations.subspan(i * batch->observations.size() / n,
                                               batch->observations.size() / n));
      Append(told, batch->rewards.subspan(i, 1));
      Append(told, batch->terminated.subspan(i, 1));
      Append(told, batch->truncated.subspan(i, 1));
      Append(told, batch->status.subspan(i, 1));
      AppendColumn(told, batch->info, i, n);
      const auto final = std::ranges::find(batch->final_rows, row);
      if (final == batch->final_rows.end()) continue;
      const std::size_t k = batch->final_rows.size();
      const auto place = static_cast<std::size_t>(final - batch->final_rows.begin());
      Append(told, batch->final_observations.subspan(place * batch->final_observations.size() / k,
                                                     batch->final_observations.size() / k));
      AppendColumn(told, batch->final_info, place, k);
    }
  }
  static void AppendColumn(std::string& told, std::span<const std::byte> info, std::size_t place,
                           std::size_t n) {
    for (std::size_t at = place * 4; at < info.size(); at += n * 4) {
      Append(told, info.subspan(at, 4));
    }
  }

  LearnerEnvironment& environment_;
  std::vector<Story> stories_{kRows};
  std::vector<int> num_steps_ = std::vector<int>(kRows);
  std::vector<bool> is_under_way_ = std::vector<bool>(kRows);
};

class RowStepsTest : public ServingTest {
 protected:
  static tl::expected<void, Refusal> SendStep(RemoteVectorEnvironment& remote,
                                              const std::vector<std::int32_t>& rows) {
    const std::vector<std::int32_t> actions(rows.size());
    return remote.SendStep(rows, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience));
  }
  static tl::expected<void, Refusal> Send(LearnerEnvironment& environment,
                                          const std::vector<std::int32_t>& rows) {
    const std::vector<std::int32_t> actions(rows.size());
    return environment.Send(rows, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience));
  }
  static tl::expected<ConstBatchView, Refusal> Step(LearnerEnvironment& environment,
                                                    const std::vector<std::int32_t>& rows) {
    const std::vector<std::int32_t> actions(rows.size());
    return environment.Step(rows, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience));
  }
};

class RowStepsInEveryModeTest : public RowStepsTest,
                                public ::testing::WithParamInterface<Autoreset> {};
INSTANTIATE_TEST_SUITE_P(Modes, RowStepsInEveryModeTest,
                         ::testing::Values(Autoreset::kNextStep, Autoreset::kSameStep,
                                           Autoreset::kDisabled),
                         [](const auto& test) { return std::string(AutoresetName(test.param)); });

TEST_P(RowStepsInEveryModeTest, StepsInFlightGiveTheBitsOfAPlainLoop) {
  Start();
  const int steps = TestCount(60, 250, 2500);
  const auto expected = StoryTeller(*Local(kRows, GetParam())).InPlainLoop(steps);
  for (const auto& parts : std::vector<std::vector<std::vector<std::int32_t>>>{
           {{0, 1, 2, 3, 4}, {5, 6, 7, 8}}, {{8, 0}, {3, 1, 2}, {7}, {6, 5, 4}}}) {
    EXPECT_EQ(StoryTeller::InFlight(*Attached(kRows, GetParam()), steps, parts), expected);
  }
}

TEST_P(RowStepsInEveryModeTest, SendAndRecvLoseRepeatAndMixUpNoRow) {
  Start();
  const int steps = TestCount(40, 150, 1500);
  const auto expected = StoryTeller(*Local(kRows, GetParam())).InPlainLoop(steps);
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  EXPECT_EQ(StoryTeller(*Local(kRows, GetParam())).InParts(steps, seed), expected);
  EXPECT_EQ(StoryTeller(*Attached(kRows, GetParam())).InParts(steps, seed), expected);
}

TEST_F(RowStepsTest, StepsInFlightOnALineThatLosesMessagesGiveTheSameBits) {
  Start();
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const int steps = TestCount(20, 100, 1000);
  const auto expected = StoryTeller(*Local(kRows)).InPlainLoop(steps);
  const Ferry ferry(context, endpoint, [random = std::mt19937(seed)]() mutable {
    return random() % 3 != 0;  // carries one message in three nowhere
  });
  const auto remote = RemoteVectorEnvironment::Connect(
      {.endpoint = Ferry::kEndpoint, .retry_interval = 2ms, .context = &context},
      DeadlineIn(kPatience));
  ASSERT_TRUE(remote) << remote.error().text;
  const auto attached = (*remote)->Attach(
      {.environment = "five", .rows = kRows, .tracks = {"short_sprint"}}, DeadlineIn(kPatience));
  ASSERT_TRUE(attached) << attached.error().text;
  EXPECT_EQ(StoryTeller::InFlight(**remote, steps, {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}}), expected);
}

TEST_F(RowStepsTest, AtMostAWindowOfStepsIsInFlight) {
  Start();
  const auto remote = Attached(kRows);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  const int window = remote->hello().window;
  for (int i = 0; i < window; ++i) EXPECT_TRUE(SendStep(*remote, {i}));
  const auto sent = SendStep(*remote, {0});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().status, Status::kBusy);
  for (int i = 0; i < window; ++i) {
    const auto batch = remote->ReceiveStep(DeadlineIn(kPatience));
    ASSERT_TRUE(batch) << batch.error().text;
    EXPECT_THAT(batch->rows, ElementsAre(i));
  }
  EXPECT_EQ(remote->ReceiveStep(DeadlineIn(kPatience)).error().status, Status::kBadArgument);
}

TEST_F(RowStepsTest, AStepInFlightOutlivesTheDeadlineOfItsReceiver) {
  server_settings.inline_limit_us = 0;
  Start();
  const auto remote = Attached(kRows);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  gate->Shut();
  ASSERT_TRUE(SendStep(*remote, {3, 1}));
  ASSERT_TRUE(SendStep(*remote, {2}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(remote->ReceiveStep(DeadlineIn(5ms)).error().status, Status::kTimedOut);
  }
  gate->Open();
  EXPECT_THAT(remote->ReceiveStep(DeadlineIn(kPatience)).value().rows, ElementsAre(3, 1));
  EXPECT_THAT(remote->ReceiveStep(DeadlineIn(kPatience)).value().rows, ElementsAre(2));
}

TEST_F(RowStepsTest, AnotherCallDropsWhatIsInFlight) {
  Start();
  const auto remote = Attached(kRows);
  const auto twin = Local(kRows);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  ASSERT_TRUE(twin->Reset({}, DeadlineIn(kPatience)));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(SendStep(*remote, {3, 1}));
    Step(*twin, {3, 1});
  }
  EXPECT_EQ(BytesOf(Step(*remote, {1, 2}).value()), BytesOf(Step(*twin, {1, 2}).value()))
      << "which has happened all the same";
  EXPECT_EQ(remote->ReceiveStep(DeadlineIn(kPatience)).error().status, Status::kBadArgument);
}

TEST_F(RowStepsTest, ACallThatTimesOutBeforeItIsSentDropsWhatIsInFlightAndIsNotResumed) {
  server_settings.inline_limit_us = 0;
  Start();
  const auto remote = Attached(kRows);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  gate->Shut();
  ASSERT_TRUE(SendStep(*remote, {3, 1}));
  EXPECT_EQ(remote->Reset({}, DeadlineIn(5ms)).error().status, Status::kTimedOut);
  EXPECT_EQ(remote->Resume(DeadlineIn(kPatience)).error().status, Status::kBadArgument)
      << "the step is not what the reset gives";
  ASSERT_TRUE(SendStep(*remote, {2}));
  gate->Open();
  EXPECT_THAT(remote->ReceiveStep(DeadlineIn(kPatience)).value().rows, ElementsAre(2))
      << "the step before the reset was dropped";
  EXPECT_EQ(remote->Resume(DeadlineIn(kPatience)).error().status, Status::kBadArgument);
}

TEST_F(RowStepsTest, ACallThatTimedOutIsResumedBeforeTheStepsSentAfterIt) {
  server_settings.inline_limit_us = 0;
  Start();
  const auto remote = Attached(kRows);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  gate->Shut();
  const std::vector<std::int32_t> actions(kRows, 0);
  EXPECT_EQ(remote->Step({.discrete = actions, .continuous = {}}, DeadlineIn(5ms)).error().status,
            Status::kTimedOut);
  ASSERT_TRUE(SendStep(*remote, {2}));
  gate->Open();
  EXPECT_EQ(remote->Resume(DeadlineIn(kPatience)).value().rewards.size(), std::size_t{kRows});
  EXPECT_THAT(remote->ReceiveStep(DeadlineIn(kPatience)).value().rows, ElementsAre(2));
}

TEST_F(RowStepsTest, AStepInFlightIsResumedAndACallWithoutABatchIsNot) {
  server_settings.inline_limit_us = 0;
  server_settings.threads = 1;
  Start();
  const auto remote = Attached(kRows), other = Attached(kRows);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  ASSERT_TRUE(other->Reset({}, DeadlineIn(kPatience)));
  gate->Shut();
  ASSERT_TRUE(SendStep(*remote, {1}));
  EXPECT_EQ(remote->ReceiveStep(DeadlineIn(5ms)).error().status, Status::kTimedOut);
  gate->Open();
  EXPECT_THAT(remote->Resume(DeadlineIn(kPatience)).value().rows, ElementsAre(1));

  gate->Shut();
  ASSERT_TRUE(SendStep(*other, {1}));
  gate->AwaitWaiting();  // the one worker
  EXPECT_EQ(remote->Save({}, DeadlineIn(5ms)).error().status, Status::kTimedOut);
  ASSERT_TRUE(SendStep(*remote, {2}));
  gate->Open();
  EXPECT_EQ(remote->Resume(DeadlineIn(kPatience)).error().status, Status::kBadArgument);
  EXPECT_THAT(remote->ReceiveStep(DeadlineIn(kPatience)).value().rows, ElementsAre(2));
}

TEST_F(RowStepsTest, ARefusedStepInFlightTakesNoOtherAlong) {
  Start();
  const auto remote = Attached(kRows);  // and no reset: steps are refused row by row
  ASSERT_TRUE(Send(*remote, {2}));
  ASSERT_TRUE(SendStep(*remote, {1, 2}));
  ASSERT_TRUE(SendStep(*remote, {3}));
  EXPECT_THAT(
      remote->ReceiveStep(DeadlineIn(kPatience)).value().status,
      ElementsAre(static_cast<int>(RowStatus::kNotReset), static_cast<int>(RowStatus::kUnderWay)));
  EXPECT_THAT(remote->ReceiveStep(DeadlineIn(kPatience)).value().status,
              ElementsAre(static_cast<int>(RowStatus::kNotReset)));
}

TEST_F(RowStepsTest, StepsInFlightOfASessionThatIsGoneAreAllRefused) {
  Start();
  const auto remote = Attached(kRows);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  Stop();
  server_settings.endpoints = {endpoint};
  Start();  // which knows nothing of the session
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(SendStep(*remote, {1}));
    ASSERT_TRUE(SendStep(*remote, {2}));
    EXPECT_EQ(remote->ReceiveStep(DeadlineIn(kPatience)).error().status, Status::kInvalidKey);
    EXPECT_EQ(remote->ReceiveStep(DeadlineIn(kPatience)).error().status, Status::kBadArgument);
  }
}

TEST_F(RowStepsTest, RowsUnderWayAreRefusedUntilTheyAreReceived) {
  Start();
  const std::unique_ptr<LearnerEnvironment> environments[] = {Local(4), Attached(4)};
  for (const auto& environment : environments) {
    ASSERT_TRUE(environment->Reset({}, DeadlineIn(kPatience)));
    ASSERT_TRUE(Send(*environment, {2, 1}));
    const auto again = Send(*environment, {0, 1});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().status, Status::kBadArgument);
    EXPECT_THAT(again.error().text, HasSubstr("row 1, which is under way"));
    EXPECT_THAT(environment->Reset({}, DeadlineIn(kPatience)).value().status,
                ElementsAre(0, 5, 5, 0));
    EXPECT_THAT(Step(*environment, {3, 2}).value().status, ElementsAre(0, 5));
    const auto ids = environment->Save({}, DeadlineIn(kPatience)).value();
    EXPECT_NE(ids[0], 0u);
    EXPECT_EQ(ids[1], 0u);
    EXPECT_THAT(
        environment->Restore({{ids[0], ids[0], 0, 0}}, DeadlineIn(kPatience)).value().status,
        ElementsAre(0, 5, 4, 4));
    const auto batch = environment->Recv(4, DeadlineIn(kPatience));
    ASSERT_TRUE(batch) << batch.error().text;
    EXPECT_THAT(batch->rows, ElementsAre(1, 2));
    EXPECT_THAT(batch->status, ElementsAre(0, 0));
    EXPECT_THAT(environment->Recv(1, DeadlineIn(kPatience)).value().rows, IsEmpty());
    EXPECT_EQ(environment->Recv(5, DeadlineIn(kPatience)).error().status, Status::kBadArgument);
    EXPECT_EQ(Step(*environment, {1, 1}).error().status, Status::kBadArgument);
    EXPECT_THAT(Step(*environment, {}).error().text, HasSubstr("'actions.discrete'"));
    EXPECT_THAT(Step(*environment, {0, 1, 2, 3}).value().status, ElementsAre(0, 0, 0, 0));
  }
}

TEST_F(RowStepsTest, ASendIsAnsweredWhileItsGamesStandAndARecvIsNot) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  EXPECT_EQ(client.Ask(AttachRequest(token, 1, 4), {""}).header.status, Status::kOk);
  client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""});
  gate->Shut();
  const std::string rows = Packed(std::vector<std::int32_t>{3, 0}), actions(8, '\0');
  const RawReply sent = client.Ask(SessionRequest(Operation::kSend, token, 3), {actions, rows});
  EXPECT_EQ(sent.header.status, Status::kOk) << sent.header.error;
  EXPECT_EQ(sent.frames.size(), 1u);
  Request recv = SessionRequest(Operation::kRecv, token, 4);
  recv.count = 4;
  client.Send(recv);
  gate->AwaitWaiting();
  client.Send(recv);  // again, while it waits
  EXPECT_EQ(client.Ask(SessionRequest(Operation::kPing, token, 77)).header.id, 77u);
  gate->Open();
  const RawReply received = client.Receive().value();
  EXPECT_EQ(received.header.id, 4u);
  EXPECT_EQ(received.header.status, Status::kOk) << received.header.error;
  EXPECT_EQ(received.frames[1], Packed(std::vector<std::int32_t>{0, 3}));
  EXPECT_EQ(client.Ask(recv).frames, received.frames) << "and again, when it is answered";
  Request more = SessionRequest(Operation::kRecv, token, 5);
  more.count = 5;
  EXPECT_THAT(client.Ask(more).header.error, HasSubstr("'count' is 5, must be at most 4"));
}

}  // namespace
}  // namespace hotlap::transport::row_steps_test
