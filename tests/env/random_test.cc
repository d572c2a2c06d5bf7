#include "env/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace hotlap {
namespace {

TEST(RandomStreamTest, DrawDependsOnKeyAndCounterAlone) {
  const RandomStream stream(7, 3, RandomPurpose::kTrack);
  const std::uint64_t fifth = stream.Bits(5);
  stream.Bits(0);
  EXPECT_EQ(stream.Bits(5), fifth);
  EXPECT_EQ(RandomStream(7, 3, RandomPurpose::kTrack).Bits(5), fifth);
}

TEST(RandomStreamTest, StreamsOfNeighbouringKeysShareNoDraw) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t base = 0; base < 8; ++base) {
    for (std::uint64_t episode = 0; episode < 8; ++episode) {
      for (std::uint64_t purpose = 1; purpose <= 3; ++purpose) {
        const RandomStream stream(base, episode, RandomPurpose{purpose});
        for (std::uint64_t draw = 0; draw < 16; ++draw) seen.insert(stream.Bits(draw));
      }
    }
  }
  EXPECT_EQ(seen.size(), 8u * 8 * 3 * 16);
}

TEST(RandomStreamTest, UnitIsEvenInItsRange) {
  const RandomStream stream(1, 2, RandomPurpose::kTrack);
  double sum = 0;
  for (std::uint64_t draw = 0; draw < 10000; ++draw) {
    const float value = stream.Unit(draw);
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += static_cast<double>(value);
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.01);
}

TEST(RandomStreamTest, BellHasMeanZeroVarianceOneAndBounds) {
  const RandomStream stream(1, 2, RandomPurpose::kObservationNoise);
  constexpr int kDraws = 100000;
  double sum = 0, squares = 0, fourths = 0;
  int within_one = 0;
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    const auto value = static_cast<double>(stream.Bell(draw));
    ASSERT_LT(std::abs(value), 3.4642);
    sum += value;
    squares += value * value;
    fourths += value * value * value * value;
    if (std::abs(value) < 1) ++within_one;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.015);
  EXPECT_NEAR(squares / kDraws, 1, 0.015);
  EXPECT_NEAR(fourths / kDraws, 2.7, 0.05) << "of a normal one 3, of an even one 1.8";
  EXPECT_NEAR(within_one / double{kDraws}, 0.67, 0.01);
}

// What a seed means stays as it is.
TEST(RandomStreamTest, FirstDrawOfSeedZeroIsKnown) {
  EXPECT_EQ(RandomStream(0, 0, RandomPurpose::kTrack).Bits(0), 0x967e49a6cc979914u);
}

}  // namespace
}  // namespace hotlap
