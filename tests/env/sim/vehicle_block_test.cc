// One kernel, equal bits: alone or among others, on every instruction set, whoever rests.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cfenv>
#include <memory>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "env/sim/vehicle_model.h"
#include "tests/env/sim/scenarios.h"
#include "tests/targets.h"
#include "tests/test_size.h"

namespace hotlap::sim {
namespace {

// Different cars on different roads.
struct Fleet {
  std::vector<std::shared_ptr<const Track>> tracks;
  std::vector<VehicleParams> params;
  std::vector<VehicleState> cars;

  Fleet() {
    const auto mixed = MixedTrack(), hairpins = Hairpins(), flat = FlatTrack(1000, 20);
    for (int i = 0; i < kBlockLanes; ++i) {
      tracks.push_back(i % 3 == 0 ? mixed : i % 3 == 1 ? hairpins : flat);
      params.push_back({.gravity_mps2 = 25 + 0.1f * static_cast<float>(i)});
      cars.push_back(CarAt(params.back(), *tracks.back(), tracks.back()->start(), i % 2 == 0));
    }
  }
  std::unique_ptr<VehicleBlock> Block() const {
    auto block = std::make_unique<VehicleBlock>(params[0], *tracks[0]);
    for (int i = 0; i < kBlockLanes; ++i) {
      const auto l = static_cast<std::size_t>(i);
      block->Configure(i, params[l], *tracks[l]);
      block->set_state(i, cars[l]);
    }
    return block;
  }
};

TEST(VehicleBlockTest, EveryLaneTicksAsTheCarWouldAlone) {
  Draws draws(11);
  Fleet fleet;
  const auto block = fleet.Block();
  Inputs inputs[kBlockLanes];
  int noticed_turbo = 0, noticed_wall = 0, noticed_plane = 0;
  for (int tick = 0; tick < TestCount(3000, 3000, 30000); ++tick) {
    // Some rest, so that lanes drift apart and partly filled blocks are met as well.
    const auto lanes =
        static_cast<LaneMask>(draws.Below(4) == 0 ? draws.Below(kAllLanes + 1) : kAllLanes);
    TickResult expected;
    for (int i = 0; i < kBlockLanes; ++i) {
      const auto l = static_cast<std::size_t>(i);
      if (draws.Below(10) == 0) inputs[l] = AnyInputs(draws);
      block->set_inputs(i, inputs[l]);
      const Vec3 plane = fleet.cars[l].body.position_m + Vec3{0, 0, draws.Within(-1, 1)};
      const Vec3 direction{draws.Within(-1, 1), 0, 1};
      block->set_plane(i, plane, direction);
      if ((lanes >> i & 1) == 0) continue;
      const TickResult alone = Advance(fleet.params[l], *fleet.tracks[l], inputs[l], fleet.cars[l]);
      const bool is_beyond = Dot(fleet.cars[l].body.position_m - plane, direction) >= 0;
      const auto note = [i](bool holds, LaneMask& mask) {
        mask = static_cast<LaneMask>(mask | (holds ? 1 << i : 0));
      };
      note(alone.speed_limited != 0, expected.speed_limited);
      note(alone.left_world != 0, expected.left_world);
      note(alone.on_turbo != 0, expected.on_turbo);
      note(fleet.cars[l].has_wall_contact != 0, expected.against_wall);
      note(is_beyond, expected.beyond_plane);
    }
    ASSERT_EQ(block->Advance(lanes), expected) << "tick " << tick;
    noticed_turbo += std::popcount(expected.on_turbo);
    noticed_wall += std::popcount(expected.against_wall);
    noticed_plane += std::popcount(expected.beyond_plane);
    for (int i = 0; i < kBlockLanes; ++i) {
      ASSERT_TRUE(SameBits(block->state(i), fleet.cars[static_cast<std::size_t>(i)]))
          << "tick " << tick << " lane " << i << " of " << int{lanes};
    }
  }
  EXPECT_GT(noticed_turbo, 0);
  EXPECT_GT(noticed_wall, 0);
  EXPECT_GT(noticed_plane, 0);
}

TEST(VehicleBlockTest, AloneInItsBlockACarTicksAsAmongOthers) {
  Draws draws(12);
  const Fleet fleet;
  const auto together = fleet.Block(), apart = fleet.Block();
  for (int tick = 0; tick < 500; ++tick) {
    TickResult each;
    for (int i = 0; i < kBlockLanes; ++i) {
      const Inputs inputs = AnyInputs(draws);
      together->set_inputs(i, inputs);
      apart->set_inputs(i, inputs);
      const Vec3 plane = apart->state(i).body.position_m;
      together->set_plane(i, plane, {0, 0, 1});
      apart->set_plane(i, plane, {0, 0, 1});
      const TickResult one = apart->Advance(static_cast<LaneMask>(1 << i));
      each.speed_limited |= one.speed_limited;
      each.left_world |= one.left_world;
      each.on_turbo |= one.on_turbo;
      each.against_wall |= one.against_wall;
      each.beyond_plane |= one.beyond_plane;
    }
    ASSERT_EQ(together->Advance(kAllLanes), each) << "tick " << tick;
    for (int i = 0; i < kBlockLanes; ++i) {
      ASSERT_TRUE(SameBits(together->state(i), apart->state(i)))
          << "tick " << tick << " lane " << i;
    }
  }
}

TEST(VehicleBlockTest, EveryInstructionSetGivesTheSameBits) {
  const Targets targets;
  const auto run = [] {
    Draws draws(13);
    const Fleet fleet;
    const auto block = fleet.Block();
    VehicleState alone = fleet.cars[0];
    std::uint64_t hash = 0;
    for (int tick = 0; tick < 1500; ++tick) {
      for (int i = 0; i < kBlockLanes; ++i) {
        if (tick % 20 == i) block->set_inputs(i, AnyInputs(draws));
      }
      const TickResult noticed = block->Advance(tick % 7 == 0 ? 0x5A3C : kAllLanes);
      hash = HashBytes(std::as_bytes(std::span(&noticed, 1)), hash);
      Advance(fleet.params[0], *fleet.tracks[0], {.left = tick % 50 < 20, .accelerate = true},
              alone);
      for (int i = 0; i < kBlockLanes; ++i) {
        const VehicleState car = block->state(i);
        hash = HashBytes(std::as_bytes(std::span(&car, 1)), hash);
      }
    }
    return HashBytes(std::as_bytes(std::span(&alone, 1)), hash);
  };
  const std::vector<std::int64_t> all = Targets::All();
  ASSERT_FALSE(all.empty());
  const std::uint64_t expected = run();
  for (const std::int64_t target : all) {
    Targets::Only(target);
    EXPECT_EQ(run(), expected) << hwy::TargetName(target);
  }
}

TEST(VehicleBlockTest, RestingLanesKeepEveryBit) {
  Fleet fleet;
  const auto block = fleet.Block();
  const VehicleState before = block->state(3);
  for (int i = 0; i < kBlockLanes; ++i) block->set_inputs(i, {.right = true, .accelerate = true});
  for (int tick = 0; tick < 100; ++tick) block->Advance(static_cast<LaneMask>(~(1 << 3)));
  EXPECT_TRUE(SameBits(block->state(3), before));
  EXPECT_FALSE(SameBits(block->state(2), fleet.cars[2]));
}

TEST(VehicleBlockTest, OddTicksNameTheirLane) {
  Fleet fleet;
  fleet.cars[5].body.velocity_mps = {0, 0, 2000};
  fleet.cars[14].body.position_m.x = kWorldLimitM + 1;
  const TickResult result = fleet.Block()->Advance(kAllLanes);
  EXPECT_EQ(result.speed_limited, 1 << 5);
  EXPECT_EQ(result.left_world, 1 << 14);
}

// The guard is the callers'; what it guards is this.
TEST(VehicleBlockTest, WrongFloatingPointEnvironmentOfTheCallerChangesNothing) {
  const auto track = MixedTrack();
  const auto run = [&track] {
    const FloatingPointGuard guard;
    Race race(track, {});
    race.Restart(false);
    for (int tick = 0; tick < 800; ++tick) race.Tick({.left = tick % 90 < 30, .accelerate = true});
    return HashOf(race.state());
  };
  const std::uint64_t expected = run();
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    ASSERT_EQ(std::fesetround(mode), 0);
    const std::uint64_t hash = run();
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(hash, expected) << mode;
  }
}

}  // namespace
}  // namespace hotlap::sim
