// Steps of some rows, at once and in their two halves, Send and Recv.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "env/vector_environment.h"
#include "tests/allocation_count.h"
#include "tests/env/fleet.h"
#include "tests/env/row_stories.h"
#include "tests/env/scripted_games.h"
#include "tests/test_size.h"

namespace hotlap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Answer = ScriptedGames::Answer;

// ---- On scripted games, which complete when they are told to

// Four rows, the games in the test's hands: two groups of two.
class SendRecvTest : public ::testing::Test {
 protected:
  void Make(Autoreset mode = Autoreset::kNextStep) {
    FleetSettings settings;
    settings.autoreset = mode;
    settings.groups = {2, 2};
    std::vector<std::unique_ptr<GameGroup>> groups;
    for (ScriptedGames*& games : games_) {
      auto group = std::make_unique<ScriptedGames>(2);
      games = group.get();
      groups.push_back(std::move(group));
    }
    fleet_ = std::make_unique<Fleet>(settings, std::move(groups));
    fleet_->Reset();
  }
  Fleet& fleet() { return *fleet_; }
  VectorEnvironment& rows() { return fleet_->rows(); }
  void Tell(int row, ScriptedGames::Turn turn) { games_[row / 2]->Tell(row % 2, std::move(turn)); }
  void Wake(int row, Answer answer = Answer::kOk) { games_[row / 2]->Wake(row % 2, answer); }

  void Send(const std::vector<std::int32_t>& sent, std::int32_t action = kThrottle) {
    const std::vector<std::int32_t> actions(sent.size(), action);
    rows().Send(sent, {.discrete = actions, .continuous = {}});
  }
  // The rows that come; what they gave is in batch().
  std::vector<std::int32_t> Recv(int count, Deadline deadline = kNoDeadline) {
    batch_ = std::make_unique<BatchBuffer>(rows(), count);
    std::vector<std::int32_t> received(static_cast<std::size_t>(count));
    const RecvResult result = rows().Recv(received, deadline, batch_->view());
    num_final_ = result.num_final;
    received.resize(static_cast<std::size_t>(result.num_rows));
    return received;
  }
  const BatchBuffer& batch() const { return *batch_; }
  RowStatus status(std::size_t index) const {
    return static_cast<RowStatus>(batch_->status[index]);
  }
  std::int32_t race_time(std::size_t index) const { return Info("race_time", index); }
  EndReason end_reason(std::size_t index) const {
    return static_cast<EndReason>(Info("end_reason", index));
  }
  int num_final() const { return num_final_; }

 private:
  std::int32_t Info(std::string_view name, std::size_t index) const {
    const auto columns = fleet_->rows().info_columns();
    const auto found = std::ranges::find(columns, name, &InfoColumn::name);
    const auto column = static_cast<std::size_t>(found - columns.begin());
    std::int32_t value = 0;
    std::memcpy(&value, &batch_->info[(column * batch_->status.size() + index) * 4], sizeof value);
    return value;
  }

  ScriptedGames* games_[2] = {};
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<BatchBuffer> batch_;
  int num_final_ = 0;
};

TEST_F(SendRecvTest, RowsComeInTheOrderInWhichTheyAreDone) {
  Make();
  for (const int row : {0, 1, 2}) Tell(row, {Answer::kSilent, {}});
  Send({2, 0, 3, 1});
  EXPECT_EQ(rows().num_under_way(), 4);
  EXPECT_THAT(Recv(1), ElementsAre(3));
  EXPECT_FALSE(rows().is_under_way(3));
  EXPECT_TRUE(rows().is_under_way(2));
  EXPECT_EQ(race_time(0), 50);
  Wake(1);
  EXPECT_THAT(Recv(1), ElementsAre(1));
  Wake(0);
  Wake(2);
  EXPECT_THAT(Recv(2), ElementsAre(0, 2)) << "those found done together in row order";
  EXPECT_EQ(rows().num_under_way(), 0);
}

TEST_F(SendRecvTest, RowsThatAreDoneWaitForTheNextRecv) {
  Make();
  Tell(3, {Answer::kSilent, {}});
  Send({0, 1, 2, 3});
  EXPECT_THAT(Recv(1), ElementsAre(0));
  Send({0});
  Wake(3);
  EXPECT_THAT(Recv(3), ElementsAre(1, 2, 0)) << "three are there without another look";
  EXPECT_THAT(Recv(2), ElementsAre(3)) << "no more are under way";
  EXPECT_THAT(Recv(2), IsEmpty());
}

TEST_F(SendRecvTest, SlowGameHoldsUpNobody) {
  Make();
  Tell(1, {Answer::kSilent, {}});
  Send({1});
  for (int step = 1; step <= 5; ++step) {
    Send({0, 2, 3});
    ASSERT_THAT(Recv(3), ElementsAre(0, 2, 3));
    for (const std::size_t index : {0u, 1u, 2u}) EXPECT_EQ(race_time(index), 50 * step);
  }
  Wake(1);
  EXPECT_THAT(Recv(1), ElementsAre(1));
  EXPECT_EQ(race_time(0), 50);
}

TEST_F(SendRecvTest, DeadlineThatHasPassedGivesWhatIsThere) {
  Make();
  for (const int row : {1, 3}) Tell(row, {Answer::kSilent, {}});
  Send({0, 1, 2, 3});
  EXPECT_THAT(Recv(3, kAtOnce), ElementsAre(0, 2));
  EXPECT_THAT(Recv(1, DeadlineIn(std::chrono::milliseconds(2))), IsEmpty());
  Wake(3);
  EXPECT_THAT(Recv(4, kAtOnce), ElementsAre(3));
  Wake(1);
  EXPECT_THAT(Recv(4), ElementsAre(1));
}

TEST_F(SendRecvTest, RowThatIsRefusedArrivesWithItsStatus) {
  Make(Autoreset::kDisabled);
  Tell(0, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  Send({0}, kThrottle);
  Send({2}, 99);
  Send({3}, kThrottle);
  ASSERT_THAT(Recv(3), ElementsAre(0, 2, 3));
  EXPECT_EQ(status(0), RowStatus::kNotReset);
  EXPECT_EQ(status(1), RowStatus::kBadAction);
  EXPECT_EQ(status(2), RowStatus::kOk);
}

TEST_F(SendRecvTest, LossInFlightEndsTheEpisodeOfThatRow) {
  Make();
  Send({0, 1, 2, 3});
  Recv(4);
  Tell(1, {Answer::kSilent, {}});
  Send({0, 1, 2, 3});
  ASSERT_THAT(Recv(3), ElementsAre(0, 2, 3));
  Wake(1, Answer::kLost);
  ASSERT_THAT(Recv(1), ElementsAre(1));
  EXPECT_EQ(status(0), RowStatus::kOk);
  EXPECT_EQ(batch().rewards[0], 0);
  EXPECT_EQ(batch().truncated[0], 1);
  EXPECT_EQ(end_reason(0), EndReason::kGameLost);
  EXPECT_EQ(race_time(0), 50) << "of the last good observation";
}

TEST_F(SendRecvTest, NobodyWaitsForANewGame) {
  for (const Autoreset mode : {Autoreset::kNextStep, Autoreset::kSameStep}) {
    Make(mode);
    Tell(1, {Answer::kLost, {}});
    Tell(1, {Answer::kSilent, {}});
    const int num_finals = mode == Autoreset::kSameStep ? 1 : 0;
    for (int step = 0; step < 3; ++step) {
      Send({1});
      ASSERT_THAT(Recv(1), ElementsAre(1));
      EXPECT_EQ(end_reason(0), EndReason::kGameLost);
      EXPECT_EQ(num_final(), num_finals);
    }
    Wake(1);
    Send({1});
    ASSERT_THAT(Recv(1), ElementsAre(1));
    EXPECT_EQ(end_reason(0), EndReason::kNone);
    EXPECT_EQ(race_time(0), 0);
    EXPECT_EQ(num_final(), 0);
  }
}

TEST_F(SendRecvTest, FinalObservationStaysUntilItsRowIsReceived) {
  Make(Autoreset::kSameStep);
  const auto fall = [](GameState& state, Completion&) { state.position_m.y -= 50; };
  for (const int row : {1, 2}) Tell(row, {Answer::kOk, fall});
  Send({0, 1, 2, 3});
  EXPECT_THAT(Recv(1), ElementsAre(0));
  EXPECT_EQ(num_final(), 0);
  Send({0});
  ASSERT_THAT(Recv(4), ElementsAre(1, 2, 3, 0));
  ASSERT_EQ(num_final(), 2);
  EXPECT_THAT(std::vector(batch().final_rows.begin(), batch().final_rows.begin() + 2),
              ElementsAre(1, 2));
  for (const std::size_t index : {0u, 1u}) {
    EXPECT_EQ(batch().terminated[index], 1);
    EXPECT_EQ(race_time(index), 0) << "of the next episode";
  }
}

TEST_F(SendRecvTest, OtherRowsAreSteppedResetSavedAndRestoredMeanwhile) {
  Make();
  for (int step = 0; step < 3; ++step) fleet().Step(kThrottle);
  const auto snapshot = fleet().Save(0);
  Tell(1, {Answer::kSilent, {}});
  Send({1});
  EXPECT_EQ(fleet().Save(0), snapshot) << "of the same group";
  const std::vector<std::int32_t> others = {3, 0};
  const std::vector<std::int32_t> actions = {kThrottle, kThrottle};
  BatchBuffer two(rows(), 2);
  rows().Step(others, {.discrete = actions, .continuous = {}}, two.view());
  EXPECT_THAT(two.status, ElementsAre(0, 0));
  ASSERT_TRUE(fleet().Restore(0, snapshot));
  EXPECT_EQ(fleet().Save(0), snapshot);
  fleet().Reset({.mask = std::vector<std::uint8_t>{1, 0, 1, 1}, .seeds = {}, .snapshots = {}});
  EXPECT_EQ(fleet().info("race_time", 0), 0);
  EXPECT_EQ(fleet().status(1), RowStatus::kSkipped);
  Wake(1);
  EXPECT_EQ(fleet().Save(0).empty(), false) << "and the slow one completes in between";
  ASSERT_THAT(Recv(1), ElementsAre(1));
  EXPECT_EQ(race_time(0), 200);
}

TEST_F(SendRecvTest, StepOfSomeRowsGivesThemInTheOrderAsked) {
  Make();
  const std::vector<std::int32_t> some = {3, 1};
  const std::vector<std::int32_t> actions = {kThrottle, 99};
  BatchBuffer two(rows(), 2);
  rows().Step(some, {.discrete = actions, .continuous = {}}, two.view());
  EXPECT_THAT(two.status, ElementsAre(0, static_cast<int>(RowStatus::kBadAction)));
  EXPECT_EQ(rows().game_state(3).race_time_ms, 50);
  for (const int row : {0, 1, 2}) EXPECT_EQ(rows().game_state(row).race_time_ms, 0);
}

TEST_F(SendRecvTest, RowUnderWayIsRefusedAndTheOthersAreServed) {
  for (const Autoreset mode : {Autoreset::kNextStep, Autoreset::kSameStep}) {
    Make(mode);
    const auto snapshot = fleet().Save(1);
    const auto fall = [](GameState& state, Completion&) { state.position_m.y -= 50; };
    Tell(1, {Answer::kOk, fall});
    Send({1});
    for (const bool has_arrived : {false, true}) {
      if (has_arrived) fleet().Save(0);  // of the same group
      fleet().Step(kThrottle);
      EXPECT_EQ(fleet().num_final(), 0) << "not that of the row under way";
      EXPECT_EQ(fleet().status(1), RowStatus::kUnderWay);
      EXPECT_EQ(fleet().status(0), RowStatus::kOk);
      fleet().Reset();
      EXPECT_EQ(fleet().status(1), RowStatus::kUnderWay);
      EXPECT_EQ(fleet().status(0), RowStatus::kOk);
      EXPECT_TRUE(fleet().Save(1).empty());
      EXPECT_THAT(fleet().Restore(1, snapshot).error(), HasSubstr("under way"));
      fleet().Restore({snapshot, snapshot, {}, {}});
      EXPECT_EQ(fleet().status(0), RowStatus::kOk);
      EXPECT_EQ(fleet().status(1), RowStatus::kUnderWay);
    }
    ASSERT_THAT(Recv(1), ElementsAre(1));
    EXPECT_EQ(batch().terminated[0], 1);
    EXPECT_EQ(num_final(), mode == Autoreset::kSameStep ? 1 : 0);
    fleet().ResetRow(1);
    EXPECT_EQ(fleet().status(1), RowStatus::kOk);
  }
}

#ifndef NDEBUG
TEST_F(SendRecvTest, RowSentTwiceIsABugOfTheCaller) {
  Make();
  Send({1});
  EXPECT_DEATH(Send({1}), "is_sent");
}
#endif

// ---- On games with a life of their own

// Keeps completions back for a while, each as long as chance wants, so that they come in any order.
class UnrulyGames : public GameGroup {
 public:
  UnrulyGames(std::unique_ptr<GameGroup> games, std::uint32_t seed)
      : games_(std::move(games)), random_(seed) {}
  int num_slots() const override { return games_->num_slots(); }
  const GameState& state(int slot) const override { return games_->state(slot); }
  void Start(std::span<const Command> commands) override { games_->Start(commands); }
  std::span<const Completion> Collect(Deadline deadline) override {
    for (const Completion& completion : games_->Collect(deadline)) kept_.push_back(completion);
    std::ranges::shuffle(kept_, random_);
    completions_.clear();
    const bool waits = deadline > Clock::now();
    while (!kept_.empty() && (random_() % 3 == 0 || (waits && completions_.empty()))) {
      completions_.push_back(std::move(kept_.back()));
      kept_.pop_back();
    }
    return completions_;
  }
  void Abandon(int slot) override { games_->Abandon(slot); }
  std::string_view kind() const override { return games_->kind(); }

 private:
  std::unique_ptr<GameGroup> games_;
  std::mt19937 random_;
  std::vector<Completion> kept_, completions_;
};

FleetSettings Settings(std::vector<int> groups, int num_threads, Autoreset mode) {
  FleetSettings settings;
  settings.groups = std::move(groups);
  settings.num_threads = num_threads;
  settings.autoreset = mode;
  settings.road = StraightRoad(120, 50);
  settings.environment.rules.time_limit_ticks = 600;
  settings.environment.rules.no_progress_ticks = 100;
  return settings;
}

TEST_F(SendRecvTest, BranchOfARowWithoutAStateLeavesThoseUnderWayToSayThatTheyAre) {
  Make(Autoreset::kDisabled);
  Tell(0, {Answer::kLost, {}});
  fleet().Step(kThrottle);
  Send({2});
  BatchBuffer branched(rows());
  rows().Branch(0, std::vector<std::uint8_t>{0, 1, 1, 0}, branched.view());
  const auto status = [&](std::size_t row) { return static_cast<RowStatus>(branched.status[row]); };
  EXPECT_EQ(status(0), RowStatus::kSkipped);
  EXPECT_EQ(status(1), RowStatus::kNotReset);
  EXPECT_EQ(status(2), RowStatus::kUnderWay);
  EXPECT_EQ(status(3), RowStatus::kSkipped);
  EXPECT_EQ(Recv(1), std::vector<std::int32_t>{2});
}

TEST(SendRecvOfKeptStatesTest, WhereEpisodesOfSentRowsBeginDependsOnNoGroup) {
  const auto drive = [](std::vector<int> groups, const Starts& starts) {
    FleetSettings settings = Settings(std::move(groups), 1, Autoreset::kSameStep);
    settings.environment.rules.time_limit_ticks = 40;  // so that many begin
    settings.archive.every_m = 1;
    settings.starts = starts;
    Fleet fleet(settings);
    fleet.Reset();
    BatchBuffer batch(fleet.rows(), 2);
    std::vector<float> seen;
    const auto look = [&] {
      seen.insert(seen.end(), batch.observations.begin(), batch.observations.end());
    };
    for (int step = 0; step < 2000; ++step) {
      const std::vector<std::int32_t> actions = {step / 7 % 3, 0}, sent = {0, 2}, stepped = {1, 3};
      fleet.rows().Send(sent, {.discrete = actions, .continuous = {}});
      fleet.rows().Step(stepped, {.discrete = actions, .continuous = {}}, batch.view());
      look();
      std::vector<std::int32_t> received(2);
      fleet.rows().Recv(received, kNoDeadline, batch.view());
      look();
    }
    return seen;
  };
  constexpr Starts kStarts{StartPlace::kLine, 0.1f};
  const auto reference = drive({4}, kStarts);
  EXPECT_TRUE(drive({1, 1, 1, 1}, kStarts) == reference);
  EXPECT_TRUE(drive({1, 3}, kStarts) == reference);
  EXPECT_TRUE(drive({4}, {}) != reference) << "none began at a state";
}

TEST(SendRecvOfKeptStatesTest, WhereEpisodesBeginDependsOnNoOrderInWhichRowsAreNamed) {
  using Rows = std::vector<std::int32_t>;
  const auto drive = [](const Rows& rows, const Starts& starts) {
    FleetSettings settings = Settings({2, 2}, 1, Autoreset::kSameStep);
    settings.environment.rules.time_limit_ticks = 40;
    settings.archive.every_m = 1;
    settings.starts = starts;
    Fleet fleet(settings);
    fleet.Reset();
    BatchBuffer batch(fleet.rows());
    std::vector<float> seen;
    for (int step = 0; step < 1000; ++step) {
      Rows actions;  // so that rows come by a mark together and in different states
      for (const std::int32_t row : rows) actions.push_back((step / 7 + row) % 3);
      fleet.rows().Step(rows, {.discrete = actions, .continuous = {}}, batch.view());
      for (int row = 0; row < fleet.num_rows(); ++row) {
        const GameState& state = fleet.rows().game_state(row);
        seen.insert(seen.end(), {state.position_m.x, state.position_m.z});
      }
    }
    return seen;
  };
  constexpr Starts kStarts{StartPlace::kLine, 0.1f};
  const auto reference = drive({0, 1, 2, 3}, kStarts);
  EXPECT_TRUE(drive({3, 1, 0, 2}, kStarts) == reference);
  EXPECT_TRUE(drive({0, 1, 2, 3}, {}) != reference) << "none began at a state";
}

class RandomScheduleTest : public ::testing::TestWithParam<Autoreset> {};
INSTANTIATE_TEST_SUITE_P(EveryMode, RandomScheduleTest,
                         ::testing::Values(Autoreset::kNextStep, Autoreset::kSameStep,
                                           Autoreset::kDisabled));

TEST_P(RandomScheduleTest, LosesRepeatsAndMixesUpNoRow) {
  const int steps = TestCount(150, 250, 2500);
  Fleet plain(Settings({6}, 1, GetParam()));
  const auto expected = StoryTeller(plain.rows()).InPlainLoop(steps);
  for (const Story& story : expected) {
    EXPECT_GT(std::ranges::count_if(story, &Told::terminated), 0) << "episodes must end";
  }
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const auto& [groups, num_threads] : std::vector<std::pair<std::vector<int>, int>>{
           {{6}, 1}, {{1, 3, 2}, 1}, {{1, 3, 2}, 2}, {{2, 2, 1, 1}, 3}}) {
    SCOPED_TRACE(std::to_string(groups.size()) + " groups, " + std::to_string(num_threads) +
                 " threads");
    const FleetSettings settings = Settings(groups, num_threads, GetParam());
    Fleet fleet(settings);
    ASSERT_NO_FATAL_FAILURE(ExpectEqual(StoryTeller(fleet.rows()).InParts(steps, seed), expected));
    auto games = Fleet::MakeGames(settings);
    for (std::size_t i = 0; i < games.size(); ++i) {
      games[i] =
          std::make_unique<UnrulyGames>(std::move(games[i]), seed + static_cast<std::uint32_t>(i));
    }
    Fleet unruly(settings, std::move(games));
    ASSERT_NO_FATAL_FAILURE(ExpectEqual(StoryTeller(unruly.rows()).InParts(steps, seed), expected));
  }
}

TEST_P(RandomScheduleTest, SimulatedRowsComeInTheSameOrderForAnyThreadsAndGroups) {
  const int steps = TestCount(40, 100, 1000);
  const auto order = [&](std::vector<int> groups, int num_threads) {
    Fleet fleet(Settings(std::move(groups), num_threads, GetParam()));
    StoryTeller teller(fleet.rows());
    teller.InParts(steps, 7);
    return teller.received();
  };
  const auto reference = order({6}, 1);
  EXPECT_GT(reference.size(), static_cast<std::size_t>(steps));
  EXPECT_EQ(order({1, 1, 1, 1, 1, 1}, 1), reference);
  EXPECT_EQ(order({1, 3, 2}, 2), reference);
  EXPECT_EQ(order({2, 2, 1, 1}, 3), reference);
}

TEST_P(RandomScheduleTest, TakesNoMemory) {
  for (const int num_threads : {1, 2}) {
    FleetSettings settings = Settings({3, 2}, num_threads, GetParam());
    settings.environment.rules.time_limit_ticks = 100;
    Fleet fleet(settings);
    fleet.Reset();
    const std::vector<std::int32_t> first = {4, 0}, second = {3, 1, 2}, actions = {0, 1, 3};
    std::vector<std::int32_t> rows(5);
    BatchBuffer two(fleet.rows(), 2), three(fleet.rows(), 3);
    const ActionView of_two{.discrete = std::span(actions).first(2), .continuous = {}};
    const ActionView of_three{.discrete = actions, .continuous = {}};
    const auto round = [&] {
      fleet.rows().Send(first, of_two);
      fleet.rows().Send(second, of_three);
      fleet.rows().Recv(std::span(rows).first(3), kNoDeadline, three.view());
      fleet.rows().Recv(std::span(rows).first(2), kNoDeadline, two.view());
      fleet.rows().Step(second, of_three, three.view());
    };
    round();
    const long before = NumAllocations();
    for (int i = 0; i < 100; ++i) {
      round();
      if (i % 25 == 24) fleet.Reset();
    }
    EXPECT_EQ(NumAllocations() - before, 0) << num_threads << " threads";
  }
}

}  // namespace
}  // namespace hotlap
