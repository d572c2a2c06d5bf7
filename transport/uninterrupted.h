// Frames of ZeroMQ, and calls for them that a signal does not end: interrupted ones are made again.
// Handlers run all the same, whatever flags they were installed with.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <zmq.hpp>

#include "env/deadline.h"
#include "transport/handoff.h"

namespace hotlap::transport {

template <typename Call>
auto Uninterrupted(const Call& call) {
  while (true) {
    try {
      return call();
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
  }
}

// Until one of them is ready or `until` has passed; an hour at most.
inline void Poll(std::span<zmq::pollitem_t> items, Deadline until) {
  Uninterrupted([&] {
    const Clock::time_point now = Clock::now();
    // The difference to a point as far off as kAtOnce does not fit into a duration.
    const Clock::duration left = until <= now ? Clock::duration::zero() : until - now;
    return zmq::poll(
        items.data(), items.size(),
        std::min<std::chrono::milliseconds>(std::chrono::ceil<std::chrono::milliseconds>(left),
                                            std::chrono::hours(1)));
  });
}

// Whether an endpoint names an IPv6 address. Sockets look for those only then: a host's name that
// has both kinds stays with IPv4.
inline bool IsIpv6(std::string_view endpoint) { return endpoint.find('[') != endpoint.npos; }

// Valid as long as the frame.
inline std::span<const std::byte> BytesOf(const zmq::message_t& frame) {
  return {static_cast<const std::byte*>(frame.data()), frame.size()};
}

// The next frame, without waiting; false when there is none.
inline bool ReceiveFrame(zmq::socket_t& socket, zmq::message_t& frame) {
  if (!Uninterrupted([&] { return socket.recv(frame, zmq::recv_flags::dontwait).has_value(); })) {
    return false;
  }
  TakeOver(frame);
  return true;
}

// Without waiting; false when the queue is full.
inline bool SendFrame(zmq::socket_t& socket, zmq::message_t frame, bool more) {
  HandOver(frame);
  const auto flags = more ? zmq::send_flags::sndmore : zmq::send_flags::none;
  return Uninterrupted(
      [&] { return socket.send(frame, flags | zmq::send_flags::dontwait).has_value(); });
}

}  // namespace hotlap::transport
