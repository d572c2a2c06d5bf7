#include "transport/backoff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

std::vector<std::chrono::milliseconds> Waits(std::uint64_t seed, int count) {
  Backoff backoff({.first = 100ms, .longest = 1000ms}, seed);
  std::vector<std::chrono::milliseconds> waits(static_cast<std::size_t>(count));
  for (std::chrono::milliseconds& wait : waits) wait = backoff.Next();
  return waits;
}

TEST(BackoffTest, WaitsDoubleToTheLongestEachLessAHalfAtMost) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto waits = Waits(seed, 7);
    const std::chrono::milliseconds whole[] = {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms};
    for (std::size_t i = 0; i < waits.size(); ++i) {
      EXPECT_LE(waits[i], whole[i]);
      EXPECT_GE(waits[i], whole[i] / 2);
    }
  }
}

TEST(BackoffTest, TheSeedDecidesTheWaits) {
  EXPECT_EQ(Waits(1, 20), Waits(1, 20));
  EXPECT_NE(Waits(1, 20), Waits(2, 20));
}

}  // namespace
}  // namespace hotlap::transport
