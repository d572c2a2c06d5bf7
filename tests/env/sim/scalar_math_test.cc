#include "env/sim/scalar_math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tests/env/sim/scenarios.h"

namespace hotlap::sim {
namespace {

TEST(ScalarMathTest, SineAndCosineAreCloseOverTheirRange) {
  for (float x = -kMaxAngle; x <= kMaxAngle; x += 0.0517f) {
    ASSERT_NEAR(Sin(x), std::sin(static_cast<double>(x)), 3e-7) << x;
    ASSERT_NEAR(Cos(x), std::cos(static_cast<double>(x)), 3e-7) << x;
  }
}

TEST(ScalarMathTest, AnglesOutOfRangeCountAsZero) {
  for (float x : {1e9f, -1e9f, std::numeric_limits<float>::infinity(),
                  std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_EQ(Sin(x), 0.0f);
    EXPECT_EQ(Cos(x), 1.0f);
  }
}

TEST(ScalarMathTest, Atan2IsCloseInAllQuadrants) {
  for (float y = -2; y <= 2; y += 0.0131f) {
    for (float x = -2; x <= 2; x += 0.0177f) {
      ASSERT_NEAR(Atan2(y, x), std::atan2(static_cast<double>(y), static_cast<double>(x)), 5e-7)
          << y << " " << x;
    }
  }
  EXPECT_EQ(Atan2(0, 0), 0.0f);
  EXPECT_FLOAT_EQ(Atan2(0, -1), kPi);
  EXPECT_FLOAT_EQ(Atan2(-1, 0), -kPi / 2);
  EXPECT_FLOAT_EQ(Atan2(1e-30f, 1e30f), 0.0f);
}

TEST(ScalarMathTest, ExpIsCloseAndSaturates) {
  for (float x = -86; x < 88; x += 0.0123f) {
    ASSERT_NEAR(Exp(x) / std::exp(static_cast<double>(x)), 1.0, 4e-7) << x;
  }
  EXPECT_EQ(Exp(0), 1.0f);
  EXPECT_EQ(Exp(-1000), 0.0f);
  EXPECT_EQ(Exp(1000), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(Exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(ScalarMathTest, LogIsCloseOverTheWholeRange) {
  const auto expect_close = [](float x) {
    const double exact = std::log(static_cast<double>(x));
    ASSERT_NEAR(Log(x), exact, 2e-7 + std::abs(exact) * 0x1p-24) << x;
  };
  for (std::int32_t bits = 0x00800000; bits < 0x7F800000; bits += 0x1001) {
    expect_close(std::bit_cast<float>(bits));
  }
  for (float x = 0.5f; x < 2; x += 1.1e-5f) expect_close(x);
  expect_close(std::numeric_limits<float>::max());
}

TEST(ScalarMathTest, LogKnowsItsEnds) {
  constexpr float kSmallest = std::numeric_limits<float>::min();
  EXPECT_EQ(Log(1), 0);
  EXPECT_EQ(Log(0), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(Log(-0.0f), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(Log(kSmallest / 4), Log(kSmallest)) << "what is smaller counts as the smallest";
  EXPECT_EQ(Log(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(Log(-1e-30f)));
  EXPECT_TRUE(std::isnan(Log(-std::numeric_limits<float>::infinity())));
  EXPECT_TRUE(std::isnan(Log(std::numeric_limits<float>::quiet_NaN())));
}

// The same on every machine, build and compiler.
TEST(ScalarMathTest, BitsOfLogAreTheKnownOnes) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  Draws draws(2);
  for (int i = 0; i < 20000; ++i) {
    const float value = Log(Exp(draws.Within(-80, 80)));
    hash = HashBytes(std::as_bytes(std::span(&value, 1)), hash);
  }
  EXPECT_EQ(hash, 875413827713925251u) << "changed on purpose? every learnt policy changes with it";
}

// The same on every machine, build and compiler.
TEST(ScalarMathTest, BitsAreTheKnownOnes) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  Draws draws(1);
  for (int i = 0; i < 20000; ++i) {
    const float x = draws.Within(-90, 90), y = draws.Within(-90, 90);
    const float values[] = {Sin(x), Cos(x), Atan2(y, x), Exp(x * 0.9f)};
    hash = HashBytes(std::as_bytes(std::span(values)), hash);
  }
  EXPECT_EQ(hash, 13271494892974797390u) << "changed on purpose? every trajectory changes with it";
}

}  // namespace
}  // namespace hotlap::sim
