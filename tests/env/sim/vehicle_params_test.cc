// A car with another mass, grip and engine is that car, by its physics.
#include "env/sim/vehicle_params.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "env/sim/race.h"
#include "env/sim/vehicle_model.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/scenarios.h"
#include "tests/test_size.h"

namespace hotlap::sim::vehicle_params_test {
namespace {

const Inputs kThrottle{.accelerate = true};
const Inputs kBrake{.brake = true};

// A car on a wide flat road, standing on its wheels and rolling towards +z.
class VariedTest : public ::testing::Test {
 protected:
  static VehicleState At(const VehicleParams& params, const Track& track, float kmh) {
    Pose pose = track.start();
    pose.position_m.z += 200;
    pose.position_m.y -= kDropHeightM;
    VehicleState car = CarAt(params, track, pose, /*dropped=*/false);
    for (int i = 0; i < 200; ++i) Advance(params, track, kBrake, car);  // the springs settle
    car.body.velocity_mps = {0, 0, kmh / 3.6f};
    car.gear = kmh < 90 ? 1 : kmh < 165 ? 2 : kmh < 203 ? 3 : kmh < 400 ? 4 : 5;
    car.shift_ticks_left = 0;
    return car;
  }
  VehicleState Driven(const VehicleFactors& factors, float kmh, const Inputs& inputs, int ticks) {
    const VehicleParams params = Varied({}, factors);
    VehicleState car = At(params, *track_, kmh);
    for (int i = 0; i < ticks; ++i) Advance(params, *track_, inputs, car);
    return car;
  }
  // m/s^2 along the road, over a tenth of a second.
  float Acceleration(const VehicleFactors& factors, float kmh, const Inputs& inputs) {
    const float before = Driven(factors, kmh, inputs, 5).body.velocity_mps.z;
    return (Driven(factors, kmh, inputs, 15).body.velocity_mps.z - before) / 0.1f;
  }

  const FloatingPointGuard guard_;
  std::shared_ptr<const Track> track_ = FlatTrack(20000);
};

TEST_F(VariedTest, FactorsOfOneChangeNoBit) {
  EXPECT_TRUE(SameBits(Varied({}, {}), VehicleParams{}));
}

TEST_F(VariedTest, HeavierCarAcceleratesAndBrakesLessByTheFactor) {
  for (const float mass : {0.7f, 0.85f, 1.25f, 2.0f}) {
    for (const float kmh : {50.0f, 130.0f, 320.0f}) {
      EXPECT_NEAR(Acceleration({.mass = mass}, kmh, kThrottle) * mass,
                  Acceleration({}, kmh, kThrottle), 0.1f)
          << mass << " at " << kmh;
      EXPECT_NEAR(Acceleration({.mass = mass}, kmh, kBrake) * mass, Acceleration({}, kmh, kBrake),
                  0.5f)
          << mass << " at " << kmh;
    }
    EXPECT_NEAR(Acceleration({.mass = mass}, 400, {}) * mass, Acceleration({}, 400, {}), 0.1f)
        << mass << " by drag and engine brake";
  }
}

TEST_F(VariedTest, EveryCarFallsAlike) {
  for (const float mass : {0.7f, 2.0f}) {
    const VehicleParams params = Varied({}, {.mass = mass});
    VehicleState car = At(params, *track_, 0);
    car.body.velocity_mps = {};
    car.body.position_m.y += 100;
    Advance(params, *track_, {}, car);
    EXPECT_NEAR(car.body.velocity_mps.y, -0.25f, 1e-4f) << mass;
  }
}

TEST_F(VariedTest, EveryCarRollsDownAHillAlike) {
  TrackSpec spec;
  spec.name = "hill";
  spec.line = PlainRoad(std::vector<Vec3>{{1000, 109.4f, 500}, {1000, 9.4f, 1500}}, 200);
  const auto hill = Track::Build(spec);
  // Without what brakes, which is a force and not the mass's.
  VehicleParams frictionless;
  frictionless.drag_per_m = frictionless.engine_brake_mps2 = 0;
  const auto speed = [&](float mass) {
    const VehicleParams params = Varied(frictionless, {.mass = mass});
    VehicleState car = CarAt(params, *hill, hill->start(), /*dropped=*/true);
    for (int i = 0; i < 400; ++i) Advance(params, *hill, {}, car);
    return Length(car.body.velocity_mps);
  };
  EXPECT_GT(speed(1), 8.0f);
  EXPECT_NEAR(speed(0.7f), speed(1), 0.1f);
  EXPECT_NEAR(speed(2), speed(1), 0.1f);
}

TEST_F(VariedTest, HeavierCarSitsLowerOnTheSameSprings) {
  const auto height = [&](float mass) {
    return Driven({.mass = mass}, 0, kBrake, 100).body.position_m.y;
  };
  EXPECT_LT(height(1.3f), height(1) - 0.001f);
  EXPECT_GT(height(0.7f), height(1) + 0.001f);
}

// The most that a bend asks for is by friction, in which the mass cancels out; what is left is the
// sensitivity to the load, which costs a heavy car some of its grip.
TEST_F(VariedTest, HeavierCarHoldsABendButForTheSensitivityToItsLoad) {
  const auto lateral_mps2 = [&](const VehicleParams& params) {
    VehicleState car = At(params, *track_, 150);
    car.body.velocity_mps.x = 15;  // sideways beyond every grip
    const float before = car.body.velocity_mps.x;
    for (int i = 0; i < 5; ++i) Advance(params, *track_, {}, car);
    return (before - car.body.velocity_mps.x) / 0.05f;
  };
  VehicleParams insensitive;
  insensitive.load_sensitivity = 0;
  const float base = lateral_mps2(insensitive);
  EXPECT_NEAR(lateral_mps2(Varied(insensitive, {.mass = 1.5f})), base, 0.05f * base);
  const float lost = 1 - lateral_mps2(Varied({}, {.mass = 1.5f})) / lateral_mps2({});
  EXPECT_NEAR(lost, 0.5f * VehicleParams{}.load_sensitivity, 0.02f);
}

TEST_F(VariedTest, GripLimitsWhatABendHolds) {
  const auto lateral_mps2 = [&](float grip) {
    const VehicleState before = Driven({.grip = grip}, 150, {}, 0);
    VehicleState car = before;
    car.body.velocity_mps.x = 15;
    const VehicleParams params = Varied({}, {.grip = grip});
    for (int i = 0; i < 5; ++i) Advance(params, *track_, {}, car);
    return (15 - car.body.velocity_mps.x) / 0.05f;
  };
  EXPECT_NEAR(lateral_mps2(0.5f) / lateral_mps2(1), 0.5f, 0.05f);
  for (const auto& [grip, field] : {std::pair{3.9f, &VehicleParams::grip_asphalt},
                                    {2.0f, &VehicleParams::grip_grass},
                                    {2.4f, &VehicleParams::grip_dirt},
                                    {0.5f, &VehicleParams::grip_ice}}) {
    EXPECT_FLOAT_EQ(Varied({}, {.grip = 1.5f}).*field, 1.5f * grip);
  }
}

TEST_F(VariedTest, EngineForceIsThatOfEveryGearAndReverse) {
  const float drag = Acceleration({}, 320, kThrottle);
  for (const float kmh : {50.0f, 130.0f, 190.0f, 320.0f, 420.0f}) {
    const float drag_mps2 = VehicleParams{}.drag_per_m * (kmh / 3.6f) * (kmh / 3.6f);
    EXPECT_NEAR(Acceleration({.engine_force = 1.5f}, kmh, kThrottle) + drag_mps2,
                1.5f * (Acceleration({}, kmh, kThrottle) + drag_mps2), 0.4f)
        << kmh;
  }
  EXPECT_GT(drag, 0);
  const float slow = -Driven({.engine_force = 0.5f}, 0, kBrake, 60).body.velocity_mps.z;
  const float normal = -Driven({}, 0, kBrake, 60).body.velocity_mps.z;
  EXPECT_GT(normal, 1.0f);
  EXPECT_NEAR(slow / normal, 0.5f, 0.1f);
}

TEST_F(VariedTest, CarTurnsInTheAirLessByItsMass) {
  const auto yaw = [&](float mass) {
    const VehicleParams params = Varied({}, {.mass = mass});
    VehicleState car = At(params, *track_, 100);
    car.body.position_m.y += 100;
    car.steering = 1;
    Advance(params, *track_, {.right = true}, car);
    return -car.body.angular_velocity_radps.y;
  };
  EXPECT_GT(yaw(1), 0.01f);
  EXPECT_NEAR(yaw(2), yaw(1) / 2, 1e-4f);
}

// ---- nothing blows up

// One of eight corners of the ranges that a config may have.
VehicleFactors Corner(int i) {
  return {(i & 1) != 0 ? 2.0f : 0.7f, (i & 2) != 0 ? 2.0f : 0.5f, (i & 4) != 0 ? 2.0f : 0.5f};
}

// Side by side in one block, over every kind of road: driven along the line, and with wild inputs
// between.
TEST_F(VariedTest, CarsAtTheCornersOfAllRangesStayInOnePiece) {
  Draws draws(3);
  for (const auto& track : {MixedTrack(), Hairpins(), Hockolicious(), NamedTrack("jump"),
                            NamedTrack("loop"), NamedTrack("ice"), NamedTrack("banked")}) {
    SCOPED_TRACE(track->name());
    auto block = std::make_shared<VehicleBlock>(VehicleParams{}, *track);
    std::vector<Race> races;
    races.reserve(kBlockLanes);
    for (int lane = 0; lane < kBlockLanes; ++lane) {
      races.emplace_back(track, VehicleParams{}, block, lane);
      races.back().Restart(false);
      races.back().Configure(Varied({}, Corner(lane)));
    }
    const LineDriver driver(*track);
    std::array<Inputs, kBlockLanes> inputs{};
    float farthest_m = 0;
    for (int tick = 0; tick < TestCount(1500, 6000, 60000); ++tick) {
      const bool is_wild = tick % 600 >= 400;
      LaneMask lanes = 0;
      for (std::size_t l = 0; l < races.size(); ++l) {
        if (tick % 600 == 0 && tick > 0) races[l].Respawn();
        if (!is_wild) inputs[l] = driver.Drive(races[l].state());
        if (is_wild && draws.Below(12) == 0) inputs[l] = AnyInputs(draws);
        races[l].set_inputs(inputs[l]);
        lanes = static_cast<LaneMask>(lanes | races[l].BeginTick());
      }
      const TickResult noticed = block->Advance(lanes);
      for (Race& race : races) {
        race.EndTick(noticed);
        race.PreventFinish();
        const GameState state = race.game_state();
        ASSERT_TRUE(FinitePhysics(state)) << "tick " << tick;
        ASSERT_LT(Length(state.velocity_mps), 278.0f) << "tick " << tick;
        ASSERT_LT(Length(state.angular_velocity_radps), 30.1f) << "tick " << tick;
        ASSERT_NEAR(Length(state.rotation.Column(1)), 1, 1e-4f) << "tick " << tick;
        farthest_m = std::max(farthest_m, Length(state.position_m - track->start().position_m));
      }
    }
    EXPECT_GT(farthest_m, 100) << "they drive";
  }
}

// On a flat road nothing but the driver moves a car: a chatter of its springs or tyres would show.
TEST_F(VariedTest, CarsAtTheCornersOfAllRangesStandAndDriveSmoothly) {
  for (int i = 0; i < 8; ++i) {
    const VehicleFactors corner = Corner(i);
    const VehicleParams params = Varied({}, corner);
    VehicleState standing = Driven(corner, 0, {}, 300);
    EXPECT_LT(Length(standing.body.velocity_mps), 0.01f) << "corner " << i;
    EXPECT_LT(Length(standing.body.angular_velocity_radps), 0.01f) << "corner " << i;
    for (const float kmh : {80.0f, 250.0f, 450.0f}) {
      VehicleState car = Driven(corner, kmh, kThrottle, 100);
      for (int tick = 0; tick < 100; ++tick) {
        const float height_m = car.body.position_m.y;
        Advance(params, *track_, kThrottle, car);
        ASSERT_NEAR(car.body.position_m.y, height_m, 2e-3f) << "corner " << i << " at " << kmh;
        ASSERT_LT(Length(car.body.angular_velocity_radps), 0.2f) << "corner " << i << " at " << kmh;
      }
      // A kick from the side dies out.
      car.body.velocity_mps.x += 1;
      for (int tick = 0; tick < 300; ++tick) Advance(params, *track_, kThrottle, car);
      EXPECT_LT(std::fabs(car.body.angular_velocity_radps.z), 0.05f) << "corner " << i;
    }
  }
}

}  // namespace
}  // namespace hotlap::sim::vehicle_params_test
