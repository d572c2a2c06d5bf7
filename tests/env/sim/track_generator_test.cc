#include "env/sim/track_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "env/sim/track_check.h"
#include "tests/test_size.h"

namespace hotlap::sim {
namespace {

std::uint64_t HashOf(std::uint64_t seed, float difficulty) {
  return Track::Build(GenerateTrack(seed, difficulty))->hash();
}

TEST(TrackGeneratorTest, MakesTheSameTrackOnEveryMachine) {
  EXPECT_EQ(HashOf(1, 0.0f), 5020632819270587536u);
  EXPECT_EQ(HashOf(1, 0.5f), 9108643282266678631u);
  EXPECT_EQ(HashOf(1, 1.0f), 2983969571799526008u);
  EXPECT_EQ(HashOf(0xFFFFFFFFFFFFFFFFu, 0.7f), 12592318610524371281u);
}

TEST(TrackGeneratorTest, MakesAnotherTrackOfEverySeedAndDifficulty) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    hashes.insert(HashOf(seed, 0.3f));
    hashes.insert(HashOf(seed, 0.31f));
  }
  EXPECT_EQ(hashes.size(), 20u);
}

TEST(TrackGeneratorTest, MakesRoadsThatCarsCanDrive) {
  const int count = TestCount(20, 100, 1000);
  for (int i = 0; i < count; ++i) {
    const auto seed = static_cast<std::uint64_t>(i) + 10000;
    const float difficulty = static_cast<float>(i) / static_cast<float>(count - 1);
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ", difficulty " << difficulty);
    const TrackPlan plan = GenerateTrackPlan(seed, difficulty);
    const auto track = Track::Build(SpecOf(plan));
    const auto fault = FindRoadFault(*track);
    EXPECT_FALSE(fault) << fault->text;
    EXPECT_GE(track->length_m(), 300);
    EXPECT_LE(track->length_m(), 3000);
    EXPECT_GE(plan.checkpoints.size(), 1u);
  }
}

// Means over some tracks.
struct Character {
  float length_m = 0, width_m = 0, tightest_m = 0, climb_m = 0;
  int num_gaps = 0, num_slippery = 0, num_walled = 0;
};
Character CharacterAt(float difficulty) {
  constexpr int kTracks = 30;
  Character mean;
  for (std::uint64_t seed = 0; seed < kTracks; ++seed) {
    const TrackPlan plan = GenerateTrackPlan(seed, difficulty);
    float tightest = 1000;
    for (const RoadSegment& s : plan.segments) {
      if (s.kind == SegmentKind::kBend) tightest = std::min(tightest, s.radius_m);
      mean.climb_m += std::fabs(s.rise_m) / kTracks;
      mean.num_gaps += s.kind == SegmentKind::kGap;
      mean.num_slippery += s.surface == Surface::kIce || s.surface == Surface::kDirt;
    }
    mean.num_walled += plan.segments[0].wall_left_m > 0;
    mean.width_m += 2 * plan.segments[0].half_width_left_m / kTracks;
    mean.tightest_m += tightest / kTracks;
    mean.length_m += Track::Build(SpecOf(plan))->length_m() / kTracks;
  }
  return mean;
}

TEST(TrackGeneratorTest, MakesHarderTracksOfMoreDifficulty) {
  const Character easy = CharacterAt(0), hard = CharacterAt(1);
  EXPECT_GT(hard.length_m, 2 * easy.length_m);
  EXPECT_LT(hard.width_m, 0.7f * easy.width_m);
  EXPECT_LT(hard.tightest_m, 0.5f * easy.tightest_m);
  EXPECT_GT(hard.climb_m, 3 * easy.climb_m);
  EXPECT_EQ(easy.num_gaps, 0);
  EXPECT_GT(hard.num_gaps, 5);
  EXPECT_EQ(easy.num_slippery, 0);
  EXPECT_GT(hard.num_slippery, 20);
  EXPECT_EQ(easy.num_walled, 30);
  EXPECT_LT(hard.num_walled, 15);
}

TEST(TrackGeneratorTest, RefusesADifficultyBeyondItsRange) {
  for (const float difficulty : {-0.1f, 1.1f, std::nanf("")}) {
    EXPECT_THAT([&] { GenerateTrackPlan(1, difficulty); },
                ::testing::ThrowsMessage<std::invalid_argument>(
                    ::testing::HasSubstr("difficulty: must be from 0 to 1")));
  }
}

}  // namespace
}  // namespace hotlap::sim
