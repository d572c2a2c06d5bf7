#include "env/tminterface/event_buffer.h"

#include <gtest/gtest.h>

#include "tests/env/tminterface/golden_vectors.h"

namespace hotlap::tminterface {
namespace {

using nlohmann::json;

bool IsAnalog(const std::string& name) { return name.find("(analog)") != std::string::npos; }

TEST(EventVectors, AnalogValuesRoundTrip) {
  const json vectors = VectorJson("events.json");
  for (const json& vector : vectors["analog_round_trip"]) {
    const std::uint32_t data = PackAnalog(3, vector["value"]);
    EXPECT_EQ(data & 0xFFFFFFu, vector["data24"].get<std::uint32_t>());
    EXPECT_EQ(ControlIndex(data), 3);
    EXPECT_EQ(AnalogValue(data), vector["decoded"].get<std::int32_t>());
  }
  for (const json& vector : vectors["analog_decode"]) {
    const auto data = static_cast<std::uint32_t>(
        std::stoul(vector["data24_hex"].get<std::string>(), nullptr, 16));
    EXPECT_EQ(AnalogValue(data), vector["decoded"].get<std::int32_t>());
  }
}

TEST(EventVectors, EventsPackAndUnpack) {
  const json vectors = VectorJson("events.json");
  for (const json& vector : vectors["pack"]) {
    SCOPED_TRACE(vector.dump());
    const int index = vector["name_index"];
    const std::uint32_t data = IsAnalog(vector["name"])
                                   ? PackAnalog(index, vector["value"].get<std::int32_t>())
                                   : PackBinary(index, vector["value"].get<bool>());
    const Event event{vector["time"].get<std::int32_t>() + kStoredTimeOfScriptZero, data};
    EXPECT_EQ(event.stored_time_ms, vector["stored_time"].get<std::int32_t>());
    EXPECT_EQ(ToHex(std::as_bytes(std::span(&event, 1))), vector["bytes"]);
  }
  for (const char* part : {"pack", "unpack"}) {
    for (const json& vector : vectors[part]) {
      SCOPED_TRACE(vector.dump());
      const auto data = vector["input_data"].get<std::uint32_t>();
      EXPECT_EQ(ControlIndex(data), vector["name_index"].get<int>());
      EXPECT_EQ(BinaryValue(data), vector["binary_value"].get<bool>());
      EXPECT_EQ(AnalogValue(data), vector["analog_value"].get<std::int32_t>());
    }
  }
}

TEST(ControlNameTest, SpellsTheControlsAsTheGameDoes) {
  const EventBuffer layout = LayoutFromNames(VectorJson("events.json")["control_names_used"]);
  for (int i = 0; i < kNumControls; ++i) EXPECT_GE(layout.index_of(static_cast<Control>(i)), 0);
  EXPECT_EQ(layout.index_of(Control::kIsRaceRunning), 9);
  EXPECT_EQ(layout.index_of(Control::kSteer), 2);
  EXPECT_EQ(layout.index_of(Control::kGas), 5);
}

TEST(EventBufferTest, SortPutsTheLatestFirstAndKeepsTheOrderOfEqualTimes) {
  EventBuffer buffer;
  buffer.events = {{100010, 1}, {100020, 2}, {100010, 3}, {100030, 4}};
  buffer.Sort();
  EXPECT_EQ(buffer.events,
            (std::vector<Event>{{100030, 4}, {100020, 2}, {100010, 1}, {100010, 3}}));
}

TEST(EventBufferTest, ClearKeepsTheStartMarkerAlone) {
  EventBuffer buffer;
  buffer.events = {{100010, 1}, {100020, 2}};
  buffer.control_index[static_cast<std::size_t>(Control::kIsRaceRunning)] = 9;
  buffer.Clear();
  EXPECT_EQ(buffer.events, (std::vector<Event>{{100000, 0x09000001}}));
}

TEST(EventBufferTest, ClearKeepsNothingWithoutAStartControl) {
  EventBuffer buffer;
  buffer.events = {{100010, 1}};
  buffer.Clear();
  EXPECT_TRUE(buffer.events.empty());
}

}  // namespace
}  // namespace hotlap::tminterface
