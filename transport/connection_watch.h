// Cuts TCP connections that send without end. ZeroMQ gives a message to a program when all of its
// frames are there, and keeps as many as come until then, so a peer that never sends the last one
// would take any amount of memory unseen. This looks at how many bytes a connection has brought
// since its last whole message.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <unordered_map>
#include <zmq.hpp>

#include "transport/event_fd.h"

namespace hotlap::transport {

// The socket outlives it, or is closed while nobody else uses it. Endpoints other than tcp:// are
// not watched: only this machine reaches them.
class ConnectionWatch {
 public:
  // Before the socket binds. A connection may bring `limit` bytes without a whole message, and all
  // of them together kMostTogether times as many: then the one with most is cut. A peer that meant
  // well connects again by itself.
  static constexpr std::uint64_t kMostTogether = 4;
  ConnectionWatch(zmq::context_t& context, zmq::socket_t& socket, std::uint64_t limit);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  // Watches no more, so that socket and context may be closed. One caller at a time.
  void Stop();

  // For each message, with any frame of it. By the socket's thread.
  void Complete(const zmq::message_t& frame);

  std::uint64_t num_cut() const { return num_cut_.load(); }

 private:
  struct Connection;
  using Counts = std::array<std::atomic<std::uint32_t>, 4096>;  // by file descriptor, wrapped round

  void Run(zmq::socket_t events);
  void TakeEvents(zmq::socket_t& events);
  void Look();
  void Cut(int fd, const Connection& connection);

  zmq::socket_t& socket_;
  const std::uint64_t limit_;
  Counts completed_{};
  std::unordered_map<int, Connection> connections_;  // by file descriptor; of the thread
  std::atomic<std::uint64_t> num_cut_{0};
  std::atomic<bool> stopping_{false};
  EventFd wakeup_;
  std::thread thread_;
};

}  // namespace hotlap::transport
