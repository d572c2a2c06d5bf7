#include "env/track_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "env/track_config.h"
#include "tests/test_size.h"

namespace hotlap {
namespace {

TEST(TrackWriterTest, WritesWhatReadsBackAsTheSameTrack) {
  const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) /
                                     ("track_writer_test_" + std::to_string(getpid()) + ".yaml");
  const int count = TestCount(5, 30, 200);
  for (int i = 0; i < count; ++i) {
    const auto seed = static_cast<std::uint64_t>(i) + 500;
    const float difficulty = static_cast<float>(i) / static_cast<float>(count - 1);
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ", difficulty " << difficulty);
    const sim::TrackPlan plan = sim::GenerateTrackPlan(seed, difficulty);
    {
      std::ofstream out(file);
      WriteTrack(out, plan, "made by a test");
    }
    const sim::TrackSpec read = LoadTrackSpec(file);
    EXPECT_EQ(read.name, plan.name);
    EXPECT_EQ(sim::Track::Build(read)->hash(), sim::Track::Build(sim::SpecOf(plan))->hash());
  }
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace hotlap
