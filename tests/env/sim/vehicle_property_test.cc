// Nothing a driver can do breaks the car: any inputs, any restores, on every road.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "env/game_state.h"
#include "env/sim/race.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/scenarios.h"
#include "tests/test_size.h"

namespace hotlap::sim {
namespace {

// All of configs/tracks and the roads of the tests.
std::vector<std::shared_ptr<const Track>> AllTracks() {
  std::vector<std::shared_ptr<const Track>> tracks{MixedTrack(), FlatTrack(1000, 20)};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(ConfigFile("tracks"))) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) tracks.push_back(Track::Build(LoadTrackSpec(file)));
  return tracks;
}

float MechanicalEnergy(const VehicleParams& params, const VehicleState& car) {
  const Vec3 spin =
      TransposeTimes(RotationOf(car.body.orientation), car.body.angular_velocity_radps);
  float energy = 0.5f * Dot(car.body.velocity_mps, car.body.velocity_mps) +
                 0.5f * ((spin.x * spin.x + spin.y * spin.y) / params.inverse_inertia_pitch_yaw +
                         spin.z * spin.z / params.inverse_inertia_roll) +
                 params.gravity_mps2 * car.body.position_m.y;
  return energy;
}

// The most that four springs at their stops and four corners pressed in can give back.
float StoredEnergy(const VehicleParams& params) {
  const float depth = params.max_compression_m, droop = params.max_extension_m + depth;
  const float travel = std::max(params.spring_free_front_m, params.spring_free_rear_m) + depth;
  return kNumWheels * (0.5f * params.droop_stiffness * droop * droop +
                       0.5f * (params.spring_stiffness + params.bump_stiffness) * travel * travel) +
         0.5f * kNumBodyPoints * 0.5f * params.body_stiffness * depth * depth;
}

// Another one at each long run; HOTLAP_TEST_SEED repeats it.
std::uint64_t Seed() {
  const char* const given = std::getenv("HOTLAP_TEST_SEED");
  const bool is_long = TestCount(0, 0, 1) == 1;
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                             : is_long        ? std::uint64_t{std::random_device{}()}
                                              : 1;
  std::printf("HOTLAP_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

TEST(VehiclePropertyTest, RandomDrivingStaysFiniteAboveTheGroundAndMakesNoEnergy) {
  Draws draws(Seed());
  const VehicleParams params;
  const float stored = StoredEnergy(params);
  const auto tracks = AllTracks();
  const int count = TestCount(20'000, 1'000'000, 12'000'000);
  const int per_track = count / static_cast<int>(tracks.size()) + kBlockLanes;
  for (const auto& track : tracks) {
    SCOPED_TRACE(track->name());
    auto block = std::make_shared<VehicleBlock>(params, *track);
    std::vector<Race> races;
    races.reserve(kBlockLanes);
    for (int lane = 0; lane < kBlockLanes; ++lane) {
      races.emplace_back(track, params, block, lane);
      races.back().Restart(false);
    }
    const LineDriver driver(*track);
    std::array<RaceState, 8> saved;
    saved.fill(races[0].state());
    std::array<Inputs, kBlockLanes> inputs{};
    std::array<bool, kBlockLanes> at_random{};
    // Without engine and turbo, energy never rises above what it was when they last pushed, but for
    // what springs had stored.
    std::array<float, kBlockLanes> most_energy;
    most_energy.fill(1e30f);
    std::array<int, kBlockLanes> ticks_below{};
    for (int tick = 0; tick < per_track / kBlockLanes; ++tick) {
      LaneMask lanes = 0;
      for (int lane = 0; lane < kBlockLanes; ++lane) {
        const auto l = static_cast<std::size_t>(lane);
        Race& race = races[l];
        if ((tick + 25 * lane) % 200 == 0) at_random[l] = draws.Below(2) == 0;
        if (tick % 12 == lane && at_random[l]) {
          inputs[l] = AnyInputs(draws);
          if (draws.Below(3) == 0) {  // coast, perhaps with the brake
            inputs[l].accelerate = false;
            inputs[l].gas = 0;
          }
        }
        if (!at_random[l]) inputs[l] = driver.Drive(race.state());
        bool jumped = false;
        if (draws.Below(300) == 0) saved[static_cast<std::size_t>(draws.Below(8))] = race.state();
        if (draws.Below(800) == 0) {
          race.set_state(saved[static_cast<std::size_t>(draws.Below(8))]);
          jumped = true;
        }
        if (draws.Below(5000) == 0) {
          race.Respawn();
          jumped = true;
        }
        if (jumped) most_energy[l] = 1e30f;
        race.set_inputs(inputs[l]);
        lanes = static_cast<LaneMask>(lanes | race.BeginTick());
      }
      const TickResult noticed = block->Advance(lanes);
      for (int lane = 0; lane < kBlockLanes; ++lane) {
        const auto l = static_cast<std::size_t>(lane);
        Race& race = races[l];
        race.EndTick(noticed);
        race.PreventFinish();
        const VehicleState car = race.vehicle();
        const GameState state = race.game_state();
        ASSERT_TRUE(FinitePhysics(state)) << "tick " << tick;
        ASSERT_LT(Length(state.velocity_mps), 278.0f);
        ASSERT_LT(Length(state.angular_velocity_radps), 30.1f);
        ASSERT_GE(state.gear, 0);
        ASSERT_LE(state.gear, 5);
        ASSERT_NEAR(Length(state.rotation.Column(1)), 1, 1e-4f);
        ticks_below[l] =
            state.position_m.y < track->ground_y_m() - params.sink_limit_m ? ticks_below[l] + 1 : 0;
        ASSERT_LE(ticks_below[l], 1) << "tick " << tick << " y " << state.position_m.y;

        const bool is_pushed = inputs[l].accelerate || inputs[l].gas > 0 ||
                               (car.gear == 0 && (inputs[l].brake || inputs[l].gas < 0)) ||
                               car.turbo_ticks_left > 0;
        const float energy = MechanicalEnergy(params, car);
        if (is_pushed) {
          most_energy[l] = energy + stored;
        } else {
          // A thousandth: float32 over many ticks.
          ASSERT_LE(energy, most_energy[l] + 1e-3f * std::fabs(most_energy[l])) << "tick " << tick;
          most_energy[l] = std::min(most_energy[l], energy + stored);
        }
      }
    }
  }
}

// With nothing that takes energy but the road itself: what a flaw gave would add up.
TEST(VehiclePropertyTest, CoastingGainsNothingFromEdgesWallsGapsAndTwists) {
  Draws draws(Seed());
  VehicleParams params;
  params.engine_brake_mps2 = params.drag_per_m = 0;
  const float stored = StoredEnergy(params);
  const int num_runs = TestCount(2, 20, 200);
  for (const auto& track : AllTracks()) {
    SCOPED_TRACE(track->name());
    auto block = std::make_shared<VehicleBlock>(params, *track);
    const int num_points = static_cast<int>(track->points().size());
    for (int run = 0; run < num_runs; ++run) {
      std::array<float, kBlockLanes> most_energy{};
      for (int lane = 0; lane < kBlockLanes; ++lane) {
        // Somewhere on the road or beside it, at any speed and a little askew.
        const RoadPoint& p = track->points()[static_cast<std::size_t>(draws.Below(num_points))];
        Pose pose;
        // Above it or under it, not within.
        const float height = draws.Below(4) > 0 ? draws.Within(0, 0.5f) : draws.Within(-2, -1.2f);
        pose.position_m = p.position_m + p.left * draws.Within(-12, 12) + p.normal * height;
        pose.rotation = {{{p.left.x, p.normal.x, p.tangent.x},
                          {p.left.y, p.normal.y, p.tangent.y},
                          {p.left.z, p.normal.z, p.tangent.z}}};
        VehicleState car = CarAt(params, *track, pose, false);
        car.body.velocity_mps = p.tangent * draws.Within(0, 100) + p.left * draws.Within(-15, 15);
        block->set_state(lane, car);
        most_energy[static_cast<std::size_t>(lane)] = MechanicalEnergy(params, car) + stored;
        block->set_inputs(lane, {.steer = draws.Below(2 * kMaxAnalog + 1) - kMaxAnalog});
      }
      for (int tick = 0; tick < 800; ++tick) {
        block->Advance(kAllLanes);
        for (int lane = 0; lane < kBlockLanes; ++lane) {
          const VehicleState car = block->state(lane);
          float& most = most_energy[static_cast<std::size_t>(lane)];
          const float energy = MechanicalEnergy(params, car);
          if (car.turbo_ticks_left > 0) {
            most = energy + stored;
            continue;
          }
          ASSERT_LE(energy, most + 1e-3f * std::fabs(most))
              << "run " << run << " lane " << lane << " tick " << tick << " at "
              << car.body.position_m.x << ' ' << car.body.position_m.y << ' '
              << car.body.position_m.z;
          most = std::min(most, energy + stored);
        }
      }
    }
  }
}

}  // namespace
}  // namespace hotlap::sim
