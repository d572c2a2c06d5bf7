#include "transport/handshake_watch.h"

namespace hotlap::transport {
namespace {

constexpr int kKinds = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;

}  // namespace

HandshakeWatch::HandshakeWatch(zmq::context_t& context, zmq::socket_t& socket, bool has_keys)
    : events_(context, socket, kKinds), has_keys_(has_keys) {}

std::optional<std::string> HandshakeWatch::Failure() {
  while (const auto event = events_.Next()) {
    if (event->kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      failure_.reset();
    } else if (event->kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      failure_ = "it does not admit this client's key or address";
    } else if (event->kind == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL || has_keys_) {
      // A server with another key says no more than that.
      failure_ =
          "it broke off the handshake: it has another key than the client was given, or one of the "
          "two has none";
    }
  }
  return failure_;
}

}  // namespace hotlap::transport
