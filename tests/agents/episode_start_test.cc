#include "agents/episode_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "tests/agents/driving_spec.h"

namespace hotlap::agents::episode_start_test {
namespace {

using ::testing::UnorderedElementsAre;

constexpr std::uint64_t kGreatestSeed = std::numeric_limits<std::uint64_t>::max();

EnvironmentSpec Spec(int ticks_per_step = 5) {
  EnvironmentSpec spec = DrivingSpec(KeyActions(), 1);
  spec.ticks_per_step = ticks_per_step;
  return spec;
}

std::vector<EpisodeStart> Starts(const char* perturbation, const EnvironmentSpec& spec,
                                 bool is_sampled, std::uint64_t seed = 1, int episodes = 40) {
  return DrawStarts(episodes, seed, MakePerturbation(perturbation, {}, spec), spec, is_sampled);
}

std::vector<int> IdleSteps(const std::vector<EpisodeStart>& starts) {
  std::vector<int> steps;
  for (const EpisodeStart& start : starts) steps.push_back(start.idle_steps);
  return steps;
}

TEST(EpisodeStartTest, LeavesOutWhatWouldBeTheSameRunAgain) {
  EXPECT_THAT(IdleSteps(Starts("none", Spec(), false)), UnorderedElementsAre(0));
  EXPECT_THAT(IdleSteps(Starts("idle_start", Spec(), false)), UnorderedElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(IdleSteps(Starts("idle_start", Spec(7), false)), UnorderedElementsAre(0, 1, 2));
}

TEST(EpisodeStartTest, KeepsTheFirstOfEqualRunsUnderItsNumber) {
  const auto all = Starts("idle_start", Spec(), true);
  for (const EpisodeStart& kept : Starts("idle_start", Spec(), false)) {
    const auto first = std::ranges::find(all, kept.idle_steps, &EpisodeStart::idle_steps);
    EXPECT_EQ(*first, kept);
  }
}

TEST(EpisodeStartTest, KeepsAllWhereEveryRunDiffers) {
  EXPECT_EQ(Starts("none", Spec(), true).size(), 40u) << "the policy samples";
  EXPECT_EQ(Starts("observation_noise", Spec(), false).size(), 40u);
  EnvironmentSpec drawing = Spec();
  drawing.randomisation = {{"mass", 0.9f, 1.1f, "1"}};
  EXPECT_EQ(Starts("none", drawing, false).size(), 40u);
}

TEST(EpisodeStartTest, DrawsBaseSeedsThatNobodyTypesOrTrainsOn) {
  std::set<std::uint64_t> seeds;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2},
                                   kFirstEvaluationSeed - 1, kFirstEvaluationSeed, kGreatestSeed}) {
    for (const EpisodeStart& start : Starts("none", Spec(), true, seed, 500)) {
      EXPECT_GE(start.seed, std::uint64_t{1} << 63);
      seeds.insert(start.seed);
    }
  }
  EXPECT_EQ(seeds.size(), 6u * 500u) << "and no seed of another evaluation";
}

TEST(EpisodeStartTest, DrawsWhatTheEvaluationsPageSays) {
  const auto starts = Starts("idle_start", Spec(), true, 1, 2);
  EXPECT_EQ(starts[0], (EpisodeStart{0, 0x9c8423b0c916c214, 1}));
  EXPECT_EQ(starts[1], (EpisodeStart{1, 0xf94a7461d84d12f9, 0}));
}

}  // namespace
}  // namespace hotlap::agents::episode_start_test
