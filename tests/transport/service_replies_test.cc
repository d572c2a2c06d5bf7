#include "transport/service_replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "transport/header.h"

namespace hotlap::transport::service_replies_test {
namespace {

using ::testing::HasSubstr;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// A wrong value of a field.
struct Wrong {
  const char* field;
  std::function<void(HeaderWriter&, const char* field)> write;
};

Wrong Numbers(const char* field, std::vector<std::uint64_t> values) {
  return {field, [values = std::move(values)](HeaderWriter& writer, const char* name) {
            writer.UnsignedList(name, values);
          }};
}
Wrong Floats(const char* field, std::vector<float> values) {
  return {field, [values = std::move(values)](HeaderWriter& writer, const char* name) {
            writer.FloatList(name, values);
          }};
}
Wrong Texts(const char* field, std::vector<std::string> values) {
  return {field, [values = std::move(values)](HeaderWriter& writer, const char* name) {
            writer.Strings(name, values);
          }};
}
Wrong Number(const char* field, std::uint64_t value) {
  return {field, [value](HeaderWriter& writer, const char* name) { writer.Unsigned(name, value); }};
}
Wrong Float(const char* field, float value) {
  return {field, [value](HeaderWriter& writer, const char* name) { writer.Float(name, value); }};
}

void Copy(HeaderWriter& writer, const HeaderField& field) {
  if (!field.is_list) {
    if (const auto* number = std::get_if<std::uint64_t>(&field.values[0])) {
      writer.Unsigned(field.name, *number);
    } else {
      writer.Float(field.name, static_cast<float>(std::get<double>(field.values[0])));
    }
    return;
  }
  std::vector<std::string> texts;
  std::vector<std::uint64_t> numbers;
  std::vector<float> floats;  // whole ones were encoded as numbers
  for (const Scalar& value : field.values) {
    if (const auto* text = std::get_if<std::string_view>(&value)) texts.emplace_back(*text);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) {
      numbers.push_back(*number);
      floats.push_back(static_cast<float>(*number));
    }
    if (const auto* number = std::get_if<double>(&value)) {
      floats.push_back(static_cast<float>(*number));
    }
  }
  if (!texts.empty()) {
    writer.Strings(field.name, texts);
  } else if (numbers.size() < floats.size()) {
    writer.FloatList(field.name, floats);
  } else {
    writer.UnsignedList(field.name, numbers);
  }
}

// The frame without a field, and what `write` puts in its place.
std::string Without(const std::string& frame, std::string_view name,
                    const std::function<void(HeaderWriter&)>& write = {}) {
  const Header header = Header::Parse(Bytes(frame)).value();
  HeaderWriter writer;
  for (const HeaderField& field : header.fields()) {
    if (field.name != name) Copy(writer, field);
  }
  if (write) write(writer);
  return writer.Finish();
}

// That a decoder refuses the frame cut short anywhere, without any of its fields, with a list of
// another length, and with each of these values, by the name of the field.
template <typename Decode>
void ExpectRefusals(Decode decode, const std::string& frame, const std::vector<Wrong>& wrong) {
  ASSERT_TRUE(decode(Bytes(frame))) << decode(Bytes(frame)).error();
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(decode(Bytes(frame.substr(0, size)))) << size;
  }
  const auto expect_named = [&](const std::string& changed, const std::string& name) {
    const auto decoded = decode(Bytes(changed));
    ASSERT_FALSE(decoded) << name;
    EXPECT_THAT(decoded.error(), HasSubstr("'" + name + "'"));
  };
  const Header header = Header::Parse(Bytes(frame)).value();
  for (const HeaderField& field : header.fields()) {
    const std::string name(field.name);
    if (name == "id" || name == "status") continue;
    expect_named(Without(frame, name), name);
    if (!field.is_list || name == "numbers") continue;
    expect_named(Without(frame, name, [&](HeaderWriter& w) { w.UnsignedList(name, {}); }), name);
  }
  for (const Wrong& value : wrong) {
    expect_named(Without(frame, value.field, [&](HeaderWriter& w) { value.write(w, value.field); }),
                 value.field);
  }
}

constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::uint64_t kTooLarge = std::uint64_t{1} << 63;
const std::string kControl = "\x1b[2J";  // clears a terminal

std::vector<ListedSession> SomeSessions() {
  return {{.number = 1,
           .session = "s000001",
           .nick = "J\xc3\xbcrgen",
           .status = SessionStatus::kDropped,
           .rank = 2,
           .seconds = 1.5,
           .rows = 8,
           .steps = UINT64_MAX,
           .latency_us = 250},
          {.number = 7, .session = "s000007", .nick = {}, .rank = 1}};
}

TEST(ServiceRepliesTest, SessionsComeBackAsTheyWereEncoded) {
  const auto page = DecodeSessionsReply(Bytes(EncodeReply(3, SomeSessions(), 9)));
  ASSERT_TRUE(page) << page.error();
  EXPECT_EQ(page->next, 9u);
  ASSERT_EQ(page->items.size(), 2u);
  const ListedSession& first = page->items[0];
  EXPECT_EQ(first.number, 1u);
  EXPECT_EQ(first.session, "s000001");
  EXPECT_EQ(first.nick, "J\xc3\xbcrgen");
  EXPECT_EQ(first.status, SessionStatus::kDropped);
  EXPECT_EQ(first.rank, 2u);
  EXPECT_EQ(first.seconds, 1.5);
  EXPECT_EQ(first.rows, 8u);
  EXPECT_EQ(first.steps, UINT64_MAX);
  EXPECT_EQ(first.latency_us, 250);
  EXPECT_EQ(page->items[1].number, 7u);
  EXPECT_EQ(page->items[1].nick, "");
}

TEST(ServiceRepliesTest, WrongSessionsAreRefusedByName) {
  ExpectRefusals(
      DecodeSessionsReply, EncodeReply(3, SomeSessions(), 9),
      {Numbers("numbers", {7, 1}), Numbers("numbers", {7, 7}), Texts("sessions", {kControl, ""}),
       Texts("sessions", {std::string(65, 'x'), ""}),
       Texts("nicks", {std::string(kMaxNickBytes + 1, 'x'), ""}), Texts("nicks", {"", "\xff"}),
       Floats("ranks", {1, 0.5f}), Numbers("statuses", {0, 2}), Numbers("statuses", {2, 6}),
       Floats("seconds", {kNotANumber, 1}), Floats("seconds", {1, -1}),
       Numbers("rows", {1, kMaxRows + 1}), Texts("steps", {"1", "2"}),
       Floats("latencies_us", {kInfinity, 1}), Number("next", 7), Number("next", 1)});
}

TEST(ServiceRepliesTest, APageOfNothingHasNothingBehindIt) {
  const std::string empty = EncodeReply(3, std::span<const ListedSession>(), 0);
  EXPECT_TRUE(DecodeSessionsReply(Bytes(empty)));
  const auto endless =
      DecodeSessionsReply(Bytes(EncodeReply(3, std::span<const ListedSession>(), 1)));
  ASSERT_FALSE(endless);
  EXPECT_THAT(endless.error(), HasSubstr("'next'"));
}

std::vector<ListedInstance> SomeInstances() {
  return {{.number = 0,
           .kind = GameKind::kTMInterface,
           .session = "s000001",
           .row = 3,
           .track = "hairpins",
           .episode = 4,
           .ticks = 1500,
           .speed = 12.5,
           .health = {GameCondition::kQuarantined, 30, 29, "hung"}},
          {.number = 65536}};
}

TEST(ServiceRepliesTest, InstancesComeBackAsTheyWereEncoded) {
  const auto page = DecodeInstancesReply(Bytes(EncodeReply(3, SomeInstances(), 0)));
  ASSERT_TRUE(page) << page.error();
  EXPECT_EQ(page->next, 0u);
  ASSERT_EQ(page->items.size(), 2u);
  const ListedInstance& first = page->items[0];
  EXPECT_EQ(first.number, 0u);
  EXPECT_EQ(first.kind, GameKind::kTMInterface);
  EXPECT_EQ(first.session, "s000001");
  EXPECT_EQ(first.row, 3u);
  EXPECT_EQ(first.track, "hairpins");
  EXPECT_EQ(first.episode, 4u);
  EXPECT_EQ(first.ticks, 1500);
  EXPECT_EQ(first.speed, 12.5);
  EXPECT_EQ(first.health.condition, GameCondition::kQuarantined);
  EXPECT_EQ(first.health.losses, 30);
  EXPECT_EQ(first.health.restarts_in_last_hour, 29);
  EXPECT_EQ(first.health.last_loss, "hung");
  EXPECT_EQ(page->items[1].number, 65536u);
  EXPECT_EQ(page->items[1].session, "");
  EXPECT_EQ(page->items[1].health.condition, GameCondition::kRunning);
}

TEST(ServiceRepliesTest, WrongInstancesAreRefusedByName) {
  ExpectRefusals(
      DecodeInstancesReply, EncodeReply(3, SomeInstances(), 0),
      {Numbers("numbers", {1, 0}), Texts("kinds", {"any", "simulated"}),
       Texts("sessions", {"\n", ""}), Numbers("rows", {kMaxRows + 1, 0}),
       Texts("tracks", {"", std::string(kMaxNameBytes + 1, 'x')}), Texts("tracks", {kControl, ""}),
       Floats("episodes", {0.5f, 2}), Numbers("ticks", {std::uint64_t{1} << 31, 0}),
       Floats("speeds", {-1, 0}), Floats("speeds", {0, kNotANumber}),
       Texts("healths", {"running", "well"}), Numbers("losses", {std::uint64_t{1} << 31, 0}),
       Numbers("restarts", {0, UINT64_MAX}), Texts("last_losses", {kControl, ""}),
       Texts("last_losses", {std::string(kMaxLogLineBytes + 1, 'x'), ""}), Number("next", 65536)});
}

std::vector<LogLine> SomeLines() {
  return {{.number = 4, .time_ms = 1234, .level = LogLevel::kDebug, .text = "one"},
          {.number = 6, .time_ms = 1235, .level = LogLevel::kError, .text = "two"}};
}

TEST(ServiceRepliesTest, LogsComeBackAsTheyWereEncoded) {
  const auto lines = DecodeLogsReply(Bytes(EncodeReply(3, SomeLines())));
  ASSERT_TRUE(lines) << lines.error();
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ((*lines)[1].number, 6u);
  EXPECT_EQ((*lines)[1].time_ms, 1235);
  EXPECT_EQ((*lines)[0].level, LogLevel::kDebug);
  EXPECT_EQ((*lines)[1].level, LogLevel::kError);
  EXPECT_EQ((*lines)[1].text, "two");
}

TEST(ServiceRepliesTest, WrongLogsAreRefusedByName) {
  ExpectRefusals(DecodeLogsReply, EncodeReply(3, SomeLines()),
                 {Numbers("numbers", {6, 4}), Numbers("times_ms", {kTooLarge, 0}),
                  Texts("levels", {"info", "loud"}), Texts("lines", {"", kControl}),
                  Texts("lines", {std::string(kMaxLogLineBytes + 1, 'x'), ""})});
}

std::vector<PostedMessage> SomeMessages() {
  return {{.number = 1, .time_ms = 1234, .session = "s000001", .nick = "a", .text = "hello"},
          {.number = 2, .time_ms = 1235, .session = "s000002", .nick = {}, .text = "you"}};
}

TEST(ServiceRepliesTest, MessagesComeBackAsTheyWereEncoded) {
  const auto messages = DecodeMessagesReply(Bytes(EncodeReply(3, SomeMessages())));
  ASSERT_TRUE(messages) << messages.error();
  ASSERT_EQ(messages->size(), 2u);
  EXPECT_EQ((*messages)[0].number, 1u);
  EXPECT_EQ((*messages)[0].time_ms, 1234);
  EXPECT_EQ((*messages)[0].session, "s000001");
  EXPECT_EQ((*messages)[0].nick, "a");
  EXPECT_EQ((*messages)[1].text, "you");
}

TEST(ServiceRepliesTest, WrongMessagesAreRefusedByName) {
  ExpectRefusals(
      DecodeMessagesReply, EncodeReply(3, SomeMessages()),
      {Numbers("numbers", {2, 2}), Numbers("times_ms", {0, kTooLarge}),
       Texts("sessions", {kControl, ""}), Texts("nicks", {kControl, ""}),
       Texts("nicks", {"", std::string(kMaxNickBytes + 1, 'x')}), Texts("texts", {kControl, ""}),
       Texts("texts", {std::string(kMaxMessageBytes + 1, 'x'), ""})});
}

ServerStats SomeStats() {
  return {.session = {.traffic = {1, 2, 3, 4},
                      .steps = 5,
                      .requests_pending = 6,
                      .events_pending = 7,
                      .events_acknowledged = 8,
                      .events_timed_out = 9,
                      .latency_us = 10.5},
          .traffic = {11, 12, 13, 14},
          .steps = 15,
          .sessions = 16,
          .malformed = 17,
          .seconds = 18.5};
}

TEST(ServiceRepliesTest, StatsComeBackAsTheyWereEncoded) {
  const auto stats = DecodeStatsReply(Bytes(EncodeReply(3, SomeStats())));
  ASSERT_TRUE(stats) << stats.error();
  EXPECT_EQ(stats->session.traffic.messages_in, 1u);
  EXPECT_EQ(stats->session.traffic.messages_out, 2u);
  EXPECT_EQ(stats->session.traffic.bytes_in, 3u);
  EXPECT_EQ(stats->session.traffic.bytes_out, 4u);
  EXPECT_EQ(stats->session.steps, 5u);
  EXPECT_EQ(stats->session.requests_pending, 6u);
  EXPECT_EQ(stats->session.events_pending, 7u);
  EXPECT_EQ(stats->session.events_acknowledged, 8u);
  EXPECT_EQ(stats->session.events_timed_out, 9u);
  EXPECT_EQ(stats->session.latency_us, 10.5);
  EXPECT_EQ(stats->traffic.messages_in, 11u);
  EXPECT_EQ(stats->traffic.messages_out, 12u);
  EXPECT_EQ(stats->traffic.bytes_in, 13u);
  EXPECT_EQ(stats->traffic.bytes_out, 14u);
  EXPECT_EQ(stats->steps, 15u);
  EXPECT_EQ(stats->sessions, 16u);
  EXPECT_EQ(stats->malformed, 17u);
  EXPECT_EQ(stats->seconds, 18.5);
}

TEST(ServiceRepliesTest, WrongStatsAreRefusedByName) {
  std::vector<Wrong> wrong = {Float("latency_us", -1), Float("latency_us", kNotANumber),
                              Float("server_seconds", kInfinity)};
  for (const char* count :
       {"messages_in", "messages_out", "bytes_in", "bytes_out", "steps", "requests_pending",
        "events_pending", "events_acknowledged", "events_timed_out", "server_messages_in",
        "server_messages_out", "server_bytes_in", "server_bytes_out", "server_steps",
        "server_sessions", "server_malformed"}) {
    wrong.push_back(Float(count, 0.5f));
  }
  ExpectRefusals(DecodeStatsReply, EncodeReply(3, SomeStats()), wrong);
}

}  // namespace
}  // namespace hotlap::transport::service_replies_test
