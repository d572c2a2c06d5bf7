#include "transport/event.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "transport/header.h"
#include "transport/header_reader.h"
#include "transport/protocol.h"

namespace hotlap::transport {
namespace {

constexpr std::array<std::string_view, 4> kKinds = {"expiring", "replaced", "shutting_down",
                                                    "message"};

}  // namespace

const char* EventKindName(EventKind kind) { return kKinds[static_cast<std::size_t>(kind)].data(); }

std::string EncodeEvent(const NumberedEvent& numbered) {
  const Event& event = numbered.event;
  HeaderWriter writer;
  writer.Unsigned("event", numbered.number)
      .String("kind", EventKindName(event.kind))
      .Signed("mode", static_cast<int>(numbered.mode));
  if (event.kind == EventKind::kExpiring) {
    writer.Unsigned("within_ms", static_cast<std::uint64_t>(event.within_ms));
  }
  if (event.kind == EventKind::kReplaced) {
    writer.Unsigned("row", static_cast<std::uint64_t>(event.row));
  }
  if (event.kind == EventKind::kMessage) writer.String("text", event.text);
  return writer.Finish();
}

tl::expected<NumberedEvent, std::string> DecodeEvent(std::span<const std::byte> frame) {
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  HeaderReader reader(*header);
  NumberedEvent numbered;
  Event& event = numbered.event;
  std::string kind;
  reader.Keep(header->Unsigned("event", 1, UINT64_MAX), numbered.number);
  reader.Keep(header->Signed("mode", -1, 1), numbered.mode);
  reader.Keep(header->String("kind", kMaxNameBytes), kind);
  const auto found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end()) {
    reader.Fail("kind", "is none that is known");
  } else {
    event.kind = static_cast<EventKind>(found - kKinds.begin());
  }
  if (reader.Has("within_ms")) {
    reader.Keep(header->Unsigned("within_ms", 0, INT64_MAX), event.within_ms);
  }
  if (reader.Has("row")) reader.Keep(header->Unsigned("row", 0, kMaxRows - 1), event.row);
  if (reader.Has("text")) reader.Keep(header->String("text", kMaxMessageBytes), event.text);
  return reader.Finish(std::move(numbered));
}

}  // namespace hotlap::transport
