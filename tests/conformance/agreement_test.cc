// A game in process and a game behind a mapped buffer drive the same bits: long random sequences of
// commands on both at once, everything compared but the bytes of snapshots.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/games_under_test.h"
#include "tests/test_size.h"

namespace hotlap {
namespace {

class AgreementTest : public ::testing::TestWithParam<std::string> {
 protected:
  void Both(const Command& command) {
    const Outcome in_process = simulated.Do(command);
    const Outcome behind_buffer = tminterface.Do(command);
    ASSERT_EQ(behind_buffer.status, CompletionStatus::kOk) << behind_buffer.error;
    ASSERT_EQ(in_process.status, CompletionStatus::kOk) << in_process.error;
    ASSERT_EQ(behind_buffer.ticks, in_process.ticks);
    ASSERT_EQ(behind_buffer.finished, in_process.finished);
    ASSERT_EQ(behind_buffer.inputs_missed, in_process.inputs_missed);
    ASSERT_EQ(behind_buffer.events, in_process.events);
    ASSERT_EQ(BitsOf(tminterface.state()), BitsOf(simulated.state()))
        << "at " << simulated.state().race_time_ms << " ms";
    turbos += simulated.state().is_turbo;
    freewheelings += simulated.state().is_freewheeling;
    wall_contacts += simulated.state().has_lateral_contact;
    finishes += in_process.finished;
    events += in_process.events.size();
  }

  GamesUnderTest simulated{"simulated", {GetParam()}};
  GamesUnderTest tminterface{"tminterface", {GetParam()}};
  int finishes = 0, turbos = 0, freewheelings = 0, wall_contacts = 0;
  std::size_t events = 0;
};

INSTANTIATE_TEST_SUITE_P(OnTrack, AgreementTest, ::testing::Values("straight", "ring", "mixed"),
                         [](const auto& instance) { return instance.param; });

TEST_P(AgreementTest, BothKindsDriveTheSameBits) {
  const auto seed = static_cast<std::uint64_t>(TestCount(1, 2, 3));
  SCOPED_TRACE("seed " + std::to_string(seed));
  Dice dice(seed);
  const auto track = LoadTestTrack(GetParam());
  struct Saved {
    std::vector<std::byte> in_process, behind_buffer;
  };
  std::vector<Saved> saved;
  Inputs held;
  ASSERT_NO_FATAL_FAILURE(Both({.slot = 0, .kind = CommandKind::kRestart, .inputs = {}}));

  const int num_commands = TestCount(1000, 6000, 60000);
  for (int i = 0; i < num_commands; ++i) {
    SCOPED_TRACE("command " + std::to_string(i));
    // Mostly along the road, so that gates and the finish are passed; now and then wild, until the
    // next restart.
    const bool is_wild = i % 1000 >= 900;
    if (i % 1000 == 0 || dice.OneIn(2000)) {
      ASSERT_NO_FATAL_FAILURE(Both({.slot = 0,
                                    .kind = CommandKind::kRestart,
                                    .inputs = {},
                                    .start_offset_m = 0.7f * static_cast<float>(i % 7 - 3)}));
    } else if (!is_wild && dice.OneIn(30)) {
      saved.push_back({simulated.Save(), tminterface.Save()});
    } else if (!saved.empty() && dice.OneIn(is_wild ? 20 : 300)) {
      const int last = static_cast<int>(saved.size()) - 1;
      const Saved& from =
          saved[static_cast<std::size_t>(last - dice.Below(std::min(last + 1, 10)))];
      ASSERT_EQ(simulated.Restore(from.in_process).status, CompletionStatus::kOk);
      ASSERT_EQ(tminterface.Restore(from.behind_buffer).status, CompletionStatus::kOk);
      ASSERT_EQ(BitsOf(tminterface.state()), BitsOf(simulated.state()));
    } else {
      if (!is_wild) {
        held = FollowRoad(*track, simulated.state());
      } else if (dice.OneIn(4)) {
        held = dice.RandomInputs();
      }
      Command advance{
          .slot = 0, .kind = CommandKind::kAdvance, .ticks = 1 + dice.Below(10), .inputs = held};
      if (dice.OneIn(3)) {  // an input delay
        advance.earlier = is_wild ? dice.RandomInputs() : held;
        advance.earlier.steer /= 2;
        advance.earlier_ticks = dice.Below(advance.ticks);
      }
      ASSERT_NO_FATAL_FAILURE(Both(advance));
    }
  }
  EXPECT_GT(events, 3u) << "the sequence must reach gates";
  EXPECT_GT(finishes, 0) << "the sequence must reach the finish";
  if (GetParam() == "mixed") {
    EXPECT_GT(turbos, 0);
    EXPECT_GT(freewheelings, 0);
    EXPECT_GT(wall_contacts, 0);
  }
}

}  // namespace
}  // namespace hotlap
