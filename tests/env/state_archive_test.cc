#include "env/state_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/env/roads.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;

constexpr float kEveryM = 50;

// Rows on a straight of 400 m with checkpoints at 100, 200 and 300 m. Their states are one byte of
// a game's, by which they are told apart.
class StateArchiveTest : public ::testing::Test {
 protected:
  explicit StateArchiveTest(ArchiveSettings settings = {.every_m = kEveryM})
      : archive(settings, RowsOf(2)) {}

  std::vector<StateArchive::Row> RowsOf(std::size_t count) const {
    return std::vector<StateArchive::Row>(count, {"simulated", 1, line.get()});
  }
  static RowRecord At(float s_m) {
    RowRecord record;
    record.place.s_m = s_m;
    record.checkpoints_passed = static_cast<std::int32_t>(s_m / 100);
    return record;
  }
  // A step brings the row there, in a state that is told by `state`.
  void Pass(std::size_t row, float s_m, int state) {
    const std::byte game{static_cast<unsigned char>(state)};
    if (archive.Passes(row, At(s_m))) archive.Keep(row, {}, At(s_m), {&game, 1});
  }
  // The steps of all rows are over.
  void Gather() {
    for (const std::size_t row : {0u, 1u}) archive.Gather(row);
  }
  static int StateOf(std::span<const std::byte> bytes) {
    return bytes.empty() ? -1 : static_cast<int>(bytes.back());
  }
  // How often each state is drawn; -1 is the start.
  std::map<int, int> Draws(Starts starts, int count = 1000, std::size_t row = 0) const {
    std::map<int, int> drawn;
    for (int episode = 0; episode < count; ++episode) {
      const RandomStream random(7, static_cast<std::uint64_t>(episode), RandomPurpose::kStart);
      ++drawn[StateOf(archive.Draw(row, starts, random))];
    }
    return drawn;
  }
  std::vector<int> Drawn(StartPlace place, std::size_t row = 0) const {
    std::vector<int> states;
    for (const auto& [state, times] : Draws({place}, 1000, row)) states.push_back(state);
    return states;
  }

  const std::shared_ptr<const Centreline> line = LineOf(StraightRoad(400, 100));
  StateArchive archive;
};

TEST_F(StateArchiveTest, BeginsAtTheStartAsLongAsThereIsNoState) {
  for (const StartPlace place :
       {StartPlace::kStart, StartPlace::kCheckpoints, StartPlace::kLine, StartPlace::kFailures}) {
    EXPECT_EQ(Drawn(place), std::vector{-1});
  }
}

TEST_F(StateArchiveTest, KeepsTheStatesAfterMarksAndCheckpoints) {
  archive.Begin(0, At(0), {});
  for (int state = 1; state <= 8; ++state) {
    Pass(0, static_cast<float>(state) * 30, state);
    Gather();
  }
  // Marks every 50 m: passed on the way to 60, 120, 150, 210 m; checkpoints at 100 and 200 m.
  EXPECT_EQ(Drawn(StartPlace::kLine), (std::vector{2, 4, 5, 7}));
  EXPECT_EQ(Drawn(StartPlace::kCheckpoints), (std::vector{4, 7}));
}

TEST_F(StateArchiveTest, AStateIsDrawnOnceItWasGathered) {
  archive.Begin(0, At(0), {});
  Pass(0, 60, 1);
  EXPECT_EQ(Drawn(StartPlace::kLine), std::vector{-1});
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kLine), std::vector{1});
  Gather();
  EXPECT_EQ(archive.bytes(), 72 + sizeof(RowRecord) + 1) << "it is taken over once";
}

TEST_F(StateArchiveTest, DrawsPlacesEvenlyAndThenStatesEvenly) {
  archive.Begin(0, At(0), {});
  for (int state = 0; state < 4; ++state) {  // three marks, the first of them with two states
    archive.Begin(0, At(state == 0 ? 0 : static_cast<float>(state - 1) * 50), {});
    Pass(0, state == 0 ? 51 : static_cast<float>(state) * 50 + 1, state);
    Gather();
  }
  constexpr int kDraws = 12000;
  const auto drawn = Draws({StartPlace::kLine}, kDraws);
  const std::map<int, double> expected = {
      {0, kDraws / 6.0}, {1, kDraws / 6.0}, {2, kDraws / 3.0}, {3, kDraws / 3.0}};
  ASSERT_EQ(drawn.size(), expected.size());
  double chi_square = 0;
  for (const auto& [state, times] : drawn) {
    const double mean = expected.at(state);
    chi_square += (times - mean) * (times - mean) / mean;
  }
  EXPECT_LT(chi_square, 11.3) << "three degrees of freedom, one in a hundred";
}

TEST_F(StateArchiveTest, AShareOfTheEpisodesBeginsAtTheStart) {
  archive.Begin(0, At(0), {});
  Pass(0, 60, 1);
  Gather();
  EXPECT_NEAR(Draws({StartPlace::kLine, 0.25f}, 10000)[-1], 2500, 150);
  EXPECT_EQ(Draws({StartPlace::kLine, 1})[-1], 1000);
  EXPECT_EQ(Draws({StartPlace::kLine, 0})[-1], 0);
}

TEST_F(StateArchiveTest, TheNewestTakesThePlaceOfTheOldest) {
  const int count = static_cast<int>(StateArchive::kStatesPerMark) + 3;
  for (int state = 0; state < count; ++state) {
    archive.Begin(0, At(0), {});
    Pass(0, 60, state);
    Gather();
  }
  const auto drawn = Drawn(StartPlace::kLine);
  EXPECT_EQ(drawn.size(), StateArchive::kStatesPerMark);
  EXPECT_EQ(drawn.front(), 3);
  EXPECT_EQ(drawn.back(), count - 1);
}

TEST_F(StateArchiveTest, AFailureLeavesTheLastStateOfItsEpisode) {
  archive.Begin(0, At(0), {});
  archive.Fail(0);
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kFailures), std::vector{-1}) << "it came to no mark";

  archive.Begin(0, At(0), {});
  Pass(0, 60, 1);
  Pass(0, 110, 2);
  Gather();
  archive.Fail(0);
  archive.Begin(0, At(0), {});  // at once, as in kSameStep
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kFailures), std::vector{2});

  const std::vector<std::byte> begun = {std::byte{9}};
  archive.Begin(0, At(70), begun);
  archive.Fail(0);
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kFailures), (std::vector{2, 9})) << "or where the episode began";
}

TEST_F(StateArchiveTest, AStateThatCannotBeSavedIsNotKept) {
  archive.Begin(0, At(0), {});
  ASSERT_TRUE(archive.Passes(0, At(60)));  // and no Keep: the game is lost
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kLine), std::vector{-1});
}

TEST_F(StateArchiveTest, RowsShareTheStatesOfTheirTrackAndKind) {
  std::vector<StateArchive::Row> rows = RowsOf(4);
  rows[2].track_hash = 2;
  rows[3].game_kind = "tminterface";
  archive = StateArchive({.every_m = kEveryM}, rows);
  archive.Begin(0, At(0), {});
  Pass(0, 60, 1);
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kLine, 1), std::vector{1});
  EXPECT_EQ(Drawn(StartPlace::kLine, 2), std::vector{-1});
  EXPECT_EQ(Drawn(StartPlace::kLine, 3), std::vector{-1});
}

TEST_F(StateArchiveTest, WhatWasKeptFirstGoesFirstWhenTheBudgetIsUsedUp) {
  const std::size_t size = 72 + sizeof(RowRecord) + 1;
  archive = StateArchive({.every_m = kEveryM, .max_bytes = 3 * size}, RowsOf(2));
  archive.Begin(0, At(0), {});
  for (int state = 1; state <= 5; ++state) {
    Pass(0, static_cast<float>(state) * 50 - 20, state);  // marks alone, and checkpoints at 4
    Gather();
    EXPECT_LE(archive.bytes(), 3 * size);
  }
  EXPECT_EQ(archive.bytes(), 3 * size);
  EXPECT_EQ(Drawn(StartPlace::kLine), (std::vector{4, 5}));
  EXPECT_EQ(Drawn(StartPlace::kCheckpoints), std::vector{5});
  archive = StateArchive({.every_m = kEveryM, .max_bytes = size - 1}, RowsOf(2));
  archive.Begin(0, At(0), {});
  Pass(0, 60, 1);
  Gather();
  EXPECT_EQ(archive.bytes(), 0u) << "larger than the budget";
}

TEST_F(StateArchiveTest, AStatePushesOutAsManyAsItNeeds) {
  const std::size_t size = 72 + sizeof(RowRecord) + 1;
  archive = StateArchive({.every_m = kEveryM, .max_bytes = 4 * size}, RowsOf(2));
  archive.Begin(0, At(0), {});
  for (int state = 1; state <= 4; ++state) {
    Pass(0, 60, state);
    Gather();
    archive.Begin(0, At(0), {});
  }
  std::vector<std::byte> game(size, std::byte{9});  // of another kind, as large as two and more
  archive.Passes(0, At(60));
  archive.Keep(0, {}, At(60), game);
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kLine), (std::vector{3, 4, 9}));
  EXPECT_EQ(archive.bytes(), 4 * size - 1);
  archive.Begin(0, At(0), {});
  Pass(0, 60, 5);
  Gather();
  EXPECT_EQ(Drawn(StartPlace::kLine), (std::vector{4, 5, 9})) << "the oldest goes, not the largest";
}

TEST_F(StateArchiveTest, MarksThatAreTooManyOrNoneAreErrors) {
  const auto error_of = [&](float every_m) -> std::string {
    try {
      const StateArchive made({.every_m = every_m}, RowsOf(1));
      return "";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  EXPECT_THAT(error_of(0.5f), HasSubstr("archive.every_m is 0.5"));
  EXPECT_THAT(error_of(-1), HasSubstr("must be in [1, 10000]"));
  EXPECT_EQ(error_of(1), "");
}

}  // namespace
}  // namespace hotlap
