#include "transport/service_replies.h"

#include <algorithm>
#include <concepts>
#include <type_traits>

#include "transport/header.h"
#include "transport/printable.h"

namespace hotlap::transport {
namespace {

constexpr int kTickMs = 10;

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

void WriteTraffic(HeaderWriter& writer, const std::string& whose, const Traffic& traffic) {
  writer.Unsigned(whose + "messages_in", traffic.messages_in)
      .Unsigned(whose + "messages_out", traffic.messages_out)
      .Unsigned(whose + "bytes_in", traffic.bytes_in)
      .Unsigned(whose + "bytes_out", traffic.bytes_out);
}

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
      .Texts("tracks", [](const ListedInstance& i) { return i.sight.track; })
      .Numbers("episodes", [](const ListedInstance& i) { return i.sight.episode; })
      .Numbers("ticks",
               [](const ListedInstance& i) { return std::max(0, i.sight.race_time_ms / kTickMs); })
      .Numbers("speeds", [](const ListedInstance& i) { return i.sight.speed; })
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

}  // namespace hotlap::transport
