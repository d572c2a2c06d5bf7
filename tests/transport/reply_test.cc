#include "transport/reply.h"

#include <gtest/gtest.h>

#include <cstring>

namespace hotlap::transport {
namespace {

constexpr std::size_t kBytes = 4096;

TEST(ReplyRingTest, AFreeBufferIsUsedAgain) {
  ReplyRing ring(2);
  const std::byte* first = ring.Next(kBytes).data();
  ring.Next(kBytes);
  EXPECT_EQ(ring.Next(kBytes).data(), first);
}

TEST(ReplyRingTest, AHeldBufferIsReplacedAndKeepsItsBytes) {
  ReplyRing ring(1);
  ReplyBuffer& buffer = ring.Next(kBytes);
  std::memset(buffer.data(), 7, kBytes);
  const zmq::message_t held = buffer.Message(buffer.data(), kBytes);
  ReplyBuffer& next = ring.Next(kBytes);
  EXPECT_NE(next.data(), held.data());
  std::memset(next.data(), 8, kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) {
    ASSERT_EQ(held.data<std::uint8_t>()[i], 7);
  }
}

TEST(ReplyRingTest, AMessageOutlivesItsRing) {
  zmq::message_t held;
  {
    ReplyRing ring(1);
    ReplyBuffer& buffer = ring.Next(kBytes);
    std::memset(buffer.data(), 9, kBytes);
    held = buffer.Message(buffer.data() + 64, 1000);
  }
  EXPECT_EQ(held.data<std::uint8_t>()[999], 9);
}

TEST(ReplyRingTest, ABufferThatIsTooSmallIsReplaced) {
  ReplyRing ring(1);
  ring.Next(16);
  EXPECT_GE(ring.Next(kBytes).size(), kBytes);
}

TEST(ReplyTest, LargeArraysAreSharedAndNotCopied) {
  ReplyRing ring(1);
  ReplyBuffer& buffer = ring.Next(kBytes);
  Reply reply = Reply::HeaderOnly("header");
  reply.frames.push_back(buffer.Message(buffer.data(), kBytes));
  const Reply shared = reply.Share();
  EXPECT_EQ(shared.frames[0].to_string(), "header");
  EXPECT_EQ(shared.frames[1].data(), buffer.data());
}

}  // namespace
}  // namespace hotlap::transport
