#include "transport/generated_tracks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "env/sim/track_generator.h"

namespace hotlap::transport {
namespace {

TEST(GeneratedTrackNameTest, HasASeedAndPerhapsADifficulty) {
  const auto plain = ParseGeneratedTrackName("generated:18446744073709551615");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->seed, UINT64_MAX);
  EXPECT_EQ(plain->difficulty, 0.5f);
  const auto hard = ParseGeneratedTrackName("generated:7:0.25");
  ASSERT_TRUE(hard);
  EXPECT_EQ(hard->seed, 7u);
  EXPECT_EQ(hard->difficulty, 0.25f);
}

TEST(GeneratedTrackNameTest, AnythingElseIsNone) {
  for (const char* name :
       {"oval", "generated", "generated:", "generated:-1", "generated:1x", "generated: 1",
        "generated:18446744073709551616", "generated:1:", "generated:1:1.01", "generated:1:-0.1",
        "generated:1:nan", "generated:1:0.5:2", "generated:1:inf", "Generated:1"}) {
    EXPECT_FALSE(ParseGeneratedTrackName(name)) << name;
  }
}

TEST(GeneratedTracksTest, AreMadeFromTheirNamesAndSharedWhileSomebodyHasThem) {
  GeneratedTracks tracks;
  const auto find = [&](const std::string& name) {
    return tracks.Find(name, *ParseGeneratedTrackName(name)).value();
  };
  auto one = find("generated:3:0");
  EXPECT_EQ(one->name, "generated:3:0");
  EXPECT_EQ(one->track->hash(), sim::Track::Build(sim::GenerateTrack(3, 0))->hash());
  EXPECT_EQ(find("generated:3:0"), one);
  EXPECT_NE(find("generated:4:0")->track->hash(), one->track->hash());
  const std::weak_ptr<const OfferedTrack> gone = one;
  one.reset();
  EXPECT_TRUE(gone.expired());
}

TEST(GeneratedTracksTest, ThereAreOnlySoManyAtATime) {
  GeneratedTracks tracks;
  std::vector<std::shared_ptr<const OfferedTrack>> held;
  held.reserve(kMaxGeneratedTracks);
  for (int i = 0; i < kMaxGeneratedTracks; ++i) {
    held.push_back(tracks.Find("generated:" + std::to_string(i), {0, 0}).value());
  }
  const auto refused = tracks.Find("generated:1000", {0, 0});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kServerFull);
  held.pop_back();
  EXPECT_TRUE(tracks.Find("generated:1000", {0, 0}));
}

}  // namespace
}  // namespace hotlap::transport
