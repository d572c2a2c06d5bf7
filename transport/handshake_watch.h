// Why a client's socket gets no connection, which ZeroMQ tells to nobody who does not watch it.
#pragma once

#include <optional>
#include <string>
#include <zmq.hpp>

namespace hotlap::transport {

// Watches until it goes; the socket outlives it, and is used by the same thread.
class HandshakeWatch {
 public:
  // Before the socket connects.
  HandshakeWatch(zmq::context_t& context, zmq::socket_t& socket);
  ~HandshakeWatch();
  HandshakeWatch(const HandshakeWatch&) = delete;
  HandshakeWatch& operator=(const HandshakeWatch&) = delete;

  // What the other end has done to the latest handshake that failed; nullopt: none did so far.
  std::optional<std::string> Failure();

 private:
  zmq::socket_t& socket_;
  zmq::socket_t events_;
};

}  // namespace hotlap::transport
