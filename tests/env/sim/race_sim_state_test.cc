#include "env/sim/race_sim_state.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "env/game_state.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/scenarios.h"
#include "tests/test_size.h"

namespace hotlap::sim {
namespace {

namespace layout = tminterface::layout;
using tminterface::ContextMode;
using tminterface::SimState;
using tminterface::SimStateView;

SimState StateFor(const Race& race) {
  return SimState(static_cast<std::size_t>(race.track().num_gates()),
                  static_cast<std::size_t>(race.target()));
}

SimState Written(const Race& race, ContextMode mode = ContextMode::kRun) {
  SimState state = StateFor(race);
  WriteSimState(race, mode, state);
  return state;
}

// A race in the middle of a lap.
Race Driven(int ticks, const std::shared_ptr<const Track>& track = Hockolicious()) {
  Race race(track, {});
  race.Restart(false);
  const LineDriver driver(*track);
  for (int i = 0; i < ticks; ++i) race.Tick(driver.Drive(race.state()));
  return race;
}

RaceState ReadBack(const Race& race, const SimState& state) {
  std::string why_not;
  const auto read = ReadSimState(race, state.view(), why_not);
  EXPECT_TRUE(read) << why_not;
  return read.value_or(RaceState{});
}

TEST(RaceSimStateTest, EveryTickOfARandomRaceComesBackBitForBitAndReadsAsItsGameState) {
  const std::uint64_t seed = 31;
  SCOPED_TRACE(seed);
  Draws draws(seed);
  for (const auto& track : {Hockolicious(), Hairpins(), MixedTrack()}) {
    Race race(track, {});
    SimState bytes = StateFor(race);
    const LineDriver driver(*track);
    Inputs inputs;
    bool at_random = false;
    for (int tick = 0; tick < TestCount(3000, 12000, 200000); ++tick) {
      if (tick % 300 == 0) at_random = draws.Below(3) == 0;
      if (tick % 2000 == 1999) race.Restart(draws.Below(2) == 0);
      if (draws.Below(1000) == 0) race.Respawn();
      if (!at_random) {
        inputs = driver.Drive(race.state());
      } else if (tick % 10 == 0) {
        inputs = AnyInputs(draws);
      }
      race.Tick(inputs);
      if (race.state().finished && draws.Below(20) == 0) race.PreventFinish();
      const ContextMode mode = tick % 7 == 0 ? ContextMode::kSimulation : ContextMode::kRun;
      WriteSimState(race, mode, bytes);
      std::string why_not;
      const auto read = ReadSimState(race, bytes.view(), why_not);
      ASSERT_TRUE(read) << why_not;
      ASSERT_TRUE(SameBits(*read, race.state())) << "tick " << tick;
      if (mode == ContextMode::kRun || !race.state().finished) {
        ASSERT_EQ(ReadGameState(bytes.view()), race.game_state()) << "tick " << tick;
      }
    }
  }
}

TEST(RaceSimStateTest, WrittenBytesDependOnTheRaceAlone) {
  const Race race = Driven(700);
  SimState reused = StateFor(race);
  WriteSimState(Driven(5000), ContextMode::kSimulation, reused);
  // A race with a turbo behind it, in the same arrays.
  Race boosted(MixedTrack(), {});
  const LineDriver driver(boosted.track());
  for (int i = 0; i < 1200; ++i) boosted.Tick(driver.Drive(boosted.state()));
  ASSERT_NE(boosted.record().last_turbo_ms, -1);
  SimState small = StateFor(boosted);
  WriteSimState(boosted, ContextMode::kRun, small);
  boosted.Restart(true);
  WriteSimState(boosted, ContextMode::kRun, small);
  const SimState fresh_small = Written(boosted);
  EXPECT_TRUE(
      std::equal(fresh_small.bytes().begin(), fresh_small.bytes().end(), small.bytes().begin()));
  WriteSimState(race, ContextMode::kRun, reused);
  const SimState fresh = Written(race);
  EXPECT_TRUE(std::equal(fresh.bytes().begin(), fresh.bytes().end(), reused.bytes().begin()));
}

TEST(RaceSimStateTest, ClientSeesConsistentValues) {
  const Race race = Driven(1200);
  const VehicleState car = race.vehicle();
  const SimState state = Written(race);
  const SimStateView view = state.view();

  EXPECT_EQ(view.Get(layout::kFlags), tminterface::kRunModeFlags);
  EXPECT_EQ(view.race_time_ms(), 12000);
  EXPECT_EQ(view.time_ms(), 12000 + 2610);
  EXPECT_EQ(view.Int32(layout::kTimers), 12000 + 2620);
  EXPECT_EQ(view.Int32(layout::kTimers + 40), 14700);
  EXPECT_EQ(view.Int32(layout::kPlayerInfoRest), 12000);
  EXPECT_EQ(view.position_m(), car.body.position_m);
  EXPECT_EQ(view.velocity_mps(), car.body.velocity_mps);
  EXPECT_EQ(view.display_speed_kmh(), static_cast<int>(Length(car.body.velocity_mps) * 3.6f));

  const std::size_t previous = layout::kDynaPrevious, temp = layout::kDynaTemp;
  EXPECT_EQ(view.Vector(previous + layout::body::kPosition), car.previous_body.position_m);
  for (std::size_t i = 0; i < layout::body::kSize; i += 4) {
    ASSERT_EQ(view.Int32(previous + i), view.Int32(temp + i)) << "temp repeats previous, at " << i;
  }
  // Local speed is a tick old, and rolling wheels turn with it.
  const Vec3 local = view.Get(layout::kCurrentLocalSpeed);
  EXPECT_EQ(local, TransposeTimes(view.Matrix(previous + layout::body::kRotation),
                                  view.Vector(previous + layout::body::kLinearSpeed)));
  for (int i = 0; i < 4; ++i) {
    const std::size_t wheel = layout::wheel_offset(i);
    EXPECT_EQ(view.Float(wheel + layout::wheel::kAngularSpeed), local.z / 0.364f);
    EXPECT_EQ(view.wheel_material(i), 16);
    EXPECT_NEAR(view.Float(wheel + layout::wheel::kContactNormal + 4), 1, 0.05f);
    EXPECT_FLOAT_EQ(view.Float(wheel + layout::wheel::kSurfaceHandlerPosition + 4),
                    0.3525f - view.Float(wheel + layout::wheel::kDamperAbsorb));
  }
  EXPECT_EQ(view.Float(layout::kPrevSyncVehicleState + layout::vehicle::kSpeedForward), local.z);
  EXPECT_EQ(view.Int32(layout::kSyncVehicleState + layout::vehicle::kGear), car.gear);
  EXPECT_EQ(view.Float(layout::kSyncVehicleState + layout::vehicle::kRpm), car.rpm);
  EXPECT_EQ(view.Get(layout::kMaxRpm), 11000);
  EXPECT_EQ(view.Get(layout::kMaxLinearSpeed), 277.7778f);
  // force = previous rotation * total_central_force_added - gravity
  const Vec3 force = view.Vector(layout::kDynaCurrent + layout::body::kForce);
  const Vec3 added =
      view.Matrix(previous + layout::body::kRotation) * view.Get(layout::kTotalCentralForceAdded) -
      Vec3{0, 25, 0};
  EXPECT_NEAR(Length(force - added), 0, 1e-3f);
  // The acceleration of the tick is what the body did, but for limits.
  EXPECT_NEAR(Length((car.body.velocity_mps - car.previous_body.velocity_mps) * 100 - force), 0,
              0.05f);
  const Mat3 inertia = view.Matrix(layout::kDynaCurrent + layout::body::kInverseInertia);
  EXPECT_NEAR(inertia.m[0][0] + inertia.m[1][1] + inertia.m[2][2], 0.48f + 0.48f + 1.2f, 1e-5f);

  EXPECT_EQ(view.num_checkpoint_times(), 14u);
  EXPECT_GT(race.state().num_passed, 0);
  for (std::size_t i = 0; i < 14; ++i) {
    const bool passed = i < static_cast<std::size_t>(race.state().num_passed);
    EXPECT_EQ(view.checkpoint_state(i), passed);
    EXPECT_EQ(view.checkpoint_time(i).time_ms, passed ? race.state().times_ms[i] : -1);
  }
  EXPECT_EQ(view.EventAt(layout::kEventRunning), (tminterface::Event{100000, 0x00000001u}));
  EXPECT_EQ(view.input_steer(), race.state().inputs.steer);
  EXPECT_EQ(view.input_accelerate(), race.state().inputs.accelerate);
}

TEST(RaceSimStateTest, UntouchedInputsAreZero) {
  Race race(Hockolicious(), {});
  const SimState state = Written(race);
  for (const std::size_t offset : {layout::kEventAccelerate, layout::kEventSteer}) {
    EXPECT_EQ(state.view().EventAt(offset), tminterface::Event{});
  }
  EXPECT_EQ(state.view().race_time_ms(), -2600);
}

TEST(RaceSimStateTest, SimulationModeHidesThePlayerBlock) {
  const Race race = Driven(500);
  const SimState state = Written(race, ContextMode::kSimulation);
  EXPECT_EQ(state.view().race_time_ms(), 0) << "as the official client reads it";
  EXPECT_EQ(ReadGameState(state.view()), race.game_state());
}

// Edits by a client take effect.

TEST(RaceSimStateTest, EditedFieldsWinOverTheOpaqueCopy) {
  const Race race = Driven(900);
  SimState state = Written(race);
  const Vec3 elsewhere = race.track().points()[3000].position_m;
  const std::size_t body = layout::kDynaCurrent;
  state.SetVector(body + layout::body::kPosition, elsewhere);
  state.SetVector(body + layout::body::kLinearSpeed, {1, 2, 3});
  state.SetVector(body + layout::body::kAngularSpeed, {0.1f, 0.2f, 0.3f});
  state.Set(layout::kGear, 3);
  state.Set(layout::kRaceTime, 5000);
  state.Set(layout::kTurningRate, -0.25f);
  state.SetCheckpointTime(0, {-1, 0});
  state.SetEvent(layout::kEventBrake, {105000, 0x03000001});
  const RaceState read = ReadBack(race, state);
  EXPECT_EQ(read.vehicle.body.position_m, elsewhere);
  EXPECT_EQ(read.vehicle.road_index, race.track().Locate(elsewhere)) << "the old hint is void";
  EXPECT_EQ(read.vehicle.body.velocity_mps, (Vec3{1, 2, 3}));
  EXPECT_EQ(read.vehicle.body.angular_velocity_radps, (Vec3{0.1f, 0.2f, 0.3f}));
  EXPECT_EQ(read.vehicle.gear, 3);
  EXPECT_EQ(read.race_time_ms, 5000);
  EXPECT_EQ(read.vehicle.steering, -0.25f);
  EXPECT_EQ(read.num_passed, race.state().num_passed - 1);
  EXPECT_TRUE(read.inputs.brake);
  EXPECT_EQ(read.vehicle.body.orientation, race.state().vehicle.body.orientation);
}

TEST(RaceSimStateTest, EitherRotationFieldMayBeEdited) {
  const Race race = Driven(900);
  const Quaternion turned{0.6f, 0, 0.8f, 0};
  const std::size_t body = layout::kDynaCurrent;

  SimState by_quaternion = Written(race);
  by_quaternion.SetFloat(body, turned.w);
  by_quaternion.SetVector(body + 4, {turned.x, turned.y, turned.z});
  EXPECT_EQ(ReadBack(race, by_quaternion).vehicle.body.orientation, turned);

  SimState by_matrix = Written(race);
  by_matrix.SetMatrix(body + layout::body::kRotation, RotationOf(turned));
  const Quaternion read = ReadBack(race, by_matrix).vehicle.body.orientation;
  EXPECT_NEAR(read.w, turned.w, 1e-6f);
  EXPECT_NEAR(read.y, turned.y, 1e-6f);

  SimState too_long = Written(race);
  too_long.SetFloat(body, 1.2f);
  too_long.SetVector(body + 4, {0, 1.6f, 0});
  EXPECT_NEAR(ReadBack(race, too_long).vehicle.body.orientation.w, 0.6f, 1e-6f) << "normalised";
}

TEST(RaceSimStateTest, TimesOfTurboAndWallAreThoseOfTheLastTickThere) {
  Race race(MixedTrack(), {});
  const LineDriver driver(race.track());
  std::int32_t turbo_ms = -1, wall_ms = -1;
  for (int i = 0; i < 2500; ++i) {
    Inputs inputs = driver.Drive(race.state());
    if (i % 500 > 430) inputs = {.steer = kMaxAnalog, .accelerate = true};  // into the wall
    race.Tick(inputs);
    const VehicleState car = race.vehicle();
    if (car.turbo_ticks_left == TurboTicks(race.params())) turbo_ms = race.record().race_time_ms;
    if (car.has_wall_contact != 0) wall_ms = race.record().race_time_ms;
    const SimState state = Written(race);
    ASSERT_EQ(state.view().Get(layout::kLastTurboTime), turbo_ms);
    ASSERT_EQ(state.view().Get(layout::kLastHasAnyLateralContactTime), wall_ms);
    ASSERT_EQ(state.view().Get(layout::kHasAnyLateralContact), car.has_wall_contact != 0);
  }
  EXPECT_GT(turbo_ms, 0);
  EXPECT_LT(turbo_ms, race.record().race_time_ms - 1000) << "long ago by now";
  EXPECT_GT(wall_ms, 0);
}

TEST(RaceSimStateTest, SettingTheLastCheckpointTimeToMinusOnePreventsTheFinish) {
  Race race = Driven(1, NamedTrack("short_sprint"));
  const LineDriver driver(race.track());
  for (int i = 0; i < 3000 && !race.state().finished; ++i) race.Tick(driver.Drive(race.state()));
  ASSERT_TRUE(race.state().finished);
  SimState state = Written(race);
  EXPECT_TRUE(state.view().Get(layout::kRaceFinished));
  EXPECT_TRUE(ReadBack(race, state).finished);
  state.SetCheckpointTime(static_cast<std::size_t>(race.target() - 1), {-1, 0});
  RaceState prevented = ReadBack(race, state);
  race.PreventFinish();
  EXPECT_TRUE(SameBits(prevented, race.state()));
}

TEST(RaceSimStateTest, StateWithoutOurBytesIsReadFromDocumentedFieldsAlone) {
  const Race race = Driven(2500);
  SimState state = Written(race);
  const std::vector<std::byte> zeros(layout::kDynaRestSize);
  state.SetBytes(layout::kDynaRest, zeros);
  RaceState expected = race.state();
  expected.vehicle.shift_ticks_left = expected.vehicle.shift_ticks_left > 0 ? 1 : 0;
  expected.vehicle.road_index = race.track().Locate(expected.vehicle.body.position_m);
  expected.vehicle.has_left_road = 1;  // unknown: the next tick looks at the whole track
  EXPECT_TRUE(SameBits(ReadBack(race, state), expected));
}

TEST(RaceSimStateTest, OpaqueBytesOfAnotherTrackDoNotCount) {
  const Race race = Driven(500, NamedTrack("short_sprint"));
  TrackSpec spec = LoadTrackSpec(ConfigFile("tracks/short_sprint.yaml"));
  for (TrackPoint& point : spec.line) point.half_width_left_m = 10;
  const Race other(Track::Build(spec), {});
  const SimState state = Written(race);
  const RaceState read = ReadBack(other, state);
  EXPECT_EQ(read.vehicle.road_index, other.track().Locate(read.vehicle.body.position_m));
}

TEST(RaceSimStateTest, WrongStatesAreRefusedWithAReason) {
  const Race race = Driven(500);
  const auto reason = [&](auto&& edit) {
    SimState state = Written(race);
    edit(state);
    std::string why_not;
    EXPECT_FALSE(ReadSimState(race, state.view(), why_not));
    return why_not;
  };
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::size_t body = layout::kDynaCurrent;
  const auto starts = [](const std::string& text, const std::string& start) {
    EXPECT_TRUE(text.starts_with(start)) << text;
  };
  starts(reason([&](SimState& s) { s.SetFloat(body + layout::body::kPosition, kNan); }),
         "dyna.position");
  starts(reason([&](SimState& s) { s.SetFloat(body + layout::body::kPosition, 1e9f); }),
         "dyna.position");
  starts(reason([&](SimState& s) { s.SetFloat(body + layout::body::kLinearSpeed, kInfinity); }),
         "dyna.linear_speed");
  starts(reason([&](SimState& s) { s.SetFloat(body + layout::body::kAngularSpeed, kNan); }),
         "dyna.angular_speed");
  starts(reason([&](SimState& s) {
           for (std::size_t i = 0; i < 4; ++i) s.SetFloat(body + 4 * i, 0);
         }),
         "dyna.quat");
  starts(reason([&](SimState& s) { s.SetFloat(body + layout::body::kRotation, kNan); }),
         "dyna.rotation");
  starts(reason([&](SimState& s) { s.SetFloat(layout::kDynaPrevious, kNan); }), "dyna.quat");
  starts(reason([](SimState& s) { s.Set(layout::kActualRpm, kNan); }), "engine.actual_rpm");
  starts(reason([](SimState& s) { s.Set(layout::kTurningRate, kNan); }), "scene_mobil.turning");
  starts(reason([](SimState& s) { s.Set(layout::kGear, 6); }), "engine.gear");
  starts(reason([](SimState& s) { s.Set(layout::kRaceTime, 12345); }), "race_time");
  starts(reason([](SimState& s) { s.Set(layout::kFlags, 0u); }), "flags");
  starts(reason([](SimState& s) {
           s.SetFloat(layout::wheel_offset(2) + layout::wheel::kDamperAbsorb, kInfinity);
         }),
         "simulation_wheels");
  starts(reason([](SimState& s) { s.Set(layout::kNumRespawns, 0x7FFFFFFFu); }), "num_respawns");
  for (const std::int32_t time : {0x7FFFFFFF, 15, -10}) {
    starts(reason([time](SimState& s) { s.SetCheckpointTime(0, {time, 0}); }), "cp_times: must");
  }
  starts(reason([](SimState& s) { s = SimState(3, 14); }), "cp_states");
  starts(reason([](SimState& s) { s = SimState(14, 3); }), "cp_times");
}

// Whatever bytes arrive, what is taken can be driven on.
TEST(RaceSimStateTest, DamagedStatesAreRefusedOrDriveOnFinitely) {
  const std::uint64_t seed = 77;
  SCOPED_TRACE(seed);
  Draws draws(seed);
  const Race race = Driven(1500);
  const SimState good = Written(race);
  Race victim(race.shared_track(), race.params());
  int taken = 0;
  for (int i = 0; i < TestCount(300, 2000, 50000); ++i) {
    SimState state = good;
    const int edits = 1 + draws.Below(4);
    for (int k = 0; k < edits; ++k) {
      // Words of the blocks that are read, and of the opaque copy.
      constexpr std::size_t kBlocks[] = {492, 672, 1032, 2384, 3084, 3996, 8212};
      const std::size_t word =
          kBlocks[draws.Below(7)] / 4 + static_cast<std::size_t>(draws.Below(33));
      const std::uint32_t value = draws.Below(2) == 0 ? draws.Next() : draws.Next() & 0xFF;
      state.SetInt32(4 * word, static_cast<std::int32_t>(value));
    }
    if (draws.Below(4) == 0) {
      state.Set(layout::kNumRespawns, draws.Below(2) == 0 ? 0x7FFFFFFFu : draws.Next());
    }
    if (draws.Below(4) == 0) {
      for (std::size_t k = 0; k < state.view().num_checkpoint_times(); ++k) {
        state.SetCheckpointTime(k, {draws.Below(2) == 0 ? 0x7FFFFFFF : 10 * draws.Below(1000), 0});
      }
    }
    std::string why_not;
    const auto read = ReadSimState(race, state.view(), why_not);
    if (!read) {
      EXPECT_FALSE(why_not.empty());
      continue;
    }
    ++taken;
    victim.set_state(*read);
    for (int tick = 0; tick < 50; ++tick) victim.Tick(AnyInputs(draws));
    victim.Respawn();
    Written(victim);  // the clocks that it tells are in range
    ASSERT_TRUE(FinitePhysics(victim.game_state())) << "try " << i;
  }
  EXPECT_GT(taken, 10);
}

TEST(FinitePhysicsTest, SeesEveryFloat) {
  const GameState good = Driven(100).game_state();
  EXPECT_TRUE(FinitePhysics(good));
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (auto edit : {+[](GameState& s) { s.position_m.y = kNan; },
                    +[](GameState& s) { s.rotation.m[2][1] = kNan; },
                    +[](GameState& s) { s.velocity_mps.x = -1 / 0.0f; },
                    +[](GameState& s) { s.angular_velocity_radps.z = kNan; },
                    +[](GameState& s) { s.rpm = kNan; },
                    +[](GameState& s) { s.wheels[3].damper_absorb_m = kNan; }}) {
    GameState state = good;
    edit(state);
    EXPECT_FALSE(FinitePhysics(state));
  }
}

TEST(ReadGameStateTest, ReadsACapturedLayout) {
  std::ifstream file(std::string(HOTLAP_SOURCE_DIR) + "/tests/data/vectors/sim_state_run.bin",
                     std::ios::binary);
  ASSERT_TRUE(file.is_open());
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto parsed = SimStateView::Parse(std::as_bytes(std::span(text)));
  const GameState state = ReadGameState(std::get<SimStateView>(parsed));
  EXPECT_EQ(state.race_time_ms, 12340);
  EXPECT_EQ(state.position_m, (Vec3{431.875f, 26.3125f, 655.5f}));
  EXPECT_EQ(state.gear, 4);
  EXPECT_TRUE(state.is_changing_gear);
  EXPECT_TRUE(state.is_turbo);
  EXPECT_EQ(state.checkpoints_per_lap, 5);
  EXPECT_EQ(state.checkpoints_target, 10);
  EXPECT_EQ(state.checkpoints_passed, 2);
  EXPECT_EQ(state.num_respawns, 1);
  EXPECT_TRUE(state.inputs.accelerate);
  EXPECT_TRUE(state.inputs.right);
  EXPECT_FALSE(state.inputs.brake);
}

}  // namespace
}  // namespace hotlap::sim
