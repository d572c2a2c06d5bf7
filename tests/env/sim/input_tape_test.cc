#include "env/sim/input_tape.h"

#include <gtest/gtest.h>

#include <limits>

namespace hotlap::sim::input_tape_test {
namespace {

using tminterface::Control;
using tminterface::Event;

const Inputs kThrottle{.accelerate = true};

Inputs InForceAfter(const InputTape& tape, std::int32_t race_time_ms) {
  Inputs inputs;
  for (std::int32_t t = 0; t <= race_time_ms; t += 10) tape.Play(t, inputs);
  return inputs;
}

TEST(InputTapeTest, NewTapeHoldsTheMarkerOfTheStartAlone) {
  const auto buffer = InputTape().buffer(0);
  EXPECT_EQ(buffer.events, (std::vector<Event>{{100000, tminterface::PackBinary(0, true)}}));
  for (const std::int32_t index : buffer.control_index) EXPECT_GE(index, 0);
}

TEST(InputTapeTest, RecordsWhatChangesAndPlaysItAtItsTick) {
  InputTape tape;
  tape.Record(0, Inputs{});
  tape.Record(10, kThrottle);
  tape.Record(20, kThrottle);
  tape.Record(30, {.steer = -500, .left = true});
  EXPECT_EQ(tape.buffer(0).events.size(), 1u + 1u + 3u);
  EXPECT_EQ(InForceAfter(tape, 0), Inputs{});
  EXPECT_EQ(InForceAfter(tape, 10), kThrottle);
  EXPECT_EQ(InForceAfter(tape, 20), kThrottle);
  EXPECT_EQ(InForceAfter(tape, 30), (Inputs{.steer = -500, .left = true}));
  EXPECT_EQ(tape.last_time_ms(), 30);
}

TEST(InputTapeTest, TimesAreStoredAsTheProtocolSays) {
  InputTape tape;
  tape.Put(0, Control::kAccelerate, 1);
  tape.Put(1000, Control::kSteer, 65536);
  const auto buffer = tape.buffer(1234);
  EXPECT_EQ(buffer.events_duration_ms, 1234u);
  ASSERT_EQ(buffer.events.size(), 3u);
  EXPECT_EQ(buffer.events[0], (Event{101010, tminterface::PackAnalog(6, 65536)})) << "latest first";
  EXPECT_EQ(buffer.events[1], (Event{100010, tminterface::PackBinary(2, true)}));
}

TEST(InputTapeTest, TrimmedTapeGoesOnFromTheInputsLeftInForce) {
  InputTape tape;
  tape.Record(0, kThrottle);
  tape.Record(500, Inputs{});
  tape.TrimTo(500);
  EXPECT_EQ(tape.last_time_ms(), 0);
  tape.Record(500, kThrottle);
  EXPECT_EQ(tape.last_time_ms(), 0) << "nothing has changed since 0";
  tape.Record(510, Inputs{});
  EXPECT_EQ(tape.last_time_ms(), 510);
  tape.TrimTo(-2600);
  EXPECT_EQ(tape.buffer(0).events.size(), 1u) << "the marker of the start stays";
}

TEST(InputTapeTest, EventOfTheSameTickAndControlIsReplaced) {
  InputTape tape;
  tape.Put(100, Control::kSteer, 5);
  tape.Put(200, Control::kBrake, 1);
  tape.Put(100, Control::kSteer, 7);
  EXPECT_EQ(tape.buffer(0).events.size(), 3u);
  EXPECT_EQ(InForceAfter(tape, 100).steer, 7);
}

TEST(InputTapeTest, OfTwoEventsOfATickAndControlTheLastIsReplaced) {
  InputTape tape;
  auto buffer = tape.buffer(0);
  buffer.events = {{100110, tminterface::PackAnalog(6, 2)},  // latest first
                   {100110, tminterface::PackBinary(2, true)},
                   {100110, tminterface::PackAnalog(6, 1)},
                   {100000, tminterface::PackBinary(0, true)}};
  tape.Assign(buffer);
  EXPECT_EQ(InForceAfter(tape, 100).steer, 2);
  tape.Put(100, Control::kSteer, 3);
  EXPECT_EQ(tape.buffer(0).events.size(), 4u);
  EXPECT_EQ(InForceAfter(tape, 100), (Inputs{.steer = 3, .accelerate = true}));
}

TEST(InputTapeTest, AnalogValuesAreKeptWithinWhatTheCarTakes) {
  for (const std::int32_t value : {16777215, 65537, std::numeric_limits<std::int32_t>::max()}) {
    InputTape tape;
    tape.Put(100, Control::kSteer, value);
    tape.Put(100, Control::kGas, -value);
    EXPECT_EQ(InForceAfter(tape, 100), (Inputs{.steer = kMaxAnalog, .gas = -kMaxAnalog})) << value;
  }
  InputTape tape;
  tape.Put(100, Control::kSteer, std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(InForceAfter(tape, 100).steer, -kMaxAnalog);
}

TEST(InputTapeTest, AssignedTapeTakesAnyOrderAndDropsUnknownControls) {
  InputTape tape;
  auto buffer = tape.buffer(0);
  buffer.events = {
      {100020, tminterface::PackBinary(2, false)},   {100000, tminterface::PackBinary(0, true)},
      {100500, tminterface::PackBinary(77, true)},   {100013, tminterface::PackBinary(2, true)},
      {100030, tminterface::PackAnalog(6, 6553600)}, {100040, tminterface::PackBinary(8, true)}};
  tape.Assign(buffer);
  EXPECT_EQ(tape.buffer(0).events.size(), 5u);
  EXPECT_FALSE(InForceAfter(tape, 0).accelerate);
  Inputs inputs;
  tape.Play(10, inputs);
  EXPECT_FALSE(inputs.accelerate) << "pressed at 100013 and let go at 100020, both of this tick";
  tape.Play(20, inputs);
  EXPECT_EQ(inputs.steer, kMaxAnalog) << "kept within what the car takes";
  EXPECT_TRUE(tape.Play(30, inputs).respawn);
  EXPECT_FALSE(tape.Play(40, inputs).respawn);
}

TEST(InputTapeTest, TapesAreComparedByTheirEvents) {
  InputTape a, b;
  EXPECT_TRUE(a.HasEventsOf(b));
  a.Put(10, Control::kHorn, 1);
  EXPECT_FALSE(a.HasEventsOf(b));
  b.Put(10, Control::kHorn, 1);
  EXPECT_TRUE(a.HasEventsOf(b));
}

}  // namespace
}  // namespace hotlap::sim::input_tape_test
