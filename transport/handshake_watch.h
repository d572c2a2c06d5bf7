// Why a client's socket gets no connection, which ZeroMQ tells to nobody who does not watch it.
#pragma once

#include <optional>
#include <string>
#include <zmq.hpp>

#include "transport/socket_events.h"

namespace hotlap::transport {

// Watches until it goes; the socket outlives it, and is used by the same thread.
class HandshakeWatch {
 public:
  // Before the socket connects.
  HandshakeWatch(zmq::context_t& context, zmq::socket_t& socket, bool has_keys);

  // What the other end has done to the latest handshake; nullopt: none failed so far, or one that
  // was merely cut off, as a server that is killed does it.
  std::optional<std::string> Failure();

 private:
  SocketEvents events_;
  const bool has_keys_;
  std::optional<std::string> failure_;
};

}  // namespace hotlap::transport
