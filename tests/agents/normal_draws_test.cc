#include "agents/normal_draws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace hotlap::agents {
namespace {

TEST(NormalDrawsTest, DrawsFollowTheNormalDistribution) {
  constexpr int kDraws = 200'000;
  const RandomStream random(3, 4, RandomPurpose::kPolicy);
  std::vector<double> draws(kDraws);
  for (std::size_t i = 0; i < draws.size(); ++i) {
    draws[i] = static_cast<double>(NormalDraw(random, i));
  }
  std::ranges::sort(draws);
  double farthest = 0;  // Kolmogorov and Smirnov's distance
  for (std::size_t i = 0; i < draws.size(); ++i) {
    const double share = 0.5 * std::erfc(-draws[i] / std::sqrt(2.0));
    farthest = std::max(farthest, std::abs(share - (static_cast<double>(i) + 0.5) / kDraws));
  }
  EXPECT_LT(farthest, 1.63 / std::sqrt(static_cast<double>(kDraws)));  // 1 in 100 is farther
}

TEST(NormalDrawsTest, NeighboursInAStreamAndNeighbouringStreamsHaveNothingInCommon) {
  constexpr int kDraws = 100'000;
  double in_stream = 0, between = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const RandomStream one(7, i, RandomPurpose::kPolicy), next(7, i + 1, RandomPurpose::kPolicy);
    const double draw = static_cast<double>(NormalDraw(one, 0));
    in_stream += draw * static_cast<double>(NormalDraw(one, 1));
    between += draw * static_cast<double>(NormalDraw(next, 0));
  }
  EXPECT_NEAR(in_stream / kDraws, 0, 3 / std::sqrt(static_cast<double>(kDraws)));
  EXPECT_NEAR(between / kDraws, 0, 3 / std::sqrt(static_cast<double>(kDraws)));
}

// The stream's numbers are multiples of 2^-24 in [0, 1).
TEST(NormalDrawsTest, TheLengthOfAPairIsANumberForAllThatCanBeDrawn) {
  for (int k = 1; k <= 1 << 24; k += k < 100'000 ? 1 : 17) {
    const float square = -2.0f * sim::Log(static_cast<float>(k) * 0x1p-24f);
    ASSERT_TRUE(square >= 0 && square < 5.9f * 5.9f) << k;
  }
  EXPECT_EQ(sim::Log(1.0f), 0);
}

}  // namespace
}  // namespace hotlap::agents
