#include "transport/game_line.h"

#include <gtest/gtest.h>

namespace hotlap::transport {
namespace {

using enum GameKind;

TEST(FreeGamesTest, EachKindIsServedFromItsOwnAndAnyFromBoth) {
  const FreeGames free{.simulated = 4, .behind_buffers = 2};
  EXPECT_TRUE(free.Suffice(kSimulated, 4));
  EXPECT_FALSE(free.Suffice(kSimulated, 5));
  EXPECT_TRUE(free.Suffice(kTMInterface, 2));
  EXPECT_FALSE(free.Suffice(kTMInterface, 3));
  EXPECT_TRUE(free.Suffice(kAny, 6));
  EXPECT_FALSE(free.Suffice(kAny, 7));
}

TEST(FreeGamesTest, AnyTakesSimulatedOnesAsFarAsTheyGo) {
  FreeGames free{.simulated = 4, .behind_buffers = 2};
  EXPECT_EQ(free.SimulatedOf(kAny, 5), 4);
  free.Take(kAny, 5);
  EXPECT_EQ(free.simulated, 0);
  EXPECT_EQ(free.behind_buffers, 1);
}

TEST(FreeGamesTest, AClaimOnMoreThanThereAreLeavesNoneAndNoneIsStillEnoughForTheOtherKind) {
  FreeGames free{.simulated = 4, .behind_buffers = 2};
  free.Take(kSimulated, 10);
  EXPECT_FALSE(free.Suffice(kSimulated, 1));
  EXPECT_TRUE(free.Suffice(kTMInterface, 2));
  EXPECT_TRUE(free.Suffice(kAny, 2));
  EXPECT_FALSE(free.Suffice(kAny, 3));
}

class GameLineTest : public ::testing::Test {
 protected:
  const FreeGames free{.simulated = 6, .behind_buffers = 1};
  GameLine line;
};

TEST_F(GameLineTest, ASmallOneDoesNotOvertakeALargeOneThatWaits) {
  const auto large = line.Join(kSimulated, 10), small = line.Join(kSimulated, 1);
  EXPECT_FALSE(line.CanServe(large, free));
  EXPECT_FALSE(line.CanServe(small, free));
  EXPECT_FALSE(line.LeftFor(GameLine::kLast, free).Suffice(kSimulated, 1));
  EXPECT_TRUE(line.CanServe(large, {.simulated = 10}));
  EXPECT_FALSE(line.CanServe(small, {.simulated = 10}));
  line.Leave(large);
  EXPECT_TRUE(line.CanServe(small, free));
}

TEST_F(GameLineTest, WhatIsEnoughForAllIsHeldFromNobody) {
  const auto first = line.Join(kSimulated, 4), second = line.Join(kSimulated, 2);
  EXPECT_TRUE(line.CanServe(first, free));
  EXPECT_TRUE(line.CanServe(second, free));
  EXPECT_FALSE(line.LeftFor(GameLine::kLast, free).Suffice(kSimulated, 1));
}

TEST_F(GameLineTest, OneKindDoesNotHoldUpTheOther) {
  line.Join(kSimulated, 10);
  const auto other = line.Join(kTMInterface, 1);
  EXPECT_TRUE(line.CanServe(other, free));
}

TEST_F(GameLineTest, WhoTakesAnyHasAClaimOnBothKinds) {
  const auto any = line.Join(kAny, 8);
  const auto simulated = line.Join(kSimulated, 1), behind_buffers = line.Join(kTMInterface, 1);
  EXPECT_FALSE(line.CanServe(any, free));
  EXPECT_FALSE(line.CanServe(simulated, free));
  EXPECT_FALSE(line.CanServe(behind_buffers, free));
}

TEST_F(GameLineTest, APlaceKnowsHowManyAreBeforeIt) {
  const auto first = line.Join(kSimulated, 1), second = line.Join(kSimulated, 1);
  EXPECT_EQ(line.NumBefore(first), 0);
  EXPECT_EQ(line.NumBefore(second), 1);
  EXPECT_EQ(line.NumBefore(GameLine::kLast), 2);
  line.Leave(first);
  EXPECT_EQ(line.NumBefore(second), 0);
  EXPECT_FALSE(line.CanServe(first, free));
}

}  // namespace
}  // namespace hotlap::transport
