#include "transport/game_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "transport/name_reservation.h"

namespace hotlap::transport {
namespace {

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
    GamePool pool({.simulated = 0, .games = 1, .program = "/nowhere/hotlap-game"});
    FAIL() << "was started";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("/nowhere/hotlap-game"));
  }
}

TEST(NameReservationTest, AReservedNameIsNobodyElsesUntilItIsFreed) {
  const std::string name = "hotlap-reservation-" + std::to_string(getpid());
  {
    const NameReservation held = NameReservation::Of(name);
    EXPECT_THROW(NameReservation::Of(name), std::runtime_error);
  }
  EXPECT_EQ(NameReservation::Of(name).name(), name);
}

TEST(NameReservationTest, FreeNamesAreDistinctAndLeaveThoseThatAreTaken) {
  const auto one = NameReservation::Free(2);
  const auto other = NameReservation::Free(2);
  EXPECT_NE(one[0].name(), one[1].name());
  for (const auto& name : other) {
    EXPECT_NE(name.name(), one[0].name());
    EXPECT_NE(name.name(), one[1].name());
  }
  EXPECT_THROW(NameReservation::Free(17), std::runtime_error);
}

}  // namespace
}  // namespace hotlap::transport
