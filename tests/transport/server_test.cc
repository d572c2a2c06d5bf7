#include "transport/server.h"

#include <atomic>
#include <iterator>
#include <random>
#include <stdexcept>

#include "tests/allocation_count.h"
#include "tests/test_size.h"
#include "tests/transport/serving.h"

namespace hotlap::transport::server_test {
namespace {

constexpr int kRows = 4;

class ServerTest : public ServingTest {
 protected:
  // A session with rows that have been reset; its next id is 3.
  Token Ready(RawClient& client, int key = 1, int rows = kRows) {
    const Token token = client.Hello(key);
    EXPECT_EQ(client.Ask(AttachRequest(token, 1, rows), {""}).header.status, Status::kOk);
    EXPECT_EQ(client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""}).header.status,
              Status::kOk);
    return token;
  }
  static Request StepRequest(const Token& token, std::uint64_t id) {
    return SessionRequest(Operation::kStep, token, id);
  }
  static std::string SomeActions(int rows = kRows) {
    return Packed(std::vector<std::int32_t>(static_cast<std::size_t>(rows), 0));
  }
  // An array of a reply's batch.
  std::string Part(const RawReply& reply, BatchArray array, int rows = kRows) const {
    const EnvironmentSpec& spec = catalogue->FindEnvironment("five").value()->spec;
    const BatchLayout layout({.rows = rows, .observation_size = spec.observation_size()});
    return reply.frames[1].substr(layout.SentOffset(array, 0), layout.shape().SentBytes(array, 0));
  }
};

// ---- at most once

TEST_F(ServerTest, AStepSentTwiceStepsOnceAndGetsTheSameReply) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  const RawReply first = client.Ask(StepRequest(token, 3), {SomeActions(), ""});
  const RawReply again = client.Ask(StepRequest(token, 3), {SomeActions(), ""});
  EXPECT_EQ(first.header.status, Status::kOk);
  EXPECT_EQ(first.frames, again.frames);

  RawClient twin = Raw();
  const Token twin_token = Ready(twin, 2);
  twin.Ask(StepRequest(twin_token, 3), {SomeActions(), ""});
  // Both have stepped once, so their second steps are the same.
  const RawReply second = client.Ask(StepRequest(token, 4), {SomeActions(), ""});
  EXPECT_EQ(second.frames, twin.Ask(StepRequest(twin_token, 4), {SomeActions(), ""}).frames);
  EXPECT_NE(second.frames[1], first.frames[1]);
}

TEST_F(ServerTest, ARepeatOfARunningStepIsJoined) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  gate->Shut();
  client.Send(StepRequest(token, 3), {SomeActions(), ""});
  gate->AwaitWaiting();
  client.Send(StepRequest(token, 3), {SomeActions(), ""});
  // The answer to a ping shows that the server has seen the repeat.
  const RawReply pong = client.Ask(SessionRequest(Operation::kPing, token, 77));
  EXPECT_EQ(pong.header.id, 77u);
  gate->Open();
  const RawReply reply = client.Receive().value();
  EXPECT_EQ(reply.header.id, 3u);
  EXPECT_EQ(reply.header.status, Status::kOk);
  // One reply, not two.
  EXPECT_EQ(client.Ask(SessionRequest(Operation::kPing, token, 78)).header.id, 78u);
}

TEST_F(ServerTest, AJoinedReplyGoesToTheLatestConnection) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient before = Raw(), after = Raw();
  const Token token = Ready(before);
  gate->Shut();
  before.Send(StepRequest(token, 3), {SomeActions(), ""});
  gate->AwaitWaiting();
  after.Send(StepRequest(token, 3), {SomeActions(), ""});
  EXPECT_EQ(after.Ask(SessionRequest(Operation::kPing, token, 77)).header.id, 77u);
  gate->Open();
  EXPECT_EQ(after.Receive().value().header.id, 3u);
}

TEST_F(ServerTest, ALateRepeatOfAnOlderIdMovesNoLaterReply) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient before = Raw(), after = Raw();
  const Token token = Ready(before);
  EXPECT_EQ(before.Ask(StepRequest(token, 3), {SomeActions(), ""}).header.id, 3u);
  gate->Shut();
  after.Send(StepRequest(token, 4), {SomeActions(), ""});
  gate->AwaitWaiting();
  after.Send(StepRequest(token, 5), {SomeActions(), ""});
  EXPECT_EQ(after.Ask(SessionRequest(Operation::kPing, token, 77)).header.id, 77u);
  EXPECT_EQ(before.Ask(StepRequest(token, 3), {SomeActions(), ""}).header.id, 3u)
      << "answered here";
  before.Send(StepRequest(token, 4), {SomeActions(), ""});  // runs
  EXPECT_EQ(before.Ask(SessionRequest(Operation::kPing, token, 78)).header.id, 78u);
  gate->Open();
  EXPECT_EQ(after.Receive().value().header.id, 4u);
  EXPECT_EQ(after.Receive().value().header.id, 5u);
}

TEST_F(ServerTest, RepliesStayAsTheyWereSentWhileLaterOnesAreWritten) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  std::vector<RawReply> replies;
  for (std::uint64_t id = 3; id < 40; ++id) {
    replies.push_back(client.Ask(StepRequest(token, id), {SomeActions(), ""}));
    for (std::uint64_t kept = std::max<std::uint64_t>(3, id - 3); kept <= id; ++kept) {
      ASSERT_EQ(client.Ask(StepRequest(token, kept), {SomeActions(), ""}).frames,
                replies[static_cast<std::size_t>(kept - 3)].frames);
    }
  }
}

TEST_F(ServerTest, ASlowReaderCostsTheServerABoundedNumberOfReplies) {
  constexpr int kQueue = 64;  // messages that the server holds for one connection
  server_settings.inline_limit_us = 1e6;
  server_settings.endpoints = {"inproc://slow"};
  Start();
  RawClient slow(context, endpoint, 1), other = Raw();
  const Token token = Ready(slow, 1, 64);
  const long before = NumAlignedAllocations();
  const std::uint64_t runs = server->counters().inline_runs;
  std::uint64_t id = 2;
  for (int i = 1; i <= TestCount(300, 500, 5000); ++i) {
    slow.Send(StepRequest(token, ++id), {SomeActions(64), ""});
    ASSERT_TRUE(Eventually(
        [&] { return server->counters().inline_runs == runs + static_cast<std::uint64_t>(i); }));
  }
  EXPECT_LE(NumAlignedAllocations() - before, 2 * server_settings.sessions.window + 1 + kQueue + 8);
  const RawReply last = other.Ask(StepRequest(token, id), {SomeActions(64), ""});
  EXPECT_EQ(last.header.status, Status::kOk) << "is kept all the same";
}

TEST_F(ServerTest, RequestsInFlightAreAnsweredInOrder) {
  for (const double inline_limit_us : {0.0, 1e6}) {  // by workers, by the socket's thread
    SCOPED_TRACE(inline_limit_us);
    server_settings.inline_limit_us = inline_limit_us;
    Start();
    RawClient client = Raw();
    const Token token = Ready(client);
    for (std::uint64_t id = 3; id < 3 + 4; ++id)
      client.Send(StepRequest(token, id), {SomeActions(), ""});
    for (std::uint64_t id = 3; id < 3 + 4; ++id) {
      const RawReply reply = client.Receive().value();
      EXPECT_EQ(reply.header.id, id);
      EXPECT_EQ(reply.header.status, Status::kOk);
    }
    Stop();
  }
}

TEST_F(ServerTest, NothingIsTakenBehindACloseAndTheRowsComeBack) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  Request close = SessionRequest(Operation::kDetach, token, 4);
  close.close = true;
  gate->Shut();
  client.Send(StepRequest(token, 3), {SomeActions(), ""});
  client.Send(close, {});
  EXPECT_EQ(client.Ask(StepRequest(token, 5), {SomeActions(), ""}).header.status,
            Status::kInvalidKey);
  gate->Open();
  EXPECT_EQ(client.Receive().value().header.id, 3u);
  EXPECT_EQ(client.Receive().value().header.id, 4u);
  EXPECT_EQ(client.Ask(StepRequest(token, 6), {SomeActions(), ""}).header.status,
            Status::kInvalidKey);
  while (games->free_simulated() < game_settings.simulated) std::this_thread::yield();
}

TEST_F(ServerTest, AFailedRequestCountsAndIsNotRunAgain) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  EXPECT_EQ(client.Ask(StepRequest(token, 3), {"short", ""}).header.status, Status::kBadArgument);
  EXPECT_EQ(client.Ask(StepRequest(token, 3), {SomeActions(), ""}).header.status,
            Status::kBadArgument);
  EXPECT_EQ(client.Ask(StepRequest(token, 4), {SomeActions(), ""}).header.status, Status::kOk);
}

// ---- what is refused

TEST_F(ServerTest, ArraysOfAnotherSizeAreRefusedByName) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  const std::string three_seeds(24, '\0'), bad_mask("\0\1\2\1", 4);
  const auto rows = [](const std::vector<std::int32_t>& some) { return Packed(some); };
  struct {
    Operation operation;
    std::vector<std::string> arrays;
    const char* text;
  } cases[] = {
      {Operation::kStep, {"", ""}, "'actions' has 0 bytes, must have 16"},
      {Operation::kStep, {SomeActions(5), ""}, "'actions' has 20 bytes, must have 16"},
      {Operation::kStep, {"", "abc"}, "'rows' has 3 bytes, must have 4 for each of at most 4"},
      {Operation::kStep, {SomeActions(5), SomeActions(5)}, "'rows' has 20 bytes"},
      {Operation::kStep, {SomeActions(), rows({0, 1})}, "'actions' has 16 bytes, must have 8"},
      {Operation::kStep, {SomeActions(2), rows({1, 1})}, "'rows' has row 1 twice"},
      {Operation::kStep, {SomeActions(1), rows({4})}, "'rows' has row 4, must be at least 0 and"},
      {Operation::kStep, {SomeActions(1), rows({-1})}, "'rows' has row -1"},
      {Operation::kSend, {SomeActions(5), ""}, "'actions' has 20 bytes, must have 16"},
      {Operation::kSend, {SomeActions(2), rows({2, 2})}, "'rows' has row 2 twice"},
      {Operation::kSend, {SomeActions(1), rows({1 << 30})}, "'rows' has row 1073741824"},
      {Operation::kReset, {"\1", "", ""}, "'mask' has 1 bytes, must have 4 or none"},
      {Operation::kReset, {bad_mask, "", ""}, "'mask' is 2 at row 2"},
      {Operation::kReset, {"", three_seeds, ""}, "'seeds' has 24 bytes, must have 32 or none"},
      {Operation::kReset, {"", "", three_seeds}, "'snapshots' has 24 bytes"},
      {Operation::kSave, {"\1"}, "'mask' has 1 bytes"},
      {Operation::kRestore, {""}, "'snapshots' has 0 bytes, must have 32"},
      {Operation::kBranch, {bad_mask}, "'mask' is 2 at row 2"},
      {Operation::kExport, {"1234567"}, "'snapshots' has 7 bytes, must have a multiple of 8"},
      {Operation::kDrop, {"1234567"}, "'snapshots' has 7 bytes, must have a multiple of 8"},
      {Operation::kImport, {"12345", ""}, "'sizes' has 5 bytes, must have a multiple of 4"},
      {Operation::kImport, {std::string(4, '\1'), "1"}, "'bytes' has 1 bytes, must have as many"},
  };
  std::uint64_t id = 3;
  for (const auto& one : cases) {
    const RawReply reply = client.Ask(SessionRequest(one.operation, token, id++), one.arrays);
    EXPECT_EQ(reply.header.status, Status::kBadArgument);
    EXPECT_THAT(reply.header.error, ::testing::HasSubstr(one.text));
  }
}

TEST_F(ServerTest, StartsAtStatesThatNobodyKeepsAreOneMistakeWhereverTheyAreAskedFor) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  Request attach = AttachRequest(token, 1, kRows);
  attach.starts = {StartPlace::kLine};
  const RawReply at_attach = client.Ask(attach, {""});
  EXPECT_EQ(at_attach.header.status, Status::kBadArgument);
  EXPECT_THAT(at_attach.header.error, ::testing::HasSubstr("'starts' is at kept states"));
  EXPECT_EQ(games->free_simulated(), game_settings.simulated);

  attach.id = 2;  // the refusal was counted
  attach.starts = {StartPlace::kStart};
  EXPECT_EQ(client.Ask(attach, {""}).header.status, Status::kOk);
  Request reset = SessionRequest(Operation::kReset, token, 3);
  reset.starts = {StartPlace::kLine};
  const RawReply at_reset = client.Ask(reset, {"", "", ""});
  EXPECT_EQ(at_reset.header.status, at_attach.header.status);
  EXPECT_EQ(at_reset.header.error, at_attach.header.error);
}

TEST_F(ServerTest, AnotherNumberOfArraysIsRefusedAndNotCounted) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  for (const std::size_t count : {3u, 4u, 100u}) {
    const RawReply reply =
        client.Ask(StepRequest(token, 3), std::vector<std::string>(count, SomeActions()));
    EXPECT_EQ(reply.header.status, Status::kInvalidPacket);
    EXPECT_EQ(reply.header.id, 3u);
    EXPECT_THAT(reply.header.error, ::testing::HasSubstr("'step' takes at most 2 array"));
  }
  EXPECT_EQ(client.Ask(StepRequest(token, 3), {SomeActions(), ""}).header.status, Status::kOk);
  EXPECT_EQ(client.Ask(StepRequest(token, 4), {SomeActions()}).header.status, Status::kOk)
      << "what is left out at the end needs no frame";
  EXPECT_THAT(client.Ask(StepRequest(token, 5)).header.error, ::testing::HasSubstr("'actions'"));
}

TEST_F(ServerTest, ABadActionIsAnErrorOfItsRowAlone) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  const RawReply reply =
      client.Ask(StepRequest(token, 3), {Packed(std::vector<std::int32_t>{0, -1, 1000000, 0}), ""});
  EXPECT_EQ(reply.header.status, Status::kOk);
  EXPECT_EQ(Part(reply, BatchArray::kStatus), std::string("\0\2\2\0", 4));
  const std::string observations = Part(reply, BatchArray::kObservations);
  const std::size_t row_bytes = observations.size() / kRows;
  EXPECT_EQ(observations.substr(row_bytes, row_bytes), std::string(row_bytes, '\0'));
  EXPECT_NE(observations.substr(0, row_bytes), std::string(row_bytes, '\0'));
}

TEST_F(ServerTest, ASnapshotThatHadToMakeRoomIsAClearError) {
  server_settings.snapshot_bytes = 1;
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  const RawReply saved = client.Ask(SessionRequest(Operation::kSave, token, 3), {""});
  ASSERT_EQ(saved.header.status, Status::kOk);
  const RawReply reply =
      client.Ask(SessionRequest(Operation::kReset, token, 4), {"", "", saved.frames[1]});
  EXPECT_EQ(reply.header.status, Status::kInvalidId);
  EXPECT_THAT(reply.header.error, ::testing::HasSubstr("had to make room for newer ones"));
}

TEST_F(ServerTest, ASessionThatSavesALotEvictsItsOwnSnapshots) {
  server_settings.snapshot_bytes = 100'000;
  Start();
  RawClient modest = Raw(), greedy = Raw();
  const Token token = Ready(modest, 1, 1), greedy_token = Ready(greedy, 2);
  const RawReply saved = modest.Ask(SessionRequest(Operation::kSave, token, 3), {""});
  ASSERT_EQ(saved.header.status, Status::kOk);
  Request save = SessionRequest(Operation::kSave, greedy_token, 3);
  std::string oldest;
  for (int i = 0; i < 50; ++i, ++save.id) {
    const RawReply reply = greedy.Ask(save, {""});
    ASSERT_EQ(reply.header.status, Status::kOk);
    if (i == 0) oldest = reply.frames[1];
  }
  EXPECT_EQ(greedy.Ask(SessionRequest(Operation::kRestore, greedy_token, save.id), {oldest})
                .header.status,
            Status::kInvalidId);
  EXPECT_EQ(
      modest.Ask(SessionRequest(Operation::kRestore, token, 4), {saved.frames[1]}).header.status,
      Status::kOk);
}

TEST_F(ServerTest, ASnapshotOfAnotherTrackIsAnErrorOfItsRowAlone) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  Request attach = AttachRequest(token, 1, 2);
  attach.tracks = {"short_sprint", "hairpins"};
  ASSERT_EQ(client.Ask(attach, {""}).header.status, Status::kOk);
  client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""});
  const RawReply saved = client.Ask(SessionRequest(Operation::kSave, token, 3), {""});
  const std::string first = saved.frames[1].substr(0, 8);
  const RawReply reply = client.Ask(SessionRequest(Operation::kRestore, token, 4), {first + first});
  EXPECT_EQ(reply.header.status, Status::kOk);
  EXPECT_EQ(Part(reply, BatchArray::kStatus, 2), std::string("\0\3", 2));
  Request branch = SessionRequest(Operation::kBranch, token, 5);
  EXPECT_EQ(Part(client.Ask(branch, {""}), BatchArray::kStatus, 2), std::string("\0\3", 2));
  branch.id = 6;
  branch.row = 2;
  EXPECT_THAT(client.Ask(branch, {""}).header.error,
              ::testing::HasSubstr("'row' is 2, must be below 2"));
}

TEST_F(ServerTest, StatesOfAnotherSessionAreNeitherExportedNorDropped) {
  Start();
  RawClient owner = Raw(), other = Raw();
  const Token token = Ready(owner), other_token = Ready(other, 2);
  const std::string ids = owner.Ask(SessionRequest(Operation::kSave, token, 3), {""}).frames[1];
  for (const Operation operation : {Operation::kExport, Operation::kDrop}) {
    const auto id = static_cast<std::uint64_t>(operation == Operation::kExport ? 3 : 4);
    const RawReply reply = other.Ask(SessionRequest(operation, other_token, id), {ids});
    EXPECT_EQ(reply.header.status, Status::kPermissionDenied);
    EXPECT_THAT(reply.header.error, ::testing::HasSubstr("which another session saved"));
  }
  EXPECT_EQ(owner.Ask(SessionRequest(Operation::kExport, token, 4), {ids}).header.status,
            Status::kOk);
}

TEST_F(ServerTest, AnExportHasAtMostTheBytesThatHelloTells) {
  server_settings.transfer_bytes = 4000;  // two states
  Start();
  EXPECT_EQ(Connected()->hello().max_transfer_bytes, 4000u);
  RawClient client = Raw();
  const Token token = Ready(client);
  const std::string ids = client.Ask(SessionRequest(Operation::kSave, token, 3), {""}).frames[1];
  const auto two = client.Ask(SessionRequest(Operation::kExport, token, 4), {ids.substr(0, 16)});
  ASSERT_EQ(two.header.status, Status::kOk);
  const auto three = client.Ask(SessionRequest(Operation::kExport, token, 5), {ids.substr(8)});
  EXPECT_EQ(three.header.status, Status::kBadArgument);
  EXPECT_THAT(three.header.error, ::testing::HasSubstr("one export has at most 4000"));
  const auto import = [&](std::uint64_t id, int times) {
    std::string sizes, bytes;
    for (; times > 0; --times) {
      sizes += two.frames[1];
      bytes += two.frames[2];
    }
    return client.Ask(SessionRequest(Operation::kImport, token, id), {sizes, bytes}).header;
  };
  EXPECT_EQ(import(6, 1).status, Status::kOk);
  EXPECT_THAT(import(7, 2).error, ::testing::HasSubstr("at most 4000"));
}

// Whatever is imported is refused by name, or is a state that rows take or refuse each for itself.
TEST_F(ServerTest, DamagedStatesNeverHarmTheServer) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client, 1, 1);
  const std::string saved = client.Ask(SessionRequest(Operation::kSave, token, 3), {""}).frames[1];
  const std::string state =
      client.Ask(SessionRequest(Operation::kExport, token, 4), {saved}).frames[2];
  std::uint64_t id = 5;
  const auto import = [&](const std::string& bytes) {
    const std::vector<std::uint32_t> sizes = {static_cast<std::uint32_t>(bytes.size())};
    return client.Ask(SessionRequest(Operation::kImport, token, id++), {Packed(sizes), bytes});
  };
  for (std::size_t size = 0; size < state.size(); ++size) {
    const RawReply reply = import(state.substr(0, size));
    ASSERT_EQ(reply.header.status, Status::kBadArgument) << size;
    ASSERT_THAT(reply.header.error, ::testing::HasSubstr("bad state at place 0: the snapshot"));
  }
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int num_taken = 0;
  for (int i = 0; i < TestCount(200, 2000, 50000); ++i) {
    std::string damaged = state;
    for (auto k = random() % 3 + 1; k > 0; --k) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const RawReply imported = import(damaged);
    if (imported.header.status != Status::kOk) {
      ASSERT_EQ(imported.header.status, Status::kBadArgument);
      continue;
    }
    const RawReply restored =
        client.Ask(SessionRequest(Operation::kRestore, token, id++), {imported.frames[1]});
    ASSERT_EQ(restored.header.status, Status::kOk) << restored.header.error;
    num_taken += Part(restored, BatchArray::kStatus, 1) == std::string(1, '\0') ? 1 : 0;
    ASSERT_EQ(client.Ask(StepRequest(token, id++), {SomeActions(1), ""}).header.status,
              Status::kOk);
  }
  EXPECT_GT(num_taken, 0);
}

class FailingGames : public GatedGames {
 public:
  FailingGames(std::unique_ptr<GameGroup> games, std::shared_ptr<Gate> gate,
               const std::atomic<bool>& fails)
      : GatedGames(std::move(games), std::move(gate)), fails_(fails) {}
  std::span<const Completion> Collect(Deadline deadline) override {
    if (fails_) throw std::runtime_error("out of memory");
    return GatedGames::Collect(deadline);
  }

 private:
  const std::atomic<bool>& fails_;
};

TEST_F(ServerTest, AFaultInAStepTakesTheRowsOfItsSessionAlone) {
  game_settings.simulated = 200;
  std::atomic<bool> fails{false};
  game_settings.make_simulated = [&](const std::vector<SimulatedGame>& settings) {
    return std::make_unique<FailingGames>(MakeSimulatedGames(settings), gate, fails);
  };
  Start();
  RawClient other = Raw();
  const Token other_token = Ready(other, 1);
  std::uint64_t other_id = 3;
  int key = 2;
  for (const int rows : {kRows, 100}) {  // on one thread; shared by several
    RawClient client = Raw();
    const Token token = Ready(client, key++, rows);
    fails = true;
    const RawReply reply = client.Ask(StepRequest(token, 3), {SomeActions(rows), ""});
    fails = false;
    EXPECT_EQ(reply.header.status, Status::kUnknownError);
    EXPECT_EQ(client.Ask(StepRequest(token, 4), {SomeActions(rows), ""}).header.status,
              Status::kNotAttached);
    EXPECT_EQ(games->free_simulated(), 200 - kRows);
    EXPECT_EQ(other.Ask(StepRequest(other_token, other_id++), {SomeActions(), ""}).header.status,
              Status::kOk);
    EXPECT_EQ(client.Ask(AttachRequest(token, 5, rows), {""}).header.status, Status::kOk);
    EXPECT_EQ(client.Ask(SessionRequest(Operation::kDetach, token, 6)).header.status, Status::kOk);
  }
}

// ---- sessions

TEST_F(ServerTest, ASilentSessionGivesItsRowsBack) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client, 1, 64);
  EXPECT_EQ(games->free_simulated(), 0);
  EXPECT_TRUE(PassUntilSessionsAre(0));
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == 64; }));
  EXPECT_EQ(client.Ask(StepRequest(token, 3), {SomeActions(64), ""}).header.status,
            Status::kInvalidKey);
  Ready(client, 2, 64);
}

TEST_F(ServerTest, ASessionWhoseStepTakesLongGetsItsReplyAndLivesOn) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient client = Raw(), silent = Raw();
  const Token token = Ready(client);
  gate->Shut();
  client.Send(StepRequest(token, 3), {SomeActions(), ""});
  client.Send(StepRequest(token, 4), {SomeActions(), ""});
  gate->AwaitWaiting();
  silent.Hello(2);
  EXPECT_TRUE(PassUntilSessionsAre(1));
  gate->Open();
  EXPECT_EQ(client.Receive().value().header.status, Status::kOk);
  EXPECT_EQ(client.Receive().value().header.status, Status::kOk);
  EXPECT_EQ(client.Ask(StepRequest(token, 5), {SomeActions(), ""}).header.status, Status::kOk);
  EXPECT_TRUE(PassUntilSessionsAre(0));  // now it is silent itself
}

TEST_F(ServerTest, APingKeepsASessionAliveFromAnyConnection) {
  Start();
  RawClient client = Raw(), pinger = Raw(), silent = Raw();
  const Token token = Ready(client);
  silent.Hello(2);
  EXPECT_TRUE(PassUntilSessionsAre(1, [&] {
    ASSERT_EQ(pinger.Ask(SessionRequest(Operation::kPing, token, 1)).header.status, Status::kOk);
  }));
  EXPECT_EQ(client.Ask(StepRequest(token, 3), {SomeActions(), ""}).header.status, Status::kOk);
}

TEST_F(ServerTest, DetachGivesTheRowsBackAndKeepsTheSession) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  EXPECT_EQ(client.Ask(SessionRequest(Operation::kDetach, token, 3)).header.status, Status::kOk);
  EXPECT_EQ(games->free_simulated(), 64);
  EXPECT_EQ(client.Ask(AttachRequest(token, 4, 64), {""}).header.status, Status::kOk);
}

TEST_F(ServerTest, DetachWithCloseEndsTheSession) {
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  Request detach = SessionRequest(Operation::kDetach, token, 3);
  detach.close = true;
  EXPECT_EQ(client.Ask(detach).header.status, Status::kOk);
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == 64; }));
  EXPECT_TRUE(Eventually([this] { return server->counters().sessions == 0; }));
  EXPECT_EQ(client.Ask(detach).header.status, Status::kInvalidKey);
}

TEST_F(ServerTest, PingNeedsNoSession) {
  Start();
  Request ping;
  ping.id = 5;
  const RawReply reply = Raw().Ask(ping);
  EXPECT_EQ(reply.header.status, Status::kOk);
  EXPECT_EQ(reply.header.id, 5u);
}

// ---- threads

TEST_F(ServerTest, ALoneSmallStepRunsOnTheSocketsThread) {
  server_settings.inline_limit_us = 1e6;
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  const auto before = server->counters().inline_runs;
  client.Ask(StepRequest(token, 3), {SomeActions(), ""});
  EXPECT_EQ(server->counters().inline_runs, before + 1);
}

TEST_F(ServerTest, AStepTheSocketsThreadMayNotTakeRunsOnAWorker) {
  server_settings.inline_limit_us = 0;
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  EXPECT_EQ(client.Ask(StepRequest(token, 3), {SomeActions(), ""}).header.status, Status::kOk);
  EXPECT_EQ(server->counters().inline_runs, 0u);
}

TEST_F(ServerTest, TheSocketsThreadRunsNothingThatIsLongerThanItsLimit) {
  ASSERT_EQ(server_settings.inline_limit_us, 20);
  Start();
  RawClient client = Raw();
  // What was not measured yet counts 2.5 us a row.
  Ready(client, 1, 2);
  EXPECT_EQ(server->counters().inline_runs, 1u) << "the reset of two rows";
  Ready(client, 2, 32);
  EXPECT_EQ(server->counters().inline_runs, 1u) << "not that of 32";
}

TEST_F(ServerTest, StepsThatArriveTogetherRunOnWorkers) {
  server_settings.inline_limit_us = 1e6;
  server_settings.endpoints = {"inproc://together"};  // what was sent is there
  Start();
  RawClient first = Raw(), second = Raw(), third = Raw();
  const Token tokens[] = {Ready(first, 1, 1), Ready(second, 2, 1), Ready(third, 3, 1)};
  const auto before = server->counters().inline_runs;
  gate->Shut();
  first.Send(StepRequest(tokens[0], 3), {SomeActions(1), ""});
  gate->AwaitWaiting();  // the socket's thread is busy
  second.Send(StepRequest(tokens[1], 3), {SomeActions(1), ""});
  third.Send(StepRequest(tokens[2], 3), {SomeActions(1), ""});
  gate->Open();
  for (RawClient* client : {&first, &second, &third}) {
    EXPECT_EQ(client->Receive().value().header.status, Status::kOk);
  }
  EXPECT_EQ(server->counters().inline_runs, before + 1);
}

TEST_F(ServerTest, ABlockedSessionHoldsNobodyElse) {
  server_settings.inline_limit_us = 0;
  std::shared_ptr<Gate> first = gate, second = std::make_shared<Gate>();
  int made = 0;
  game_settings.make_simulated = [&](const std::vector<SimulatedGame>& settings) {
    return std::make_unique<GatedGames>(MakeSimulatedGames(settings), made++ == 0 ? first : second);
  };
  Start();
  RawClient blocked = Raw(), free = Raw();
  const Token blocked_token = Ready(blocked, 1), free_token = Ready(free, 2);
  gate->Shut();
  blocked.Send(StepRequest(blocked_token, 3), {SomeActions(), ""});
  gate->AwaitWaiting();
  for (std::uint64_t id = 3; id < 50; ++id) {
    ASSERT_EQ(free.Ask(StepRequest(free_token, id), {SomeActions(), ""}).header.status,
              Status::kOk);
  }
  gate->Open();
  EXPECT_EQ(blocked.Receive().value().header.status, Status::kOk);
}

// Replies on one connection come in the order in which the one worker ran their requests.
TEST_F(ServerTest, ASessionWaitsForOnePieceOfWorkOfEachOtherHoweverManyTheyHaveWaiting) {
  server_settings.inline_limit_us = 0;
  server_settings.threads = 1;
  Start();
  RawClient client = Raw();
  constexpr int kFlooder = 32, kEager = 2, kModest = 1;
  const Token flooder = Ready(client, 1, kFlooder), eager = Ready(client, 2, kEager),
              modest = Ready(client, 3, kModest), bystander = client.Hello(4);
  std::uint64_t flooder_id = 3, eager_id = 3, modest_id = 3;
  const auto step = [&](const Token& token, std::uint64_t& id, int rows) {
    client.Send(StepRequest(token, id++), {SomeActions(rows), ""});
  };
  // The sizes of their batches tell sessions apart.
  const auto size = [&](const Token& token, std::uint64_t& id, int rows) {
    step(token, id, rows);
    return client.Receive().value().frames.at(1).size();
  };
  const std::size_t of_flooder = size(flooder, flooder_id, kFlooder),
                    of_eager = size(eager, eager_id, kEager),
                    of_modest = size(modest, modest_id, kModest);
  const int window = server_settings.sessions.window;
  for (int round = 1; round <= TestCount(5, 20, 200); ++round) {
    gate->Shut();
    for (int i = 0; i < window; ++i) step(flooder, flooder_id, kFlooder);
    gate->AwaitWaiting();  // with the flooder's first
    for (int i = 0; i < 2; ++i) step(eager, eager_id, kEager);
    step(modest, modest_id, kModest);
    // The other workers answer this, so that when it is here the steps before it are given out.
    Request nowhere = AttachRequest(bystander, static_cast<std::uint64_t>(round), 1);
    nowhere.tracks = {"nowhere"};
    ASSERT_EQ(client.Ask(nowhere, {""}).header.status, Status::kUnknownTrack);
    gate->Open();
    std::vector<std::size_t> order;
    for (int i = 0; i < window + 3; ++i) {
      const RawReply reply = client.Receive().value();
      ASSERT_EQ(reply.header.status, Status::kOk) << reply.header.error;
      order.push_back(reply.frames[1].size());
    }
    ASSERT_THAT(order, ::testing::ElementsAre(of_flooder, of_eager, of_modest, of_flooder, of_eager,
                                              of_flooder, of_flooder))
        << "round " << round;
  }
}

class SlowGames : public GatedGames {
 public:
  using GatedGames::GatedGames;
  std::span<const Completion> Collect(Deadline deadline) override {
    std::this_thread::sleep_for(20ms);
    return GatedGames::Collect(deadline);
  }
};

TEST_F(ServerTest, TheOnlySessionThatAsksMayHoldTheSocketsThreadForTenTimesAsLong) {
  server_settings.inline_limit_us = 10'000;
  game_settings.make_simulated = [&](const std::vector<SimulatedGame>& settings) {
    return std::make_unique<SlowGames>(MakeSimulatedGames(settings), gate);
  };
  Start();
  RawClient one = Raw(), other = Raw();
  const Token one_token = Ready(one, 1, 1), other_token = Ready(other, 2, 1);
  std::uint64_t id = 3, other_id = 3;
  const auto step = [&](RawClient& client, const Token& token, std::uint64_t& next) {
    EXPECT_EQ(client.Ask(StepRequest(token, next++), {SomeActions(1)}).header.status, Status::kOk);
  };
  const auto inline_runs = [&] { return server->counters().inline_runs; };
  const auto step_both = [&](int count) {
    for (int i = 0; i < count; ++i) {
      step(one, one_token, id);
      step(other, other_token, other_id);
    }
  };
  step_both(2);  // now the server knows how long they take
  const std::uint64_t before = inline_runs();
  step_both(18);  // as many as would do for one of them
  EXPECT_EQ(inline_runs(), before) << "two ask in turns";
  EXPECT_TRUE(Eventually([&] {
    step(one, one_token, id);
    return inline_runs() > before;
  }));
}

// ---- start and stop

TEST_F(ServerTest, StopFinishesWhatRuns) {
  server_settings.inline_limit_us = 0;
  server_settings.stop_within = 60s;
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  gate->Shut();
  client.Send(StepRequest(token, 3), {SomeActions(), ""});
  client.Send(StepRequest(token, 4), {SomeActions(), ""});
  EXPECT_EQ(client.Ask(SessionRequest(Operation::kPing, token, 77)).header.id, 77u);
  gate->AwaitWaiting();
  server->Stop();
  gate->Open();
  EXPECT_EQ(client.Receive().value().header.status, Status::kOk);
  EXPECT_EQ(client.Receive().value().header.status, Status::kShuttingDown);
  thread.join();
  EXPECT_TRUE(finished);
  EXPECT_EQ(games->free_simulated(), 64);
}

TEST_F(ServerTest, StopDoesNotWaitForeverForWhatHangs) {
  server_settings.inline_limit_us = 0;
  server_settings.stop_within = 1ms;
  Start();
  RawClient client = Raw();
  const Token token = Ready(client);
  gate->Shut();
  client.Send(StepRequest(token, 3), {SomeActions(), ""});
  gate->AwaitWaiting();
  server->Stop();
  thread.join();
  EXPECT_FALSE(finished);
  gate->Open();
}

TEST_F(ServerTest, AStaleSocketFileIsTakenOver) {
  const std::string path = (directory.path() / "server").string();
  std::ofstream(path) << "left behind";
  Start();
  EXPECT_EQ(Raw().Ask(Request{}).header.status, Status::kOk);
}

TEST_F(ServerTest, ALivingServersPathIsNotTaken) {
  Start();
  EXPECT_THROW(Server(server_settings, *catalogue, *games), std::runtime_error);
  EXPECT_EQ(Raw().Ask(Request{}).header.status, Status::kOk);
}

TEST_F(ServerTest, AStoppedServerLeavesNoSocketFile) {
  zmq::context_t* const no_context = nullptr;
  catalogue = std::make_unique<Catalogue>(MakeCatalogue(directory.path()));
  games = std::make_unique<GamePool>(game_settings);
  Server own(server_settings, *catalogue, *games, no_context);
  EXPECT_TRUE(std::filesystem::exists(directory.path() / "server"));
  own.Stop();
  own.Run();
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "server"));
}

TEST_F(ServerTest, AStoppingServerLeavesItsSuccessorsSocketFileAlone) {
  catalogue = std::make_unique<Catalogue>(MakeCatalogue(directory.path()));
  games = std::make_unique<GamePool>(game_settings);
  server = std::make_unique<Server>(server_settings, *catalogue, *games);
  endpoint = server->endpoints()[0];
  thread = std::thread([&] { finished = server->Run(); });
  // Replies that nobody reads hold it while it closes.
  RawClient idle(context, endpoint, 1);
  const Token token = Ready(idle, 1, 64);
  EXPECT_EQ(idle.Ask(StepRequest(token, 3), {SomeActions(64), ""}).header.status, Status::kOk);
  for (int i = 0; i < 40; ++i) idle.Send(StepRequest(token, 3), {SomeActions(64), ""});
  ASSERT_TRUE(Eventually([&] { return server->counters().messages == 4 + 40; }));

  server->Stop();
  std::unique_ptr<Server> successor;
  ASSERT_TRUE(Eventually([&] {
    try {
      successor = std::make_unique<Server>(server_settings, *catalogue, *games, &context);
    } catch (const std::runtime_error&) {  // the first one listens
    }
    return successor != nullptr;
  }));
  thread.join();
  EXPECT_TRUE(std::filesystem::exists(directory.path() / "server"));
}

TEST_F(ServerTest, AServerThatCannotBeMadeLeavesNoFileOpen) {
  server_settings.endpoints = {"tcp://127.0.0.1:notaport"};
  catalogue = std::make_unique<Catalogue>(MakeCatalogue(directory.path()));
  games = std::make_unique<GamePool>(game_settings);
  const auto num_open = [] {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return std::distance(begin(files), end(files));
  };
  const auto before = num_open();
  EXPECT_THROW(Server(server_settings, *catalogue, *games), std::runtime_error);
  EXPECT_EQ(num_open(), before);
}

TEST_F(ServerTest, AnEndpointThatCannotBeBoundIsNamed) {
  server_settings.endpoints = {"tcp://127.0.0.1:notaport"};
  try {
    Start();
    FAIL() << "was bound";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("tcp://127.0.0.1:notaport"));
  }
}

}  // namespace
}  // namespace hotlap::transport::server_test
