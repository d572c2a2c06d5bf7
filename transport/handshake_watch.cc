#include "transport/handshake_watch.h"

#include <atomic>
#include <cstdint>
#include <cstring>

#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

constexpr int kFailures = ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;

}  // namespace

HandshakeWatch::HandshakeWatch(zmq::context_t& context, zmq::socket_t& socket)
    : socket_(socket), events_(context, zmq::socket_type::pair) {
  static std::atomic<std::uint64_t> num_watches{0};
  const std::string endpoint = "inproc://hotlap-handshakes-" + std::to_string(++num_watches);
  // Without a limit: ZeroMQ would wait for whoever does not read.
  events_.set(zmq::sockopt::rcvhwm, 0);
  events_.set(zmq::sockopt::linger, 0);
  if (zmq_socket_monitor(socket_.handle(), endpoint.c_str(), kFailures) != 0) throw zmq::error_t();
  Uninterrupted([&] { events_.connect(endpoint); });
}

HandshakeWatch::~HandshakeWatch() { zmq_socket_monitor(socket_.handle(), nullptr, 0); }

std::optional<std::string> HandshakeWatch::Failure() {
  std::optional<std::string> failure;
  zmq::message_t event, address;
  while (ReceiveFrame(events_, event) && event.more() && ReceiveFrame(events_, address)) {
    std::uint16_t number = 0;
    std::memcpy(&number, event.data(), sizeof(number));
    failure = number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
                  ? "it does not admit this client's key or address"
                  : "it broke off the handshake: it has another key than the client was given, or "
                    "one of the two has none";
  }
  return failure;
}

}  // namespace hotlap::transport
