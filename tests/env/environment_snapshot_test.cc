#include "env/environment_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "env/action.h"
#include "tests/env/roads.h"
#include "tests/test_size.h"

namespace hotlap {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class EnvironmentSnapshotTest : public ::testing::Test {
 protected:
  EnvironmentSnapshotTest() {
    record.base_seed = 42;
    record.episode = 7;
    record.phase = RowPhase::kRunning;
    record.steps = 12;
    record.place = {120, 3, 0.5f};
    record.past_inputs[0] = {.steer = -kMaxAnalog, .accelerate = true};
    record.reward_sums[2] = 1.5;
  }
  std::vector<std::byte> Packed() const { return Packed(record); }
  std::vector<std::byte> Packed(const RowRecord& with) const {
    std::vector<std::byte> bytes;
    PackSnapshot({origin, tick}, with, game, bytes);
    return bytes;
  }
  std::string ErrorOf(const std::vector<std::byte>& bytes, const SnapshotOrigin& here,
                      SnapshotUse use = SnapshotUse::kRestore) const {
    const auto opened = OpenSnapshot(bytes, here, *line, use);
    return opened ? "no error" : opened.error();
  }

  const std::shared_ptr<const Centreline> line = LineOf(StraightRoad(400));
  const std::vector<std::byte> game = {std::byte{1}, std::byte{2}, std::byte{3}};
  const SnapshotOrigin origin{"simulated", 11, 22, 33};
  const std::int32_t tick = 440;
  RowRecord record;
};

TEST_F(EnvironmentSnapshotTest, ComesBackAsItWas) {
  const auto bytes = Packed();
  const auto opened = OpenSnapshot(bytes, origin, *line, SnapshotUse::kRestore);
  ASSERT_TRUE(opened);
  EXPECT_EQ(Packed(opened->record), bytes);
  EXPECT_EQ(opened->record.episode, 7u);
  EXPECT_EQ(opened->record.place.s_m, 120);
  EXPECT_EQ(std::vector(opened->game.begin(), opened->game.end()), game);
}

TEST_F(EnvironmentSnapshotTest, HeaderTellsWhatItIsOfAndItsTick) {
  const auto bytes = Packed();
  const auto header = ReadSnapshotHeader(bytes);
  ASSERT_TRUE(header) << header.error();
  EXPECT_EQ(header->origin.game_kind, "simulated");
  EXPECT_EQ(header->origin.track_hash, 11u);
  EXPECT_EQ(header->origin.policy_hash, 22u);
  EXPECT_EQ(header->origin.task_hash, 33u);
  EXPECT_EQ(header->tick, 440);
}

// Where docs/protocol.md says that they are, so that another language can read them.
TEST_F(EnvironmentSnapshotTest, HeaderHasThesePlaces) {
  const auto bytes = Packed();
  const auto text = [&](std::size_t at, std::size_t size) {
    return std::string(reinterpret_cast<const char*>(&bytes[at]), size);
  };
  const auto number = [&]<class T>(std::size_t at, T value) {
    std::memcpy(&value, &bytes[at], sizeof value);
    return value;
  };
  EXPECT_EQ(text(0, 8), "hotlapES");
  EXPECT_EQ(number(8, std::uint32_t{}), 3u);
  EXPECT_EQ(number(12, std::uint32_t{}), sizeof(RowRecord));
  EXPECT_EQ(text(16, 24), "simulated" + std::string(15, '\0'));
  EXPECT_EQ(number(40, std::uint64_t{}), 11u);
  EXPECT_EQ(number(48, std::uint64_t{}), 22u);
  EXPECT_EQ(number(56, std::uint64_t{}), 33u);
  EXPECT_EQ(number(64, std::int32_t{}), 440);
  EXPECT_EQ(number(68, std::uint32_t{}), game.size());
  EXPECT_EQ(bytes.size(), 72 + sizeof(RowRecord) + game.size());
}

TEST_F(EnvironmentSnapshotTest, PacksIntoMemoryThatItWasGiven) {
  std::vector<std::byte> bytes(10'000, std::byte{7});
  const std::byte* const memory = bytes.data();
  PackSnapshot({origin, tick}, record, game, bytes);
  EXPECT_EQ(bytes, Packed());
  EXPECT_EQ(bytes.data(), memory);
}

TEST_F(EnvironmentSnapshotTest, BelongsToItsKindTrackAndConfiguration) {
  const auto changed = [&](const std::function<void(SnapshotOrigin&)>& change) {
    SnapshotOrigin here = origin;
    change(here);
    return here;
  };
  const auto kind = changed([](auto& here) { here.game_kind = "tminterface"; });
  const auto track = changed([](auto& here) { here.track_hash = 0; });
  const auto policy = changed([](auto& here) { here.policy_hash = 0; });
  const auto task = changed([](auto& here) { here.task_hash = 0; });
  EXPECT_THAT(ErrorOf(Packed(), kind), HasSubstr("another kind of game"));
  EXPECT_THAT(ErrorOf(Packed(), track), HasSubstr("another track"));
  EXPECT_THAT(ErrorOf(Packed(), policy), HasSubstr("observation, actions or ticks per step"));
  EXPECT_THAT(ErrorOf(Packed(), task), HasSubstr("reward, episode rules or randomisation"));
  EXPECT_EQ(ErrorOf(Packed(), task, SnapshotUse::kReset), "no error");
  EXPECT_NE(ErrorOf(Packed(), policy, SnapshotUse::kReset), "no error");
}

TEST_F(EnvironmentSnapshotTest, AnotherFormatIsRefused) {
  auto bytes = Packed();
  bytes[0] = std::byte{'x'};
  EXPECT_THAT(ErrorOf(bytes, origin), HasSubstr("no snapshot"));
  bytes = Packed();
  bytes[8] = std::byte{99};
  EXPECT_THAT(ErrorOf(bytes, origin), HasSubstr("format version 99, this is version 3"));
  bytes = Packed();
  bytes[67] = std::byte{0xFF};
  EXPECT_THAT(ErrorOf(bytes, origin), HasSubstr("wrong tick"));
}

TEST_F(EnvironmentSnapshotTest, AnyOtherLengthIsRefused) {
  const auto whole = Packed();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> cut(whole.begin(),
                                     whole.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_THAT(ErrorOf(cut, origin), AnyOf(HasSubstr("cut short"), HasSubstr("must have")))
        << size;
  }
  auto longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_THAT(ErrorOf(longer, origin),
              HasSubstr("has " + std::to_string(longer.size()) + " bytes, must have " +
                        std::to_string(whole.size())));
}

TEST_F(EnvironmentSnapshotTest, NumbersThatCannotBeAreNamed) {
  const auto error_of = [&](const std::function<void(RowRecord&)>& change) {
    RowRecord changed = record;
    change(changed);
    return ErrorOf(Packed(changed), origin);
  };
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error_of([](auto& r) { r.phase = RowPhase::kNew; }), HasSubstr("wrong phase"));
  EXPECT_THAT(error_of([](auto& r) { r.phase = static_cast<RowPhase>(9); }), HasSubstr("phase"));
  EXPECT_THAT(error_of([](auto& r) { r.full_lap = 2; }), HasSubstr("full_lap"));
  EXPECT_THAT(error_of([](auto& r) { r.steps = -1; }), HasSubstr("steps"));
  EXPECT_THAT(error_of([](auto& r) { r.ticks = 2'000'000'000; }), HasSubstr("ticks"));
  EXPECT_THAT(error_of([](auto& r) { r.ticks_without_progress = -5; }),
              HasSubstr("ticks_without_progress"));
  EXPECT_THAT(error_of([](auto& r) { r.ticks_off_road = -5; }), HasSubstr("ticks_off_road"));
  EXPECT_THAT(error_of([](auto& r) { r.ticks_on_roof = -5; }), HasSubstr("ticks_on_roof"));
  EXPECT_THAT(error_of([](auto& r) { r.checkpoints_passed = -1; }),
              HasSubstr("checkpoints_passed"));
  EXPECT_THAT(error_of([](auto& r) { r.place.s_m = 401; }), HasSubstr("place.s"));
  EXPECT_THAT(error_of([](auto& r) { r.place.s_m = kNan; }), HasSubstr("place.s"));
  EXPECT_THAT(error_of([](auto& r) { r.place.lateral_m = kNan; }), HasSubstr("place.lateral"));
  EXPECT_THAT(error_of([](auto& r) { r.place.height_m = 1e9f; }), HasSubstr("place.height"));
  EXPECT_THAT(error_of([](auto& r) { r.place_of_m.z = kNan; }), HasSubstr("place_of"));
  EXPECT_THAT(error_of([](auto& r) { r.episode_start_m = kNan; }), HasSubstr("episode_start"));
  EXPECT_THAT(error_of([](auto& r) { r.best_m = kNan; }), HasSubstr("best"));
  EXPECT_THAT(error_of([](auto& r) { r.reward_sums[7] = 1.0 / 0.0; }), HasSubstr("reward_sums"));
  EXPECT_THAT(error_of([](auto& r) { r.past_inputs[25].steer = kMaxAnalog + 1; }),
              HasSubstr("past_inputs"));
  EXPECT_THAT(error_of([](auto& r) { r.past_inputs[3].gas = -kMaxAnalog - 1; }),
              HasSubstr("past_inputs"));
  EXPECT_THAT(error_of([](auto& r) { r.past_inputs[0].left = r.past_inputs[0].right = true; }),
              HasSubstr("past_inputs"));
  EXPECT_EQ(error_of([](auto&) {}), "no error");
}

TEST_F(EnvironmentSnapshotTest, KeyThatIsNeitherUpNorDownIsNamed) {
  const std::size_t header = Packed().size() - game.size() - sizeof record;
  for (const std::size_t step : {0u, 25u}) {
    for (const std::size_t key : {offsetof(Inputs, left), offsetof(Inputs, right),
                                  offsetof(Inputs, accelerate), offsetof(Inputs, brake)}) {
      auto bytes = Packed();
      bytes[header + offsetof(RowRecord, past_inputs) + step * sizeof(Inputs) + key] = std::byte{2};
      EXPECT_THAT(ErrorOf(bytes, origin), HasSubstr("past_inputs"));
    }
  }
}

TEST_F(EnvironmentSnapshotTest, DamagedBytesAreRefusedOrUsable) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < TestCount(200, 5000, 200000); ++i) {
    auto bytes = Packed();
    for (auto k = random() % 4 + 1; k > 0; --k) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const auto opened = OpenSnapshot(bytes, origin, *line, SnapshotUse::kRestore);
    if (!opened) continue;
    EXPECT_LE(opened->game.size(), game.size());
    const LinePoint point = line->At(opened->record.place.s_m);
    EXPECT_EQ(point.half_width_left_m, 12);
    for (const Inputs& inputs : opened->record.past_inputs) {
      EXPECT_LE(std::abs(AppliedActionOf(inputs).steer), 1);
    }
  }
}

}  // namespace
}  // namespace hotlap
