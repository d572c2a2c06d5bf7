#include "agents/perturbation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "env/random.h"
#include "tests/agents/driving_spec.h"

namespace hotlap::agents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

EnvironmentSpec SpecOfSteps(int ticks) {
  EnvironmentSpec spec = DrivingSpec(KeyActions(), 1);
  spec.ticks_per_step = ticks;
  return spec;
}

TEST(PerturbationTest, IdlesForTwentyTicksAtMostInWholeSteps) {
  EXPECT_EQ(MakePerturbation("idle_start", {}, SpecOfSteps(5)).most_ticks, 20);
  EXPECT_EQ(MakePerturbation("idle_start", {}, SpecOfSteps(7)).most_ticks, 14);
  EXPECT_EQ(MakePerturbation("idle_start", {}, SpecOfSteps(20)).most_ticks, 20);
  EXPECT_EQ(MakePerturbation("none", {}, SpecOfSteps(5)).most_ticks, 0);
}

TEST(PerturbationTest, RefusesAnIdleStartWhereThereIsNone) {
  EXPECT_THAT([] { MakePerturbation("idle_start", {}, SpecOfSteps(21)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("at most 20 ticks, they have 21")));
  EnvironmentSpec spec = SpecOfSteps(5);
  spec.action.names = {"accelerate", "brake"};
  EXPECT_THAT([&] { MakePerturbation("idle_start", {}, spec); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'none'")));
  EXPECT_NO_THROW(MakePerturbation("none", {}, spec));
}

TEST(PerturbationTest, KeepsTheDeviationOfObservationNoiseAlone) {
  EXPECT_EQ(MakePerturbation("observation_noise", {.deviation = 0.25}, SpecOfSteps(5)).deviation,
            0.25);
  EXPECT_EQ(MakePerturbation("idle_start", {.deviation = 0.25}, SpecOfSteps(5)).deviation, 0);
  for (const double wrong : {0.0, -0.1, 1.01}) {
    EXPECT_THAT(
        [&] { MakePerturbation("observation_noise", {.deviation = wrong}, SpecOfSteps(5)); },
        ThrowsMessage<std::invalid_argument>(HasSubstr("deviation")));
  }
}

TEST(PerturbationTest, KeepsTheSizeOfAStartOffsetAlone) {
  EXPECT_EQ(MakePerturbation("start_offset", {}, SpecOfSteps(5)).most_offset_m, 1);
  EXPECT_EQ(MakePerturbation("start_offset", {.offset_m = 2.5}, SpecOfSteps(5)).most_offset_m, 2.5);
  EXPECT_EQ(MakePerturbation("idle_start", {.offset_m = 2.5}, SpecOfSteps(5)).most_offset_m, 0);
  EXPECT_EQ(MakePerturbation("start_offset", {}, SpecOfSteps(30)).most_ticks, 0)
      << "any step will do";
  for (const double wrong : {0.0, 0.0009, -1.0, 4.1}) {
    EXPECT_THAT([&] { MakePerturbation("start_offset", {.offset_m = wrong}, SpecOfSteps(5)); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("offset is")));
  }
}

TEST(PerturbationTest, RefusesAStartOffsetWhereTheEnvironmentDrawsOne) {
  EnvironmentSpec spec = SpecOfSteps(5);
  spec.randomisation = {{"mass", 0.9f, 1.1f, "1"}};
  EXPECT_NO_THROW(MakePerturbation("start_offset", {}, spec));
  spec.randomisation.push_back({"start_offset_m", -1, 1, "m"});
  EXPECT_THAT([&] { MakePerturbation("start_offset", {}, spec); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("start_offset_m itself")));
  EXPECT_NO_THROW(MakePerturbation("idle_start", {}, spec));
}

TEST(PerturbationTest, RefusesAnotherNameAndSaysWhatIsAllowed) {
  EXPECT_THAT([] { MakePerturbation("rain", {}, SpecOfSteps(5)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("idle_start")));
}

TEST(NeutralActionTest, IsTheKeysNoneWhereverItIs) {
  ActionSpec action = KeyActions();
  EXPECT_EQ(NeutralAction(action), 0);
  action.names = {"accelerate", "brake", "none"};
  EXPECT_EQ(NeutralAction(action), 2);
  EXPECT_EQ(NeutralAction(ContinuousActions()), 0);
}

TEST(ObservationNoiseTest, IsOnMeasuredColumnsAloneAndWithinTheirBounds) {
  EnvironmentSpec spec;
  spec.observation = {
      {"speed", "m/s", 1, -1, 1}, {"wheel0.contact", "1", 1, 0, 1}, {"rpm", "1/min", 1, -10, 10}};
  const ObservationNoise noise(spec, 0.5);
  constexpr std::uint64_t kFirstDraw = 105;  // 35 ticks of 3 columns
  bool has_clipped = false;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::vector<float> row = {0.9f, 0.5f, 0.0f};
    noise.Disturb(seed, 35, row);
    // Number (ticks so far) * d + column of the stream (seed, 0, 9).
    const RandomStream stream(seed, 0, RandomPurpose{9});
    EXPECT_EQ(row[0], std::min(0.9f + 0.5f * stream.Bell(kFirstDraw), 1.0f));
    EXPECT_EQ(row[1], 0.5f);
    EXPECT_EQ(row[2], 0.5f * stream.Bell(kFirstDraw + 2));
    has_clipped = has_clipped || row[0] == 1;
  }
  EXPECT_TRUE(has_clipped);
}

// What hotlap.evaluate shows: np.clip(0.25 + np.float32(0.05) * RandomStream(2**63 + 1, 0,
// 9).bell([...]), -1, 1) at the reset and after 5 ticks.
TEST(ObservationNoiseTest, IsThatOfThePythonPackage) {
  EnvironmentSpec spec;
  spec.observation = {{"a", "m", 1, -1, 1}, {"b", "m", 1, -1, 1}};
  const ObservationNoise noise(spec, 0.05);
  std::vector<float> row = {0.25f, 0.25f};
  noise.Disturb((std::uint64_t{1} << 63) + 1, 0, row);
  EXPECT_THAT(row, ElementsAre(0x1.c2f8360000000p-3f, 0x1.cc05000000000p-3f));
  row = {0.25f, 0.25f};
  noise.Disturb((std::uint64_t{1} << 63) + 1, 5, row);
  EXPECT_THAT(row, ElementsAre(0x1.53e03c0000000p-2f, 0x1.380aec0000000p-2f));
}

}  // namespace
}  // namespace hotlap::agents
