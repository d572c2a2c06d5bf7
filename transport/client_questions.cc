// What a client asks and tells beside its rows.
#include <algorithm>
#include <iterator>
#include <utility>

#include "transport/client.h"
#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

// The server says what else is wrong with a text; one that is far too long would cost the
// connection.
tl::expected<void, Refusal> CheckLength(const char* field, const std::string& text,
                                        std::size_t max_bytes) {
  if (text.size() <= max_bytes) return {};
  return Refuse(Status::kInvalidPacket, "field '" + std::string(field) +
                                            "' must be a string of at most " +
                                            std::to_string(max_bytes) + " bytes");
}

// What a decoder has read, as a call gives it.
template <typename T>
tl::expected<T, Refusal> Given(tl::expected<T, std::string> decoded) {
  return std::move(decoded).map_error(
      [](const std::string& error) { return BadReply(error).value(); });
}

}  // namespace

tl::expected<std::chrono::nanoseconds, Refusal> RemoteVectorEnvironment::Ping(Deadline deadline) {
  const Deadline begin = Clock::now();
  return Ask(RequestFor(Operation::kPing), {}, deadline).map([&] { return Clock::now() - begin; });
}

template <typename Item, typename Decode>
tl::expected<std::vector<Item>, Refusal> RemoteVectorEnvironment::AskAll(Operation operation,
                                                                         Decode decode,
                                                                         Deadline deadline) {
  std::vector<Item> items;
  Request question = RequestFor(operation);
  do {
    auto page = Ask(question, {}, deadline).and_then([&] {
      return Given(decode(BytesOf(received_.frames[0])));
    });
    if (!page) return tl::make_unexpected(std::move(page.error()));
    if (!page->items.empty() && page->items.front().number < question.first) {
      return BadReply("field 'numbers' begins before what was asked for");
    }
    std::ranges::move(page->items, std::back_inserter(items));
    question.first = page->next;
  } while (question.first != 0);
  return items;
}

tl::expected<std::vector<ListedSession>, Refusal> RemoteVectorEnvironment::Sessions(
    Deadline deadline) {
  return AskAll<ListedSession>(Operation::kSessions, DecodeSessionsReply, deadline);
}

tl::expected<std::vector<ListedInstance>, Refusal> RemoteVectorEnvironment::Instances(
    Deadline deadline) {
  return AskAll<ListedInstance>(Operation::kInstances, DecodeInstancesReply, deadline);
}

tl::expected<InstanceStates, Refusal> RemoteVectorEnvironment::States(
    std::span<const std::uint64_t> instances, Deadline deadline) {
  InstanceStates states;
  do {
    const auto asked = instances.first(std::min(instances.size(), kMaxListed));
    instances = instances.subspan(asked.size());
    auto part = Ask(RequestFor(Operation::kStates), {std::as_bytes(asked)}, deadline).and_then([&] {
      return Given(DecodeStatesReply(received_.frames, asked.size()));
    });
    if (!part) return part;
    std::ranges::move(*part, std::back_inserter(states));
  } while (!instances.empty());
  return states;
}

tl::expected<std::vector<LogLine>, Refusal> RemoteVectorEnvironment::Logs(std::uint64_t since,
                                                                          LogLevel least,
                                                                          Deadline deadline) {
  Request question = RequestFor(Operation::kLogs);
  question.since = since;
  question.level = least;
  return Ask(std::move(question), {}, deadline).and_then([&] {
    return Given(DecodeLogsReply(BytesOf(received_.frames[0])));
  });
}

tl::expected<std::vector<PostedMessage>, Refusal> RemoteVectorEnvironment::Messages(
    std::uint64_t since, Deadline deadline) {
  Request question = RequestFor(Operation::kMessages);
  question.since = since;
  return Ask(std::move(question), {}, deadline).and_then([&] {
    return Given(DecodeMessagesReply(BytesOf(received_.frames[0])));
  });
}

tl::expected<ServerStats, Refusal> RemoteVectorEnvironment::Stats(Deadline deadline) {
  return Ask(RequestFor(Operation::kStats), {}, deadline).and_then([&] {
    return Given(DecodeStatsReply(BytesOf(received_.frames[0])));
  });
}

tl::expected<TrackGeometry, Refusal> RemoteVectorEnvironment::Track(const std::string& name,
                                                                    Deadline deadline) {
  return CheckLength("track", name, kMaxNameBytes)
      .and_then([&] {
        Request request = RequestFor(Operation::kTrack);
        request.track = name;
        return Call(std::move(request), {}, deadline);
      })
      .and_then([&] { return Given(DecodeTrackReply(received_.frames)); });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::PostMessage(const std::string& text,
                                                                 Deadline deadline) {
  return CheckLength("text", text, kMaxMessageBytes).and_then([&] {
    Request request = RequestFor(Operation::kPostMessage);
    request.text = text;
    return Call(std::move(request), {}, deadline);
  });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::ClearMessages(const std::string& admin_key,
                                                                   Deadline deadline) {
  return CheckLength("admin_key", admin_key, kMaxAdminKeyBytes).and_then([&] {
    Request request = RequestFor(Operation::kClearMessages);
    request.admin_key = admin_key;
    return Call(std::move(request), {}, deadline);
  });
}

tl::expected<void, Refusal> RemoteVectorEnvironment::Announce(const std::string& admin_key,
                                                              const std::string& text,
                                                              Deadline deadline) {
  return CheckLength("admin_key", admin_key, kMaxAdminKeyBytes)
      .and_then([&] { return CheckLength("text", text, kMaxMessageBytes); })
      .and_then([&] {
        Request request = RequestFor(Operation::kAnnounce);
        request.admin_key = admin_key;
        request.text = text;
        return Call(std::move(request), {}, deadline);
      });
}

}  // namespace hotlap::transport
