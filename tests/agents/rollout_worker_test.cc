// What a worker writes into a rollout, on rows that end in known steps.
#include "agents/rollout_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/agents/scripted_rows.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kDiscount = 0.5f;
constexpr std::uint64_t kSeed = 5;

using Script = std::vector<std::vector<ScriptedEpisode>>;

// So many rows whose episodes have a step each.
Script ShortRows(std::size_t rows) {
  return Script(rows, std::vector<ScriptedEpisode>{ScriptedEpisode{}});
}

// Without hidden layers: all actions are as likely, and the value of an observation is its first
// column, the steps so far.
ActorCritic LinearNetwork() {
  return ActorCritic(ScriptedRows(ShortRows(1)).spec(), MlpSettings{.hidden = {}});
}
Weights StepsAsValue(const ActorCritic& network) {
  Weights weights = network.Initial(1, 0);
  std::ranges::fill(weights.parameters, 0.0f);
  std::vector<float> critic(network.critic().num_packed(), 0);
  critic[0] = 1;
  network.critic().Unpack(critic, network.CriticPart(std::span(weights.parameters)));
  return weights;
}

class RolloutWorkerTest : public ::testing::Test {
 protected:
  std::unique_ptr<RolloutWorker> MakeWorker(Script script, int first_row = 0) {
    auto environment = std::make_unique<ScriptedRows>(std::move(script));
    rows = environment.get();
    return std::make_unique<RolloutWorker>(std::move(environment), first_row, network,
                                           std::chrono::seconds(1));
  }
  // Of an only worker of all rows.
  Rollout Collected(RolloutWorker& worker, int steps, std::int64_t first_step = 0) {
    Rollout rollout(steps, worker.num_rows(), 2, 1);
    const auto done = worker.Collect(network, weights, kSeed, first_step, kDiscount, rollout);
    EXPECT_TRUE(done) << done.error().text;
    return rollout;
  }
  static std::vector<float> OfRow(const Rollout& rollout, const std::vector<float>& values,
                                  int row) {
    std::vector<float> of_row(static_cast<std::size_t>(rollout.steps));
    for (std::size_t step = 0; step < of_row.size(); ++step) {
      of_row[step] =
          values[step * static_cast<std::size_t>(rollout.rows) + static_cast<std::size_t>(row)];
    }
    return of_row;
  }

  const ActorCritic network = LinearNetwork();
  const Weights weights = StepsAsValue(network);
  ScriptedRows* rows = nullptr;  // of the latest worker
};

TEST_F(RolloutWorkerTest, OnlyAnEpisodeThatWasTruncatedIsPaidWhatItsLastObservationPromised) {
  const auto worker =
      MakeWorker({{{.steps = 2, .reason = EndReason::kFinish}},
                  {{.steps = 3, .reason = EndReason::kTimeLimit, .is_truncated = true}}});
  ASSERT_TRUE(worker->Begin(kSeed));
  Rollout rollout = Collected(*worker, 4);
  EXPECT_THAT(OfRow(rollout, rollout.values, 0), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(OfRow(rollout, rollout.rewards, 0), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(OfRow(rollout, rollout.values, 1), ElementsAre(0, 1, 2, 0));
  // The last observation of the episode shows 3 steps, the first one of the next none.
  EXPECT_THAT(OfRow(rollout, rollout.rewards, 1), ElementsAre(1, 1, 1 + kDiscount * 3, 1));
  EXPECT_THAT(rollout.ended, ElementsAre(0, 0, 1, 0, 0, 1, 1, 0));
  EXPECT_THAT(rollout.last_values, ElementsAre(0, 1));

  // By hand, with a decay of 1/2. Errors of row 0: 1 + 0.5 - 0 = 1.5, 1 - 1 = 0, and so again.
  // Of row 1: 1 + 0.5 - 0 = 1.5, 1 + 1 - 1 = 1, 2.5 - 2 = 0.5, and 1 + 0.5 - 0 = 1.5.
  EstimateAdvantages(kDiscount, 0.5f, rollout);
  EXPECT_THAT(OfRow(rollout, rollout.advantages, 0), ElementsAre(1.5f, 0, 1.5f, 0));
  EXPECT_THAT(OfRow(rollout, rollout.advantages, 1),
              ElementsAre(1.5f + 0.25f * 1.125f, 1 + 0.25f * 0.5f, 0.5f, 1.5f));
}

TEST_F(RolloutWorkerTest, KeepsWhatEachActionSawAndTellsHowEpisodesEnded) {
  const auto worker = MakeWorker(
      {{{.steps = 2, .reason = EndReason::kFinish}}, {{.steps = 3, .reason = EndReason::kFall}}},
      10);
  ASSERT_TRUE(worker->Begin(kSeed));
  Rollout rollout(3, 14, 2, 1);  // rows of others on both sides
  ASSERT_TRUE(worker->Collect(network, weights, kSeed, 0, kDiscount, rollout));
  for (std::size_t i = 0; i < rollout.num_examples(); ++i) {
    const int row = static_cast<int>(i % 14), step = static_cast<int>(i / 14);
    const bool is_mine = row == 10 || row == 11;
    EXPECT_EQ(rollout.rewards[i], is_mine ? 1 : 0);
    EXPECT_EQ(rollout.log_probabilities[i] < 0, is_mine);
    if (!is_mine) continue;
    EXPECT_EQ(rollout.observations[2 * i], row == 10 ? step % 2 : step);
    EXPECT_EQ(rollout.observations[2 * i + 1], row - 10);
    EXPECT_EQ(rollout.actions[i],
              rows->seen_actions[static_cast<std::size_t>(2 * step + row - 10)]);
  }
  ASSERT_EQ(worker->ends().size(), 2u);
  const EpisodeEnd& finish = worker->ends()[0];
  EXPECT_EQ(finish.row, 10);
  EXPECT_EQ(finish.reason, EndReason::kFinish);
  EXPECT_EQ(finish.steps, 2);
  EXPECT_EQ(finish.episode_return, 2);
  EXPECT_EQ(finish.finish_time_ms, 200);
  EXPECT_TRUE(finish.is_full_lap);
  EXPECT_EQ(worker->ends()[1].row, 11);
  EXPECT_EQ(worker->ends()[1].reason, EndReason::kFall);
  EXPECT_FALSE(worker->ends()[1].is_full_lap);
}

TEST_F(RolloutWorkerTest, AnEpisodeOfRowRBeginsWithTheSeedAndItsNumber) {
  const auto worker = MakeWorker(ShortRows(2), 3);
  ASSERT_TRUE(worker->Begin(100));
  EXPECT_THAT(rows->reset_seeds, ElementsAre(103, 104));
}

TEST_F(RolloutWorkerTest, ActionsDependOnTheSeedTheStepAndTheNumberOfTheRow) {
  const std::vector<ScriptedEpisode> long_one = {{.steps = 1000}};
  const auto together = MakeWorker({long_one, long_one, long_one});
  ASSERT_TRUE(together->Begin(kSeed));
  const Rollout whole = Collected(*together, 40);

  // The third row alone, in two rollouts.
  const auto alone = MakeWorker({long_one}, 2);
  ASSERT_TRUE(alone->Begin(kSeed));
  std::vector<float> actions;
  for (const std::int64_t first_step : {0, 15}) {
    Rollout part(first_step == 0 ? 15 : 25, 3, 2, 1);
    ASSERT_TRUE(alone->Collect(network, weights, kSeed, first_step, kDiscount, part));
    const std::vector<float> of_row = OfRow(part, part.actions, 2);
    actions.insert(actions.end(), of_row.begin(), of_row.end());
  }
  EXPECT_EQ(actions, OfRow(whole, whole.actions, 2));
  EXPECT_NE(OfRow(whole, whole.actions, 1), OfRow(whole, whole.actions, 2));
}

TEST_F(RolloutWorkerTest, ALostGameTruncatesItsEpisodeAndWaitingForANewOneIsNone) {
  const ScriptedEpisode waits{.steps = 0, .reason = EndReason::kGameLost, .is_truncated = true};
  const auto worker = MakeWorker(
      {{{.steps = 2, .reason = EndReason::kGameLost, .is_truncated = true}, waits, waits}});
  ASSERT_TRUE(worker->Begin(kSeed));
  Rollout rollout = Collected(*worker, 5);
  EXPECT_THAT(rollout.ended, ElementsAre(0, 1, 1, 1, 0));
  ASSERT_EQ(worker->ends().size(), 1u);
  EXPECT_EQ(worker->ends()[0].reason, EndReason::kGameLost);
  EXPECT_EQ(worker->ends()[0].steps, 2);
  EstimateAdvantages(kDiscount, 0.5f, rollout);
  EXPECT_EQ(rollout.advantages[2], 0) << "nothing came of an action that nobody took";
  EXPECT_EQ(rollout.advantages[3], 0);
  EXPECT_EQ(rollout.returns[2], rollout.values[2]);
}

TEST_F(RolloutWorkerTest, NothingIsLearntFromTheStepThatBeginsTheEpisodeOfANewGame) {
  const ScriptedEpisode waits{.steps = 0, .reason = EndReason::kGameLost, .is_truncated = true};
  const auto worker = MakeWorker({{waits, {.steps = 3, .begins_late = true}}});
  ASSERT_TRUE(worker->Begin(kSeed));
  Rollout rollout = Collected(*worker, 5);
  EXPECT_THAT(rollout.ended, ElementsAre(1, 1, 0, 0, 1));
  EstimateAdvantages(kDiscount, 0.5f, rollout);
  EXPECT_EQ(rollout.advantages[1], 0);
  EXPECT_EQ(rollout.returns[1], rollout.values[1]);
  EXPECT_NE(rollout.advantages[2], 0) << "and then it is driven";
  ASSERT_EQ(worker->ends().size(), 1u);
  EXPECT_EQ(worker->ends()[0].steps, 3);
}

TEST_F(RolloutWorkerTest, GoesOnFromASavedStateAsIfNothingHadBeenBetween) {
  const Script script = {{{.steps = 3}, {.steps = 5}}, {{.steps = 4}}};
  const auto worker = MakeWorker(script);
  ASSERT_TRUE(worker->Begin(kSeed));
  Collected(*worker, 4);
  const auto states = worker->Save();
  ASSERT_TRUE(states);
  EXPECT_EQ(rows->num_dropped, 2u) << "nothing stays in the store";
  const Rollout expected = Collected(*worker, 6, 4);

  const auto other = MakeWorker(script);
  ASSERT_TRUE(other->Restore(*states, kSeed));
  const Rollout found = Collected(*other, 6, 4);
  EXPECT_EQ(found.observations, expected.observations);
  EXPECT_EQ(found.actions, expected.actions);
  EXPECT_EQ(found.rewards, expected.rewards);
  EXPECT_EQ(rows->num_dropped, 2u);
}

TEST_F(RolloutWorkerTest, ARowThatHadNoGameWhenItWasSavedBeginsAnEpisode) {
  const ScriptedEpisode waits{.steps = 0, .reason = EndReason::kGameLost, .is_truncated = true};
  const Script script = {{{.steps = 9}}, {{.steps = 2, .is_truncated = true}, waits}};
  const auto worker = MakeWorker(script);
  ASSERT_TRUE(worker->Begin(kSeed));
  Collected(*worker, 2);
  const auto states = worker->Save();
  ASSERT_TRUE(states);
  EXPECT_THAT(states->at(1), IsEmpty());

  const auto other = MakeWorker(script, 7);
  ASSERT_TRUE(other->Restore(*states, 100));
  EXPECT_THAT(rows->reset_rows, ElementsAre(1));
  EXPECT_THAT(rows->reset_seeds, ElementsAre(108));
  Rollout rollout(1, 9, 2, 1);
  ASSERT_TRUE(other->Collect(network, weights, kSeed, 2, kDiscount, rollout));
  EXPECT_EQ(rollout.observations[14], 2) << "the other goes on";
  EXPECT_EQ(rollout.observations[16], 0);

  const std::vector<std::vector<std::byte>> nothing(2);
  EXPECT_TRUE(other->Restore(nothing, 100));
  EXPECT_THAT(rows->reset_rows, ElementsAre(1, 0, 1));
}

TEST_F(RolloutWorkerTest, ARefusalOfTheServerComesBackAsItIs) {
  const auto worker = MakeWorker(ShortRows(1));
  ASSERT_TRUE(worker->Begin(kSeed));
  rows->calls_left = 2;
  Rollout rollout(3, 1, 2, 1);
  const auto done = worker->Collect(network, weights, kSeed, 0, kDiscount, rollout);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().status, transport::Status::kServerLost);
}

TEST_F(RolloutWorkerTest, ARowThatIsRefusedIsNamedByItsNumberInTheTraining) {
  const auto worker = MakeWorker(ShortRows(1), 12);
  ASSERT_TRUE(worker->Begin(kSeed));
  rows->status = RowStatus::kBadAction;
  Rollout rollout(1, 13, 2, 1);
  const auto done = worker->Collect(network, weights, kSeed, 0, kDiscount, rollout);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text, HasSubstr("row 12 was refused"));
}

TEST_F(RolloutWorkerTest, RefusesRowsThatDoNotResetInTheSameStep) {
  auto environment = std::make_unique<ScriptedRows>(ShortRows(1));
  environment->mode = Autoreset::kNextStep;
  EXPECT_THROW(RolloutWorker(std::move(environment), 0, network, std::chrono::seconds(1)),
               std::invalid_argument);
}

}  // namespace
}  // namespace hotlap::agents
