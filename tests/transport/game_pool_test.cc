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
                   .program = "/nowhere/hotlap-game"});
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
                 .program = script});
  ASSERT_TRUE(Eventually([&] { return started().size() == 2; }));
  // One is gone already when the others are killed; its id may be somebody else's by then.
  ASSERT_EQ(kill(started()[0], SIGKILL), 0);
  pool.KillGames();
  for (const pid_t pid : started()) EXPECT_NE(kill(pid, 0), 0);
  pool.KillGames();  // nothing is left to kill
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
