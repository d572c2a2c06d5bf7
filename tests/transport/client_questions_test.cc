// What the C++ client asks and tells beside its rows, of a real server.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/transport/ferry.h"
#include "tests/transport/serving.h"
#include "transport/log_lines.h"

namespace hotlap::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kAdminKey = "open sesame";

class ClientQuestionsTest : public ServingTest {
 protected:
  ClientQuestionsTest() {
    server_settings.logs = lines;
    server_settings.admin_key = kAdminKey;
  }

  std::unique_ptr<RemoteVectorEnvironment> Named(const std::string& nick) {
    return *RemoteVectorEnvironment::Connect(
        {.endpoint = endpoint, .context = &context, .nick = nick}, DeadlineIn(kPatience));
  }
  static std::vector<std::uint64_t> NumbersOf(const std::vector<ListedInstance>& instances) {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(instances.size());
    for (const ListedInstance& instance : instances) numbers.push_back(instance.number);
    return numbers;
  }
  static std::vector<std::string> TextsOf(const std::vector<PostedMessage>& messages) {
    std::vector<std::string> texts;
    texts.reserve(messages.size());
    for (const PostedMessage& message : messages) texts.push_back(message.text);
    return texts;
  }
  static void SendStep(RemoteVectorEnvironment& remote, int step) {
    const auto actions = Actions(remote.spec().action, remote.num_rows(), step);
    ASSERT_TRUE(
        remote.SendStep({}, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience)));
  }
  // Every question once; each must be answered.
  static void AskEverything(RemoteVectorEnvironment& remote) {
    const Deadline deadline = DeadlineIn(kPatience);
    EXPECT_TRUE(remote.Ping(deadline));
    EXPECT_TRUE(remote.Sessions(deadline));
    const auto instances = remote.Instances(deadline);
    ASSERT_TRUE(instances) << instances.error().text;
    EXPECT_TRUE(remote.States(NumbersOf(*instances), deadline));
    EXPECT_TRUE(remote.Logs(0, LogLevel::kDebug, deadline));
    EXPECT_TRUE(remote.Messages(0, deadline));
    EXPECT_TRUE(remote.Stats(deadline));
  }
  static Deadline Soon() { return DeadlineIn(kPatience); }

  const std::shared_ptr<LogLines> lines = std::make_shared<LogLines>();
};

TEST_F(ClientQuestionsTest, SessionsTellsWhoIsOnline) {
  Start();
  const auto watcher = Named("J\xc3\xbcrgen");
  const auto driver = Attached(2);
  Race(*driver, 3);
  const auto sessions = watcher->Sessions(Soon());
  ASSERT_TRUE(sessions) << sessions.error().text;
  ASSERT_EQ(sessions->size(), 2u);
  const ListedSession &first = (*sessions)[0], &second = (*sessions)[1];
  EXPECT_EQ(first.session, watcher->hello().session);
  EXPECT_EQ(first.nick, "J\xc3\xbcrgen");
  EXPECT_EQ(first.rows, 0u);
  EXPECT_EQ(first.rank, 2u);
  EXPECT_EQ(second.session, driver->hello().session);
  EXPECT_EQ(second.status, SessionStatus::kConnected);
  EXPECT_EQ(second.rows, 2u);
  EXPECT_EQ(second.steps, 6u);
  EXPECT_EQ(second.rank, 1u);
}

TEST_F(ClientQuestionsTest, InstancesAndStatesAreThoseOfTheGamesOfOthersBitForBit) {
  constexpr int kRows = 3, kSteps = 40;
  Start();
  const auto watcher = Connected();
  const auto driver = Attached(kRows);
  Race(*driver, kSteps);
  const auto local = LocalRows(kRows, Autoreset::kNextStep);
  BatchBuffer batch(*local);
  local->Reset({}, batch.view());
  for (int step = 0; step < kSteps; ++step) {
    const auto actions = Actions(local->spec().action, kRows, step);
    local->Step({.discrete = actions, .continuous = {}}, batch.view());
  }

  const auto instances = watcher->Instances(Soon());
  ASSERT_TRUE(instances) << instances.error().text;
  ASSERT_EQ(instances->size(), static_cast<std::size_t>(kRows));
  const ListedInstance& last = instances->back();
  EXPECT_EQ(last.kind, GameKind::kSimulated);
  EXPECT_EQ(last.session, driver->hello().session);
  EXPECT_EQ(last.row, 2u);
  EXPECT_EQ(last.track, "short_sprint");
  EXPECT_EQ(last.ticks, kSteps * 5);
  EXPECT_GT(last.speed, 0);
  EXPECT_EQ(last.health.condition, GameCondition::kRunning);

  const auto numbers = NumbersOf(*instances);
  const auto states =
      watcher->States(std::vector<std::uint64_t>{numbers[2], 12345, numbers[0]}, Soon());
  ASSERT_TRUE(states) << states.error().text;
  ASSERT_EQ(states->size(), 3u);
  EXPECT_FALSE((*states)[1]) << "nobody's";
  for (const auto& [place, row] : {std::pair<std::size_t, int>{0, 2}, {2, 0}}) {
    SCOPED_TRACE(row);
    const RowState& got = (*states)[place].value();
    const GameState& state = local->game_state(row);
    EXPECT_EQ(got.race_time_ms, state.race_time_ms);
    EXPECT_EQ(got.checkpoints, state.checkpoints_passed);
    EXPECT_EQ(got.position_m, state.position_m);
    EXPECT_EQ(got.velocity_mps, state.velocity_mps);
    EXPECT_EQ(got.rotation, state.rotation);
    EXPECT_EQ(got.inputs, state.inputs);
  }
  EXPECT_TRUE(watcher->States({}, Soon()).value().empty());
}

TEST_F(ClientQuestionsTest, ListsLongerThanAReplyAreWhole) {
  constexpr int kRows = 2 * static_cast<int>(kMaxListed) + 10;
  game_settings.simulated = kRows;
  Start();
  const auto driver = Attached(kRows);
  EXPECT_TRUE(driver->Reset({}, Soon()));
  const auto instances = driver->Instances(Soon());
  ASSERT_TRUE(instances) << instances.error().text;
  ASSERT_EQ(instances->size(), static_cast<std::size_t>(kRows));
  for (std::size_t i = 0; i < instances->size(); ++i) EXPECT_EQ((*instances)[i].row, i);
  const auto states = driver->States(NumbersOf(*instances), Soon());
  ASSERT_TRUE(states) << states.error().text;
  ASSERT_EQ(states->size(), instances->size());
  for (const auto& state : *states) EXPECT_TRUE(state);
}

TEST_F(ClientQuestionsTest, LogsGivesTheLinesSinceANumber) {
  Start();
  const auto remote = Connected();
  const std::chrono::system_clock::time_point time{123ms};
  lines->Add(LogLevel::kInfo, time, "one");
  lines->Add(LogLevel::kError, time, "two");
  const auto all = remote->Logs(0, LogLevel::kDebug, Soon());
  ASSERT_TRUE(all) << all.error().text;
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].number, 1u);
  EXPECT_EQ((*all)[0].time_ms, 123);
  EXPECT_EQ((*all)[0].level, LogLevel::kInfo);
  EXPECT_EQ((*all)[0].text, "one");
  EXPECT_EQ(remote->Logs(1, LogLevel::kDebug, Soon())->at(0).text, "two");
  EXPECT_EQ(remote->Logs(0, LogLevel::kError, Soon())->at(0).text, "two");
  EXPECT_TRUE(remote->Logs(2, LogLevel::kDebug, Soon())->empty());
}

TEST_F(ClientQuestionsTest, StatsCountsTheStepsOfTheSessionAndOfAll) {
  Start();
  const auto remote = Attached(2), other = Attached(1);
  Race(*remote, 3);
  Race(*other, 1);
  const auto stats = remote->Stats(Soon());
  ASSERT_TRUE(stats) << stats.error().text;
  EXPECT_EQ(stats->session.steps, 6u);
  EXPECT_EQ(stats->steps, 7u);
  EXPECT_EQ(stats->sessions, 2u);
  EXPECT_EQ(stats->malformed, 0u);
  EXPECT_GE(stats->session.traffic.messages_in, 6u);
  EXPECT_GT(stats->traffic.messages_in, stats->session.traffic.messages_in);
  EXPECT_GT(stats->session.traffic.bytes_out, stats->session.traffic.messages_out);
}

TEST_F(ClientQuestionsTest, TrackGivesTheGeometryWithoutRows) {
  Start();
  const auto remote = Connected();
  const auto track = remote->Track("hairpins", Soon());
  ASSERT_TRUE(track) << track.error().text;
  const sim::Track& built = *catalogue->FindTrack("hairpins").value()->track;
  EXPECT_EQ(track->name, "hairpins");
  EXPECT_EQ(track->hash, built.hash());
  EXPECT_EQ(track->points.size(), built.points().size());
  EXPECT_EQ(track->points.back().position_m, built.points().back().position_m);
  EXPECT_EQ(track->gates.size(), built.gates().size());
  const auto refused = remote->Track("../../etc", Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kUnknownTrack);
  EXPECT_THAT(refused.error().text, HasSubstr("hairpins"));
}

TEST_F(ClientQuestionsTest, OneClientReadsWhatAnotherHasPosted) {
  Start();
  const auto writer = Named("J\xc3\xbcrgen"), reader = Connected();
  EXPECT_TRUE(writer->PostMessage("hello", Soon()));
  EXPECT_TRUE(writer->PostMessage("anybody there?", Soon()));
  const auto messages = reader->Messages(0, Soon());
  ASSERT_TRUE(messages) << messages.error().text;
  EXPECT_THAT(TextsOf(*messages), ElementsAre("hello", "anybody there?"));
  EXPECT_EQ((*messages)[0].number, 1u);
  EXPECT_EQ((*messages)[0].session, writer->hello().session);
  EXPECT_EQ((*messages)[0].nick, "J\xc3\xbcrgen");
  EXPECT_GT((*messages)[0].time_ms, 1'000'000'000'000);
  EXPECT_THAT(TextsOf(*reader->Messages(1, Soon())), ElementsAre("anybody there?"));
}

TEST_F(ClientQuestionsTest, APostWhoseRequestsAndRepliesGetLostIsPostedOnce) {
  Start();
  std::mt19937 random(1);
  std::atomic<bool> loses{false};  // every other message
  Ferry ferry(context, endpoint, [&] { return !loses || (random() & 1) == 0; });
  auto connected = RemoteVectorEnvironment::Connect(
      {.endpoint = Ferry::kEndpoint, .retry_interval = 5ms, .context = &context}, Soon());
  ASSERT_TRUE(connected) << connected.error().text;
  loses = true;
  std::vector<std::string> posted;
  for (int i = 0; i < PostAllowance::kAtOnce; ++i) {
    posted.push_back(std::to_string(i));
    const auto done = (*connected)->PostMessage(posted.back(), Soon());
    EXPECT_TRUE(done) << done.error().text;
  }
  EXPECT_EQ(TextsOf(*(*connected)->Messages(0, Soon())), posted);
}

TEST_F(ClientQuestionsTest, OnlyTheAdministratorClearsAndAnnounces) {
  Start();
  std::mutex mutex;
  std::vector<std::string> heard;
  ConnectOptions listening{.endpoint = endpoint, .context = &context};
  listening.on_event = [&](const Event& event) {
    const std::lock_guard lock(mutex);
    heard.push_back(event.text);
  };
  const auto listener = RemoteVectorEnvironment::Connect(listening, Soon());
  ASSERT_TRUE(listener) << listener.error().text;
  const auto remote = Connected();
  EXPECT_TRUE(remote->PostMessage("text", Soon()));
  EXPECT_EQ(remote->ClearMessages("open", Soon()).error().status, Status::kPermissionDenied);
  EXPECT_EQ(remote->Announce("open", "no", Soon()).error().status, Status::kPermissionDenied);
  EXPECT_EQ(remote->Messages(0, Soon())->size(), 1u);
  EXPECT_TRUE(remote->ClearMessages(kAdminKey, Soon()));
  EXPECT_TRUE(remote->Messages(0, Soon())->empty());
  EXPECT_TRUE(remote->Announce(kAdminKey, "pit stop", Soon()));
  EXPECT_TRUE(Eventually([&] {
    const std::lock_guard lock(mutex);
    return !heard.empty();
  }));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(heard, ElementsAre("pit stop"));
}

TEST_F(ClientQuestionsTest, TextsThatNoServerTakesAreRefusedAndCostNothing) {
  Start();
  const auto remote = Connected();
  const std::string huge(std::size_t{64} << 20, 'x');
  const auto expect_refused = [](const tl::expected<void, Refusal>& said, const char* field) {
    ASSERT_FALSE(said);
    EXPECT_EQ(said.error().status, Status::kInvalidPacket);
    EXPECT_THAT(said.error().text, HasSubstr(field));
  };
  expect_refused(remote->PostMessage("", Soon()), "'text'");
  expect_refused(remote->PostMessage("\x1b[2J", Soon()), "'text'");
  expect_refused(remote->PostMessage(std::string(kMaxMessageBytes + 1, 'x'), Soon()), "'text'");
  expect_refused(remote->PostMessage(huge, Soon()), "'text'");
  expect_refused(remote->ClearMessages(huge, Soon()), "'admin_key'");
  expect_refused(remote->Announce(huge, "text", Soon()), "'admin_key'");
  expect_refused(remote->Announce(kAdminKey, huge, Soon()), "'text'");
  expect_refused(remote->Track(huge, Soon()).map([](const auto&) {}), "'track'");
  EXPECT_TRUE(remote->PostMessage("text", Soon()));
  EXPECT_THAT(TextsOf(*remote->Messages(0, Soon())), ElementsAre("text"));
}

// ---- with requests in flight

TEST_F(ClientQuestionsTest, StepsInFlightGoOnWhileTheyAreAsked) {
  server_settings.inline_limit_us = 0;
  Start();
  const auto remote = Attached(2);
  const auto expected = Race(*Local(2), 4);
  Race(*remote, 1);
  gate->Shut();
  for (int step = 1; step < 4; ++step) SendStep(*remote, step);
  gate->AwaitWaiting();
  AskEverything(*remote);
  EXPECT_EQ(remote->Stats(Soon())->session.requests_pending, 3u);
  gate->Open();
  for (std::size_t step = 1; step < 4; ++step) {
    const auto batch = remote->ReceiveStep(Soon());
    ASSERT_TRUE(batch) << batch.error().text;
    EXPECT_EQ(BytesOf(*batch), expected[step + 1]);
    AskEverything(*remote);
    EXPECT_EQ(BytesOf(*batch), expected[step + 1]) << "the batch stays";
  }
}

TEST_F(ClientQuestionsTest, RepliesToStepsThatComeBeforeAnAnswerAreKept) {
  Start();
  auto connected = RemoteVectorEnvironment::Connect(
      {.endpoint = endpoint, .retry_interval = 1h, .context = &context}, Soon());  // never again
  ASSERT_TRUE(connected) << connected.error().text;
  RemoteVectorEnvironment& remote = **connected;
  ASSERT_TRUE(
      remote.Attach({.environment = "five", .rows = 2, .tracks = {"short_sprint"}}, Soon()));
  const auto expected = Race(*Local(2), 3);
  Race(remote, 1);
  const std::uint64_t last_id = remote.last_id();
  for (int step = 1; step < 3; ++step) SendStep(remote, step);
  EXPECT_TRUE(Eventually([&] { return remote.Stats(Soon())->session.requests_pending == 0; }));
  AskEverything(remote);
  EXPECT_EQ(remote.last_id(), last_id) << "no call has had them";
  for (std::size_t step = 1; step < 3; ++step) {
    const auto batch = remote.ReceiveStep(Soon());
    ASSERT_TRUE(batch) << batch.error().text;
    EXPECT_EQ(BytesOf(*batch), expected[step + 1]);
  }
  EXPECT_EQ(remote.last_id(), last_id + 2);
}

TEST_F(ClientQuestionsTest, ACallThatTimedOutIsResumedAfterQuestions) {
  server_settings.inline_limit_us = 0;
  Start();
  const auto remote = Attached(2);
  const auto expected = Race(*Local(2), 0);
  gate->Shut();
  EXPECT_EQ(remote->Reset({}, DeadlineIn(10ms)).error().status, Status::kTimedOut);
  gate->AwaitWaiting();
  AskEverything(*remote);
  gate->Open();
  const auto batch = remote->Resume(Soon());
  ASSERT_TRUE(batch) << batch.error().text;
  EXPECT_EQ(BytesOf(*batch), expected[0]);
}

TEST_F(ClientQuestionsTest, AQuestionThatTimedOutIsForgotten) {
  Start();
  Ferry ferry(context, endpoint);
  auto connected = RemoteVectorEnvironment::Connect(
      {.endpoint = Ferry::kEndpoint, .retry_interval = 5ms, .context = &context}, Soon());
  ASSERT_TRUE(connected) << connected.error().text;
  RemoteVectorEnvironment& remote = **connected;
  ASSERT_TRUE(
      remote.Attach({.environment = "five", .rows = 2, .tracks = {"short_sprint"}}, Soon()));
  const auto expected = Race(*Local(2), 2);
  Race(remote, 1);
  ferry.Cut();
  SendStep(remote, 1);
  EXPECT_EQ(remote.Sessions(DeadlineIn(20ms)).error().status, Status::kTimedOut);
  ferry.Mend();
  AskEverything(remote);
  const auto batch = remote.ReceiveStep(Soon());
  ASSERT_TRUE(batch) << batch.error().text;
  EXPECT_EQ(BytesOf(*batch), expected[2]);
}

// ---- what a server may not tell

// A server for one client that tells of the same session for ever, and of nothing in its stats.
class EndlessServer {
 public:
  static constexpr const char* kEndpoint = "inproc://endless";

  explicit EndlessServer(zmq::context_t& context) : router_(context, zmq::socket_type::router) {
    router_.bind(kEndpoint);
    thread_ = std::thread([this] {
      while (!is_over_) {
        zmq::pollitem_t item{router_.handle(), 0, ZMQ_POLLIN, 0};
        Poll({&item, 1}, DeadlineIn(5ms));
        zmq::message_t identity, header;
        if (!ReceiveFrame(router_, identity)) continue;
        if (!ReceiveFrame(router_, header)) continue;
        const std::string reply = ReplyTo(DecodeRequest(transport::BytesOf(header)).value());
        SendFrame(router_, std::move(identity), true);
        SendFrame(router_, zmq::message_t(reply.data(), reply.size()), false);
      }
    });
  }
  ~EndlessServer() {
    is_over_ = true;
    thread_.join();
  }

 private:
  static std::string ReplyTo(const Request& request) {
    if (request.operation == Operation::kHello) {
      HelloReply hello;
      hello.session_timeout_ms = 60000;
      return EncodeReply(request.id, hello);
    }
    const std::vector<ListedSession> sessions = {{.number = 5}};
    if (request.operation == Operation::kSessions) return EncodeReply(request.id, sessions, 6);
    return EncodeReply({request.id, Status::kOk, {}});
  }

  zmq::socket_t router_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

TEST_F(ClientQuestionsTest, AnAnswerThatIsNoneIsRefusedAndAnEndlessListEnds) {
  const EndlessServer server_of_one(context);
  const auto remote = RemoteVectorEnvironment::Connect(
      {.endpoint = EndlessServer::kEndpoint, .context = &context}, Soon());
  ASSERT_TRUE(remote) << remote.error().text;
  const auto sessions = (*remote)->Sessions(kNoDeadline);
  ASSERT_FALSE(sessions);
  EXPECT_EQ(sessions.error().status, Status::kInvalidPacket);
  EXPECT_THAT(sessions.error().text, HasSubstr("the server's reply: field 'numbers'"));
  const auto stats = (*remote)->Stats(Soon());
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().status, Status::kInvalidPacket);
  EXPECT_THAT(stats.error().text, HasSubstr("'messages_in'"));
  EXPECT_EQ((*remote)->States(std::vector<std::uint64_t>{5}, Soon()).error().text,
            "the server's reply: array 'known' is missing");
  EXPECT_TRUE((*remote)->Ping(Soon()));
}

}  // namespace
}  // namespace hotlap::transport
