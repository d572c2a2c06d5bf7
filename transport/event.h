// What a server tells a session unasked, and how it is told. docs/protocol.md is the normative
// text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>

namespace hotlap::transport {

enum class EventKind : std::uint8_t {
  kExpiring,      // nothing was heard of the client for half of its timeout
  kReplaced,      // the game of a row was lost, and another is put in its place
  kShuttingDown,  // the server leaves
  kMessage,       // from the operator
};
const char* EventKindName(EventKind kind);

// Wire values.
enum class DeliveryMode : std::int8_t {
  kNone = -1,       // sent once, whatever becomes of it; not acknowledged
  kBestEffort = 0,  // sent again until it is acknowledged or the message timeout has passed
  kRetry = 1,       // sent again until it is acknowledged or the session ends
};

struct Event {
  EventKind kind = EventKind::kMessage;
  std::string text{};          // kMessage: printable
  int row = 0;                 // kReplaced
  std::int64_t within_ms = 0;  // kExpiring: then the session expires
};

// As it is sent.
struct NumberedEvent {
  std::uint64_t number = 0;  // from 1, growing by one per session
  DeliveryMode mode = DeliveryMode::kNone;
  Event event{};
};

std::string EncodeEvent(const NumberedEvent& event);
// The error names the field; a reply is none, for it has no field 'event'.
tl::expected<NumberedEvent, std::string> DecodeEvent(std::span<const std::byte> frame);

}  // namespace hotlap::transport
