#include "transport/reply.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "tests/allocation_count.h"

namespace hotlap::transport {
namespace {

constexpr std::size_t kBytes = 4096;

TEST(ReplyRingTest, ABufferThatNobodyHoldsIsUsedAgain) {
  ReplyRing ring(4, kBytes);
  const std::byte* first = ring.Next().data();
  EXPECT_EQ(ring.Next().data(), first);
}

// The server with a full window, when the socket's thread comes only after the last reply of each
// is written, and a client in this process still reads the one before those that are kept.
TEST(ReplyRingTest, AFullWindowTakesNoMemoryOnceItsBuffersAreMade) {
  for (const std::size_t window : {1u, 4u}) {
    ReplyRing ring(static_cast<int>(window), kBytes);
    std::deque<zmq::message_t> kept;
    zmq::message_t read;
    long taken = 0;
    for (int round = 0; round < 10; ++round) {
      std::vector<zmq::message_t> finished;
      for (std::size_t i = 0; i < window; ++i) {
        const long before = NumAllocationsOfThread();
        ReplyBuffer& buffer = ring.Next();
        if (round > 2) taken += NumAllocationsOfThread() - before;
        std::memset(buffer.data(), round, kBytes);
        finished.push_back(buffer.Message(buffer.data(), kBytes));
      }
      for (const zmq::message_t& held : kept) {
        EXPECT_EQ(held.data<std::uint8_t>()[kBytes - 1], round - 1) << "was written over";
      }
      for (zmq::message_t& reply : finished) {
        kept.push_back(std::move(reply));
        if (kept.size() <= window) continue;
        read = std::move(kept.front());
        kept.pop_front();
      }
    }
    EXPECT_EQ(taken, 0) << "window " << window;
  }
}

TEST(ReplyRingTest, WhenAllAreHeldOneIsReplacedAndKeepsItsBytes) {
  ReplyRing ring(1, kBytes);
  std::vector<zmq::message_t> held;
  for (int i = 0; i < 10; ++i) {
    ReplyBuffer& buffer = ring.Next();
    std::memset(buffer.data(), i, kBytes);
    held.push_back(buffer.Message(buffer.data(), kBytes));
  }
  for (std::size_t i = 0; i < held.size(); ++i) {
    for (std::size_t at = 0; at < kBytes; ++at) {
      ASSERT_EQ(held[i].data<std::uint8_t>()[at], i);
    }
  }
}

TEST(ReplyRingTest, AMessageOutlivesItsRing) {
  zmq::message_t held;
  {
    ReplyRing ring(1, kBytes);
    ReplyBuffer& buffer = ring.Next();
    std::memset(buffer.data(), 9, kBytes);
    held = buffer.Message(buffer.data() + 64, 1000);
  }
  EXPECT_EQ(held.data<std::uint8_t>()[999], 9);
}

TEST(ReplyTest, LargeArraysAreSharedAndNotCopied) {
  ReplyRing ring(1, kBytes);
  ReplyBuffer& buffer = ring.Next();
  Reply reply = Reply::HeaderOnly("header");
  reply.frames.push_back(buffer.Message(buffer.data(), kBytes));
  const Reply shared = reply.Share();
  EXPECT_EQ(shared.frames[0].to_string(), "header");
  EXPECT_EQ(shared.frames[1].data(), buffer.data());
}

}  // namespace
}  // namespace hotlap::transport
