#include "transport/game_pool.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "env/tminterface/mapped_buffer.h"
#include "tests/transport/serving.h"
#include "transport/name_reservation.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

std::string OwnName(const std::string& name) {
  return "hotlap-pool-" + std::to_string(getpid()) + "-" + name;
}

TEST(GamePoolTest, LendsAsManyAsThereAreAndTakesThemBack) {
  GamePool pool({.simulated = 4});
  {
    const auto first = pool.Lend(GameKind::kSimulated, 3);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->num_simulated(), 3);
    EXPECT_EQ(pool.free_simulated(), 1);
    const auto second = pool.Lend(GameKind::kAny, 2);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().status, Status::kServerFull);
    EXPECT_THAT(second.error().text, ::testing::HasSubstr("1 simulated and 0 behind"));
    EXPECT_EQ(pool.free_simulated(), 1);
  }
  EXPECT_EQ(pool.free_simulated(), 4);
}

TEST(GamePoolTest, SimulatedGamesAreNotGamesBehindBuffers) {
  GamePool pool({.simulated = 4});
  EXPECT_FALSE(pool.Lend(GameKind::kTMInterface, 1));
}

TEST(GamePoolTest, AMissingProgramIsNamed) {
  try {
    GamePool pool({.simulated = 0,
                   .games = 1,
                   .names = {OwnName("missing")},
                   .command = {"/nowhere/hotlap-game"}});
    FAIL() << "was started";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("/nowhere/hotlap-game"));
  }
}

TEST(GamePoolTest, KilledGamesAreGoneAlsoThoseThatHangAndNoneFollows) {
  const TemporaryDirectory directory;
  const std::filesystem::path script = directory.path() / "game", pids = directory.path() / "pids";
  std::ofstream(script) << "#!/bin/sh\ntrap '' TERM\necho $$ >> " << pids.string()
                        << "\nexec sleep 1000\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const auto started = [&] {
    std::ifstream file(pids);
    std::vector<pid_t> all;
    for (pid_t pid; file >> pid;) all.push_back(pid);
    return all;
  };
  GamePool pool({.simulated = 0,
                 .games = 2,
                 .names = {OwnName("first"), OwnName("second")},
                 .command = {script}});
  ASSERT_TRUE(Eventually([&] { return started().size() == 2; }));
  // One is gone already when the others are killed; its id may be somebody else's by then.
  ASSERT_EQ(kill(started()[0], SIGKILL), 0);
  pool.KillGames();
  for (const pid_t pid : started()) EXPECT_NE(kill(pid, 0), 0);
  pool.KillGames();  // nothing is left to kill
}

TEST(GamePoolTest, ACommandIsToldTheNameOfItsGame) {
  const TemporaryDirectory directory;
  const std::string name = OwnName("told");
  const auto said = directory.path() / name;
  GamePool pool(
      {.simulated = 0,
       .games = 1,
       .names = {name},
       .command = {"sh", "-c",
                   "echo {name} > " + directory.path().string() + "/{name}; exec sleep 1000"}});
  EXPECT_TRUE(Eventually([&] {
    std::string line;
    return bool(std::getline(std::ifstream(said), line)) && line == name;
  }));
}

TEST(GamePoolTest, AGameThatGoesTooOftenIsQuarantinedAndLentToNobody) {
  GamePool pool(
      {.simulated = 1,
       .games = 2,
       .names = {OwnName("bad"), OwnName("good")},
       .command = {"sh", "-c", "case {name} in *bad) exit 3;; esac; exec sleep 1000"},
       .processes = {.restarts = {.first_pause = 1ms, .longest_pause = 2ms, .per_hour = 2}}});
  ASSERT_TRUE(Eventually([&] { return pool.health(0).condition == GameCondition::kQuarantined; }));
  const GameHealth bad = pool.health(0);
  EXPECT_EQ(bad.losses, 3);
  EXPECT_EQ(bad.restarts_in_last_hour, 2);
  EXPECT_EQ(bad.last_loss, OwnName("bad") + ": its process exited with status 3");
  const GameHealth good = pool.health(1);
  EXPECT_EQ(good.condition, GameCondition::kRunning);
  EXPECT_EQ(good.losses, 0);
  EXPECT_EQ(good.last_loss, "");

  const auto refused = pool.Lend(GameKind::kTMInterface, 2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kServerFull);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("1 behind mapped buffers, 1 quarantined"));
  const auto lent = pool.Lend(GameKind::kTMInterface, 1);
  ASSERT_TRUE(lent);
  EXPECT_FALSE(pool.Lend(GameKind::kTMInterface, 1)) << "the good one is lent";
}

TEST(NameReservationTest, AReservedNameIsNobodyElsesUntilItIsFreed) {
  const std::string name = OwnName("one");
  {
    const NameReservation held = NameReservation::Of(name);
    EXPECT_THROW(NameReservation::Of(name), std::runtime_error);
  }
  EXPECT_EQ(NameReservation::Of(name).name(), name);
}

TEST(NameReservationTest, FreeNamesAreTheFirstCandidatesThatNobodyHas) {
  const std::vector<std::string> candidates = {OwnName("a"), OwnName("b"), OwnName("c"),
                                               OwnName("d")};
  const NameReservation taken = NameReservation::Of(candidates[1]);
  const auto free = NameReservation::Free(2, candidates, 0ms);
  ASSERT_EQ(free.size(), 2u);
  EXPECT_EQ(free[0].name(), candidates[0]);
  EXPECT_EQ(free[1].name(), candidates[2]);
  try {
    NameReservation::Free(2, candidates, 0ms);
    FAIL() << "one alone was free";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("only 1 of 4 names are free"));
  }
}

TEST(NameReservationTest, ANameThatAGameHoldsIsNotFree) {
  const std::vector<std::string> candidates = {OwnName("held")};
  const auto game = tminterface::MappedBuffer::Create(candidates[0]);
  EXPECT_THROW(NameReservation::Free(1, candidates, 0ms), std::runtime_error);
}

TEST(NameReservationTest, ANameThatIsHeldAMomentMoreIsWaitedFor) {
  const std::vector<std::string> candidates = {OwnName("free"), OwnName("leaving")};
  std::optional game = tminterface::MappedBuffer::Create(candidates[1]);
  std::thread leaving([&game] {
    std::this_thread::sleep_for(100ms);
    game.reset();
  });
  const auto free = NameReservation::Free(2, candidates, 30s);
  leaving.join();
  ASSERT_EQ(free.size(), 2u);
  EXPECT_EQ(free[1].name(), candidates[1]);
}

TEST(NameReservationTest, ANameTooLongForAnAddressIsRefused) {
  EXPECT_EQ(NameReservation::Of(std::string(64, 'x')).name().size(), 64u);
  EXPECT_THROW(NameReservation::Of(std::string(500, 'x')), std::runtime_error);
}

}  // namespace
}  // namespace hotlap::transport
