// What went between a server and one session, or all of them. Headers and arrays, without what
// ZeroMQ adds.
#pragma once

#include <cstdint>

namespace hotlap::transport {

struct Traffic {
  std::uint64_t messages_in = 0, messages_out = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
};

}  // namespace hotlap::transport
