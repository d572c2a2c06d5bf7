#include "transport/message_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

std::vector<std::string> Texts(const std::vector<PostedMessage>& messages) {
  std::vector<std::string> texts;
  texts.reserve(messages.size());
  for (const PostedMessage& message : messages) texts.push_back(message.text);
  return texts;
}

TEST(MessageBoardTest, KeepsTheLatestWithTheirNumbers) {
  MessageBoard board(2);
  for (const char* text : {"one", "two", "three"}) board.Post({.text = text});
  EXPECT_THAT(Texts(board.Since(0)), ElementsAre("two", "three"));
  EXPECT_EQ(board.Since(0)[0].number, 2u);
  EXPECT_THAT(Texts(board.Since(2)), ElementsAre("three"));
}

TEST(MessageBoardTest, NumbersGoOnAfterItWasCleared) {
  MessageBoard board(10);
  board.Post({.text = "one"});
  board.Clear();
  EXPECT_TRUE(board.Since(0).empty());
  board.Post({.text = "two"});
  EXPECT_EQ(board.Since(0)[0].number, 2u);
}

TEST(PostAllowanceTest, SomeAtOnceThenOneASecond) {
  PostAllowance allowance;
  Deadline now = Clock::now();
  for (int i = 0; i < PostAllowance::kAtOnce; ++i) EXPECT_TRUE(allowance.Take(now));
  EXPECT_FALSE(allowance.Take(now));
  EXPECT_FALSE(allowance.Take(now + 999ms));
  now += 1s;
  EXPECT_TRUE(allowance.Take(now));
  EXPECT_FALSE(allowance.Take(now));
  now += 1h;
  for (int i = 0; i < PostAllowance::kAtOnce; ++i) EXPECT_TRUE(allowance.Take(now));
  EXPECT_FALSE(allowance.Take(now));
}

}  // namespace
}  // namespace hotlap::transport
