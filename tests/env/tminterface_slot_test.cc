// What a slot asks of its game, and what it makes of one that breaks the rules.
#include "env/tminterface_slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "env/tminterface_games.h"
#include "tests/env/broken_game.h"

namespace hotlap {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace tmi = tminterface;

constexpr Inputs kInputs{.steer = -300, .gas = 70, .right = true, .accelerate = true};

class TMInterfaceSlotTest : public ::testing::Test {
 protected:
  void Make(Script script, const std::string& map_command = "", int target = 0) {
    group_.reset();
    game_ = std::make_unique<BrokenGame>(std::move(script));
    settings_.on_lost = [this](int, const GameLoss&) { ++losses_; };
    group_ = MakeTMInterfaceGames({{game_->name(), map_command, target}}, settings_);
  }
  void MakeAndRestart(Script script) {
    Make(std::move(script));
    const Completion restarted = Restart();
    ASSERT_EQ(restarted.status, CompletionStatus::kOk) << restarted.error;
  }
  void Start(const Command& command) { group_->Start({&command, 1}); }
  Completion Run(const Command& command) {
    Start(command);
    const auto done = group_->Collect(DeadlineIn(30s));
    if (done.size() != 1) throw std::runtime_error("the command does not complete");
    return done.front();
  }
  Completion Restart() { return Run({.kind = CommandKind::kRestart, .inputs = {}}); }
  Completion Advance(int ticks, const Inputs& inputs = kInputs) {
    return Run({.ticks = ticks, .inputs = inputs});
  }
  std::vector<std::byte> Save() {
    const Completion saved = Run({.kind = CommandKind::kSave, .inputs = {}});
    return {saved.snapshot.begin(), saved.snapshot.end()};
  }
  Completion Restore(std::span<const std::byte> snapshot) {
    return Run({.kind = CommandKind::kRestore, .inputs = {}, .snapshot = snapshot});
  }
  void ExpectLost(const Completion& completion, const std::string& why) {
    EXPECT_EQ(completion.status, CompletionStatus::kGameLost);
    EXPECT_THAT(completion.error, HasSubstr(game_->name()));
    EXPECT_THAT(completion.error, HasSubstr(why));
    EXPECT_EQ(completion.ticks, 0);
    EXPECT_THAT(completion.events, IsEmpty());
    EXPECT_EQ(losses_, 1);
    losses_ = 0;
  }

  TMInterfaceSettings settings_;
  int losses_ = 0;
  std::unique_ptr<BrokenGame> game_;
  std::unique_ptr<GameGroup> group_;
};

// ---- the talk with a good game

TEST_F(TMInterfaceSlotTest, GameIsSetUpAndComesToItsStartWithNeutralInputs) {
  settings_.speed = 37;
  MakeAndRestart({});
  EXPECT_THAT(game_->said(), ElementsAre("speed 37", "inputs at -100"));
  EXPECT_EQ(group_->state(0).race_time_ms, 0);
  EXPECT_EQ(group_->state(0).inputs, Inputs{});
  EXPECT_EQ(losses_, 0);
}

TEST_F(TMInterfaceSlotTest, GameInTheMiddleOfARaceGivesUp) {
  MakeAndRestart({.first_time_ms = 730});
  EXPECT_THAT(game_->said(), ElementsAre("speed 100", "give up at 730", "inputs at -100"));
}

TEST_F(TMInterfaceSlotTest, GameAtTheStartOfARaceThatItDidNotSeeBeginGivesUp) {
  MakeAndRestart({.first_time_ms = 0});
  EXPECT_THAT(game_->said(), ElementsAre("speed 100", "give up at 0", "inputs at -100"));
}

TEST_F(TMInterfaceSlotTest, InputsAreSetOnceACommandAtItsFirstTick) {
  MakeAndRestart({});
  EXPECT_EQ(Advance(3).ticks, 3);
  EXPECT_EQ(group_->state(0).race_time_ms, 30);
  EXPECT_EQ(group_->state(0).inputs, kInputs);
  EXPECT_EQ(Advance(1).ticks, 1);
  EXPECT_THAT(game_->said(),
              ElementsAre("speed 100", "inputs at -100", "inputs at 0", "inputs at 30"));
}

TEST_F(TMInterfaceSlotTest, DelayedInputsAreSetInsideTheCallOfTheirTick) {
  MakeAndRestart({});
  const Command delayed{
      .ticks = 5, .inputs = kInputs, .earlier = {.brake = true}, .earlier_ticks = 2};
  EXPECT_FALSE(Run(delayed).inputs_missed);
  EXPECT_EQ(group_->state(0).race_time_ms, 50);
  EXPECT_EQ(group_->state(0).inputs, kInputs);
  const auto snapshot = Save();
  Restore(snapshot);
  Run(delayed);
  EXPECT_THAT(game_->said(),
              ElementsAre("speed 100", "inputs at -100", "inputs at 0", "inputs at 20",
                          "rewind to 50", "inputs at 50", "inputs at 70"));
}

TEST_F(TMInterfaceSlotTest, RewindWaitsForTheNextInputsAndGoesOutBeforeThem) {
  MakeAndRestart({});
  Advance(4);
  const auto snapshot = Save();
  Advance(2);
  EXPECT_EQ(Restore(snapshot).status, CompletionStatus::kOk);
  EXPECT_EQ(group_->state(0).race_time_ms, 40);
  Restart();
  EXPECT_EQ(Restore(snapshot).status, CompletionStatus::kOk) << "the last one counts";
  EXPECT_EQ(game_->said().back(), "inputs at 40") << "nothing has gone out";
  EXPECT_EQ(Advance(1).ticks, 1);
  EXPECT_EQ(group_->state(0).race_time_ms, 50);
  Advance(1);
  Restart();
  Advance(1);
  EXPECT_EQ(group_->state(0).race_time_ms, 10);
  EXPECT_THAT(game_->said(), ElementsAre("speed 100", "inputs at -100", "inputs at 0",
                                         "inputs at 40", "rewind to 40", "inputs at 40",
                                         "inputs at 50", "rewind to 0", "inputs at 0"));
}

TEST_F(TMInterfaceSlotTest, StartBesideItsPlaceIsARewindOfTheGamesOwnStart) {
  Make({.change_state = [](tmi::SimState& state) {
    // The car's left is north.
    state.SetMatrix(tmi::layout::kDynaCurrent + tmi::layout::body::kRotation,
                    {{{0, 0, -1}, {0, 1, 0}, {1, 0, 0}}});
  }});
  const auto restart_at = [&](float offset_m) {
    return Run({.kind = CommandKind::kRestart, .inputs = {}, .start_offset_m = offset_m});
  };
  EXPECT_EQ(restart_at(1.5f).status, CompletionStatus::kOk);
  EXPECT_EQ(group_->state(0).position_m, (Vec3{0, 0, 1.5f})) << "the first one too";
  EXPECT_EQ(group_->state(0).race_time_ms, 0);
  const auto beside = Save();
  Advance(1);
  EXPECT_EQ(restart_at(-2).status, CompletionStatus::kOk);
  EXPECT_EQ(group_->state(0).position_m, (Vec3{0, 0, -2})) << "of its own place";
  EXPECT_EQ(Restore(beside).status, CompletionStatus::kOk);
  EXPECT_EQ(group_->state(0).position_m, (Vec3{0, 0, 1.5f}));
  Advance(1);
  EXPECT_EQ(Restart().status, CompletionStatus::kOk);
  EXPECT_EQ(group_->state(0).position_m, Vec3{});
  EXPECT_THAT(game_->said(), ElementsAre("speed 100", "inputs at -100", "rewind to 0",
                                         "inputs at 0", "rewind to 0", "inputs at 0"));
}

TEST_F(TMInterfaceSlotTest, EventsHaveTheTimeOfTheirTick) {
  MakeAndRestart({.calls =
                      [](std::int32_t time_ms) {
                        std::vector<tmi::ServerCall> calls;
                        if (time_ms == 20) calls = {tmi::OnCheckpointCountChanged{1, 3}};
                        if (time_ms == 30) {
                          calls = {tmi::OnCheckpointCountChanged{2, 3}, tmi::OnLapsCountChanged{1}};
                        }
                        if (time_ms == 40) {
                          calls = {tmi::OnCheckpointCountChanged{3, 3}, tmi::OnLapsCountChanged{2}};
                        }
                        return calls;
                      },
                  .num_times = 3});
  const Completion done = Advance(9);
  EXPECT_TRUE(done.finished);
  EXPECT_EQ(done.ticks, 4);
  EXPECT_THAT(done.events, ElementsAre(RaceEvent{RaceEventKind::kCheckpoint, 20, 1},
                                       RaceEvent{RaceEventKind::kCheckpoint, 30, 2},
                                       RaceEvent{RaceEventKind::kLap, 30, 1},
                                       RaceEvent{RaceEventKind::kFinish, 40, 3}));
  EXPECT_EQ(game_->said().back(), "prevent finish");
  EXPECT_EQ(Advance(2).ticks, 2) << "on past the finish";
}

TEST_F(TMInterfaceSlotTest, InputsThatAreNotInForceAreMissedAndNoMore) {
  MakeAndRestart({.change_state = [](tmi::SimState& state) {
    const auto view = state.view();
    if (view.race_time_ms() == 20) {
      state.SetEvent(tmi::layout::kEventSteer,
                     {0, tmi::PackAnalog(static_cast<int>(tmi::Control::kSteer), -299)});
    }
  }});
  EXPECT_FALSE(Advance(1).inputs_missed);
  const Completion missed = Advance(1);
  EXPECT_EQ(missed.status, CompletionStatus::kOk);
  EXPECT_TRUE(missed.inputs_missed);
  EXPECT_EQ(group_->state(0).inputs.steer, -299) << "what was in force";
  EXPECT_FALSE(Advance(1).inputs_missed);
}

// ---- a track that is asked for

TEST_F(TMInterfaceSlotTest, StartOfTheRaceBeforeTheMapIsNotTheStart) {
  // The old race is in its countdown when we come, and passes its start before the map is there.
  for (const int steps : {1, 5, 30}) {
    Make({.map_loads_after_steps = steps}, "map new");
    const Completion restarted = Restart();
    ASSERT_EQ(restarted.status, CompletionStatus::kOk) << restarted.error;
    EXPECT_EQ(group_->state(0).position_m.x, 1) << "of the second race";
    EXPECT_THAT(game_->said(), ElementsAre("speed 100", "map new", "inputs at -100"));
  }
}

TEST_F(TMInterfaceSlotTest, MapThatWasThereBeforeTheFirstStepIsLoadedAnew) {
  Make({.maps_without_race = 1}, "map new");
  EXPECT_EQ(Restart().status, CompletionStatus::kOk);
  EXPECT_THAT(game_->said(), ElementsAre("speed 100", "map new", "map new", "inputs at -100"));
  EXPECT_EQ(group_->state(0).position_m.x, 1);
}

TEST_F(TMInterfaceSlotTest, GameThatDoesNotLoadItsMapIsLost) {
  Make({.maps_without_race = 2}, "map gone");
  ExpectLost(Restart(), "begins no race after the command map gone");
  EXPECT_THAT(game_->said(), ElementsAre("speed 100", "map gone", "map gone"));
}

TEST_F(TMInterfaceSlotTest, GameOnAnotherTrackIsRefused) {
  Make({.num_times = 3}, "", 7);
  ExpectLost(Restart(), "3 passes instead of 7");
}

// ---- broken games

TEST_F(TMInterfaceSlotTest, WrongTimeOfAStepLosesTheGame) {
  for (const std::int32_t wrong : {20, 40, -2600}) {
    MakeAndRestart({.next_time = [wrong](std::int32_t time_ms) {
      return time_ms == 20 ? wrong : time_ms + 10;
    }});
    ExpectLost(Advance(5), "went to " + std::to_string(wrong) + " ms instead of 30 ms");
    EXPECT_EQ(group_->state(0).race_time_ms, 0) << "the last good one";
    EXPECT_EQ(Advance(1).status, CompletionStatus::kGameLost) << "until it restarts";
  }
}

TEST_F(TMInterfaceSlotTest, RegistrationThatNobodyAskedForLosesTheGame) {
  for (const std::int32_t when : {-50, 30}) {
    Make({.calls = [when](std::int32_t time_ms) {
      std::vector<tmi::ServerCall> calls;
      if (time_ms == when) calls = {tmi::OnRegistered{}};
      return calls;
    }});
    const Completion restarted = Restart();
    ExpectLost(when < 0 ? restarted : Advance(5), "registered us a second time");
  }
}

TEST_F(TMInterfaceSlotTest, StateOfAnotherTimeLosesTheGame) {
  MakeAndRestart({.change_state = [](tmi::SimState& state) {
    if (state.view().race_time_ms() == 50) state.Set(tmi::layout::kRaceTime, 170);
  }});
  ExpectLost(Advance(5), "170 ms instead of 50 ms");
  Make({.change_state = [](tmi::SimState& state) { state.Set(tmi::layout::kRaceTime, 170); }});
  ExpectLost(Restart(), "170 ms instead of 0 ms");
}

TEST_F(TMInterfaceSlotTest, StateThatIsNotFiniteLosesTheGame) {
  MakeAndRestart({.change_state = [](tmi::SimState& state) {
    if (state.view().race_time_ms() == 0) return;
    state.SetFloat(tmi::layout::kDynaCurrent + tmi::layout::body::kPosition,
                   std::numeric_limits<float>::quiet_NaN());
  }});
  ExpectLost(Advance(5), "not finite");
}

TEST_F(TMInterfaceSlotTest, StateWithImpossibleCountsLosesTheGame) {
  Make({.change_state = [](tmi::SimState& state) {
    state.SetInt32(tmi::layout::kCheckpointData + 4, -5);
  }});
  ExpectLost(Restart(), "bad message: SimStateData.cp_data.cp_states");
}

TEST_F(TMInterfaceSlotTest, StateOfAnotherTargetLosesTheGame) {
  MakeAndRestart({.change_state = [](tmi::SimState& state) {
    if (state.view().race_time_ms() == 0) return;
    tmi::SimState other(1, 5);
    other.Set(tmi::layout::kFlags, tmi::kRunModeFlags);
    other.Set(tmi::layout::kRaceTime, state.view().race_time_ms());
    state = other;
  }});
  ExpectLost(Advance(5), "5 passes instead of 1");
}

TEST_F(TMInterfaceSlotTest, WrongTargetInACheckpointCallLosesTheGame) {
  MakeAndRestart({.calls = [](std::int32_t time_ms) {
    std::vector<tmi::ServerCall> calls;
    if (time_ms == 30) calls = {tmi::OnCheckpointCountChanged{1, 5}};
    return calls;
  }});
  ExpectLost(Advance(5), "counts 5 passes instead of 1");
}

TEST_F(TMInterfaceSlotTest, ErrorResponseLosesTheGameAndIsNamed) {
  for (const tmi::MessageType refused :
       {tmi::MessageType::kSetGameSpeed, tmi::MessageType::kExecuteCommand,
        tmi::MessageType::kSetInputStates, tmi::MessageType::kSimGetState}) {
    Make({.refused = refused}, "map new");
    ExpectLost(Restart(), "refused " + std::string(tmi::MessageName(refused)) + " with error 4");
  }
  MakeAndRestart({.refused = tmi::MessageType::kSimRewindToState});
  Advance(2);
  Restart();
  ExpectLost(Advance(2), "refused C_SIM_REWIND_TO_STATE with error 4");
  MakeAndRestart({.calls =
                      [](std::int32_t time_ms) {
                        std::vector<tmi::ServerCall> calls;
                        if (time_ms == 30) calls = {tmi::OnCheckpointCountChanged{1, 1}};
                        return calls;
                      },
                  .refused = tmi::MessageType::kPreventSimulationFinish});
  ExpectLost(Advance(5), "refused C_PREVENT_SIMULATION_FINISH with error 4");
}

TEST_F(TMInterfaceSlotTest, GameThatDropsUsInTheMiddleIsRegisteredWithAgainAndGoesBack) {
  settings_.game_timeout = 200ms;
  MakeAndRestart({.calls =
                      [](std::int32_t time_ms) {
                        std::vector<tmi::ServerCall> calls;
                        if (time_ms == 20) calls = {tmi::OnLapsCountChanged{1}};
                        return calls;
                      },
                  .drops_client_at_ms = 40});
  Advance(1);
  const std::size_t before = game_->said().size();
  const Completion advanced = Advance(5);
  EXPECT_EQ(advanced.status, CompletionStatus::kOk) << advanced.error;
  EXPECT_EQ(advanced.ticks, 5);
  EXPECT_THAT(advanced.events, ElementsAre(RaceEvent{RaceEventKind::kLap, 20, 1}));
  EXPECT_EQ(group_->state(0).race_time_ms, 60);
  EXPECT_EQ(game_->num_registrations(), 2);
  EXPECT_EQ(losses_, 0);
  std::vector<std::string> said = game_->said();
  said.erase(said.begin(), said.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_THAT(said, ElementsAre("inputs at 10", "speed 100", "rewind to 10", "inputs at 10"));
}

TEST_F(TMInterfaceSlotTest, GameThatDropsUsWhileWeThinkIsRegisteredWithAgainAtOnce) {
  settings_.game_timeout = 1h;
  settings_.client_timeout = 200ms;  // in which a starved machine gets to answer
  MakeAndRestart({});
  for (int think = 1; think <= 3; ++think) {
    const Deadline deadline = DeadlineIn(30s);
    while (game_->has_client() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
    ASSERT_FALSE(game_->has_client());
    const Completion advanced = Advance(5);
    EXPECT_EQ(advanced.status, CompletionStatus::kOk) << advanced.error;
    EXPECT_EQ(group_->state(0).race_time_ms, 50 * think);
    EXPECT_EQ(game_->num_registrations(), 1 + think);
  }
}

TEST_F(TMInterfaceSlotTest, GameThatWentToAnotherTrackWhileItWasAloneIsLost) {
  settings_.game_timeout = 1h;
  settings_.client_timeout = 200ms;  // in which a starved machine gets to answer
  std::atomic<std::int32_t> target{1};
  MakeAndRestart({.change_state = [&](tmi::SimState& state) {
    if (target != 1) state = tmi::SimState(1, 2);
  }});
  const Deadline deadline = DeadlineIn(30s);
  while (game_->has_client() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
  target = 2;
  ExpectLost(Advance(5), "went to a track of 2 passes while it was alone");
}

TEST_F(TMInterfaceSlotTest, GameThatDropsUsTwiceInACommandIsLostAndRegisteredWithAnew) {
  settings_.game_timeout = 400ms;
  MakeAndRestart({.drops_client_at_ms = 30, .num_drops = 2});
  EXPECT_EQ(game_->num_registrations(), 1);
  ExpectLost(Advance(5), "made no tick for 400 ms");
  EXPECT_EQ(Restart().status, CompletionStatus::kOk);
  EXPECT_EQ(game_->num_registrations(), 3);
  EXPECT_EQ(Advance(5).ticks, 5);
}

TEST_F(TMInterfaceSlotTest, GameThatTalksForEverWithoutATickIsLost) {
  settings_.game_timeout = 50ms;
  MakeAndRestart({.calls = [](std::int32_t time_ms) {
    return std::vector<tmi::ServerCall>(time_ms == 30 ? 1000000 : 0, tmi::OnLapsCountChanged{1});
  }});
  ExpectLost(Advance(5), "made no tick for 50 ms");
}

TEST_F(TMInterfaceSlotTest, TimeBetweenTwoCommandsIsNoStandstill) {
  settings_.game_timeout = 1s;
  MakeAndRestart({});
  Advance(1);
  std::this_thread::sleep_for(settings_.game_timeout + 100ms);
  Start({.ticks = 1, .inputs = kInputs});
  std::vector<Completion> done;
  while (done.empty()) {  // each look judges the time too
    for (const Completion& completion : group_->Collect(kAtOnce)) done.push_back(completion);
  }
  EXPECT_EQ(done.front().status, CompletionStatus::kOk) << done.front().error;
}

TEST_F(TMInterfaceSlotTest, GameThatNeverComesToItsStartIsLost) {
  settings_.start_timeout = 50ms;
  Make({.next_time = [](std::int32_t time_ms) { return time_ms == -10 ? -50 : time_ms + 10; }});
  ExpectLost(Restart(), "came to no start within 50 ms");
}

TEST_F(TMInterfaceSlotTest, SnapshotWithAFieldOutOfRangeIsRejectedByName) {
  MakeAndRestart({});
  Advance(3);
  const auto good = Save();
  const std::size_t header = good.size() - (tmi::kSimStateFixedSize + 4 + 8);
  const auto expect_rejected = [&](const std::string& why, const auto& change) {
    tmi::SimState state(
        std::get<tmi::SimStateView>(tmi::SimStateView::Parse(std::span(good).subspan(header))));
    change(state);
    std::vector<std::byte> bytes = good;
    std::copy(state.bytes().begin(), state.bytes().end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(header));
    const Completion done = Restore(bytes);
    EXPECT_EQ(done.status, CompletionStatus::kRejected) << why;
    EXPECT_EQ(done.error, "the snapshot's state " + why);
    EXPECT_EQ(group_->state(0).race_time_ms, 30);
  };
  const auto steer = [](std::int32_t value) {
    return tmi::Event{0, tmi::PackAnalog(static_cast<int>(tmi::Control::kSteer), value)};
  };
  namespace layout = tmi::layout;
  for (const std::int32_t time_ms : {2147483640, -2147483640, -10, 15}) {
    expect_rejected("has a wrong race_time",
                    [&](tmi::SimState& state) { state.Set(layout::kRaceTime, time_ms); });
  }
  for (const std::int32_t time_ms : {2147483640, -2147483640, 15}) {
    expect_rejected("has a wrong time",
                    [&](tmi::SimState& state) { state.SetInt32(layout::kTimers + 4, time_ms); });
  }
  expect_rejected("has a wrong input_steer", [&](tmi::SimState& state) {
    state.SetEvent(layout::kEventSteer, steer(kMaxAnalog + 1));
  });
  expect_rejected("has a wrong input_gas", [&](tmi::SimState& state) {
    state.SetEvent(layout::kEventGas, steer(-kMaxAnalog - 1));
  });
  expect_rejected("has a wrong num_respawns",
                  [](tmi::SimState& state) { state.Set(layout::kNumRespawns, 0x80000000u); });
  expect_rejected("is not finite", [](tmi::SimState& state) {
    state.Set(layout::kActualRpm, std::numeric_limits<float>::infinity());
  });
  EXPECT_EQ(Restore(good).status, CompletionStatus::kOk);
}

// ---- giving up, and looking now and then

TEST_F(TMInterfaceSlotTest, AbandonedGameIsReplacedWhenItDoesNotStand) {
  MakeAndRestart({});
  Start({.ticks = 100000, .inputs = kInputs});
  group_->Abandon(0);
  EXPECT_EQ(losses_, 1) << "it was driving";
  EXPECT_THAT(group_->Collect(kNoDeadline), IsEmpty());

  Make({.next_time = [](std::int32_t time_ms) { return time_ms == -10 ? -50 : time_ms + 10; }});
  Start({.kind = CommandKind::kRestart, .inputs = {}});
  while (game_->num_registrations() == 0) group_->Collect(kAtOnce);
  group_->Abandon(0);
  EXPECT_EQ(losses_, 2) << "it was on its way to the start";
}

TEST_F(TMInterfaceSlotTest, AbandonedGameThatStandsIsLeftToItself) {
  MakeAndRestart({});
  group_->Abandon(0);
  Start({.kind = CommandKind::kRestart, .inputs = {}});
  group_->Abandon(0);
  EXPECT_EQ(losses_, 0);
  EXPECT_EQ(Advance(1).status, CompletionStatus::kGameLost);
  EXPECT_EQ(Restart().status, CompletionStatus::kOk);
}

TEST_F(TMInterfaceSlotTest, LooksAloneBringAGameToItsStart) {
  Make({});
  Start({.kind = CommandKind::kRestart, .inputs = {}});
  const Deadline deadline = DeadlineIn(30s);
  std::size_t num_done = 0;
  while (num_done == 0 && Clock::now() < deadline) num_done = group_->Collect(kAtOnce).size();
  EXPECT_EQ(num_done, 1u);
  EXPECT_EQ(group_->state(0).race_time_ms, 0);
}

TEST_F(TMInterfaceSlotTest, TimeInWhichNobodyLooksDoesNotCountAgainstAStart) {
  settings_.start_timeout = 400ms;
  group_ = MakeTMInterfaceGames({{"hotlap-test-nobody", "", 0}}, settings_);
  Start({.kind = CommandKind::kRestart, .inputs = {}});
  EXPECT_THAT(group_->Collect(kAtOnce), IsEmpty());
  std::this_thread::sleep_for(600ms);
  EXPECT_THAT(group_->Collect(kAtOnce), IsEmpty());
  EXPECT_EQ(group_->Collect(DeadlineIn(30s)).size(), 1u) << "but time in which somebody waits does";
}

}  // namespace
}  // namespace hotlap
