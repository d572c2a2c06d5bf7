// Where a session stands. Numbers that clients see: never change one.
#pragma once

#include <cstdint>

namespace hotlap::transport {

enum class SessionStatus : std::uint8_t {
  kConnecting = 1,     // its hello was answered, and nothing has come with its token yet
  kConnected = 2,      // heard of
  kDisconnecting = 3,  // its goodbye is admitted, or the server ends it: nothing follows
  kDisconnected = 4,   // out of the table
  kDropped = 5,        // not heard of for its timeout: its rows are kept for its client for a while
};

}  // namespace hotlap::transport
