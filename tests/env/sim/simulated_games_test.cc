#include "env/simulated_games.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "tests/allocation_count.h"
#include "tests/env/sim/line_driver.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::simulated_games_test {
namespace {

using sim::Draws;

const Inputs kThrottle{.accelerate = true};

std::shared_ptr<const sim::Track> Sprint() {
  static const auto track = sim::NamedTrack("short_sprint");
  return track;
}

Command Advance(int slot, int ticks, const Inputs& inputs = kThrottle) {
  Command command;
  command.slot = slot;
  command.ticks = ticks;
  command.inputs = inputs;
  return command;
}

Command Of(int slot, CommandKind kind, std::span<const std::byte> snapshot = {}) {
  Command command;
  command.slot = slot;
  command.kind = kind;
  command.snapshot = snapshot;
  return command;
}

class SimulatedGamesTest : public ::testing::Test {
 protected:
  Completion Do(const Command& command) {
    group_->Start({&command, 1});
    const auto done = group_->Collect(kNoDeadline);
    EXPECT_EQ(done.size(), 1u);
    return done.empty() ? Completion{} : done[0];
  }
  std::vector<std::byte> Save(int slot) {
    const auto bytes = Do(Of(slot, CommandKind::kSave)).snapshot;
    return {bytes.begin(), bytes.end()};
  }
  Completion Restore(int slot, std::span<const std::byte> snapshot) {
    return Do(Of(slot, CommandKind::kRestore, snapshot));
  }
  // Drives slot 0 to its finish in steps of five ticks.
  Completion DriveToFinish() {
    sim::Race shadow(Sprint(), {});
    shadow.Restart(false);
    const sim::LineDriver driver(*Sprint());
    for (int step = 0; step < 2000; ++step) {
      const Inputs inputs = driver.Drive(shadow.state());
      Completion done = Do(Advance(0, 5, inputs));
      if (done.finished) return done;
      for (int i = 0; i < 5; ++i) shadow.Tick(inputs);
    }
    ADD_FAILURE() << "no finish";
    return {};
  }

  std::unique_ptr<GameGroup> group_ =
      MakeSimulatedGames({{Sprint(), {}}, {Sprint(), {}}, {sim::Hairpins(), {}}});
};

TEST_F(SimulatedGamesTest, StandsAtTimeZeroWithNeutralInputs) {
  EXPECT_EQ(group_->num_slots(), 3);
  EXPECT_EQ(group_->kind(), "simulated");
  EXPECT_EQ(group_->state(0).race_time_ms, 0);
  EXPECT_EQ(group_->state(0).inputs, Inputs{});
  EXPECT_EQ(group_->state(2).checkpoints_target, 6);
}

TEST_F(SimulatedGamesTest, StartComputesNothingAndCollectDoesItOnce) {
  const Command commands[] = {Advance(1, 7), Advance(0, 3)};
  group_->Start(commands);
  EXPECT_EQ(group_->state(0).race_time_ms, 0);
  const auto done = group_->Collect(kNoDeadline);
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].slot, 1);
  EXPECT_EQ(done[0].ticks, 7);
  EXPECT_EQ(done[0].status, CompletionStatus::kOk);
  EXPECT_EQ(group_->state(1).race_time_ms, 70);
  EXPECT_EQ(group_->state(0).race_time_ms, 30);
  EXPECT_EQ(group_->state(0).inputs, kThrottle);
  EXPECT_EQ(group_->state(2).race_time_ms, 0) << "a slot that rests is left alone";
  EXPECT_TRUE(group_->Collect(kNoDeadline).empty());
}

TEST_F(SimulatedGamesTest, FinishEndsTheStepEarlyAndIsPrevented) {
  const Completion done = DriveToFinish();
  EXPECT_TRUE(done.finished);
  EXPECT_LE(done.ticks, 5);
  ASSERT_FALSE(done.events.empty());
  const RaceEvent finish = done.events.back();
  EXPECT_EQ(finish.kind, RaceEventKind::kFinish);
  EXPECT_EQ(finish.count, 6);
  EXPECT_EQ(finish.race_time_ms, group_->state(0).race_time_ms)
      << "the state is that of the finish";
  EXPECT_EQ(group_->state(0).checkpoints_passed, 5) << "its last time is unset again";
  // Every command may follow.
  EXPECT_EQ(Do(Advance(0, 5)).ticks, 5);
  EXPECT_EQ(group_->state(0).race_time_ms, finish.race_time_ms + 50);
}

TEST_F(SimulatedGamesTest, LongStepStopsAtTheFinish) {
  // From a state three ticks before the finish, a step that is far too long.
  sim::Race shadow(Sprint(), {});
  shadow.Restart(false);
  const sim::LineDriver driver(*Sprint());
  std::vector<std::vector<std::byte>> before;
  Inputs inputs;
  while (!shadow.state().finished) {
    inputs = driver.Drive(shadow.state());
    before.push_back(Save(0));
    shadow.Tick(inputs);
    Do(Advance(0, 1, inputs));
  }
  ASSERT_EQ(Restore(0, before[before.size() - 3]).status, CompletionStatus::kOk);
  const Completion done = Do(Advance(0, 100000, inputs));
  EXPECT_TRUE(done.finished);
  EXPECT_LT(done.ticks, 10);
  EXPECT_EQ(done.events.size(), 1u);
}

TEST_F(SimulatedGamesTest, RestartBeginsANewRace) {
  const GameState start = group_->state(0);
  Do(Advance(0, 300));
  EXPECT_NE(group_->state(0), start);
  EXPECT_EQ(Do(Of(0, CommandKind::kRestart)).status, CompletionStatus::kOk);
  EXPECT_EQ(group_->state(0), start);
}

TEST_F(SimulatedGamesTest, RestoredSlotStaysInLockstepWithTheOneThatWasSaved) {
  const std::uint64_t seed = 5;
  SCOPED_TRACE(seed);
  Draws draws(seed);
  Do(Advance(0, 137, {.left = true, .accelerate = true}));
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::byte> snapshot = Save(0);
    ASSERT_EQ(Restore(1, snapshot).status, CompletionStatus::kOk);
    ASSERT_EQ(group_->state(1), group_->state(0));
    for (int step = 0; step < 30; ++step) {
      const Inputs inputs = sim::AnyInputs(draws);
      const int ticks = 1 + draws.Below(10);
      const Command commands[] = {Advance(0, ticks, inputs), Advance(1, ticks, inputs)};
      group_->Start(commands);
      group_->Collect(kNoDeadline);
      ASSERT_EQ(group_->state(0), group_->state(1));
    }
    ASSERT_EQ(Save(0), Save(1));
  }
}

TEST(SimulatedGamesOfSeveralVehiclesTest, EverySlotDrivesItsOwn) {
  const auto track = sim::FlatTrack();
  std::vector<SimulatedGame> games(3, {track, {}});
  games[1].vehicle.gravity_mps2 = 12;
  games[2].vehicle.drive_low_mps2.fill(5);
  const auto group = MakeSimulatedGames(games);
  for (int slot = 0; slot < 3; ++slot) {
    const Command command{.slot = slot, .ticks = 120, .inputs = {.accelerate = true}};
    group->Start({&command, 1});
    group->Collect(kNoDeadline);
    sim::Race alone(track, games[static_cast<std::size_t>(slot)].vehicle);
    alone.Restart(/*with_countdown=*/false);
    for (int tick = 0; tick < 120; ++tick) alone.Tick(command.inputs);
    EXPECT_EQ(group->state(slot), alone.game_state()) << slot;
  }
  EXPECT_NE(group->state(0).position_m, group->state(1).position_m);
  EXPECT_NE(group->state(0).position_m, group->state(2).position_m);
}

// Slots of full and part-filled blocks, whose commands differ in length and inputs, meet gates,
// walls, pads and the finish at odd times, and give all that a race would alone.
TEST(SimulatedGamesOfSeveralSlotsTest, EverySlotRacesAsItWouldAlone) {
  const sim::FloatingPointGuard guard;
  const auto track = sim::NamedTrack("mixed");
  constexpr int kSlots = sim::kBlockLanes + 5;
  const auto group = MakeSimulatedGames(std::vector<SimulatedGame>(kSlots, {track, {}}));
  const auto collect = [&](std::span<const Command> commands) {
    group->Start(commands);
    return group->Collect(kNoDeadline);
  };

  // States all over the race, some just before the finish, the last one after it.
  std::vector<sim::RaceState> states;
  sim::Race lead(track, {});
  lead.Restart(/*with_countdown=*/false);
  const sim::LineDriver driver(*track);
  while (!lead.record().finished && states.size() < 30000) {
    states.push_back(lead.state());
    lead.Tick(driver.Drive(lead.state()));
  }
  ASSERT_TRUE(lead.record().finished);
  states.push_back(lead.state());
  const Command save_first = Of(0, CommandKind::kSave);
  const auto first = collect({&save_first, 1})[0].snapshot;
  const std::size_t header = first.size() - sizeof(sim::VehicleState) - sizeof(sim::RaceRecord);
  const auto bytes_of =
      [&, start = std::vector(first.begin(), first.begin() + 24)](const sim::RaceState& state) {
        std::vector<std::byte> bytes = start;
        const sim::RaceRecord& record = state;
        const auto vehicle = std::as_bytes(std::span(&state.vehicle, 1));
        const auto rest = std::as_bytes(std::span(&record, 1));
        bytes.insert(bytes.end(), vehicle.begin(), vehicle.end());
        bytes.insert(bytes.end(), rest.begin(), rest.end());
        return bytes;
      };
  ASSERT_EQ(header, 24u);

  std::vector<sim::Race> alone;
  std::vector<Command> advances(kSlots), saves(kSlots);
  for (int slot = 0; slot < kSlots; ++slot) {
    alone.emplace_back(track, sim::VehicleParams{}).Restart(/*with_countdown=*/false);
    advances[static_cast<std::size_t>(slot)] = Advance(slot, 1);
    saves[static_cast<std::size_t>(slot)] = Of(slot, CommandKind::kSave);
  }
  Draws draws(6);
  int num_events = 0, num_finishes = 0, num_finished_before = 0;
  for (int step = 0; step < 400; ++step) {
    std::vector<std::vector<RaceEvent>> events(kSlots);
    std::vector<int> ticks(kSlots);
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      sim::Race& race = alone[slot];
      if (draws.Below(8) == 0) {
        const std::size_t at =
            draws.Below(3) == 0
                ? states.size() - 1 - static_cast<std::size_t>(draws.Below(8))
                : static_cast<std::size_t>(draws.Below(static_cast<int>(states.size())));
        const std::vector<std::byte> bytes = bytes_of(states[at]);
        const Command restore = Of(static_cast<int>(slot), CommandKind::kRestore, bytes);
        const auto done = collect({&restore, 1});
        ASSERT_EQ(done[0].status, CompletionStatus::kOk) << done[0].error;
        race.set_state(states[at]);
        num_finished_before += race.record().finished ? 1 : 0;
      }
      Command& command = advances[slot];
      command.ticks = 1 + draws.Below(9);
      command.earlier_ticks = draws.Below(command.ticks);
      command.earlier = sim::AnyInputs(draws);
      command.inputs = draws.Below(2) == 0 ? sim::AnyInputs(draws) : driver.Drive(race.state());
      while (ticks[slot] < command.ticks) {
        for (const RaceEvent& event : race.Tick(command.InputsOfTick(ticks[slot]))) {
          events[slot].push_back(event);
        }
        ++ticks[slot];
        if (race.record().finished) break;
      }
      num_events += static_cast<int>(events[slot].size());
      num_finishes += race.record().finished ? 1 : 0;
    }
    const auto done = collect(advances);
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      ASSERT_EQ(done[slot].ticks, ticks[slot]) << "slot " << slot << " at step " << step;
      ASSERT_EQ(done[slot].finished, alone[slot].record().finished);
      ASSERT_TRUE(std::ranges::equal(done[slot].events, events[slot]));
      alone[slot].PreventFinish();
    }
    const auto saved = collect(saves);
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      ASSERT_TRUE(std::ranges::equal(saved[slot].snapshot, bytes_of(alone[slot].state())))
          << "slot " << slot << " at step " << step;
    }
  }
  EXPECT_GT(num_events, 100);
  EXPECT_GT(num_finishes, 50);
  EXPECT_GT(num_finished_before, 20);
}

// Cars of one block that differ in their factors, which change from command to command.
TEST(SimulatedGamesOfSeveralVehiclesTest, EverySlotIsTheCarThatItsCommandSays) {
  const sim::FloatingPointGuard guard;
  const auto track = sim::MixedTrack();
  constexpr int kSlots = sim::kBlockLanes + 3;  // a full block and some more
  const auto group = MakeSimulatedGames(std::vector<SimulatedGame>(kSlots, {track, {}}));
  ASSERT_TRUE(group->can_vary_vehicle());
  std::vector<sim::Race> alone;
  std::vector<Command> commands(kSlots);
  for (int slot = 0; slot < kSlots; ++slot) {
    alone.emplace_back(track, sim::VehicleParams{}).Restart(/*with_countdown=*/false);
    commands[static_cast<std::size_t>(slot)] = Advance(slot, 1);
  }
  Draws draws(4);
  std::vector<std::byte> snapshot;
  sim::RaceState saved;
  for (int step = 0; step < 200; ++step) {
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      Command& command = commands[slot];
      if (step % 40 == 0 && slot != 3) {
        command.vehicle = {draws.Within(0.5f, 2), draws.Within(0.5f, 2), draws.Within(0.5f, 2)};
        alone[slot].Configure(sim::Varied({}, command.vehicle));
      }
      if (draws.Below(6) == 0) command.inputs = sim::AnyInputs(draws);
      command.ticks = 1 + draws.Below(6);
      for (int tick = 0; tick < command.ticks; ++tick) {
        alone[slot].Tick(command.inputs);
        alone[slot].PreventFinish();
      }
    }
    group->Start(commands);
    group->Collect(kNoDeadline);
    for (int slot = 0; slot < kSlots; ++slot) {
      ASSERT_EQ(group->state(slot), alone[static_cast<std::size_t>(slot)].game_state())
          << "slot " << slot << " at step " << step;
    }
    // A snapshot is the state alone: it fits whatever the car is.
    if (step % 50 == 10) {
      const Command save = Of(5, CommandKind::kSave);
      group->Start({&save, 1});
      const auto bytes = group->Collect(kNoDeadline)[0].snapshot;
      snapshot.assign(bytes.begin(), bytes.end());
      saved = alone[5].state();
    }
    if (step % 50 == 30) {
      const Command restore = Of(2, CommandKind::kRestore, snapshot);
      group->Start({&restore, 1});
      ASSERT_EQ(group->Collect(kNoDeadline)[0].status, CompletionStatus::kOk);
      alone[2].set_state(saved);
    }
  }
}

TEST_F(SimulatedGamesTest, ForeignAndDamagedSnapshotsAreRejectedAndChangeNothing) {
  Do(Advance(0, 50));
  const std::vector<std::byte> good = Save(0);
  Do(Advance(0, 50));
  const GameState before = group_->state(0);
  const auto expect_rejected = [&](std::span<const std::byte> bytes, const char* reason) {
    const Completion done = Restore(0, bytes);
    EXPECT_EQ(done.status, CompletionStatus::kRejected) << reason;
    EXPECT_NE(done.error.find(reason), std::string::npos) << done.error;
    EXPECT_EQ(group_->state(0), before);
  };
  expect_rejected({}, "size");
  expect_rejected(std::span(good).first(good.size() - 1), "size");
  expect_rejected(Save(2), "another track");
  const auto changed = [&](std::size_t at) {
    std::vector<std::byte> bytes = good;
    bytes[at] = std::byte{0xFF};
    return bytes;
  };
  expect_rejected(changed(0), "magic");
  expect_rejected(changed(4), "version");
  expect_rejected(changed(8), "another track");
  expect_rejected(changed(16), "another vehicle");
  constexpr std::size_t kVehicle = 24, kRecord = kVehicle + sizeof(sim::VehicleState);
  expect_rejected(changed(kRecord + offsetof(sim::RaceRecord, finished)), "finished");
  expect_rejected(changed(kRecord + offsetof(sim::RaceRecord, num_passed) + 3), "num_passed");
  expect_rejected(changed(kVehicle + offsetof(sim::VehicleState, road_index) + 3), "road_index");
  expect_rejected(changed(kVehicle + offsetof(sim::VehicleState, gear)), "gear");
  EXPECT_EQ(Restore(0, good).status, CompletionStatus::kOk);
}

TEST_F(SimulatedGamesTest, SnapshotWithAFieldOutOfRangeIsRejectedByName) {
  Do(Advance(0, 50));
  const std::vector<std::byte> good = Save(0);
  constexpr std::size_t kVehicle = 24, kRecord = kVehicle + sizeof(sim::VehicleState);
  sim::RaceState state;
  sim::RaceRecord& record = state;
  std::memcpy(&state.vehicle, good.data() + kVehicle, sizeof state.vehicle);
  std::memcpy(static_cast<void*>(&record), good.data() + kRecord, sizeof record);
  const auto expect_rejected = [&](const char* field, const auto& change) {
    sim::RaceState changed = state;
    change(changed);
    std::vector<std::byte> bytes = good;
    const sim::RaceRecord& changed_record = changed;
    std::memcpy(bytes.data() + kVehicle, &changed.vehicle, sizeof changed.vehicle);
    std::memcpy(bytes.data() + kRecord, &changed_record, sizeof changed_record);
    const Completion done = Restore(0, bytes);
    EXPECT_EQ(done.status, CompletionStatus::kRejected) << field;
    EXPECT_EQ(done.error, std::string("snapshot: out of range is ") + field);
  };
  using State = sim::RaceState;
  constexpr std::int32_t kFar = std::numeric_limits<std::int32_t>::max() - 7;  // a multiple of 10
  static_assert(kFar % 10 == 0);
  for (const std::int32_t time_ms : {kFar, -kFar, -10, 15}) {
    expect_rejected("race_time", [&](State& s) { s.race_time_ms = time_ms; });
    expect_rejected("times", [&](State& s) {
      s.num_passed = 1;
      s.times_ms[0] = time_ms;
    });
  }
  expect_rejected("times", [](State& s) { s.times_ms[sim::kMaxPasses - 1] = 10; });
  for (const std::int32_t time_ms : {kFar, -kFar, 15}) {
    expect_rejected("clock", [&](State& s) { s.clock_ms = time_ms; });
  }
  expect_rejected("shift_ticks_left", [](State& s) { s.vehicle.shift_ticks_left = kFar; });
  expect_rejected("shift_ticks_left", [](State& s) { s.vehicle.shift_ticks_left = -1; });
  expect_rejected("turbo_ticks_left", [](State& s) { s.vehicle.turbo_ticks_left = kFar; });
  expect_rejected("turbo_surface", [](State& s) { s.vehicle.turbo_surface = -1; });
  expect_rejected("is_freewheeling", [](State& s) { s.vehicle.is_freewheeling = 2; });
  expect_rejected("has_left_road", [](State& s) { s.vehicle.has_left_road = 2; });
  expect_rejected("held_keys", [](State& s) { s.vehicle.held_keys = 4; });
  expect_rejected("steer_key", [](State& s) { s.vehicle.steer_key = 2; });
  expect_rejected("steer_key", [](State& s) { s.vehicle.steer_key = -2; });
  expect_rejected("has_touched_down", [](State& s) { s.vehicle.has_touched_down = 2; });
  expect_rejected("has_wall_contact", [](State& s) { s.vehicle.has_wall_contact = -1; });
  expect_rejected("inputs.steer", [](State& s) { s.inputs.steer = kMaxAnalog + 1; });
  expect_rejected("inputs.gas", [](State& s) { s.inputs.gas = -kMaxAnalog - 1; });
  expect_rejected("num_respawns", [](State& s) { s.num_respawns = -1; });
  expect_rejected("wheels.material", [](State& s) { s.vehicle.wheels[3].material = 31; });
  expect_rejected("wheels.extension", [](State& s) {
    s.vehicle.wheels[1].extension_m = std::numeric_limits<float>::infinity();
  });
  expect_rejected(
      "force", [](State& s) { s.vehicle.force_mps2.y = std::numeric_limits<float>::quiet_NaN(); });
  expect_rejected("position", [](State& s) { s.vehicle.body.position_m.x = 1e38f; });
  expect_rejected("velocity", [](State& s) { s.vehicle.previous_body.velocity_mps.x = 10001; });
  expect_rejected("orientation", [](State& s) { s.vehicle.body.orientation = {0, 0, 0, 0}; });
  expect_rejected("rpm", [](State& s) { s.vehicle.rpm = 2e6f; });
  expect_rejected("steering", [](State& s) { s.vehicle.steering = 1.01f; });
}

TEST_F(SimulatedGamesTest, AbandonedSlotIsLostUntilItIsRestarted) {
  const Command command = Advance(0, 5);
  group_->Start({&command, 1});
  group_->Abandon(0);
  EXPECT_TRUE(group_->Collect(kNoDeadline).empty()) << "the late completion is dropped";
  EXPECT_EQ(Do(Advance(0, 5)).status, CompletionStatus::kGameLost);
  EXPECT_EQ(Do(Of(0, CommandKind::kRestart)).status, CompletionStatus::kOk);
  EXPECT_EQ(Do(Advance(0, 5)).ticks, 5);
}

TEST_F(SimulatedGamesTest, AllocatesNothingAfterTheFirstStep) {
  std::vector<std::byte> snapshot = Save(0);
  Draws draws(9);
  const auto round = [&] {
    const Inputs inputs = sim::AnyInputs(draws);
    const Command commands[] = {Advance(0, 5, inputs), Advance(1, 5, inputs),
                                Advance(2, 5, inputs)};
    group_->Start(commands);
    group_->Collect(kNoDeadline);
    const Command others[] = {Of(0, CommandKind::kSave), Of(1, CommandKind::kRestore, snapshot),
                              Of(2, CommandKind::kRestart)};
    group_->Start(others);
    group_->Collect(kNoDeadline);
  };
  round();
  const long before = NumAllocationsOfThread();
  for (int i = 0; i < 200; ++i) round();
  EXPECT_EQ(NumAllocationsOfThread() - before, 0);
}

#if defined(HOTLAP_HAS_MXCSR)
TEST_F(SimulatedGamesTest, CallersFloatingPointEnvironmentChangesNoBit) {
  Draws draws(11);
  const unsigned int before = _mm_getcsr();
  for (int step = 0; step < 400; ++step) {
    const Inputs inputs = sim::AnyInputs(draws);
    const Command right = Advance(0, 5, inputs), wrong = Advance(1, 5, inputs);
    group_->Start({&right, 1});
    group_->Collect(kNoDeadline);
    _mm_setcsr(before | 0x8000 | 0x0040 | 0x4000);  // flush to zero, denormals are zero, round up
    group_->Start({&wrong, 1});
    group_->Collect(kNoDeadline);
    EXPECT_EQ(_mm_getcsr(), before | 0x8000 | 0x0040 | 0x4000);
    _mm_setcsr(before);
  }
  EXPECT_EQ(Save(0), Save(1));
}
#endif

}  // namespace
}  // namespace hotlap::simulated_games_test
