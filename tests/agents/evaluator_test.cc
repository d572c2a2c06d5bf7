#include "agents/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "agents/info_reader.h"
#include "tests/agents/driving_spec.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using transport::ConstBatchView;
using transport::Refusal;
using transport::ResetRequest;
using transport::SnapshotId;
using transport::Status;

// Rows whose episodes are written down: one that was reset with seed s takes s steps of 10 m and
// then finishes, or loses its game when s is one of `lost`. The reward of a step is 1.
class ScriptedEnvironment : public transport::LearnerEnvironment {
 public:
  using Batch = tl::expected<ConstBatchView, Refusal>;

  explicit ScriptedEnvironment(int rows) : spec_(DrivingSpec(KeyActions(), 3)) {
    spec_.observation.push_back({"lateral_offset", "m", 0.1f, -10, 10});
    spec_.reward = {{"progress", 0.02f, "m"}, {"time", -0.05f, "s"}};
    for (const char* name : {"ticks", "checkpoint", "end_reason", "finish_time"}) {
      info_.push_back({name, InfoType::kInt32, "", false});
    }
    for (const char* name : {"progress", "episode_reward.progress", "episode_reward.time"}) {
      info_.push_back({name, InfoType::kFloat32, "", false});
    }
    n_ = static_cast<std::size_t>(rows);
    steps_.resize(n_);
    seeds_.resize(n_);
    observations_.resize(n_ * spec_.observation.size());
    rewards_.resize(n_);
    terminated_.resize(n_);
    truncated_.resize(n_);
    status_.resize(n_);
    info_bytes_.resize(n_ * info_.size() * 4);
  }

  int num_rows() const override { return static_cast<int>(n_); }
  const EnvironmentSpec& spec() const override { return spec_; }
  std::span<const InfoColumn> info_columns() const override { return info_; }
  Autoreset autoreset() const override { return mode; }

  Batch Reset(const ResetRequest& options, Deadline) override {
    std::ranges::fill(observations_, 0.0f);
    std::ranges::fill(status_, static_cast<std::uint8_t>(RowStatus::kSkipped));
    for (std::size_t row = 0; row < n_; ++row) {
      if (options.mask[row] == 0) continue;
      seeds_[row] = options.seeds[row];
      reset_seeds.push_back(seeds_[row]);
      steps_[row] = 0;
      Show(row, 0);
    }
    return View();
  }

  Batch Step(const ActionView&, Deadline) override {
    if (calls_left == 0) return tl::unexpected(Refusal{Status::kTimedOut, "the server is gone"});
    --calls_left;
    for (std::size_t row = 0; row < n_; ++row) {
      if (!steps_[row] || terminated_[row] != 0 || truncated_[row] != 0) {
        status_[row] = static_cast<std::uint8_t>(RowStatus::kNotReset);
        continue;
      }
      ++*steps_[row];
      Show(row, 1);
    }
    return View();
  }

  Batch Step(std::span<const std::int32_t>, const ActionView&, Deadline) override { return None(); }
  tl::expected<void, Refusal> Send(std::span<const std::int32_t>, const ActionView&,
                                   Deadline) override {
    return None();
  }
  Batch Recv(int, Deadline) override { return None(); }

  tl::expected<std::vector<SnapshotId>, Refusal> Save(std::span<const std::uint8_t>,
                                                      Deadline) override {
    return std::vector<SnapshotId>(n_, 0);
  }
  Batch Restore(std::span<const SnapshotId>, Deadline) override { return View(); }
  Batch Branch(int, std::span<const std::uint8_t>, Deadline) override { return View(); }
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
  Autoreset mode = Autoreset::kDisabled;
  int calls_left = 1000;

 private:
  static tl::unexpected<Refusal> None() {  // an evaluation steps all rows together
    return transport::Refuse(Status::kBadArgument, "no steps of some rows here");
  }
  ConstBatchView View() const {
    return {observations_, rewards_, terminated_, truncated_, status_, info_bytes_, {}, {}, {}};
  }
  void Set(std::size_t column, std::size_t row, const void* value) {
    std::memcpy(&info_bytes_[(column * n_ + row) * 4], value, 4);
  }

  void Show(std::size_t row, float reward) {
    const std::uint64_t steps = *steps_[row];
    const bool ended = steps == seeds_[row];
    const bool is_lost = ended && std::ranges::count(lost, seeds_[row]) > 0;
    status_[row] = static_cast<std::uint8_t>(RowStatus::kOk);
    rewards_[row] = reward;
    terminated_[row] = ended && !is_lost;
    truncated_[row] = is_lost;
    observations_[row * spec_.observation.size() + 2] = 20 * kSpecScale;
    observations_[(row + 1) * spec_.observation.size() - 1] = -0.3f;  // lateral
    const EndReason reason = is_lost ? EndReason::kGameLost
                             : ended ? EndReason::kFinish
                                     : EndReason::kNone;
    const std::int32_t integers[] = {steps > 0 ? 5 : 0, static_cast<std::int32_t>(steps / 2),
                                     static_cast<std::int32_t>(reason),
                                     static_cast<std::int32_t>(50 * steps)};
    const auto s = static_cast<float>(steps);
    const float floats[] = {10 * s, 2 * s, -s};
    for (std::size_t i = 0; i < 4; ++i) Set(i, row, &integers[i]);
    for (std::size_t i = 0; i < 3; ++i) Set(4 + i, row, &floats[i]);
  }

  EnvironmentSpec spec_;
  std::vector<InfoColumn> info_;
  std::size_t n_ = 0;
  std::vector<std::optional<std::uint64_t>> steps_;
  std::vector<std::uint64_t> seeds_;
  std::vector<float> observations_, rewards_;
  std::vector<std::uint8_t> terminated_, truncated_, status_;
  std::vector<std::byte> info_bytes_;
};

// Always the first action; notes what it is shown.
class WatchingPolicy : public Policy {
 public:
  void Act(std::span<const float> observations, ActionBuffer&) override {
    seen.assign(observations.begin(), observations.end());
    slowest = std::min(slowest, observations[2]);
  }
  std::vector<float> seen;
  float slowest = 1e9f;
};

class EvaluatorTest : public ::testing::Test {
 protected:
  std::vector<TrackReport> Run(int episodes, std::uint64_t seed) {
    const auto reports = Evaluate(rows, policy, Settings(episodes, seed), {});
    EXPECT_TRUE(reports.has_value());
    return reports.value_or(std::vector<TrackReport>{});
  }
  EvaluationSettings Settings(int episodes, std::uint64_t seed) const {
    EvaluationSettings settings;
    settings.track = "some track";
    settings.kinds = kinds;
    settings.episodes = episodes;
    settings.seed = seed;
    settings.discount = 0.5;
    return settings;
  }
  std::vector<std::string> kinds = {"one", "one", "one"};
  ScriptedEnvironment rows{3};
  WatchingPolicy policy;
};

TEST_F(EvaluatorTest, ReportsWhatAnEpisodeTold) {
  const auto reports = Run(1, 4);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].track, "some track");
  EXPECT_EQ(reports[0].kind, "one");
  EXPECT_THAT(reports[0].reward_terms, ElementsAre("progress", "time"));
  ASSERT_EQ(reports[0].episodes.size(), 1u);
  const EpisodeReport& e = reports[0].episodes[0];
  EXPECT_TRUE(e.finished());
  EXPECT_DOUBLE_EQ(e.finish_time_s, 0.2);
  EXPECT_EQ(e.ticks, 20);
  EXPECT_DOUBLE_EQ(e.progress_m, 40);
  EXPECT_EQ(e.checkpoints, 2);
  EXPECT_DOUBLE_EQ(e.episode_return, 4);
  EXPECT_DOUBLE_EQ(e.discounted_return, 1 + 0.5 + 0.25 + 0.125);
  EXPECT_THAT(e.reward_by_term, ElementsAre(8, -4));
  ASSERT_EQ(reports[0].driven[0].size(), 5u);
  EXPECT_FLOAT_EQ(reports[0].driven[0][2].progress_m, 20);
  EXPECT_FLOAT_EQ(reports[0].driven[0][2].lateral_m, -3);
  EXPECT_FLOAT_EQ(reports[0].driven[0][2].speed_mps, 20);
}

TEST_F(EvaluatorTest, GivesEveryEpisodeItsSeedAndItsRow) {
  const auto reports = Run(7, 3);
  ASSERT_EQ(reports[0].episodes.size(), 7u);
  for (std::size_t e = 0; e < 7; ++e) {
    EXPECT_EQ(reports[0].episodes[e].seed, 3 + e);
    EXPECT_EQ(reports[0].episodes[e].row, static_cast<int>(e % 3));
    EXPECT_EQ(reports[0].episodes[e].ticks, static_cast<std::int64_t>(5 * (3 + e)));
  }
  EXPECT_EQ(rows.reset_seeds.size(), 7u) << "no episode beyond those asked for";
}

TEST_F(EvaluatorTest, ShowsThePolicyTheLastObservationOfRowsThatAResetLeftOut) {
  Run(7, 3);
  EXPECT_FLOAT_EQ(policy.slowest, 20 * kSpecScale);
}

TEST_F(EvaluatorTest, CountsALostGameAsLostAndGoesOn) {
  rows.lost = {4};
  const auto reports = Run(4, 3);
  EXPECT_TRUE(reports[0].episodes[1].lost());
  EXPECT_EQ(reports[0].episodes[1].finish_time_s, 0);
  EXPECT_TRUE(reports[0].episodes[3].finished());
}

TEST_F(EvaluatorTest, TakesAGameThatIsLostAtItsResetForALostEpisode) {
  rows.lost = {0};
  const auto reports = Run(4, 0);
  EXPECT_TRUE(reports[0].episodes[0].lost());
  EXPECT_EQ(reports[0].episodes[0].ticks, 0);
  EXPECT_TRUE(reports[0].episodes[3].finished()) << "the row's next episode";
}

TEST_F(EvaluatorTest, ReportsEachKindOfGameApart) {
  kinds = {"one", "two", "two"};
  const auto reports = Run(6, 1);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].kind, "one");
  EXPECT_EQ(reports[0].episodes.size(), 2u);
  EXPECT_EQ(reports[1].kind, "two");
  EXPECT_EQ(reports[1].episodes.size(), 4u);
  EXPECT_EQ(reports[1].driven.size(), 4u);
}

TEST_F(EvaluatorTest, TellsItsProgress) {
  std::vector<int> done;
  double furthest = 0;
  std::int64_t steps = 0;
  ASSERT_TRUE(Evaluate(rows, policy, Settings(4, 2), [&](const EvaluationProgress& progress) {
    done.push_back(progress.episodes_done);
    furthest = std::max(furthest, progress.furthest_m);
    steps = progress.steps;
  }));
  EXPECT_THAT(done, ElementsAre(0, 1, 2, 3, 3, 3, 4));
  EXPECT_EQ(furthest, 50);
  EXPECT_EQ(steps, 2 + 3 + 4 + 5);
}

TEST_F(EvaluatorTest, ReturnsTheErrorOfItsRows) {
  rows.calls_left = 2;
  const auto reports = Evaluate(rows, policy, Settings(4, 10), {});
  ASSERT_FALSE(reports.has_value());
  EXPECT_EQ(reports.error().text, "the server is gone");
}

TEST_F(EvaluatorTest, RefusesAnEnvironmentThatResetsItself) {
  rows.mode = Autoreset::kNextStep;
  EXPECT_THAT([&] { Run(1, 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("autoreset must be disabled")));
}

TEST_F(EvaluatorTest, NamesTheInfoColumnThatWasNotChosen) {
  EXPECT_THAT([&] { InfoReader(rows, "race_time"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'race_time'")));
}

}  // namespace
}  // namespace hotlap::agents
