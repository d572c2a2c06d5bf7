#include "transport/socket_events.h"

#include <atomic>
#include <cstring>
#include <string>

#include "transport/uninterrupted.h"

namespace hotlap::transport {

SocketEvents::SocketEvents(zmq::context_t& context, zmq::socket_t& socket, int kinds)
    : socket_(socket), events_(context, zmq::socket_type::pair) {
  static std::atomic<std::uint64_t> num_watched{0};
  const std::string endpoint = "inproc://hotlap-socket-events-" + std::to_string(++num_watched);
  // Without a limit: ZeroMQ would wait for whoever does not read.
  events_.set(zmq::sockopt::rcvhwm, 0);
  events_.set(zmq::sockopt::linger, 0);
  if (zmq_socket_monitor(socket.handle(), endpoint.c_str(), kinds) != 0) throw zmq::error_t();
  Uninterrupted([&] { events_.connect(endpoint); });
}

SocketEvents::~SocketEvents() { zmq_socket_monitor(socket_.handle(), nullptr, 0); }

std::optional<SocketEvents::Event> SocketEvents::Next() {
  zmq::message_t event, address;
  if (!ReceiveFrame(events_, event) || !event.more() || !ReceiveFrame(events_, address)) return {};
  std::uint16_t kind = 0;
  Event next;
  std::memcpy(&kind, event.data(), sizeof(kind));
  std::memcpy(&next.value, static_cast<const char*>(event.data()) + sizeof(kind),
              sizeof(next.value));
  next.kind = kind;
  return next;
}

}  // namespace hotlap::transport
