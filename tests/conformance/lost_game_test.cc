// Games behind mapped buffers die, hang, talk nonsense and come back; the other slots of their
// group do not notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/tminterface/client.h"
#include "env/tminterface/mapped_buffer.h"
#include "tests/conformance/games_under_test.h"
#include "tests/test_size.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace tmi = tminterface;

TMInterfaceSettings Impatient() {
  TMInterfaceSettings settings;
  settings.game_timeout = std::chrono::milliseconds(300);
  return settings;
}

std::vector<Command> AdvanceAll(const GamesUnderTest& games, int num_slots, int ticks, Dice& dice) {
  std::vector<Command> commands;
  commands.reserve(static_cast<std::size_t>(num_slots));
  for (int slot = 0; slot < num_slots; ++slot) {
    Inputs inputs = dice.RandomInputs();
    inputs.steer += games.state(slot).race_time_ms % 7;
    inputs.steer = std::clamp(inputs.steer, -kMaxAnalog, kMaxAnalog);
    commands.push_back(
        {.slot = slot, .kind = CommandKind::kAdvance, .ticks = ticks, .inputs = inputs});
  }
  return commands;
}

TEST(LostGameTest, KilledGameCostsItsOwnSlotAlone) {
  const int num_slots = 8, victim = 3;
  const int num_steps = TestCount(60, 200, 1000);
  const std::vector<std::string> tracks(num_slots, "straight");
  std::vector<int> lost;
  TMInterfaceSettings settings;
  settings.game_timeout = std::chrono::hours(1);  // its lock tells, not the clock
  settings.on_lost = [&lost](int slot, const GameLoss&) { lost.push_back(slot); };
  GamesUnderTest games("tminterface", tracks, settings);
  GamesUnderTest undisturbed("simulated", tracks);
  games.RestartAll();
  undisturbed.RestartAll();

  Dice dice(23);
  bool is_lost = false;
  for (int step = 0; step < num_steps; ++step) {
    const std::vector<Command> commands = AdvanceAll(undisturbed, num_slots, 5, dice);
    if (step == num_steps / 3) {
      games.running(victim).process().Signal(SIGKILL);
      is_lost = true;
    }
    const std::vector<Outcome> outcomes = games.DoAll(commands);
    const std::vector<Outcome> expected = undisturbed.DoAll(commands);
    for (int slot = 0; slot < num_slots; ++slot) {
      const auto i = static_cast<std::size_t>(slot);
      if (slot == victim && is_lost) {
        EXPECT_EQ(outcomes[i].status, CompletionStatus::kGameLost);
        EXPECT_FALSE(outcomes[i].error.empty());
        continue;
      }
      ASSERT_EQ(outcomes[i].status, CompletionStatus::kOk) << outcomes[i].error;
      ASSERT_EQ(outcomes[i].events, expected[i].events);
      ASSERT_EQ(BitsOf(games.state(slot)), BitsOf(undisturbed.state(slot))) << "slot " << slot;
    }
    if (step == 2 * num_steps / 3) {
      games.running(victim).StartAgain();
      ASSERT_EQ(games.Restart(victim).status, CompletionStatus::kOk);
      undisturbed.Restart(victim);
      is_lost = false;
    }
  }
  EXPECT_THAT(lost, ::testing::ElementsAre(victim));
}

TEST(LostGameTest, LastGoodStateStays) {
  GamesUnderTest games("tminterface", {"straight"});
  games.RestartAll();
  games.Advance(12, kThrottle);
  const GameState last = games.state();
  games.running(0).process().Signal(SIGKILL);
  const Outcome outcome = games.Advance(5, kThrottle);
  EXPECT_EQ(outcome.status, CompletionStatus::kGameLost);
  EXPECT_EQ(outcome.ticks, 0);
  EXPECT_THAT(outcome.error, HasSubstr(games.running(0).name()));
  EXPECT_THAT(outcome.error, HasSubstr("gone"));
  EXPECT_EQ(BitsOf(games.state()), BitsOf(last));
  EXPECT_EQ(games.Advance(1, kThrottle).status, CompletionStatus::kGameLost);
}

TEST(LostGameTest, GameThatDiedWhileItStoodIsFoundByTheRestartAndReplacedByTheNext) {
  int losses = 0;
  Clock::time_point killed;
  TMInterfaceSettings settings;
  GamesUnderTest* running = nullptr;
  settings.on_lost = [&](int slot, const GameLoss& loss) {
    EXPECT_LT(loss.since, killed) << loss.why;
    ++losses;
    running->running(slot).process().Wait();
    running->running(slot).StartAgain();
  };
  GamesUnderTest games("tminterface", {"straight"}, settings);
  running = &games;
  games.RestartAll();
  games.Advance(10, kThrottle);
  const GameState driven = games.state();
  killed = Clock::now();
  games.running(0).process().Signal(SIGKILL);
  games.running(0).process().Wait();
  EXPECT_EQ(games.Restart().status, CompletionStatus::kGameLost) << "nobody waits here";
  EXPECT_EQ(losses, 1);
  EXPECT_EQ(games.Restart().status, CompletionStatus::kOk);
  EXPECT_EQ(losses, 1);
  games.Advance(10, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(driven));
}

TEST(LostGameTest, GameThatDiedWhileItStoodIsFoundByTheRestoreToo) {
  GamesUnderTest games("tminterface", {"straight"});
  games.RestartAll();
  games.Advance(10, kThrottle);
  const std::vector<std::byte> snapshot = games.Save();
  games.Advance(10, kThrottle);
  const GameState driven = games.state();
  games.running(0).process().Signal(SIGKILL);
  games.running(0).process().Wait();
  const Outcome restored = games.Restore(snapshot);
  EXPECT_EQ(restored.status, CompletionStatus::kGameLost) << "though it need not be talked to";
  EXPECT_THAT(restored.error, HasSubstr("gone"));
  EXPECT_EQ(BitsOf(games.state()), BitsOf(driven)) << "the last good one";
  games.running(0).StartAgain();
  ASSERT_EQ(games.Restart().status, CompletionStatus::kOk);
  ASSERT_EQ(games.Restore(snapshot).status, CompletionStatus::kOk);
  games.Advance(10, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(driven));
}

// Its successor has the same name and buffer, but has never heard of us.
TEST(LostGameTest, GameThatWasReplacedWhileItStoodIsLostAtOnceAndItsSuccessorDrives) {
  std::vector<GameLoss> losses;
  TMInterfaceSettings settings;
  settings.game_timeout = std::chrono::hours(1);  // a wait for it would not come back
  settings.on_lost = [&losses](int, const GameLoss& loss) { losses.push_back(loss); };
  GamesUnderTest games("tminterface", {"straight"}, settings);
  std::vector<Clock::time_point> replaced;
  const auto replace = [&] {
    replaced.push_back(Clock::now());
    games.running(0).process().Signal(SIGKILL);
    games.running(0).process().Wait();
    games.running(0).StartAgain();
  };
  games.RestartAll();
  games.Advance(10, kThrottle);
  const GameState driven = games.state();
  replace();
  const Outcome step = games.Advance(10, kThrottle);
  EXPECT_EQ(step.status, CompletionStatus::kGameLost);
  EXPECT_THAT(step.error, HasSubstr("gone"));
  ASSERT_EQ(games.Restart().status, CompletionStatus::kOk);
  replace();
  EXPECT_EQ(games.Restart().status, CompletionStatus::kGameLost) << "the start is the old game's";
  ASSERT_EQ(games.Restart().status, CompletionStatus::kOk);
  games.Advance(10, kThrottle);
  EXPECT_EQ(BitsOf(games.state()), BitsOf(driven));
  ASSERT_EQ(losses.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_LT(losses[i].since, replaced[i]) << "not the successor: " << losses[i].why;
    EXPECT_THAT(losses[i].why, HasSubstr(games.running(0).name()));
  }
  EXPECT_GT(losses[1].since, replaced[0]);
}

TEST(LostGameTest, WaitingForANewGameHoldsNoOtherSlot) {
  GamesUnderTest games("tminterface", {"straight", "straight"});
  games.RestartAll();
  games.running(0).process().Signal(SIGKILL);
  EXPECT_EQ(games.Advance(1, kThrottle, 0).status, CompletionStatus::kGameLost);

  const Command restart{.slot = 0, .kind = CommandKind::kRestart, .inputs = {}};
  games.group().Start({&restart, 1});
  for (int step = 0; step < 100; ++step) {
    const Command advance{.slot = 1, .ticks = 5, .inputs = kThrottle};
    games.group().Start({&advance, 1});
    const auto completions = games.group().Collect(DeadlineIn(kLongEnough));
    ASSERT_EQ(completions.size(), 1u);
    ASSERT_EQ(completions[0].slot, 1);
    ASSERT_EQ(completions[0].status, CompletionStatus::kOk);
  }
  EXPECT_THAT(games.group().Collect(DeadlineIn(std::chrono::milliseconds(20))), IsEmpty());
  games.running(0).StartAgain();
  const auto completions = games.group().Collect(DeadlineIn(kLongEnough));
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].slot, 0);
  EXPECT_EQ(completions[0].status, CompletionStatus::kOk) << completions[0].error;
  EXPECT_EQ(games.state(0).race_time_ms, 0);
}

TEST(LostGameTest, GameThatNeverComesIsGivenUpAfterTheStartTimeout) {
  TMInterfaceSettings settings;
  settings.start_timeout = std::chrono::milliseconds(50);
  const auto group =
      MakeTMInterfaceGames({{"hotlap-test-nobody-" + std::to_string(getpid()), "", 0}}, settings);
  const Command restart{.slot = 0, .kind = CommandKind::kRestart, .inputs = {}};
  group->Start({&restart, 1});
  const auto completions = group->Collect(DeadlineIn(kLongEnough));
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].status, CompletionStatus::kGameLost);
  EXPECT_THAT(completions[0].error, HasSubstr("no game came within 50 ms"));
}

TEST(LostGameTest, HangingGameIsLostAfterTheGameTimeoutAndTakenUpAgain) {
  GamesUnderTest games("tminterface", {"straight", "straight"}, Impatient());
  games.RestartAll();
  games.Advance(10, kThrottle, 1);
  games.running(0).process().Signal(SIGSTOP);
  const Outcome outcome = games.Advance(10, kThrottle, 0);
  EXPECT_EQ(outcome.status, CompletionStatus::kGameLost);
  EXPECT_THAT(outcome.error, HasSubstr("no tick for 300 ms"));
  EXPECT_EQ(games.Advance(10, kThrottle, 1).status, CompletionStatus::kOk);

  games.running(0).process().Signal(SIGCONT);
  const Outcome restarted = games.Restart(0);
  ASSERT_EQ(restarted.status, CompletionStatus::kOk) << restarted.error;
  games.Advance(20, kThrottle, 0);
  EXPECT_EQ(BitsOf(games.state(0)), BitsOf(games.state(1)));
}

// It runs on alone from then on; nothing of that is seen.
TEST(LostGameTest, GameThatDropsALateClientGoesOnAsIfItHadWaited) {
  TMInterfaceSettings settings;
  settings.client_timeout = std::chrono::milliseconds(100);  // also on a busy machine
  settings.on_lost = [](int, const GameLoss& loss) { ADD_FAILURE() << loss.why; };
  const std::vector<std::string> tracks = {"straight", "ring"};
  GamesUnderTest games("tminterface", tracks, settings);
  GamesUnderTest undisturbed("simulated", tracks);
  games.RestartAll();
  undisturbed.RestartAll();
  std::string why_not;
  const auto buffer =
      tmi::MappedBuffer::Open(games.running(0).name(), tmi::kDefaultBufferSize, why_not);
  ASSERT_TRUE(buffer) << why_not;
  Dice dice(31);
  int drops = 0;
  for (int step = 0; step < TestCount(20, 60, 300); ++step) {
    if (step % 5 == 4) {  // thinks until the game has wiped the call that it got no answer to
      const Deadline deadline = DeadlineIn(kLongEnough);
      while (!buffer->is_blank() && Clock::now() < deadline) std::this_thread::yield();
      ++drops;
    }
    const std::vector<Command> commands = AdvanceAll(undisturbed, 2, 5, dice);
    const std::vector<Outcome> outcomes = games.DoAll(commands);
    const std::vector<Outcome> expected = undisturbed.DoAll(commands);
    for (int slot = 0; slot < 2; ++slot) {
      const auto i = static_cast<std::size_t>(slot);
      ASSERT_EQ(outcomes[i].status, CompletionStatus::kOk) << outcomes[i].error;
      ASSERT_EQ(outcomes[i].ticks, expected[i].ticks);
      ASSERT_EQ(outcomes[i].events, expected[i].events);
      ASSERT_EQ(BitsOf(games.state(slot)), BitsOf(undisturbed.state(slot))) << "slot " << slot;
    }
  }
  EXPECT_GT(drops, 0);
}

TEST(LostGameTest, GameThatEndsSaysGoodbyeAndIsLost) {
  GamesUnderTest games("tminterface", {"straight"});
  games.RestartAll();
  games.running(0).process().Signal(SIGTERM);
  const Outcome outcome = games.Advance(100000, {});
  EXPECT_EQ(outcome.status, CompletionStatus::kGameLost);
  const auto status = games.running(0).process().Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(*status, 0);
}

TEST(LostGameTest, GameHeldForADeadClientIsTakenOver) {
  GamesUnderTest expected("simulated", {"straight"});
  expected.RestartAll();
  expected.Advance(40, kThrottle);

  RunningGame game("straight");
  {
    // A client that holds the game in the middle of a race, for ever, and is gone without a word.
    std::string why_not;
    auto buffer = tmi::MappedBuffer::Open(game.name(), tmi::kDefaultBufferSize, why_not);
    ASSERT_TRUE(buffer) << why_not;
    tmi::Client client(std::move(*buffer));
    ASSERT_FALSE(client.Register(DeadlineIn(kLongEnough)));
    struct : tmi::ClientHandler {
      void OnRegistered(tmi::Client& c) override { c.Call(tmi::SetTimeout{-1}, kNoDeadline); }
      void OnRunStep(tmi::Client& c, std::int32_t race_time_ms) override {
        tmi::SetInputStates inputs;
        inputs.left = inputs.brake = 1;
        inputs.steer = 4321;
        c.Call(inputs, kNoDeadline);
        time_ms = race_time_ms;
      }
      std::int32_t time_ms = -1;
    } handler;
    while (handler.time_ms < 500) ASSERT_FALSE(client.Pump(handler, DeadlineIn(kLongEnough)));
    while (!client.Poll()) std::this_thread::yield();  // the next call is left unanswered
  }
  const auto group = MakeTMInterfaceGames({{game.name(), "", 3}}, {});
  const auto run = [&](const Command& command) {
    group->Start({&command, 1});
    return Outcome(group->Collect(DeadlineIn(kLongEnough)).front());
  };
  const Outcome restarted = run({.slot = 0, .kind = CommandKind::kRestart, .inputs = {}});
  ASSERT_EQ(restarted.status, CompletionStatus::kOk) << restarted.error;
  EXPECT_EQ(group->state(0).inputs, Inputs{});
  run({.slot = 0, .ticks = 40, .inputs = kThrottle});
  EXPECT_EQ(BitsOf(group->state(0)), BitsOf(expected.state()));
}

TEST(LostGameTest, GroupLeavesItsGamesFreeForTheNext) {
  RunningGame game("straight");
  for (int i = 0; i < 3; ++i) {
    const auto group = MakeTMInterfaceGames({{game.name(), "", 0}}, {});
    const Command restart{.slot = 0, .kind = CommandKind::kRestart, .inputs = {}};
    group->Start({&restart, 1});
    ASSERT_EQ(group->Collect(DeadlineIn(kLongEnough)).front().status, CompletionStatus::kOk);
    const Command advance{.slot = 0, .ticks = 100000, .inputs = {}};
    group->Start({&advance, 1});  // leaves in the middle of a command
  }
  // The game believes in nobody: it takes the first registration that comes, and is held for none.
  std::string why_not;
  auto buffer = tmi::MappedBuffer::Open(game.name(), tmi::kDefaultBufferSize, why_not);
  ASSERT_TRUE(buffer) << why_not;
  const auto comes_to = [&](tmi::MessageType type) {
    const Deadline deadline = DeadlineIn(kLongEnough);
    while (buffer->ready_type() != type && Clock::now() < deadline) std::this_thread::yield();
    return buffer->ready_type() == type;
  };
  ASSERT_TRUE(comes_to(tmi::MessageType::kNone)) << "it has taken the deregistration";
  buffer->Publish(tmi::MessageType::kRegister, tmi::ClientCall(tmi::Register{}));
  ASSERT_TRUE(comes_to(tmi::MessageType::kResponse));
  EXPECT_EQ(buffer->Read(tmi::MessageType::kRegister).error, tmi::ErrorCode::kNone);
  buffer->Publish(tmi::MessageType::kDeregister, tmi::ClientCall(tmi::Deregister{}));
}

TEST(LostGameTest, GameOnAnotherTrackIsRefused) {
  RunningGame game("straight");
  const auto group = MakeTMInterfaceGames({{game.name(), "", 7}}, {});
  const Command restart{.slot = 0, .kind = CommandKind::kRestart, .inputs = {}};
  group->Start({&restart, 1});
  const auto completions = group->Collect(DeadlineIn(kLongEnough));
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].status, CompletionStatus::kGameLost);
  EXPECT_THAT(completions[0].error, HasSubstr("3 passes instead of 7"));
}

TEST(LostGameTest, MapCommandLoadsTheTrack) {
  GamesUnderTest expected("simulated", {"ring"});
  expected.RestartAll();
  expected.Advance(60, kThrottle);

  RunningGame game("straight");
  const std::string command = "map \"" + TrackFile("ring").string() + "\"";
  for (int i = 0; i < 2; ++i) {  // from another track, and from the same
    const auto group = MakeTMInterfaceGames({{game.name(), command, 6}}, {});
    const auto run = [&](const Command& c) {
      group->Start({&c, 1});
      return Outcome(group->Collect(DeadlineIn(kLongEnough)).front());
    };
    const Outcome restarted = run({.slot = 0, .kind = CommandKind::kRestart, .inputs = {}});
    ASSERT_EQ(restarted.status, CompletionStatus::kOk) << restarted.error;
    run({.slot = 0, .ticks = 60, .inputs = kThrottle});
    EXPECT_EQ(BitsOf(group->state(0)), BitsOf(expected.state()));
  }
}

}  // namespace
}  // namespace hotlap
