#include "agents/ghost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agents/run_csv.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(GhostTest, IsALineOnWhateverTrackItIsAskedFor) {
  const Ghost ghost = ReadGhost(HOTLAP_SOURCE_DIR "/configs/tracks/map5_0.5m_cl.npy");
  EXPECT_EQ(ghost.name, "map5_0.5m_cl");
  EXPECT_FALSE(ghost.run);
  EXPECT_TRUE(ghost.IsOn("map5"));
  EXPECT_TRUE(ghost.IsOn("oval"));
  EXPECT_EQ(ghost.LineOver(*PracticeTrack("map5").centreline), ghost.points_m);
}

TEST(GhostTest, IsARunOnItsOwnTrackAlone) {
  agents::Run run;
  run.track = "hairpins";
  run.kind = "simulated";
  run.ticks_per_step = 5;
  run.end_reason = EndReason::kFall;
  run.points = {{0, 0, 2.0f}, {50, 10, {}}};
  run.inputs = {{}};
  const std::filesystem::path path =
      testing::TempDir() + "hotlap-ghost-" + std::to_string(getpid()) + ".csv";
  {
    std::ofstream file(path);
    WriteRun(file, run);
  }
  const Ghost ghost = ReadGhost(path);
  std::filesystem::remove(path);
  EXPECT_EQ(ghost.name, path.stem());
  EXPECT_EQ(ghost.run, run);
  EXPECT_TRUE(ghost.IsOn("hairpins"));
  EXPECT_FALSE(ghost.IsOn("oval"));

  const Centreline& line = *PracticeTrack("hairpins").centreline;
  const LinePoint start = line.At(line.start_s_m());
  const auto over = ghost.LineOver(line);
  ASSERT_EQ(over.size(), 2u);
  EXPECT_EQ(over[0], start.position_m + start.left * 2);
  EXPECT_EQ(over[1], line.At(line.start_s_m() + 10).position_m)
      << "in the middle where its place to the side is not known";
}

TEST(GhostTest, RunMustFitTheTrackOfItsName) {
  const Centreline& line = *PracticeTrack("hairpins").centreline;
  const float finish_m = line.finish_s_m() - line.start_s_m();
  const auto check = [&](float farthest_m, EndReason reason) {
    agents::Run run;
    run.track = "hairpins";
    run.end_reason = reason;
    run.points = {{0, 0}, {50, farthest_m}};
    CheckOnTrack("friend", run, line);
  };
  EXPECT_NO_THROW(check(finish_m, EndReason::kFinish));
  EXPECT_NO_THROW(check(20, EndReason::kFall));
  const auto refused =
      ThrowsMessage<std::invalid_argument>(HasSubstr("and hairpins has its finish at"));
  EXPECT_THAT([&] { check(finish_m / 2, EndReason::kFinish); }, refused);
  EXPECT_THAT([&] { check(finish_m + 100, EndReason::kTimeLimit); }, refused);
}

TEST(GhostTest, NamesTheFileThatIsNone) {
  EXPECT_THAT([] { ReadGhost("some.txt"); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("some.txt is no ghost; allowed: *.csv, a recorded run, *.npy")));
  EXPECT_THAT([] { ReadGhost("none.csv"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("none.csv")));
  EXPECT_THAT([] { ReadGhost("none.npy"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("none.npy")));
}

}  // namespace
}  // namespace hotlap::agents
