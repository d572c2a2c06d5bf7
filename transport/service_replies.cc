#include "transport/service_replies.h"

#include <algorithm>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <limits>
#include <type_traits>
#include <utility>

#include "transport/header.h"
#include "transport/header_reader.h"
#include "transport/printable.h"

namespace hotlap::transport {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

HeaderWriter Begin(std::uint64_t id) {
  HeaderWriter writer;
  writer.Unsigned("id", id).Signed("status", 0);
  return writer;
}

// Writes lists that belong together, element by element, one list per member of their structs.
template <typename Item>
class ListWriter {
 public:
  ListWriter(HeaderWriter& writer, std::span<const Item> items) : writer_(writer), items_(items) {}

  template <typename Of>
  ListWriter& Texts(const char* name, Of of) {
    std::vector<std::string> values;
    for (const Item& item : items_) values.emplace_back(of(item));
    writer_.Strings(name, values);
    return *this;
  }
  template <typename Of>
  ListWriter& Numbers(const char* name, Of of) {
    using Value = std::invoke_result_t<Of, const Item&>;
    if constexpr (std::floating_point<Value>) {
      std::vector<float> values;
      for (const Item& item : items_) values.push_back(static_cast<float>(of(item)));
      writer_.FloatList(name, values);
    } else {
      std::vector<std::uint64_t> values;
      for (const Item& item : items_) values.push_back(static_cast<std::uint64_t>(of(item)));
      writer_.UnsignedList(name, values);
    }
    return *this;
  }

 private:
  HeaderWriter& writer_;
  std::span<const Item> items_;
};

// Reads them back into structs. A member is a pointer to one, or what gives a reference to it.
template <typename Item>
class ListReader : public HeaderReader {
 public:
  ListReader(const Header& header, std::vector<Item>& items)
      : HeaderReader(header), items_(items) {}

  // The first list, by which the others are numbered: it sets their length.
  template <typename Member>
  void Growing(const char* name, Member member) {
    std::vector<std::uint64_t> values;
    Keep(header_.UnsignedList(name), values);
    const auto out_of_order = std::ranges::adjacent_find(values, std::ranges::greater_equal{});
    if (out_of_order != values.end()) return Fail(name, "does not grow");
    items_.resize(values.size());
    Fill(name, values, member);
  }
  template <typename Member>
  void Numbers(const char* name, std::uint64_t low, std::uint64_t high, Member member) {
    std::vector<std::uint64_t> values;
    Keep(header_.UnsignedList(name), values);
    for (const std::uint64_t value : values) {
      if (value < low || value > high) return Fail(name, "has a value out of range");
    }
    Fill(name, values, member);
  }
  template <typename Member>
  void Numbers(const char* name, std::uint64_t high, Member member) {
    Numbers(name, 0, high, member);
  }
  template <typename Member>
  void Floats(const char* name, Member member) {
    std::vector<float> values;
    Keep(header_.FloatList(name), values);
    for (const float value : values) {
      if (!(value >= 0 && value <= kLargest)) return Fail(name, "has a value out of range");
    }
    Fill(name, values, member);
  }
  template <typename Member>
  void Texts(const char* name, std::size_t max_bytes, Member member) {
    std::vector<std::string> values;
    Keep(header_.Strings(name, max_bytes), values);
    if (!std::ranges::all_of(values, IsPrintable)) {
      return Fail(name, "has a text with control characters");
    }
    Fill(name, values, member);
  }
  // Words that `word_of` gives for `choices`.
  template <typename E, typename Member>
  void Choices(const char* name, std::initializer_list<E> choices, const char* (*word_of)(E),
               Member member) {
    std::vector<std::string> words;
    Keep(header_.Strings(name, kMaxNameBytes), words);
    std::vector<E> values;
    for (const std::string& word : words) {
      const auto found = std::ranges::find(choices, word, word_of);
      if (found == choices.end()) return Fail(name, "has a value that is none of its own");
      values.push_back(*found);
    }
    Fill(name, values, member);
  }

 private:
  template <typename Value, typename Member>
  void Fill(const char* name, const std::vector<Value>& values, Member member) {
    if (values.size() != items_.size()) return Fail(name, "has another length than its fellows");
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto& out = std::invoke(member, items_[i]);
      out = static_cast<std::remove_reference_t<decltype(out)>>(values[i]);
    }
  }

  std::vector<Item>& items_;
};

// Behind the lists of a page.
template <typename Item>
tl::expected<Page<Item>, std::string> FinishPage(ListReader<Item>& reader, const Header& header,
                                                 Page<Item>& page) {
  reader.Keep(header.Unsigned("next", 0, UINT64_MAX), page.next);
  if (page.next != 0 && (page.items.empty() || page.next <= page.items.back().number)) {
    reader.Fail("next", "is no number behind those that are told");
  }
  return reader.Finish(std::move(page));
}

void WriteTraffic(HeaderWriter& writer, const std::string& whose, const Traffic& traffic) {
  writer.Unsigned(whose + "messages_in", traffic.messages_in)
      .Unsigned(whose + "messages_out", traffic.messages_out)
      .Unsigned(whose + "bytes_in", traffic.bytes_in)
      .Unsigned(whose + "bytes_out", traffic.bytes_out);
}

class StatsReader : public HeaderReader {
 public:
  using HeaderReader::HeaderReader;

  void Count(const std::string& name, std::uint64_t& out) {
    Keep(header_.Unsigned(name, 0, UINT64_MAX), out);
  }
  void Quantity(const char* name, double& out) { Keep(header_.Float(name, 0, kLargest), out); }
  void Counts(const std::string& whose, Traffic& traffic) {
    Count(whose + "messages_in", traffic.messages_in);
    Count(whose + "messages_out", traffic.messages_out);
    Count(whose + "bytes_in", traffic.bytes_in);
    Count(whose + "bytes_out", traffic.bytes_out);
  }
};

}  // namespace

std::string EncodeReply(std::uint64_t id, std::span<const ListedSession> sessions,
                        std::uint64_t next) {
  HeaderWriter writer = Begin(id);
  ListWriter(writer, sessions)
      .Numbers("numbers", [](const ListedSession& s) { return s.number; })
      .Texts("sessions", [](const ListedSession& s) { return s.session; })
      .Texts("nicks", [](const ListedSession& s) { return s.nick; })
      .Numbers("ranks", [](const ListedSession& s) { return s.rank; })
      .Numbers("statuses", [](const ListedSession& s) { return static_cast<int>(s.status); })
      .Numbers("seconds", [](const ListedSession& s) { return s.seconds; })
      .Numbers("rows", [](const ListedSession& s) { return s.rows; })
      .Numbers("steps", [](const ListedSession& s) { return s.steps; })
      .Numbers("latencies_us", [](const ListedSession& s) { return s.latency_us; });
  writer.Unsigned("next", next);
  return writer.Finish();
}

std::string EncodeReply(std::uint64_t id, std::span<const ListedInstance> instances,
                        std::uint64_t next) {
  HeaderWriter writer = Begin(id);
  ListWriter(writer, instances)
      .Numbers("numbers", [](const ListedInstance& i) { return i.number; })
      .Texts("kinds", [](const ListedInstance& i) { return GameKindName(i.kind); })
      .Texts("sessions", [](const ListedInstance& i) { return i.session; })
      .Numbers("rows", [](const ListedInstance& i) { return i.row; })
      .Texts("tracks", [](const ListedInstance& i) { return i.track; })
      .Numbers("episodes", [](const ListedInstance& i) { return i.episode; })
      .Numbers("ticks", [](const ListedInstance& i) { return i.ticks; })
      .Numbers("speeds", [](const ListedInstance& i) { return i.speed; })
      .Texts("healths",
             [](const ListedInstance& i) { return GameConditionName(i.health.condition); })
      .Numbers("losses", [](const ListedInstance& i) { return i.health.losses; })
      .Numbers("restarts", [](const ListedInstance& i) { return i.health.restarts_in_last_hour; })
      .Texts("last_losses", [](const ListedInstance& i) {
        return MadePrintable(i.health.last_loss, kMaxLogLineBytes);
      });
  writer.Unsigned("next", next);
  return writer.Finish();
}

std::string EncodeReply(std::uint64_t id, std::span<const LogLine> lines) {
  HeaderWriter writer = Begin(id);
  ListWriter(writer, lines)
      .Numbers("numbers", [](const LogLine& line) { return line.number; })
      .Numbers("times_ms", [](const LogLine& line) { return line.time_ms; })
      .Texts("levels", [](const LogLine& line) { return LogLevelName(line.level); })
      .Texts("lines", [](const LogLine& line) { return line.text; });
  return writer.Finish();
}

std::string EncodeReply(std::uint64_t id, std::span<const PostedMessage> messages) {
  HeaderWriter writer = Begin(id);
  ListWriter(writer, messages)
      .Numbers("numbers", [](const PostedMessage& m) { return m.number; })
      .Numbers("times_ms", [](const PostedMessage& m) { return m.time_ms; })
      .Texts("sessions", [](const PostedMessage& m) { return m.session; })
      .Texts("nicks", [](const PostedMessage& m) { return m.nick; })
      .Texts("texts", [](const PostedMessage& m) { return m.text; });
  return writer.Finish();
}

std::string EncodeReply(std::uint64_t id, const ServerStats& stats) {
  const SessionStats& session = stats.session;
  HeaderWriter writer = Begin(id);
  WriteTraffic(writer, "", session.traffic);
  writer.Unsigned("steps", session.steps)
      .Unsigned("requests_pending", session.requests_pending)
      .Unsigned("events_pending", session.events_pending)
      .Unsigned("events_acknowledged", session.events_acknowledged)
      .Unsigned("events_timed_out", session.events_timed_out)
      .Float("latency_us", static_cast<float>(session.latency_us));
  WriteTraffic(writer, "server_", stats.traffic);
  writer.Unsigned("server_steps", stats.steps)
      .Unsigned("server_sessions", stats.sessions)
      .Unsigned("server_malformed", stats.malformed)
      .Float("server_seconds", static_cast<float>(stats.seconds));
  return writer.Finish();
}

tl::expected<Page<ListedSession>, std::string> DecodeSessionsReply(
    std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  Page<ListedSession> page;
  ListReader reader(*header, page.items);
  reader.Growing("numbers", &ListedSession::number);
  reader.Texts("sessions", kMaxNameBytes, &ListedSession::session);
  reader.Texts("nicks", kMaxNickBytes, &ListedSession::nick);
  reader.Numbers("ranks", UINT64_MAX, &ListedSession::rank);
  reader.Numbers("statuses", static_cast<std::uint64_t>(SessionStatus::kConnecting),
                 static_cast<std::uint64_t>(SessionStatus::kDropped), &ListedSession::status);
  reader.Floats("seconds", &ListedSession::seconds);
  reader.Numbers("rows", kMaxRows, &ListedSession::rows);
  reader.Numbers("steps", UINT64_MAX, &ListedSession::steps);
  reader.Floats("latencies_us", &ListedSession::latency_us);
  return FinishPage(reader, *header, page);
}

tl::expected<Page<ListedInstance>, std::string> DecodeInstancesReply(
    std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  const auto health = [](auto member) {
    return [member](ListedInstance & instance) -> auto& { return instance.health.*member; };
  };
  Page<ListedInstance> page;
  ListReader reader(*header, page.items);
  reader.Growing("numbers", &ListedInstance::number);
  reader.Choices("kinds", {GameKind::kSimulated, GameKind::kTMInterface}, GameKindName,
                 &ListedInstance::kind);
  reader.Texts("sessions", kMaxNameBytes, &ListedInstance::session);
  reader.Numbers("rows", kMaxRows, &ListedInstance::row);
  reader.Texts("tracks", kMaxNameBytes, &ListedInstance::track);
  reader.Numbers("episodes", UINT64_MAX, &ListedInstance::episode);
  reader.Numbers("ticks", INT32_MAX, &ListedInstance::ticks);
  reader.Floats("speeds", &ListedInstance::speed);
  reader.Choices("healths",
                 {GameCondition::kRunning, GameCondition::kRestarting, GameCondition::kQuarantined},
                 GameConditionName, health(&GameHealth::condition));
  reader.Numbers("losses", INT32_MAX, health(&GameHealth::losses));
  reader.Numbers("restarts", INT32_MAX, health(&GameHealth::restarts_in_last_hour));
  reader.Texts("last_losses", kMaxLogLineBytes, health(&GameHealth::last_loss));
  return FinishPage(reader, *header, page);
}

tl::expected<std::vector<LogLine>, std::string> DecodeLogsReply(std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  std::vector<LogLine> lines;
  ListReader reader(*header, lines);
  reader.Growing("numbers", &LogLine::number);
  reader.Numbers("times_ms", INT64_MAX, &LogLine::time_ms);
  reader.Choices("levels",
                 {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError},
                 LogLevelName, &LogLine::level);
  reader.Texts("lines", kMaxLogLineBytes, &LogLine::text);
  return reader.Finish(std::move(lines));
}

tl::expected<std::vector<PostedMessage>, std::string> DecodeMessagesReply(
    std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  std::vector<PostedMessage> messages;
  ListReader reader(*header, messages);
  reader.Growing("numbers", &PostedMessage::number);
  reader.Numbers("times_ms", INT64_MAX, &PostedMessage::time_ms);
  reader.Texts("sessions", kMaxNameBytes, &PostedMessage::session);
  reader.Texts("nicks", kMaxNickBytes, &PostedMessage::nick);
  reader.Texts("texts", kMaxMessageBytes, &PostedMessage::text);
  return reader.Finish(std::move(messages));
}

tl::expected<ServerStats, std::string> DecodeStatsReply(std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  StatsReader reader(*header);
  ServerStats stats;
  SessionStats& session = stats.session;
  reader.Counts("", session.traffic);
  reader.Count("steps", session.steps);
  reader.Count("requests_pending", session.requests_pending);
  reader.Count("events_pending", session.events_pending);
  reader.Count("events_acknowledged", session.events_acknowledged);
  reader.Count("events_timed_out", session.events_timed_out);
  reader.Quantity("latency_us", session.latency_us);
  reader.Counts("server_", stats.traffic);
  reader.Count("server_steps", stats.steps);
  reader.Count("server_sessions", stats.sessions);
  reader.Count("server_malformed", stats.malformed);
  reader.Quantity("server_seconds", stats.seconds);
  return reader.Finish(stats);
}

}  // namespace hotlap::transport
