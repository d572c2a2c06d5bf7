#include "env/sim/floating_point_guard.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <limits>

#include "tests/env/sim/scenarios.h"

#if defined(HOTLAP_HAS_MXCSR)

namespace hotlap::sim {
namespace {

constexpr unsigned int kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040, kRoundUp = 0x4000;

class FloatingPointGuardTest : public ::testing::Test {
 protected:
  void TearDown() override { _mm_setcsr(before_); }
  const unsigned int before_ = _mm_getcsr();
};

TEST_F(FloatingPointGuardTest, KeepsDenormalsAndRoundsToNearestInside) {
  _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZero | kRoundUp);
  const FloatingPointGuard guard;
  volatile float smallest = std::numeric_limits<float>::min();
  EXPECT_GT(smallest * 0.5f, 0.0f);
  volatile float one = 1.0f, little = 1e-10f;
  EXPECT_EQ(one + little, 1.0f);
}

TEST_F(FloatingPointGuardTest, GivesTheCallersEnvironmentBack) {
  const unsigned int callers = before_ | kFlushToZero | kRoundUp;
  _mm_setcsr(callers);
  {
    const FloatingPointGuard guard;
    EXPECT_NE(_mm_getcsr(), callers);
    volatile float zero = 0.0f;
    volatile float infinity = 1.0f / zero;  // raises a sticky flag
    static_cast<void>(infinity);
  }
  EXPECT_EQ(_mm_getcsr(), callers);
}

TEST_F(FloatingPointGuardTest, Nests) {
  _mm_setcsr(before_ | kRoundUp);
  const FloatingPointGuard outer;
  const unsigned int inside = _mm_getcsr();
  { const FloatingPointGuard inner; }
  EXPECT_EQ(_mm_getcsr(), inside);
}

// ---- what computes before the first tick

class WrongFloatingPointTest : public FloatingPointGuardTest {
 protected:
  // The same in the environment of a careless caller.
  template <class Function>
  auto Carelessly(Function function) const {
    _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZero | kRoundUp);
    auto result = function();
    _mm_setcsr(before_);
    return result;
  }
};

TEST_F(WrongFloatingPointTest, ChangesNoTrack) {
  for (const char* name : {"hairpins", "hockolicious"}) {
    const TrackSpec spec = LoadTrackSpec(ConfigFile("tracks/" + std::string(name) + ".yaml"));
    const auto track = Track::Build(spec);
    const auto other = Carelessly([&] { return Track::Build(spec); });
    EXPECT_EQ(other->hash(), track->hash()) << name;
    EXPECT_EQ(other->length_m(), track->length_m()) << name;
  }
}

TEST_F(WrongFloatingPointTest, ChangesNoLineOfATrackFile) {
  for (const char* name : {"hairpins", "hockolicious"}) {
    const auto load = [&] {
      return LoadTrackSpec(ConfigFile("tracks/" + std::string(name) + ".yaml"));
    };
    EXPECT_TRUE(Carelessly(load).line == load().line) << name;
  }
}

TEST_F(WrongFloatingPointTest, ChangesNoVehicle) {
  const auto load = [] { return LoadVehicleParams(ConfigFile("vehicles/stadium.yaml")); };
  const VehicleParams params = load();
  const VehicleParams other = Carelessly(load);
  EXPECT_TRUE(SameBits(other, params));
}

}  // namespace
}  // namespace hotlap::sim

#endif
