#include "agents/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "agents/info_reader.h"
#include "tests/agents/driving_spec.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::ThrowsMessage;
using transport::ConstBatchView;
using transport::Refusal;
using transport::ResetRequest;
using transport::SnapshotId;
using transport::Status;

struct ScriptedBatch {
  ScriptedBatch(std::size_t rows, std::size_t columns, std::size_t infos)
      : observations(rows * columns),
        rewards(rows),
        terminated(rows),
        truncated(rows),
        status(rows),
        info(rows * infos * 4) {}
  ConstBatchView View() const {
    return {observations, rewards, terminated, truncated, status, info, {}, {}, {}};
  }
  void Set(std::size_t column, std::size_t row, const void* value) {
    std::memcpy(&info[(column * status.size() + row) * 4], value, 4);
  }

  std::vector<float> observations, rewards;
  std::vector<std::uint8_t> terminated, truncated, status;
  std::vector<std::byte> info;
};

// Rows whose episodes are written down: one that was reset with seed s takes s steps of 10 m and
// then finishes, or loses its game when s is one of `lost`. Every other step takes a checkpoint.
class ScriptedEnvironment : public transport::LearnerEnvironment {
 public:
  using Batch = tl::expected<ConstBatchView, Refusal>;

  explicit ScriptedEnvironment(int rows) : spec_(DrivingSpec(KeyActions(), 3)) {
    spec_.observation.push_back({"lateral_offset", "m", 0.1f, -10, 10});
    spec_.reward = {{"progress", 0.02f, "m"}, {"time", -0.05f, "s"}};
    for (const char* name :
         {"ticks", "race_time", "checkpoint", "valid", "end_reason", "finish_time"}) {
      info_.push_back({name, InfoType::kInt32, "", false});
    }
    for (const char* name :
         {"progress", "episode_return", "episode_reward.progress", "episode_reward.time"}) {
      info_.push_back({name, InfoType::kFloat32, "", false});
    }
    n_ = static_cast<std::size_t>(rows);
    steps_.resize(n_);
    seeds_.resize(n_);
    all_ = ScriptedBatch(n_, spec_.observation.size(), info_.size());
  }

  int num_rows() const override { return static_cast<int>(n_); }
  const EnvironmentSpec& spec() const override { return spec_; }
  std::span<const InfoColumn> info_columns() const override { return info_; }
  Autoreset autoreset() const override { return mode; }

  Batch Reset(const ResetRequest& options, Deadline) override {
    if (refuses_resets) return tl::unexpected(Refusal{Status::kBadArgument, "no resets today"});
    all_ = ScriptedBatch(n_, spec_.observation.size(), info_.size());
    std::ranges::fill(all_.status, static_cast<std::uint8_t>(RowStatus::kSkipped));
    for (std::size_t row = 0; row < n_; ++row) {
      if (options.mask[row] == 0) continue;
      seeds_[row] = options.seeds[row];
      reset_seeds.push_back(seeds_[row]);
      steps_[row] = 0;
      Show(all_, row, row);
    }
    return all_.View();
  }

  Batch Step(std::span<const std::int32_t> rows, const ActionView& actions, Deadline) override {
    if (calls_left == 0) return tl::unexpected(Refusal{Status::kTimedOut, "the server is gone"});
    --calls_left;
    part_ = ScriptedBatch(rows.size(), spec_.observation.size(), info_.size());
    for (std::size_t place = 0; place < rows.size(); ++place) {
      const auto row = static_cast<std::size_t>(rows[place]);
      taken.push_back({row, actions.discrete[place]});
      if (actions.discrete[place] > 8) {
        part_.status[place] = static_cast<std::uint8_t>(RowStatus::kBadAction);
        continue;
      }
      ++steps_[row];
      Show(part_, place, row);
    }
    return part_.View();
  }

  Batch Step(const ActionView&, Deadline) override { return None(); }
  tl::expected<void, Refusal> Send(std::span<const std::int32_t>, const ActionView&,
                                   Deadline) override {
    return None();
  }
  Batch Recv(int, Deadline) override { return None(); }

  tl::expected<std::vector<SnapshotId>, Refusal> Save(std::span<const std::uint8_t>,
                                                      Deadline) override {
    return std::vector<SnapshotId>(n_, 0);
  }
  Batch Restore(std::span<const SnapshotId>, Deadline) override { return all_.View(); }
  Batch Branch(int, std::span<const std::uint8_t>, Deadline) override { return all_.View(); }
  tl::expected<std::vector<std::vector<std::byte>>, Refusal> Export(std::span<const SnapshotId>,
                                                                    Deadline) override {
    return {};
  }
  tl::expected<std::vector<SnapshotId>, Refusal> Import(std::span<const std::vector<std::byte>>,
                                                        Deadline) override {
    return {};
  }
  tl::expected<void, Refusal> Drop(std::span<const SnapshotId>, Deadline) override { return {}; }

  std::vector<std::uint64_t> reset_seeds, lost;
  std::vector<std::pair<std::size_t, std::int32_t>> taken;  // row and action of every step
  Autoreset mode = Autoreset::kDisabled;
  int calls_left = 1000;
  bool refuses_resets = false;

 private:
  static tl::unexpected<Refusal> None() {  // an evaluation steps the rows that drive
    return transport::Refuse(Status::kBadArgument, "no steps of all rows here");
  }

  void Show(ScriptedBatch& batch, std::size_t place, std::size_t row) {
    const std::uint64_t steps = steps_[row];
    const bool ended = steps == seeds_[row];
    const bool is_lost = ended && std::ranges::count(lost, seeds_[row]) > 0;
    batch.status[place] = static_cast<std::uint8_t>(RowStatus::kOk);
    batch.terminated[place] = ended && !is_lost;
    batch.truncated[place] = is_lost;
    batch.observations[place * spec_.observation.size() + 2] = 20 * kSpecScale;
    batch.observations[(place + 1) * spec_.observation.size() - 1] = -0.3f;  // lateral
    const EndReason reason = is_lost ? EndReason::kGameLost
                             : ended ? EndReason::kFinish
                                     : EndReason::kNone;
    const auto n = static_cast<std::int32_t>(steps);
    const std::int32_t integers[] = {n > 0 ? 5 : 0,
                                     50 * n,
                                     n / 2,
                                     n == 3 ? 0 : 1,
                                     static_cast<std::int32_t>(reason),
                                     reason == EndReason::kFinish ? 50 * n - 20 : 0};
    const auto s = static_cast<float>(steps);
    const float floats[] = {10 * s, s, 2 * s, -s};
    for (std::size_t i = 0; i < 6; ++i) batch.Set(i, place, &integers[i]);
    for (std::size_t i = 0; i < 4; ++i) batch.Set(6 + i, place, &floats[i]);
  }

  EnvironmentSpec spec_;
  std::vector<InfoColumn> info_;
  std::size_t n_ = 0;
  std::vector<std::uint64_t> steps_, seeds_;
  ScriptedBatch all_{0, 0, 0}, part_{0, 0, 0};
};

// The first key but none; notes what it is shown, and where episodes begin.
class WatchingPolicy : public Policy {
 public:
  void BeginEpisode(int row, std::uint64_t seed) override { begun.push_back({row, seed}); }
  void Act(std::span<const float> observations, ActionBuffer& actions) override {
    seen.assign(observations.begin(), observations.end());
    slowest = std::min(slowest, observations[2]);
    std::ranges::fill(actions.discrete, action);
  }
  std::vector<std::pair<int, std::uint64_t>> begun;
  std::vector<float> seen;
  float slowest = 1e9f;
  std::int32_t action = 3;
};

class EvaluatorTest : public ::testing::Test {
 protected:
  // Episodes of these seeds on each track.
  std::vector<EpisodeReport> Run(const std::vector<std::uint64_t>& seeds) {
    return Drive(seeds).episodes;
  }
  EvaluatorResult Drive(const std::vector<std::uint64_t>& seeds) {
    settings.starts.clear();
    for (const std::uint64_t seed : seeds) {
      settings.starts.push_back({static_cast<int>(settings.starts.size()), seed, idle_steps});
    }
    const auto result = DriveEpisodes(rows, policy, settings, {});
    EXPECT_TRUE(result.has_value());
    return result.value_or(EvaluatorResult{});
  }

  EvaluatorSettings settings{
      .tracks = {"some track"}, .starts = {}, .perturbation = {}, .kind = "some kind"};
  int idle_steps = 0;
  ScriptedEnvironment rows{3};
  WatchingPolicy policy;
};

TEST_F(EvaluatorTest, ReportsWhatAnEpisodeTold) {
  const auto episodes = Run({5});
  ASSERT_EQ(episodes.size(), 1u);
  const EpisodeReport& e = episodes[0];
  EXPECT_EQ(e.track, "some track");
  EXPECT_EQ(e.seed, 5u);
  EXPECT_EQ(e.end_reason, EndReason::kFinish);
  EXPECT_EQ(e.error, EpisodeError::kNone);
  EXPECT_EQ(e.finish_time_ms, 230);
  EXPECT_EQ(e.ticks, 25);
  EXPECT_EQ(e.progress_m, 50);
  EXPECT_EQ(e.checkpoints, 2);
  EXPECT_EQ(e.invalid_steps, 1);
  EXPECT_EQ(e.episode_return, 5);
  EXPECT_THAT(e.reward, ElementsAre(10, -5));
  EXPECT_EQ(e.run.track, "some track");
  EXPECT_EQ(e.run.kind, "some kind");
  EXPECT_EQ(e.run.finish_time_ms, 230);
  ASSERT_EQ(e.run.points.size(), 6u);
  EXPECT_EQ(e.run.inputs.size(), 5u);
  EXPECT_FLOAT_EQ(e.run.points[2].progress_m, 20);
  EXPECT_EQ(e.run.points[2].lateral_m, -3.0f);
  EXPECT_FLOAT_EQ(e.run.points[2].speed_mps.value(), 20);
}

TEST_F(EvaluatorTest, TakesSplitsAfterTheStepAndTheLastAtTheFinish) {
  EXPECT_THAT(Run({4})[0].splits_ms, ElementsAre(100, 180));
  EXPECT_THAT(Run({5})[0].splits_ms, ElementsAre(100, 200)) << "it took none at the finish";
}

TEST_F(EvaluatorTest, DrivesEveryEpisodeOnceInWhicheverRowIsFree) {
  const auto episodes = Run({9, 2, 3, 4, 5});
  ASSERT_EQ(episodes.size(), 5u);
  for (std::size_t e = 0; e < 5; ++e) {
    EXPECT_EQ(episodes[e].episode, static_cast<int>(e));
    EXPECT_EQ(episodes[e].ticks, static_cast<std::int64_t>(5 * episodes[e].seed));
  }
  EXPECT_THAT(rows.reset_seeds, ElementsAre(9, 2, 3, 4, 5));
  EXPECT_THAT(policy.begun,
              ElementsAre(Pair(0, 9), Pair(1, 2), Pair(2, 3), Pair(1, 4), Pair(2, 5)));
  EXPECT_EQ(rows.taken.size(), 9u + 2 + 3 + 4 + 5) << "a row without an episode stands still";
}

TEST_F(EvaluatorTest, DrivesATrackInItsOwnRowsAlone) {
  settings.tracks = {"a", "b"};
  const auto episodes = Run({2, 3, 4});
  ASSERT_EQ(episodes.size(), 6u);
  EXPECT_EQ(episodes[2].track, "a");
  EXPECT_EQ(episodes[3].track, "b");
  EXPECT_THAT(episodes[3].seed, 2u);
  // Rows 0 and 2 are track a's.
  EXPECT_THAT(policy.begun,
              ElementsAre(Pair(0, 2), Pair(1, 2), Pair(2, 3), Pair(0, 4), Pair(1, 3), Pair(1, 4)));
}

TEST_F(EvaluatorTest, GivesNoInputInTheIdleSteps) {
  idle_steps = 2;
  const auto episodes = Run({4});
  EXPECT_THAT(rows.taken, ElementsAre(Pair(0, 0), Pair(0, 0), Pair(0, 3), Pair(0, 3)));
  EXPECT_EQ(episodes[0].idle_ticks, 10);
  EXPECT_EQ(episodes[0].ticks, 20) << "idle ones count";
  EXPECT_EQ(episodes[0].run.inputs,
            (std::vector<Inputs>{{}, {}, {.accelerate = true}, {.accelerate = true}}))
      << "and are part of the run";
}

TEST_F(EvaluatorTest, ShowsThePolicyNoiseAndNotesTheLineWithout) {
  settings.perturbation = {PerturbationKind::kObservationNoise, 0, 0.1, 0};
  const auto episodes = Run({2});
  EXPECT_NE(policy.seen[2], 20 * kSpecScale);
  EXPECT_NE(policy.seen[0], 0);
  EXPECT_FLOAT_EQ(*episodes[0].run.points[1].speed_mps, 20);
}

TEST_F(EvaluatorTest, ShowsThePolicyTheLastObservationOfRowsThatAResetLeftOut) {
  Run({3, 4, 5, 6});
  EXPECT_FLOAT_EQ(policy.slowest, 20 * kSpecScale);
}

TEST_F(EvaluatorTest, CountsALostGameAsAnErrorAndGoesOn) {
  rows.lost = {4};
  const auto episodes = Run({3, 4, 5, 6});
  EXPECT_EQ(episodes[1].error, EpisodeError::kGameLost);
  EXPECT_EQ(episodes[1].end_reason, EndReason::kNone);
  EXPECT_EQ(episodes[1].ticks, 20);
  EXPECT_FALSE(episodes[1].finish_time_ms || episodes[1].episode_return);
  EXPECT_TRUE(episodes[1].reward.empty());
  EXPECT_TRUE(episodes[3].finished());
}

TEST_F(EvaluatorTest, TakesAGameThatIsLostAtItsResetForALostEpisode) {
  rows.lost = {0};
  const auto episodes = Run({0, 1, 2, 3});
  EXPECT_EQ(episodes[0].error, EpisodeError::kGameLost);
  EXPECT_EQ(episodes[0].ticks, 0);
  EXPECT_TRUE(episodes[3].finished()) << "the row's next episode";
}

TEST_F(EvaluatorTest, CountsARefusedActionAsAnErrorOfItsEpisodeAlone) {
  policy.action = 99;
  idle_steps = 1;
  for (const EpisodeReport& episode : Run({3, 4})) {
    EXPECT_EQ(episode.error, EpisodeError::kRowRefused);
    EXPECT_EQ(episode.message, "bad_action");
    EXPECT_EQ(episode.ticks, 5);
  }
}

TEST_F(EvaluatorTest, CountsAllThatHadNotEndedAsLostWhenACallFails) {
  rows.calls_left = 3;
  const EvaluatorResult result = Drive({3, 5, 5, 5, 5});
  EXPECT_TRUE(result.episodes[0].finished());
  for (std::size_t e = 1; e < 5; ++e) {
    EXPECT_EQ(result.episodes[e].error, EpisodeError::kServerLost);
    EXPECT_THAT(result.episodes[e].message, HasSubstr("the server is gone"));
    EXPECT_EQ(result.episodes[e].ticks, e < 3 ? 15 : 0) << "begun or not";
  }
  ASSERT_TRUE(result.lost);
  EXPECT_EQ(result.lost->text, "the server is gone");
}

TEST_F(EvaluatorTest, ReturnsTheErrorOfTheFirstReset) {
  rows.refuses_resets = true;
  settings.starts = {{0, 3, 0}};
  const auto result = DriveEpisodes(rows, policy, settings, {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().text, "no resets today");
}

TEST_F(EvaluatorTest, TellsItsProgress) {
  settings.starts = {{0, 2, 0}, {1, 3, 0}, {2, 4, 0}, {3, 5, 0}};
  std::vector<int> done;
  double furthest = 0;
  std::int64_t steps = 0;
  ASSERT_TRUE(DriveEpisodes(rows, policy, settings, [&](const EvaluationProgress& progress) {
    done.push_back(progress.episodes_done);
    furthest = std::max(furthest, progress.furthest_m);
    steps = progress.steps;
  }));
  EXPECT_THAT(done, ElementsAre(0, 1, 2, 3, 3, 3, 4));
  EXPECT_EQ(furthest, 50);
  EXPECT_EQ(steps, 2 + 3 + 4 + 5);
}

TEST_F(EvaluatorTest, RefusesAnEnvironmentThatResetsItself) {
  rows.mode = Autoreset::kNextStep;
  EXPECT_THAT([&] { Run({1}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("autoreset must be disabled")));
}

TEST_F(EvaluatorTest, RefusesMoreTracksThanRows) {
  settings.tracks = {"a", "b", "c", "d"};
  EXPECT_THAT([&] { Run({1}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("4 tracks on 3 rows")));
}

TEST_F(EvaluatorTest, NamesTheInfoColumnThatWasNotChosen) {
  EXPECT_THAT([&] { InfoReader(rows, "full_lap"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'full_lap'")));
}

}  // namespace
}  // namespace hotlap::agents
