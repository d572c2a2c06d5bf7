#include "agents/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "agents/policy_source.h"
#include "agents/random_policy.h"
#include "agents/weights_file.h"
#include "env/random.h"
#include "tests/agents/driving_spec.h"

namespace hotlap::agents {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(ColumnReaderTest, GivesThePhysicalValue) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 3);
  const ColumnReader forward = FindColumn(spec, "velocity.z", "test");
  const std::vector<float> row = DrivingRow(35, {{}, {}, {}});
  EXPECT_FLOAT_EQ(forward(row), 35);
}

TEST(ColumnReaderTest, NamesTheMissingColumnAndWhoWantsIt) {
  EXPECT_THAT(
      [] { FindColumn(DrivingSpec(KeyActions(), 3), "rpm", "somebody"); },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("'rpm'"), HasSubstr("somebody"))));
}

TEST(PolicySourceTest, MakesEveryNameItOffers) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 5);
  for (const std::string_view name : PolicyNames()) {
    EXPECT_NE(PolicySource(std::string(name)).Make(spec, 1), nullptr) << name;
  }
}

TEST(PolicySourceTest, RefusesAnUnknownNameAndSaysWhatIsAllowed) {
  EXPECT_THAT([] { PolicySource("persuit").Make(DrivingSpec(KeyActions(), 5), 1); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("'persuit'"), HasSubstr("random, pursuit"))));
}

TEST(PolicySourceTest, KnowsWhichOnesDrawTheirActions) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 5);
  EXPECT_TRUE(PolicySource("random").Make(spec, 1)->is_sampled());
  EXPECT_FALSE(PolicySource("pursuit").Make(spec, 1)->is_sampled());
}

TEST(PolicySourceTest, DrivesWithWeightsThatChooseOrDraw) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 5);
  const std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / "policy_test.weights";
  const MlpSettings shape{.hidden = {4}};
  const ActorCritic network(spec, shape);
  WriteWeights(path,
               {.environment = "driving",
                .policy_hash = spec.policy_hash,
                .network = shape,
                .weights = network.Initial(1, 0)},
               network);
  EXPECT_FALSE(PolicySource(path.string()).Make(spec, 1)->is_sampled());
  EXPECT_TRUE(PolicySource(path.string()).Make(spec, 1, true)->is_sampled());
  EXPECT_THAT([&] { PolicySource("pursuit").Make(spec, 1, true); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("pursuit cannot")));
  std::filesystem::remove(path);
}

TEST(RandomPolicyTest, DrawsEveryKeyActionAboutEquallyOften) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 3);
  RandomPolicy policy(spec, 7);
  ActionBuffer actions(spec.action, 10);
  std::vector<int> counts(spec.action.names.size(), 0);
  constexpr int kCalls = 900;
  for (int call = 0; call < kCalls; ++call) {
    policy.Act({}, actions);
    for (const std::int32_t action : actions.discrete)
      ++counts.at(static_cast<std::size_t>(action));
  }
  for (const int count : counts) EXPECT_NEAR(count, kCalls * 10.0 / 9, 150);
}

TEST(RandomPolicyTest, StaysWithinTheBoundsOfEachComponent) {
  EnvironmentSpec spec = DrivingSpec(ContinuousActions(), 3);
  spec.action.low = {-1, 0.25f};
  spec.action.high = {1, 0.5f};
  RandomPolicy policy(spec, 7);
  ActionBuffer actions(spec.action, 500);
  policy.Act({}, actions);
  float least = 1, most = -1;
  for (std::size_t i = 0; i < actions.continuous.size(); i += 2) {
    least = std::min(least, actions.continuous[i]);
    most = std::max(most, actions.continuous[i]);
    EXPECT_GE(actions.continuous[i], -1);
    EXPECT_LE(actions.continuous[i], 1);
    EXPECT_GE(actions.continuous[i + 1], 0.25f);
    EXPECT_LE(actions.continuous[i + 1], 0.5f);
  }
  EXPECT_LT(least, -0.9f);
  EXPECT_GT(most, 0.9f);
}

TEST(RandomPolicyTest, RepeatsItselfWithTheSameSeedOnly) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 3);
  const auto draw = [&spec](std::uint64_t seed) {
    RandomPolicy policy(spec, seed);
    ActionBuffer actions(spec.action, 4);
    std::vector<std::int32_t> all;
    for (int call = 0; call < 50; ++call) {
      policy.Act({}, actions);
      all.insert(all.end(), actions.discrete.begin(), actions.discrete.end());
    }
    return all;
  };
  EXPECT_EQ(draw(3), draw(3));
  EXPECT_NE(draw(3), draw(4));
}

TEST(RandomPolicyTest, DrawsForARowWhateverTheNumberOfRows) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 3);
  RandomPolicy few(spec, 3);
  RandomPolicy many(spec, 3);
  ActionBuffer two(spec.action, 2);
  ActionBuffer nine(spec.action, 9);
  for (int call = 0; call < 50; ++call) {
    few.Act({}, two);
    many.Act({}, nine);
    EXPECT_EQ(two.discrete[0], nine.discrete[0]);
    EXPECT_EQ(two.discrete[1], nine.discrete[1]);
  }
}

// What a policy does in the first steps of an episode that begins in a row after some steps.
std::vector<float> DrawnInAnEpisode(const ActionSpec& action, int rows, int row, int steps_before,
                                    std::uint64_t episode_seed) {
  EnvironmentSpec spec = DrivingSpec(action, 3);
  RandomPolicy policy(spec, 3);
  ActionBuffer actions(action, rows);
  for (int i = 0; i < rows; ++i) policy.BeginEpisode(i, 100 + static_cast<std::uint64_t>(i));
  for (int step = 0; step < steps_before; ++step) policy.Act({}, actions);
  policy.BeginEpisode(row, episode_seed);
  std::vector<float> drawn;
  for (int step = 0; step < 20; ++step) {
    policy.Act({}, actions);
    const auto place = static_cast<std::size_t>(row);
    if (action.kind == ActionKind::kDiscrete) {
      drawn.push_back(static_cast<float>(actions.discrete[place]));
    } else {
      drawn.push_back(actions.continuous[2 * place]);
      drawn.push_back(actions.continuous[2 * place + 1]);
    }
  }
  return drawn;
}

TEST(RandomPolicyTest, DrawsForAnEpisodeWhateverItsRowAndWhenItBegins) {
  for (const ActionSpec& action : {KeyActions(), ContinuousActions()}) {
    const auto drawn = DrawnInAnEpisode(action, 3, 0, 0, 7);
    EXPECT_EQ(DrawnInAnEpisode(action, 3, 2, 0, 7), drawn);
    EXPECT_EQ(DrawnInAnEpisode(action, 9, 4, 11, 7), drawn);
    EXPECT_NE(DrawnInAnEpisode(action, 3, 0, 0, 8), drawn);
  }
}

TEST(RandomPolicyTest, DrawsWhatTheEvaluationsPageSays) {
  const EnvironmentSpec spec = DrivingSpec(KeyActions(), 3);
  RandomPolicy policy(spec, 5);
  ActionBuffer actions(spec.action, 1);
  policy.BeginEpisode(0, 77);
  for (std::uint64_t step = 0; step < 20; ++step) {
    policy.Act({}, actions);
    const std::uint64_t bits = RandomStream(5, 77, RandomPurpose{10}).Bits(step);
    EXPECT_EQ(actions.discrete[0], static_cast<std::int32_t>((bits >> 32) * 9 >> 32));
  }
}

}  // namespace
}  // namespace hotlap::agents
