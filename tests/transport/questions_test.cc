// What anybody with a session may ask about the server, the others and their games.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/transport/serving.h"
#include "tests/transport/told.h"
#include "transport/log_lines.h"
#include "transport/service_replies.h"

namespace hotlap::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class QuestionsTest : public ServingTest {
 protected:
  static constexpr std::uint64_t kAnyId = 999;

  // Rows that have been reset; the next id is 3.
  Token Racing(RawClient& client, int key, int rows) {
    const Token token = client.Hello(key);
    EXPECT_EQ(client.Ask(AttachRequest(token, 1, rows), {""}).header.status, Status::kOk);
    EXPECT_EQ(client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""}).header.status,
              Status::kOk);
    return token;
  }
  static std::string ActionsOfStep(int rows, int step) {
    std::vector<std::int32_t> actions(static_cast<std::size_t>(rows));
    for (int row = 0; row < rows; ++row) actions[static_cast<std::size_t>(row)] = (step + row) % 3;
    return Packed(actions);
  }
  // Steps first, first + 1 and so on, with ids from `id`.
  void Step(RawClient& client, const Token& token, std::uint64_t id, int rows, int steps,
            int first = 0) {
    for (int step = first; step < first + steps; ++step) {
      ASSERT_EQ(
          client.Ask(SessionRequest(Operation::kStep, token, id++), {ActionsOfStep(rows, step), ""})
              .header.status,
          Status::kOk);
    }
  }
  Told Asked(RawClient& client, const Token& token, Operation operation,
             std::vector<std::string> arrays = {}) {
    return Told(client.Ask(SessionRequest(operation, token, kAnyId), std::move(arrays)));
  }
};

TEST_F(QuestionsTest, SessionsTellsWhoIsOnlineAndWhoHasDriven) {
  Start();
  RawClient one = Raw(), other = Raw();
  const Token idle = one.Hello(0x51, "J\xc3\xbcrgen");
  const Token racing = Racing(other, 0x52, 2);
  clock.Advance(1500ms);
  Step(other, racing, 3, 2, 3);
  const RawReply reply = one.Ask(SessionRequest(Operation::kSessions, idle, kAnyId));
  const Told told(reply);
  EXPECT_EQ(reply.header.id, kAnyId);
  EXPECT_THAT(told.Numbers("numbers"), ElementsAre(1, 2));
  EXPECT_THAT(told.Texts("sessions"), ElementsAre("s000001", "s000002"));
  EXPECT_THAT(told.Texts("nicks"), ElementsAre("J\xc3\xbcrgen", ""));
  EXPECT_THAT(told.Numbers("ranks"), ElementsAre(2, 1));
  EXPECT_THAT(told.Numbers("statuses"), ElementsAre(2, 2));
  EXPECT_THAT(told.Floats("seconds"), ElementsAre(1.5f, 1.5f));
  EXPECT_THAT(told.Numbers("rows"), ElementsAre(0, 2));
  EXPECT_THAT(told.Numbers("steps"), ElementsAre(0, 6));
  EXPECT_EQ(told.Number("next"), 0u);
  // Nothing by which anybody could take a session over.
  for (const Token& secret : {idle, racing}) {
    const std::string bytes(reinterpret_cast<const char*>(secret.data()), secret.size());
    EXPECT_EQ(reply.frames[0].find(bytes), std::string::npos);
  }
  EXPECT_EQ(reply.frames[0].find(std::string(16, '\x52')), std::string::npos);
}

TEST_F(QuestionsTest, WhoHasSaidGoodbyeIsDisconnectingUntilWhatRunsIsDone) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient one = Raw(), other = Raw();
  const Token asking = one.Hello(1);
  const Token leaving = Racing(other, 2, 1);
  gate->Shut();
  other.Send(SessionRequest(Operation::kStep, leaving, 3), {ActionsOfStep(1, 0), ""});
  Request close = SessionRequest(Operation::kDetach, leaving, 4);
  close.close = true;
  other.Send(close);
  other.Ask(Request{});  // the server has seen both
  EXPECT_THAT(Asked(one, asking, Operation::kSessions).Numbers("statuses"), ElementsAre(2, 3));
  gate->Open();
  EXPECT_EQ(other.Receive().value().header.id, 3u);
  EXPECT_EQ(other.Receive().value().header.id, 4u);
  EXPECT_THAT(Asked(one, asking, Operation::kSessions).Numbers("statuses"), ElementsAre(2));
}

TEST_F(QuestionsTest, TheRoundTripThatAPingTellsIsKeptSmoothed) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  Request ping = SessionRequest(Operation::kPing, token, kAnyId);
  client.Ask(ping);
  EXPECT_THAT(Asked(client, token, Operation::kSessions).Floats("latencies_us"), ElementsAre(0.f));
  ping.round_trip_us = 800;
  client.Ask(ping);
  EXPECT_EQ(Asked(client, token, Operation::kStats).Float("latency_us"), 800.f);
  ping.round_trip_us = 1600;
  client.Ask(ping);
  EXPECT_THAT(Asked(client, token, Operation::kSessions).Floats("latencies_us"),
              ElementsAre(900.f));
}

TEST_F(QuestionsTest, AreAnsweredBesideARequestThatRunsAndUseUpNoIds) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient client = Raw(), beside = Raw();
  const Token token = Racing(client, 1, 1);
  gate->Shut();
  client.Send(SessionRequest(Operation::kStep, token, 3), {ActionsOfStep(1, 0), ""});
  gate->AwaitWaiting();
  for (const Operation question :
       {Operation::kSessions, Operation::kInstances, Operation::kLogs, Operation::kStats}) {
    Asked(beside, token, question);
  }
  EXPECT_EQ(Asked(beside, token, Operation::kStats).Number("requests_pending"), 1u);
  gate->Open();
  EXPECT_EQ(client.Receive().value().header.id, 3u) << "replies still go where the step came from";
  Step(client, token, 4, 1, 1, 1);
}

TEST_F(QuestionsTest, NeedALivingSession) {
  Start();
  RawClient client = Raw();
  for (const Operation question :
       {Operation::kSessions, Operation::kInstances, Operation::kLogs, Operation::kStats}) {
    EXPECT_EQ(client.Ask(SessionRequest(question, Token{}, 1)).header.status, Status::kInvalidKey);
  }
}

TEST_F(QuestionsTest, InstancesTellsWhatEachGameDoesAndWhoHasIt) {
  Start();
  RawClient watcher = Raw(), driver = Raw();
  const Token watching = watcher.Hello(1);
  const Token driving = Racing(driver, 2, 2);
  Step(driver, driving, 3, 2, 3);
  const Told told = Asked(watcher, watching, Operation::kInstances);
  EXPECT_THAT(told.Texts("kinds"), ElementsAre("simulated", "simulated"));
  EXPECT_THAT(told.Texts("sessions"), ElementsAre("s000002", "s000002"));
  EXPECT_THAT(told.Numbers("rows"), ElementsAre(0, 1));
  EXPECT_THAT(told.Texts("tracks"), ElementsAre("short_sprint", "short_sprint"));
  EXPECT_THAT(told.Numbers("episodes"), ElementsAre(0, 0));
  EXPECT_THAT(told.Numbers("ticks"), ElementsAre(15, 15));
  EXPECT_GT(told.Floats("speeds")[0], 0);
  EXPECT_THAT(told.Texts("healths"), ElementsAre("running", "running"));
  EXPECT_THAT(told.Numbers("losses"), ElementsAre(0, 0));
  EXPECT_NE(told.Numbers("numbers")[0], told.Numbers("numbers")[1]);
  driver.Ask(SessionRequest(Operation::kReset, driving, 6), {"", "", ""});
  EXPECT_THAT(Asked(watcher, watching, Operation::kInstances).Numbers("episodes"),
              ElementsAre(1, 1));
  driver.Ask(SessionRequest(Operation::kDetach, driving, 7));
  EXPECT_THAT(Asked(watcher, watching, Operation::kInstances).Numbers("numbers"), ElementsAre());
}

TEST_F(QuestionsTest, LongListsComeInPages) {
  game_settings.simulated = 400;
  Start();
  RawClient watcher = Raw(), driver = Raw();
  const Token watching = watcher.Hello(1);
  const Token driving = driver.Hello(2);
  driver.Ask(AttachRequest(driving, 1, 300), {""});
  Request question = SessionRequest(Operation::kInstances, watching, kAnyId);
  const Told first(watcher.Ask(question));
  EXPECT_EQ(first.Numbers("rows").size(), kMaxListed);
  question.first = first.Number("next");
  const Told rest(watcher.Ask(question));
  EXPECT_EQ(rest.Numbers("rows").size(), 300 - kMaxListed);
  EXPECT_EQ(rest.Numbers("rows").front(), kMaxListed);
  EXPECT_EQ(rest.Number("next"), 0u);

  question = SessionRequest(Operation::kSessions, watching, kAnyId);
  question.first = 2;
  EXPECT_THAT(Told(watcher.Ask(question)).Numbers("numbers"), ElementsAre(2));
}

TEST_F(QuestionsTest, StatesAreThoseOfTheGamesOfOtherSessionsBitForBit) {
  constexpr int kRows = 3, kSteps = 40;
  Start();
  RawClient watcher = Raw(), driver = Raw();
  const Token watching = watcher.Hello(1);
  const Token driving = Racing(driver, 2, kRows);
  Step(driver, driving, 3, kRows, kSteps);
  const auto local = LocalRows(kRows, Autoreset::kNextStep);
  BatchBuffer batch(*local);
  local->Reset({}, batch.view());
  for (int step = 0; step < kSteps; ++step) {
    const std::string packed = ActionsOfStep(kRows, step);
    std::vector<std::int32_t> actions(kRows);
    std::memcpy(actions.data(), packed.data(), packed.size());
    local->Step({.discrete = actions, .continuous = {}}, batch.view());
  }

  const auto numbers = Asked(watcher, watching, Operation::kInstances).Numbers("numbers");
  ASSERT_EQ(numbers.size(), static_cast<std::size_t>(kRows));
  const std::vector<std::uint64_t> asked = {numbers[2], 12345, numbers[0]};
  const Told told = Asked(watcher, watching, Operation::kStates, {Packed(asked)});
  ASSERT_EQ(told.num_arrays(), 8u);
  EXPECT_THAT(told.Array<std::uint8_t>(0), ElementsAre(1, 0, 1)) << "the second is nobody's";
  EXPECT_THAT(told.Array<std::uint64_t>(1), ElementsAre(0, 0, 0));
  for (const auto& [place, row] : {std::pair<std::size_t, int>{0, 2}, {2, 0}}) {
    SCOPED_TRACE(row);
    const GameState& state = local->game_state(row);
    EXPECT_EQ(told.Array<std::int32_t>(2)[place], state.race_time_ms);
    EXPECT_EQ(told.Array<std::int32_t>(3)[place], state.checkpoints_passed);
    EXPECT_EQ(told.Array<Vec3>(4)[place], state.position_m);
    EXPECT_EQ(told.Array<Vec3>(5)[place], state.velocity_mps);
    EXPECT_EQ(told.Array<Mat3>(6)[place], state.rotation);
    const auto inputs = told.Array<std::array<std::int32_t, 6>>(7)[place];
    EXPECT_EQ(inputs[0], state.inputs.steer);
    EXPECT_EQ(inputs[1], state.inputs.gas);
    EXPECT_EQ(inputs[4], state.inputs.accelerate);
  }
  EXPECT_GT(Length(told.Array<Vec3>(5)[0]), 0);
  EXPECT_EQ(told.Array<Vec3>(4)[1], Vec3{});
}

TEST_F(QuestionsTest, StatesOfRowsThatRunAreThoseBeforeAndOfRowsNeverResetUnknown) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient watcher = Raw(), driver = Raw();
  const Token watching = watcher.Hello(1);
  const Token driving = driver.Hello(2);
  driver.Ask(AttachRequest(driving, 1, 1), {""});
  const std::string instance =
      Packed(Asked(watcher, watching, Operation::kInstances).Numbers("numbers"));
  const auto race_time = [&] {
    const Told told = Asked(watcher, watching, Operation::kStates, {instance});
    return told.Array<std::uint8_t>(0)[0] == 1 ? told.Array<std::int32_t>(2)[0] : -1;
  };
  EXPECT_EQ(race_time(), -1);
  driver.Ask(SessionRequest(Operation::kReset, driving, 2), {"", "", ""});
  Step(driver, driving, 3, 1, 2);
  const int before = race_time();
  EXPECT_EQ(before, 100);
  gate->Shut();
  driver.Send(SessionRequest(Operation::kStep, driving, 5), {ActionsOfStep(1, 0), ""});
  gate->AwaitWaiting();
  EXPECT_EQ(race_time(), before);
  gate->Open();
  driver.Receive();
  EXPECT_EQ(race_time(), before + 50);
}

TEST_F(QuestionsTest, RowsShowThemselvesAsLongAsSomebodyAsksAndThenNoMore) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient watcher = Raw(), driver = Raw();
  const Token watching = watcher.Hello(1);
  const Token driving = Racing(driver, 2, 1);
  const auto ticks = [&] {
    return Asked(watcher, watching, Operation::kInstances).Numbers("ticks")[0];
  };
  // What is told while step `id` waits at the gate.
  const auto ticks_in_step = [&](std::uint64_t id) {
    gate->Shut();
    driver.Send(SessionRequest(Operation::kStep, driving, id), {ActionsOfStep(1, 0), ""});
    gate->AwaitWaiting();
    const std::uint64_t told = ticks();
    gate->Open();
    driver.Receive();
    return told;
  };
  EXPECT_EQ(ticks(), 0u);
  Step(driver, driving, 3, 1, 2);
  EXPECT_EQ(ticks_in_step(5), 10u) << "was watched";
  EXPECT_EQ(ticks(), 15u);
  for (int i = 0; i < 12; ++i) {  // in steps in which the sessions are heard of
    clock.Advance(1s);
    for (const Token& token : {watching, driving}) {
      watcher.Ask(SessionRequest(Operation::kPing, token, kAnyId));
    }
  }
  Step(driver, driving, 6, 1, 2);
  EXPECT_EQ(ticks_in_step(8), 15u) << "nobody had asked for long";
  EXPECT_EQ(ticks(), 30u);
}

TEST_F(QuestionsTest, StatesRefusesTooManyAndHalvesOfNumbers) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  for (const std::size_t bytes : {std::size_t{7}, 8 * (kMaxListed + 1)}) {
    const RawReply reply =
        client.Ask(SessionRequest(Operation::kStates, token, kAnyId), {std::string(bytes, '\0')});
    EXPECT_EQ(reply.header.status, Status::kBadArgument);
    EXPECT_THAT(reply.header.error, HasSubstr("'instances' has " + std::to_string(bytes)));
  }
}

TEST_F(QuestionsTest, LogsGivesTheLinesSinceANumber) {
  const auto lines = std::make_shared<LogLines>();
  server_settings.logs = lines;
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  const std::chrono::system_clock::time_point time{123ms};
  lines->Add(LogLevel::kInfo, time, "one");
  lines->Add(LogLevel::kError, time, "two");
  const Told all = Asked(client, token, Operation::kLogs);
  EXPECT_THAT(all.Numbers("numbers"), ElementsAre(1, 2));
  EXPECT_THAT(all.Numbers("times_ms"), ElementsAre(123, 123));
  EXPECT_THAT(all.Texts("levels"), ElementsAre("info", "error"));
  EXPECT_THAT(all.Texts("lines"), ElementsAre("one", "two"));
  Request question = SessionRequest(Operation::kLogs, token, kAnyId);
  question.since = 1;
  EXPECT_THAT(Told(client.Ask(question)).Texts("lines"), ElementsAre("two"));
  question.since = 0;
  question.level = LogLevel::kWarning;
  EXPECT_THAT(Told(client.Ask(question)).Texts("lines"), ElementsAre("two"));
}

TEST_F(QuestionsTest, TheFullestLogFitsIntoAReply) {
  const auto lines = std::make_shared<LogLines>();
  for (std::size_t i = 0; i <= kMaxLogLines; ++i) {
    lines->Add(LogLevel::kError, {}, std::string(2 * kMaxLogLineBytes, 'x'));
  }
  server_settings.logs = lines;
  Start();
  RawClient client = Raw();
  const RawReply reply = client.Ask(SessionRequest(Operation::kLogs, client.Hello(1), kAnyId));
  EXPECT_LE(reply.frames[0].size(), kMaxReplyHeaderBytes);
  EXPECT_EQ(Told(reply).Texts("lines").size(), kMaxLogLines);
}

TEST_F(QuestionsTest, StatsCountsWhatWentInAndOut) {
  Start();
  RawClient client = Raw(), other = Raw();
  const Token token = Racing(client, 1, 2);
  Step(client, token, 3, 2, 2);
  const Request ping = SessionRequest(Operation::kPing, token, kAnyId);
  const Told before = Asked(client, token, Operation::kStats);
  const RawReply pong = client.Ask(ping);
  const Told after = Asked(client, token, Operation::kStats);
  const Request stats = SessionRequest(Operation::kStats, token, kAnyId);
  EXPECT_EQ(after.Number("messages_in"), before.Number("messages_in") + 2);
  EXPECT_EQ(after.Number("bytes_in"),
            before.Number("bytes_in") + EncodeRequest(ping).size() + EncodeRequest(stats).size());
  EXPECT_EQ(after.Number("messages_out"), before.Number("messages_out") + 2);
  EXPECT_GT(after.Number("bytes_out"), before.Number("bytes_out") + pong.frames[0].size());
  EXPECT_EQ(after.Number("steps"), 4u);
  EXPECT_EQ(after.Number("requests_pending"), 0u);

  other.Send(std::vector<std::string>{"junk"});
  other.Receive();
  const Told later = Asked(client, token, Operation::kStats);
  EXPECT_EQ(later.Number("server_messages_in"), after.Number("server_messages_in") + 2);
  EXPECT_EQ(later.Number("messages_in"), after.Number("messages_in") + 1) << "not the junk";
  EXPECT_EQ(later.Number("server_malformed"), 1u);
  EXPECT_EQ(later.Number("server_sessions"), 1u);
  EXPECT_EQ(later.Number("server_steps"), 4u);
}

TEST_F(QuestionsTest, ARefusedStepIsNone) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  client.Ask(AttachRequest(token, 1, 2), {""});
  Step(client, token, 2, 2, 1);  // never reset: each row is refused by its status
  EXPECT_EQ(Asked(client, token, Operation::kStats).Number("steps"), 0u);
}

TEST_F(QuestionsTest, TrackGivesTheGeometryToASessionWithoutRows) {
  Start();
  const auto offered = catalogue->FindTrack("hairpins").value();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  Request request = SessionRequest(Operation::kTrack, token, 1);
  request.track = "hairpins";
  const RawReply reply = client.Ask(request);
  const Told told(reply);
  const sim::Track& track = *offered->track;
  EXPECT_EQ(told.Text("track"), "hairpins");
  EXPECT_EQ(told.Number("hash"), track.hash());
  EXPECT_EQ(told.Float("length_m"), track.length_m());
  EXPECT_EQ(told.Float("spacing_m"), track.spacing_m());
  ASSERT_EQ(told.num_arrays(), 10u);
  const std::size_t p = track.points().size(), g = track.gates().size();
  const sim::RoadPoint& last = track.points().back();
  ASSERT_EQ(told.Array<Vec3>(0).size(), p);
  EXPECT_EQ(told.Array<Vec3>(0).back(), last.position_m);
  EXPECT_EQ(told.Array<Vec3>(1).back(), last.tangent);
  EXPECT_EQ(told.Array<Vec3>(2).back(), last.left);
  EXPECT_EQ(told.Array<float>(3).size(), 2 * p);
  EXPECT_EQ(told.Array<float>(3).back(), last.half_width_right_m);
  EXPECT_EQ(told.Array<float>(4).size(), 2 * p);
  EXPECT_EQ(told.Array<std::uint8_t>(5).size(), p);
  EXPECT_EQ(told.Array<std::uint8_t>(5).front(), 16);
  ASSERT_EQ(told.Array<float>(6).size(), g);
  EXPECT_EQ(told.Array<float>(6).back(), track.gates().back().s_m);
  EXPECT_EQ(told.Array<Vec3>(7).back(), track.gates().back().position_m);
  EXPECT_EQ(told.Array<Vec3>(8).size(), g);
  EXPECT_EQ(told.Array<float>(9).size(), 2 * g);
  EXPECT_EQ(client.Ask(request).frames, reply.frames) << "counted, and its reply kept";

  request.id = 2;
  request.track = "../../etc";
  const RawReply refused = client.Ask(request);
  EXPECT_EQ(refused.header.status, Status::kUnknownTrack);
  EXPECT_THAT(refused.header.error, HasSubstr("field 'track' has '../../etc'; there are: "));
}

}  // namespace
}  // namespace hotlap::transport
