#include "transport/states_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace hotlap::transport {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kCount = 3;  // the second is unknown

InstanceStates SomeStates() {
  InstanceStates states(kCount);
  states[0] = RowState{.episode = UINT64_MAX,
                       .race_time_ms = -2600,
                       .checkpoints = 3,
                       .position_m = {1, 2, 3},
                       .velocity_mps = {4, 5, 6},
                       .rotation = {{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}},
                       .inputs = {-kMaxAnalog, kMaxAnalog, true, false, true, false}};
  states[2] = RowState{};
  states[2]->inputs.brake = true;
  return states;
}

TEST(StatesReplyTest, ComesBackAsItWasMade) {
  const Reply reply = MakeStatesReply(7, SomeStates());
  ASSERT_EQ(reply.frames.size(), 9u);
  const auto states = DecodeStatesReply(reply.frames, kCount);
  ASSERT_TRUE(states) << states.error();
  ASSERT_EQ(states->size(), kCount);
  const RowState expected = *SomeStates()[0];
  const RowState& first = (*states)[0].value();
  EXPECT_EQ(first.episode, expected.episode);
  EXPECT_EQ(first.race_time_ms, expected.race_time_ms);
  EXPECT_EQ(first.checkpoints, expected.checkpoints);
  EXPECT_EQ(first.position_m, expected.position_m);
  EXPECT_EQ(first.velocity_mps, expected.velocity_mps);
  EXPECT_EQ(first.rotation, expected.rotation);
  EXPECT_EQ(first.inputs, expected.inputs);
  EXPECT_FALSE((*states)[1]);
  EXPECT_EQ((*states)[2].value().inputs, SomeStates()[2]->inputs);
}

TEST(StatesReplyTest, IsZeroWhereNothingIsKnown) {
  const Reply reply = MakeStatesReply(7, InstanceStates(1));
  for (std::size_t i = 1; i < reply.frames.size(); ++i) {
    const std::string bytes = reply.frames[i].to_string();
    EXPECT_EQ(bytes, std::string(bytes.size(), '\0')) << "array " << i - 1;
  }
}

TEST(StatesReplyTest, OfNothingIsEmpty) {
  EXPECT_TRUE(DecodeStatesReply(MakeStatesReply(7, InstanceStates()).frames, 0).value().empty());
}

TEST(StatesReplyTest, ArraysThatAreNotThoseOfTheInstancesAreRefusedByName) {
  const char* const names[] = {"known",     "episodes",   "race_times", "checkpoints",
                               "positions", "velocities", "rotations",  "inputs"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    SCOPED_TRACE(names[i]);
    const std::string name = "'" + std::string(names[i]) + "'";
    Reply cut = MakeStatesReply(7, SomeStates());
    cut.frames[i + 1].rebuild(cut.frames[i + 1].size() - 1);
    EXPECT_THAT(DecodeStatesReply(cut.frames, kCount).error(), HasSubstr(name));
    Reply short_of = MakeStatesReply(7, SomeStates());
    short_of.frames.resize(i + 1);
    EXPECT_THAT(DecodeStatesReply(short_of.frames, kCount).error(), HasSubstr(name));
  }
  Reply more = MakeStatesReply(7, SomeStates());
  more.frames.emplace_back();
  EXPECT_THAT(DecodeStatesReply(more.frames, kCount).error(), HasSubstr("more arrays"));
}

template <typename T>
std::string ErrorWith(std::size_t array, std::size_t element, T value) {
  Reply reply = MakeStatesReply(7, SomeStates());
  std::memcpy(static_cast<std::byte*>(reply.frames[array + 1].data()) + element * sizeof(T), &value,
              sizeof value);
  const auto decoded = DecodeStatesReply(reply.frames, kCount);
  return decoded ? "none" : decoded.error();
}

TEST(StatesReplyTest, ValuesThatNoGameHasAreRefusedByName) {
  constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(ErrorWith<std::uint8_t>(0, 0, 2), HasSubstr("'known'"));
  EXPECT_THAT(ErrorWith<std::int32_t>(3, 2, -1), HasSubstr("'checkpoints'"));
  EXPECT_THAT(ErrorWith<float>(4, 8, kNotANumber), HasSubstr("'positions'"));
  EXPECT_THAT(ErrorWith<float>(5, 0, kInfinity), HasSubstr("'velocities'"));
  EXPECT_THAT(ErrorWith<float>(6, 26, -kInfinity), HasSubstr("'rotations'"));
  EXPECT_THAT(ErrorWith<std::int32_t>(7, 0, kMaxAnalog + 1), HasSubstr("'inputs'"));
  EXPECT_THAT(ErrorWith<std::int32_t>(7, 1, -kMaxAnalog - 1), HasSubstr("'inputs'"));
  for (std::size_t key = 2; key < 6; ++key) {
    EXPECT_THAT(ErrorWith<std::int32_t>(7, key, 2), HasSubstr("'inputs'")) << key;
  }
}

}  // namespace
}  // namespace hotlap::transport
