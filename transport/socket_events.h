// What ZeroMQ tells of a socket's connections to whoever watches it.
#pragma once

#include <cstdint>
#include <optional>
#include <zmq.hpp>

namespace hotlap::transport {

// Watches until it goes; the socket outlives it. It begins and goes on the socket's thread, and
// between that it is of one thread.
class SocketEvents {
 public:
  struct Event {
    int kind = 0;             // one of ZMQ_EVENT_*
    std::uint32_t value = 0;  // as zmq_socket_monitor says: a file descriptor or an error
  };

  // Before the socket binds or connects. `kinds`: bits of those to be told.
  SocketEvents(zmq::context_t& context, zmq::socket_t& socket, int kinds);
  ~SocketEvents();
  SocketEvents(const SocketEvents&) = delete;
  SocketEvents& operator=(const SocketEvents&) = delete;

  std::optional<Event> Next();                 // without waiting
  void* handle() { return events_.handle(); }  // to poll for the next

 private:
  zmq::socket_t& socket_;
  zmq::socket_t events_;
};

}  // namespace hotlap::transport
