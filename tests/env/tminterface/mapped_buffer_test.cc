#include "env/tminterface/mapped_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <system_error>

#include "tests/env/tminterface/test_buffer.h"

namespace hotlap::tminterface {
namespace {

using namespace std::chrono_literals;

std::string WhyNotOpened(const std::string& name, std::size_t size = kDefaultBufferSize) {
  std::string why_not;
  return MappedBuffer::Open(name, size, why_not) ? "" : why_not;
}

int CreateError(const std::string& name) {
  try {
    MappedBuffer::Create(name);
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(name));
    return error.code().value();
  }
  return 0;
}

ino_t InodeOf(const std::string& name) {
  const int fd = ::shm_open(("/" + name).c_str(), O_RDONLY, 0);
  struct stat status {};
  ::fstat(fd, &status);
  ::close(fd);
  return status.st_ino;
}

// ---- the name and its lock

TEST(MappedBufferTest, IsPrivateZeroAndOfTheSizeAskedFor) {
  const std::string name = UniqueName();
  const MappedBuffer game = MappedBuffer::Create(name, 16384);
  const RawBuffer raw(name);
  EXPECT_EQ(raw.mode(), 0600u);
  EXPECT_EQ(raw.bytes().size(), 16384u);
  EXPECT_TRUE(raw.is_zero());
  EXPECT_EQ(OpenBuffer(name, 16384).size(), 16384u);
}

TEST(MappedBufferTest, LeavesNothingBehind) {
  const std::string name = UniqueName();
  { const MappedBuffer game = MappedBuffer::Create(name); }
  EXPECT_FALSE(NameExists(name));
}

TEST(MappedBufferTest, MovesWithItsName) {
  const std::string name = UniqueName();
  std::optional<MappedBuffer> game = MappedBuffer::Create(name);
  {
    MappedBuffer moved = std::move(*game);
    game.reset();
    EXPECT_TRUE(OpenBuffer(name).game_alive());
    MappedBuffer other = MappedBuffer::Create(UniqueName());
    other = std::move(moved);
    EXPECT_EQ(other.name(), name);
  }
  EXPECT_FALSE(NameExists(name));
}

TEST(MappedBufferTest, OneNameHasOneGame) {
  const std::string name = UniqueName();
  const MappedBuffer game = MappedBuffer::Create(name);
  EXPECT_EQ(CreateError(name), EBUSY);
  EXPECT_TRUE(OpenBuffer(name).game_alive());
}

TEST(MappedBufferTest, OneNameHasOneGameAmongProcesses) {
  const std::string name = UniqueName();
  ChildProcess other([&](const auto& ready) {
    const MappedBuffer game = MappedBuffer::Create(name);
    ready();
    SleepForever();
  });
  ASSERT_TRUE(other.AwaitReady());
  EXPECT_EQ(CreateError(name), EBUSY);
  other.Kill();
  EXPECT_EQ(CreateError(name), 0);
}

TEST(MappedBufferTest, RefusesNamesAndSizesThatCannotBe) {
  EXPECT_THROW(MappedBuffer::Create(""), std::invalid_argument);
  EXPECT_THROW(MappedBuffer::Create("a/b"), std::invalid_argument);
  EXPECT_THROW(MappedBuffer::Create(UniqueName(), 63), std::invalid_argument);
  EXPECT_THROW(MappedBuffer::Create(std::string(1000, 'x')), std::system_error);
}

TEST(MappedBufferTest, FirstFreeNameIsOneOfTheSixteenAndNotTakenTwice) {
  const MappedBuffer one = MappedBuffer::CreateFirstFree();
  const MappedBuffer two = MappedBuffer::CreateFirstFree();
  std::vector<std::string> names;
  names.reserve(kMaxInstances);
  for (int i = 0; i < kMaxInstances; ++i) names.push_back(BufferName(i));
  EXPECT_THAT(names, ::testing::IsSupersetOf({one.name(), two.name()}));
  EXPECT_NE(one.name(), two.name());
  EXPECT_EQ(names.back(), "TMInterface15");
}

TEST(MappedBufferTest, FirstFreeNameIsTheFirstThatIsFree) {
  std::vector<std::string> names(4);
  std::generate(names.begin(), names.end(), UniqueName);
  std::vector<std::optional<MappedBuffer>> games;
  for (const std::string& name : names) {
    games.emplace_back(MappedBuffer::CreateFirstFree(names));
    EXPECT_EQ(games.back()->name(), name);
  }
  try {
    MappedBuffer::CreateFirstFree(names);
    FAIL() << "all are held";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EBUSY);
    EXPECT_THAT(error.what(), ::testing::HasSubstr(names[0] + " to " + names[3]));
  }
  games[2].reset();
  games[1].reset();
  EXPECT_EQ(MappedBuffer::CreateFirstFree(names, 4096).name(), names[1]);
}

// ---- death

TEST(MappedBufferTest, KilledGameIsSeenAtOnce) {
  const std::string name = UniqueName();
  ChildProcess game([&](const auto& ready) {
    const MappedBuffer buffer = MappedBuffer::Create(name);
    ready();
    SleepForever();
  });
  ASSERT_TRUE(game.AwaitReady());
  const MappedBuffer client = OpenBuffer(name);
  EXPECT_TRUE(client.game_alive());
  game.Kill();
  EXPECT_FALSE(client.game_alive());
  EXPECT_THAT(WhyNotOpened(name), ::testing::HasSubstr("left behind"));
  MappedBuffer::Create(name);  // takes it over and removes it
}

TEST(MappedBufferTest, GameThatEndedCleanlyIsSeenAtOnce) {
  const std::string name = UniqueName();
  std::optional<MappedBuffer> game = MappedBuffer::Create(name);
  const MappedBuffer client = OpenBuffer(name);
  game.reset();
  EXPECT_FALSE(client.game_alive());
}

TEST(MappedBufferTest, ChildOfAGameDoesNotKeepItAlive) {
  const std::string name = UniqueName();
  std::optional<MappedBuffer> game = MappedBuffer::Create(name);
  const ChildProcess child([](const auto&) { SleepForever(); });  // inherits the file
  const MappedBuffer client = OpenBuffer(name);
  game.reset();
  EXPECT_FALSE(client.game_alive());
}

TEST(MappedBufferTest, LookingForLifeDoesNotDisturbANewGame) {
  const std::string name = UniqueName();
  std::optional<MappedBuffer> game = MappedBuffer::Create(name);
  const MappedBuffer client = OpenBuffer(name);
  std::atomic<bool> done = false;
  std::thread looking([&] {
    while (!done) client.game_alive();
  });
  for (int i = 0; i < 1000; ++i) {
    game.reset();
    game = MappedBuffer::Create(name);  // throws if the name were held
  }
  done = true;
  looking.join();
}

// ---- taking over

TEST(MappedBufferTest, StaleNameIsTakenOverInPlaceAndCleared) {
  const std::string name = UniqueName();
  ChildProcess dead([&](const auto& ready) {
    MappedBuffer buffer = MappedBuffer::Create(name);
    buffer.Publish(MessageType::kOnRunStep, ServerCall(OnRunStep{500}));
    ready();
    SleepForever();
  });
  ASSERT_TRUE(dead.AwaitReady());
  MappedBuffer client = OpenBuffer(name);
  const ino_t inode = InodeOf(name);
  const RawBuffer raw(name);
  std::fill(raw.bytes().begin() + 16, raw.bytes().end(), std::byte{0xAA});
  dead.Kill();

  MappedBuffer game = MappedBuffer::Create(name);
  EXPECT_EQ(InodeOf(name), inode);
  EXPECT_TRUE(raw.is_zero());
  // A client that maps it knows that its game is gone, and sees the new one.
  EXPECT_FALSE(client.game_alive());
  EXPECT_TRUE(OpenBuffer(name).game_alive());
  client.MeetGame();
  EXPECT_TRUE(client.game_alive());
  game.Publish(MessageType::kOnRunStep, ServerCall(OnRunStep{700}));
  ASSERT_EQ(client.ready_type(), MessageType::kOnRunStep);
  EXPECT_EQ(ToHex(client.Read().payload), "bc020000");
}

TEST(MappedBufferTest, StaleNameOfAnotherSizeIsReplaced) {
  const std::string name = UniqueName();
  ChildProcess dead([&](const auto& ready) {
    const MappedBuffer buffer = MappedBuffer::Create(name, 16384);
    ready();
    SleepForever();
  });
  ASSERT_TRUE(dead.AwaitReady());
  const MappedBuffer stranded = OpenBuffer(name, 16384);
  dead.Kill();
  const MappedBuffer game = MappedBuffer::Create(name);
  EXPECT_FALSE(stranded.game_alive());
  EXPECT_EQ(stranded.ready_type(), MessageType::kNone);  // its bytes are still there
  EXPECT_EQ(OpenBuffer(name).size(), kDefaultBufferSize);
}

TEST(MappedBufferTest, StaleNameOpenToOthersIsClosedToThem) {
  const std::string name = UniqueName();
  const int fd = ::shm_open(("/" + name).c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::fchmod(fd, 0666), 0);
  ::close(fd);
  const MappedBuffer game = MappedBuffer::Create(name);
  EXPECT_EQ(RawBuffer(name).mode(), 0600u);
}

TEST(MappedBufferTest, NameThatSomebodyElseMadeAnewIsNotRemoved) {
  const std::string name = UniqueName();
  std::optional<MappedBuffer> first = MappedBuffer::Create(name);
  ::shm_unlink(("/" + name).c_str());
  const MappedBuffer second = MappedBuffer::Create(name);
  first.reset();
  EXPECT_TRUE(NameExists(name));
  EXPECT_TRUE(OpenBuffer(name).game_alive());
}

TEST(MappedBufferTest, ManyGamesThatTakeOneNameInTurnNeverShareIt) {
  const std::string name = UniqueName();
  std::atomic<int> holders = 0, most = 0, turns = 0;
  const auto take_turns = [&] {
    while (turns < 500) {
      try {
        const MappedBuffer game = MappedBuffer::Create(name);
        most = std::max(most.load(), ++holders);
        ++turns;
        --holders;
      } catch (const std::system_error& error) {
        if (error.code().value() != EBUSY) throw;
      }
    }
  };
  std::thread other(take_turns), third(take_turns);
  take_turns();
  other.join();
  third.join();
  EXPECT_EQ(most, 1);
  EXPECT_FALSE(NameExists(name));
}

// ---- the client's side of opening

TEST(MappedBufferTest, ClientRefusesWhatIsNoGamesBufferOfItsSize) {
  const std::string name = UniqueName();
  EXPECT_THAT(WhyNotOpened(name), ::testing::HasSubstr("No such file"));
  const MappedBuffer game = MappedBuffer::Create(name, 16384);
  EXPECT_THAT(WhyNotOpened(name), ::testing::HasSubstr("has 16384 bytes, not 65535"));
  EXPECT_THAT(WhyNotOpened(name, 4096), ::testing::HasSubstr("not 4096"));
  EXPECT_EQ(WhyNotOpened(name, 16384), "");
}

// ---- messages

class PublishedMessage : public ::testing::Test {
 protected:
  const std::string name = UniqueName();
  MappedBuffer game = MappedBuffer::Create(name);
  MappedBuffer client = OpenBuffer(name);
  const RawBuffer raw{name};

  void PublishByGame(const ServerCall& call) { game.Publish(TypeOf(call), call); }
  void PublishByClient(const ClientCall& call) { client.Publish(TypeOf(call), call); }
};

TEST_F(PublishedMessage, IsSeenByBothEndsWithItsBytes) {
  EXPECT_EQ(client.ready_type(), MessageType::kNone);
  PublishByGame(OnCheckpointCountChanged{3, 5});
  EXPECT_EQ(raw.Hex(16), "08ff0000000000000300000005000000");
  EXPECT_EQ(game.ready_type(), MessageType::kOnCheckpointCountChanged);
  ASSERT_EQ(client.ready_type(), MessageType::kOnCheckpointCountChanged);
  const RawMessage message = client.Read();
  EXPECT_EQ(message.type, MessageType::kOnCheckpointCountChanged);
  EXPECT_EQ(message.error, ErrorCode::kNone);
  EXPECT_EQ(ToHex(message.payload), "0300000005000000");
}

TEST_F(PublishedMessage, WithoutAReadyMarkerIsNone) {
  raw.Write("040000000000000064000000");
  EXPECT_EQ(client.ready_type(), MessageType::kNone);
  raw.Write("04fe00000000000064000000");
  EXPECT_EQ(client.ready_type(), MessageType::kNone);
  raw.Write("04ff00000000000064000000");
  EXPECT_EQ(client.ready_type(), MessageType::kOnRunStep);
}

TEST_F(PublishedMessage, ReplacesAnErrorCodeOfTheOneBefore) {
  game.PublishResponse({.error = ErrorCode::kNoPlayerInfo, .content = {}});
  EXPECT_EQ(client.Read().error, ErrorCode::kNoPlayerInfo);
  game.PublishResponse({});
  EXPECT_EQ(client.Read().error, ErrorCode::kNone);
}

TEST_F(PublishedMessage, DoesNotBeginOverAMessageOfTheClient) {
  PublishByClient(Deregister{});
  EXPECT_FALSE(game.TryPublish(MessageType::kOnRunStep, ServerCall(OnRunStep{0})));
  EXPECT_EQ(game.ready_type(), MessageType::kDeregister);
  game.Read();
  game.Clear();
  EXPECT_TRUE(game.TryPublish(MessageType::kOnRunStep, ServerCall(OnRunStep{0})));
}

TEST_F(PublishedMessage, IsNotClearedByAnEndThatHasNotSeenIt) {
  PublishByGame(OnRunStep{0});
  client.Read();
  PublishByClient(ProcessedCall{MessageType::kOnRunStep});
  game.Read();
  PublishByClient(Deregister{});  // before the game clears the answer
  game.Clear();
  EXPECT_EQ(game.ready_type(), MessageType::kDeregister);
}

TEST_F(PublishedMessage, IsClearedAsFarAsItWasUsed) {
  const Bytes state = VectorBytes("sim_state_run.bin");
  for (int i = 0; i < 3; ++i) {
    PublishByGame(OnCustomCommand{-1, -1, "a command that is rather long", {"with", "words"}});
    client.Read();
    PublishByClient(SimGetState{});
    game.Read();
    game.PublishResponse({.error = ErrorCode::kNone, .content = std::span(state)});
    const RawMessage response = client.Read(MessageType::kSimGetState);
    EXPECT_EQ(Bytes(response.payload.begin(), response.payload.end()), state);
    client.Clear();
    EXPECT_TRUE(raw.is_zero());
    PublishByClient(SetInputStates{});
    game.Read();
    game.PublishResponse({});
    client.Read(MessageType::kSetInputStates);
    client.Clear();
    PublishByClient(ProcessedCall{MessageType::kOnCustomCommand});
    game.Read();
    game.Clear();
    EXPECT_TRUE(raw.is_zero());
  }
}

TEST_F(PublishedMessage, IsClearedNoFartherThanItWasUsed) {
  // What nobody wrote is nobody's to clear, at 65535 bytes a message.
  const auto fill_behind = [&](std::size_t used) {
    std::fill(raw.bytes().begin() + static_cast<std::ptrdiff_t>(used), raw.bytes().end(),
              std::byte{0xAA});
  };
  const auto is_filled_behind = [&](std::size_t used) {
    const auto rest = raw.bytes().subspan(used);
    return std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0xAA}; });
  };
  const Bytes state = VectorBytes("sim_state_run.bin");
  const std::size_t used = kHeaderSize + state.size();
  fill_behind(used);
  game.PublishResponse({.error = ErrorCode::kNone, .content = std::span(state)});
  client.Read(MessageType::kSimGetState);
  client.Clear();
  EXPECT_TRUE(is_filled_behind(used));

  PublishByClient(ProcessedCall{MessageType::kOnRunStep});
  game.Read();
  fill_behind(kHeaderSize + 12);
  game.Clear();
  EXPECT_TRUE(is_filled_behind(kHeaderSize + 12)) << "the client has cleared its response already";
}

TEST_F(PublishedMessage, IsReadAsFarAsItsCountsTell) {
  const auto payload_size = [&](const std::string& hex, MessageType request) {
    raw.Write(hex);
    return client.Read(request).payload.size();
  };
  EXPECT_EQ(payload_size("22ff000000000000030000000500000068656c6c6f", MessageType::kNone), 13u);
  EXPECT_EQ(payload_size("01ff00000000000001000000", MessageType::kGetContextMode), 4u);
  // Counts that run past the end are read to the end, and decoding says so.
  EXPECT_EQ(payload_size("22ff00000000000003000000ffffff7f", MessageType::kNone),
            kDefaultBufferSize - kHeaderSize);
}

TEST_F(PublishedMessage, ThatIsTooLargeForItsBufferSaysSo) {
  const std::string small_name = UniqueName();
  MappedBuffer small = MappedBuffer::Create(small_name, 1000);
  const RawBuffer small_raw(small_name);
  const Bytes state = VectorBytes("sim_state_run.bin");
  EXPECT_EQ(small.PublishResponse({.error = ErrorCode::kNone, .content = std::span(state)}),
            ErrorCode::kResponseTooLong);
  EXPECT_EQ(small_raw.Hex(8), "01ff000001000000");
  EXPECT_EQ(ToHex(small_raw.bytes().subspan(8)), ToHex(std::span(state).first(992)));
}

// ---- waiting

TEST(BackoffTest, ReturnsFalseOnceTheDeadlineHasPassed) {
  Backoff backoff({.pause_spins = 0});
  EXPECT_FALSE(backoff.Pause(Clock::now() - 1s));

  Backoff other;
  const Deadline deadline = DeadlineIn(5ms);
  while (other.Pause(deadline)) {
  }
  EXPECT_GE(Clock::now(), deadline);
}

TEST(BackoffTest, SpinsAsLongAsThatBringsNews) {
  // With this deadline only spinning goes on: a yield looks at the clock first.
  const Deadline past = Clock::now() - 1s;
  constexpr int kSpins = 3;
  Backoff backoff({.pause_spins = kSpins});
  const auto num_spins = [&] {
    backoff.Reset();
    int spins = 0;
    while (backoff.Pause(past)) ++spins;
    return spins;
  };
  for (int i = 0; i < 100; ++i) {  // news after the second
    backoff.Reset();
    ASSERT_TRUE(backoff.Pause(past));
    ASSERT_TRUE(backoff.Pause(past));
  }
  int waits = 0;
  while (num_spins() == kSpins) ASSERT_LT(++waits, 20) << "in vain";
  EXPECT_GE(waits, 2) << "one wait in vain is no reason";
  int rests = 1;
  while (num_spins() == 0) ASSERT_LT(++rests, 200) << "never tried again";
  EXPECT_GE(rests, 50);
  EXPECT_EQ(num_spins(), 0) << "in vain again";
}

TEST(BackoffTest, SleepsNoLongerThanToTheDeadline) {
  Backoff backoff({.yield_for = 0us, .first_sleep = std::chrono::hours(1), .longest_sleep = 1h});
  const Deadline deadline = DeadlineIn(1ms);
  while (backoff.Pause(deadline)) {
  }
  EXPECT_TRUE(backoff.is_slow()) << "it came to a sleep";
}

TEST(BackoffTest, YieldsFirstThenSleepsUntilNewsComes) {
  Backoff backoff({.yield_for = 200us, .first_sleep = 1us, .longest_sleep = 1ms, .pause_spins = 3});
  EXPECT_TRUE(backoff.Pause(kNoDeadline));
  EXPECT_FALSE(backoff.is_slow());
  while (!backoff.is_slow()) ASSERT_TRUE(backoff.Pause(kNoDeadline));
  EXPECT_TRUE(backoff.Pause(kNoDeadline));
  EXPECT_TRUE(backoff.is_slow());
  backoff.Reset();
  EXPECT_FALSE(backoff.is_slow());
  EXPECT_TRUE(backoff.Pause(kNoDeadline));
  EXPECT_FALSE(backoff.is_slow());
}

}  // namespace
}  // namespace hotlap::tminterface
