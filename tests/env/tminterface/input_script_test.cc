#include "env/tminterface/input_script.h"

#include <gtest/gtest.h>

#include "tests/env/tminterface/golden_vectors.h"

namespace hotlap::tminterface {
namespace {

using nlohmann::json;

constexpr const char* kKeyNames[] = {"UP",    "DOWN", "LEFT",  "RIGHT", "RESPAWN",
                                     "RESET", "HORN", "STEER", "GAS",   "UNKNOWN"};

// The timed entries in the vectors' own form.
json ToJson(const InputScript& script) {
  json list = json::array();
  for (const auto& entry : script.timed) {
    if (const auto* input = std::get_if<TimedInput>(&entry)) {
      list.push_back({{"kind", "input"},
                      {"time", input->time_ms},
                      {"input", kKeyNames[static_cast<std::size_t>(input->key)]},
                      {"state", input->state}});
    } else {
      const auto& command = std::get<TimedCommand>(entry);
      list.push_back({{"kind", "timed"},
                      {"time", command.time_ms},
                      {"args", command.arguments},
                      {"is_ending", command.is_ending}});
    }
  }
  return list;
}

json ImmediateToJson(const InputScript& script) {
  json list = json::array();
  for (const auto& words : script.immediate) {
    list.push_back({{"kind", "immediate"}, {"args", words}});
  }
  return list;
}

TEST(ScriptVectors, ParseSortAndWriteBack) {
  const json vectors = VectorJson("scripts.json");
  ASSERT_GT(vectors["scripts"].size(), 10u);
  for (const json& vector : vectors["scripts"]) {
    SCOPED_TRACE(vector["label"].get<std::string>());
    InputScript script = InputScript::Parse(vector["script"].get<std::string>());
    EXPECT_EQ(ImmediateToJson(script), vector["immediate"]);
    EXPECT_EQ(ToJson(script), vector["timed_file_order"]);
    script.SortByTime();
    EXPECT_EQ(ToJson(script), vector["timed_sorted"]);
    EXPECT_EQ(script.ToText(), vector["to_script"]);

    InputScript again = InputScript::Parse(script.ToText());
    again.SortByTime();
    EXPECT_EQ(again.ToText(), vector["to_script_reparsed"]);
  }
}

TEST(ScriptVectors, TimesParse) {
  const json vectors = VectorJson("scripts.json");
  for (const json& vector : vectors["parse_time"]) {
    EXPECT_EQ(ParseTime(vector["text"].get<std::string>()), vector["ms"].get<std::int32_t>())
        << vector;
  }
}

TEST(ScriptVectors, TimeRangesParse) {
  const json vectors = VectorJson("scripts.json");
  for (const json& vector : vectors["parse_time_range"]) {
    SCOPED_TRACE(vector.dump());
    const InputScript script = InputScript::Parse(vector["text"].get<std::string>() + " steer 5");
    const std::int32_t from = vector["range"][0], to = vector["range"][1];
    json expected = json::array();
    const auto add = [&](std::int32_t time, int state) {
      expected.push_back({{"kind", "input"}, {"time", time}, {"input", "STEER"}, {"state", state}});
    };
    if (from != -1) add(from, 5);
    if (from != -1 && to != -1) add(to, 0);
    EXPECT_EQ(ToJson(script), expected);
    EXPECT_EQ(script.immediate.size(), from == -1 ? 1u : 0u);
  }
}

TEST(ScriptVectors, RecordedEventsBecomeText) {
  const json vector = VectorJson("events.json")["buffer_to_script"];
  EventBuffer buffer = LayoutFromNames(vector["control_names"]);
  buffer.events = EventsFromJson(vector["events"]);
  EXPECT_EQ(ToScriptText(buffer), vector["script"].get<std::string>());
  EXPECT_EQ(ToScriptText(buffer, /*whole=*/true), vector["script_all_events"].get<std::string>());
}

class ScriptEvents : public ::testing::Test {
 protected:
  EventBuffer Events(const std::string& text) const {
    return ToEventBuffer(InputScript::Parse(text), layout);
  }
  EventBuffer layout = LayoutFromNames(VectorJson("events.json")["control_names_used"]);
};

TEST_F(ScriptEvents, StandBehindTheStartMarkerLatestFirst) {
  EXPECT_EQ(
      Events("0 press up\n1000 steer -65536\n1500 rel up").events,
      (std::vector<Event>{
          {101510, 0x04000000}, {101010, 0x02010000}, {100010, 0x04000001}, {100000, 0x09000001}}));
}

TEST_F(ScriptEvents, LeaveOutWhatIsNoControl) {
  EXPECT_EQ(Events("0 press delete\n10 press nothing\n20 set speed 2\npress up").events.size(), 1u);
  layout.control_index[static_cast<std::size_t>(Control::kHorn)] = -1;
  EXPECT_EQ(Events("0 press horn").events.size(), 1u);
}

TEST_F(ScriptEvents, SurviveTheWayToEventsAndBack) {
  const std::string text =
      "0 press up\n10 steer -65536\n10 steer 6553600\n500 press left\n500 press enter\n"
      "510 press horn\n600 rel left\n700 gas -100\n800 press down\n800 rel up\n";
  EXPECT_EQ(ToScriptText(Events(text)), text);
}

TEST_F(ScriptEvents, OfTwoLinesAtOneTimeTheLaterIsTheFirstInTheList) {
  const EventBuffer buffer = Events("10 steer 1\n10 steer 2");
  EXPECT_EQ(AnalogValue(buffer.events[0].data), 2);
  EXPECT_EQ(AnalogValue(buffer.events[1].data), 1);
}

TEST_F(ScriptEvents, KeepExtremeValuesInRange) {
  const EventBuffer buffer = Events("2147483647 press up\n0 steer 2147483647\n10 gas -2147483648");
  ASSERT_EQ(buffer.events.size(), 3u);
  EXPECT_EQ(AnalogValue(buffer.events[0].data), -8388607);
  EXPECT_EQ(AnalogValue(buffer.events[1].data), 8388607);
}

TEST_F(ScriptEvents, RecordedBeforeTheStartOrWithoutANameAreLeftOut) {
  EventBuffer buffer = layout;
  buffer.events = {{100020, 0xFF000001}, {100000, 0x09000001}, {99000, 0x06000001}};
  EXPECT_EQ(ToScriptText(buffer, /*whole=*/true), "");
}

TEST(ParseTimeTest, RefusesWhatDoesNotFit) {
  EXPECT_EQ(ParseTime("99999999999"), -1);
  EXPECT_EQ(ParseTime("9999999.00"), -1);
  EXPECT_EQ(ParseTime("1:2:3:4.00"), -1);
  EXPECT_EQ(ParseTime("1.2.3"), -1);
  EXPECT_EQ(ParseTime("+"), -1);
  EXPECT_EQ(ParseTime("+-5"), -1);
}

TEST(InputScriptTest, UnterminatedQuoteReachesToTheEndOfTheLine) {
  const InputScript script = InputScript::Parse("echo \"a; b\n10 press up");
  ASSERT_EQ(script.immediate.size(), 1u);
  EXPECT_EQ(script.immediate[0], (std::vector<std::string>{"echo", "a; b"}));
  EXPECT_EQ(script.timed.size(), 1u);
}

}  // namespace
}  // namespace hotlap::tminterface
