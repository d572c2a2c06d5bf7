// Loops over several numbers at a time give the bits of the plain ones, on every instruction set.
#include "env/vector_loops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "env/random.h"
#include "tests/targets.h"

namespace hotlap {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class VectorLoopsTest : public ::testing::Test {
 protected:
  float Draw(float low, float high) { return low + (high - low) * random_.Unit(draw_++); }
  std::vector<float> Draws(std::size_t count, float low, float high) {
    std::vector<float> numbers(count);
    for (float& number : numbers) number = Draw(low, high);
    return numbers;
  }
  // Runs the check on every instruction set of this machine.
  template <class Check>
  void OnEveryTarget(Check&& check) {
    const Targets targets;
    for (const std::int64_t target : Targets::All()) {
      SCOPED_TRACE(hwy::TargetName(target));
      Targets::Only(target);
      check();
    }
  }

 private:
  RandomStream random_{5, 0, RandomPurpose::kTrack};
  std::uint64_t draw_ = 0;
};

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_F(VectorLoopsTest, ScalesAndClipsEachColumnByItself) {
  for (std::size_t count = 0; count < 40; ++count) {
    const std::vector<float> scale = Draws(count, -2, 2), low = Draws(count, -3, -1),
                             high = Draws(count, 1, 3), values = Draws(count, -9, 9);
    std::vector<float> expected = values;
    for (std::size_t i = 0; i < count; ++i) {
      const float product = values[i] * scale[i];
      expected[i] = product < low[i] ? low[i] : product > high[i] ? high[i] : product;
    }
    OnEveryTarget([&] {
      std::vector<float> clipped = values;
      ScaleAndClip(scale, low, high, clipped);
      EXPECT_TRUE(SameBits(clipped, expected)) << count << " columns";
    });
  }
}

TEST_F(VectorLoopsTest, WhatIsNoNumberCountsAsZeroAndInfinityIsClipped) {
  OnEveryTarget([] {
    for (std::size_t place = 0; place < 37; ++place) {
      std::vector<float> values(37, 1);
      values[place] = kNaN;
      values[(place + 1) % 37] = kInfinity;
      values[(place + 2) % 37] = -kInfinity;
      const std::vector<float> scale(37, 1), low(37, -2), high(37, 4);
      ScaleAndClip(scale, low, high, values);
      EXPECT_EQ(values[place], 0);
      EXPECT_EQ(values[(place + 1) % 37], 4);
      EXPECT_EQ(values[(place + 2) % 37], -2);
    }
  });
}

// Of the format's definition.
float ValueOfHalf(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1F, mantissa = half & 0x3FF;
  const double size =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return static_cast<float>((half & 0x8000) != 0 ? -size : size);
}

TEST_F(VectorLoopsTest, EveryHalfIsTheFloatOfItsDefinitionAndComesBack) {
  std::vector<std::uint16_t> halves;
  for (int word = 0; word < 0x10000; ++word) {
    if ((word >> 10 & 0x1F) != 0x1F) halves.push_back(static_cast<std::uint16_t>(word));
  }
  std::vector<float> expected(halves.size());
  for (std::size_t i = 0; i < halves.size(); ++i) expected[i] = ValueOfHalf(halves[i]);
  OnEveryTarget([&] {
    std::vector<float> values(halves.size());
    FromHalf(halves, values);
    EXPECT_TRUE(SameBits(values, expected));
    std::vector<std::uint16_t> back(halves.size());
    ToHalf(values, back);
    EXPECT_EQ(back, halves);
  });
}

TEST_F(VectorLoopsTest, AFloatGoesToTheNearestHalfAndFromTheMiddleToTheEvenOne) {
  std::vector<float> values;
  std::vector<std::uint16_t> expected;
  const auto expect = [&](float value, int half) {
    values.push_back(value);
    expected.push_back(static_cast<std::uint16_t>(half));
    values.push_back(-value);
    expected.push_back(static_cast<std::uint16_t>(half | 0x8000));
  };
  for (int half = 0; half < 0x7BFF; ++half) {
    const float here = ValueOfHalf(static_cast<std::uint16_t>(half));
    const float middle = (here + ValueOfHalf(static_cast<std::uint16_t>(half + 1))) / 2;
    expect(middle, half % 2 == 0 ? half : half + 1);
    expect(std::nextafter(middle, 0.0f), half);
    expect(std::nextafter(middle, kInfinity), half + 1);
  }
  for (const float large : {65504.0f, 65519.0f, 65520.0f, 1e30f}) expect(large, 0x7BFF);
  expect(1e-30f, 0);
  OnEveryTarget([&] {
    std::vector<std::uint16_t> halves(values.size());
    ToHalf(values, halves);
    EXPECT_EQ(halves, expected);
  });
}

TEST_F(VectorLoopsTest, SeesEachPointAsThePlainFormulaDoes) {
  std::vector<PaddedVec3> points(50);
  for (PaddedVec3& point : points) point = {{Draw(-99, 99), Draw(-9, 9), Draw(-99, 99)}};
  const Vec3 origin{1.5f, -2.25f, 30};
  Mat3 rotation;
  for (auto& row : rotation.m) {
    for (float& element : row) element = Draw(-1, 1);
  }
  const LineView line{.points = points.data(),
                      .last_segment = 47,  // shorter than what there is, and its end is met
                      .inverse_spacing_per_m = 0.8f,
                      .base_m = 100,
                      .s_m = 103.7f};
  for (std::size_t count = 0; count < 140; ++count) {
    const std::vector<float> distances = Draws(count, -3.5f, 57);
    std::vector<float> expected(3 * count + 1, 5);
    for (std::size_t i = 0; i < count; ++i) {
      const float at = (line.s_m + distances[i] - line.base_m) * line.inverse_spacing_per_m;
      const auto segment = static_cast<std::size_t>(std::min(static_cast<int>(at), 47));
      const Vec3 a = points[segment], b = points[segment + 1];
      const float part = at - static_cast<float>(segment);
      const Vec3 seen = TransposeTimes(rotation, a + (b - a) * part - origin);
      std::memcpy(&expected[3 * i], &seen, sizeof seen);
    }
    OnEveryTarget([&] {
      std::vector<float> out(3 * count + 1, 5);
      SeePoints(line, distances, origin, rotation, std::span(out).first(3 * count));
      EXPECT_TRUE(SameBits(out, expected)) << count << " points, and nothing beyond them";
    });
  }
}

TEST_F(VectorLoopsTest, FindsTheFirstOfTheNearestPoints) {
  for (std::size_t count = 1; count < 40; ++count) {
    std::vector<float> axes[3];
    for (auto& axis : axes) {
      axis = Draws(count, -20, 20);
      for (float& x : axis)
        x = static_cast<float>(static_cast<int>(x / 8));  // many are equally far
      axis.resize(count + kVectorPadding, 0);             // nearer than any, if they were looked at
    }
    std::size_t nearest = 0;
    float least = kInfinity;
    const Vec3 to{0.25f, 0, -0.25f};
    for (std::size_t i = 0; i < count; ++i) {
      const Vec3 offset = to - Vec3{axes[0][i], axes[1][i], axes[2][i]};
      if (Dot(offset, offset) < least) {
        least = Dot(offset, offset);
        nearest = i;
      }
    }
    OnEveryTarget([&] {
      const NearestPoint found =
          FindNearest(axes[0].data(), axes[1].data(), axes[2].data(), count, to);
      EXPECT_EQ(found.index, nearest) << "of " << count;
      EXPECT_EQ(found.square_m2, least);
    });
  }
}

TEST_F(VectorLoopsTest, FromFartherThanAFloatCanSquareTheFirstPointIsTheNearest) {
  const std::vector<float> axis(3 + kVectorPadding, 1e25f);
  OnEveryTarget([&] {
    const NearestPoint found = FindNearest(axis.data(), axis.data(), axis.data(), 3, {});
    EXPECT_EQ(found.index, 0u);
    EXPECT_EQ(found.square_m2, kInfinity);
  });
}

}  // namespace
}  // namespace hotlap
