// Cuts TCP connections that would take the server's memory or files. ZeroMQ gives a message to a
// program when all of its frames are there, and keeps as many as come until then, so a peer that
// never sends the last one would take any amount of memory unseen. This looks at how many bytes a
// connection has brought since its last whole message.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>
#include <zmq.hpp>

#include "transport/access_log.h"
#include "transport/event_fd.h"
#include "transport/socket_events.h"

namespace hotlap::transport {

struct ConnectionLimits {
  std::size_t connections = 0;  // at a time; those that come later are cut
  std::uint64_t bytes = 0;      // of one connection without a whole message
};

// The socket outlives it, or is closed while nobody else uses it. Endpoints other than tcp:// are
// not watched: only this machine reaches them. A peer that meant well connects again by itself.
class ConnectionWatch {
 public:
  // All connections together may have so many times the bytes of one: then of the address that has
  // most the connection that has most is cut, whether or not the server has read what came before.
  static constexpr std::uint64_t kMostTogether = 8;

  // Before the socket binds. The log may be null. `wake` asks the socket's thread, from another
  // one, to read what there is and call Drained.
  ConnectionWatch(zmq::context_t& context, zmq::socket_t& socket, const ConnectionLimits& limits,
                  AccessLog* log, std::function<void()> wake);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  // Watches no more, so that socket and context may be closed. One caller at a time.
  void Stop();

  // By the socket's thread:
  void Complete(const zmq::message_t& frame);  // for each message, with any frame of it
  void Drained();                              // every whole message is read
  // Has the connection cut that this frame came on. (One that came meanwhile, when that is gone
  // and has left it its file descriptor.)
  void Condemn(const zmq::message_t& frame);

  std::uint64_t num_cut() const { return num_cut_.load(); }

 private:
  struct Connection;
  static constexpr std::size_t kMaxFiles = 4096;

  void Run();
  void TakeEvents();
  void CutCondemned();
  void Look();
  void Cut(int fd, const char* reason);

  const ConnectionLimits limits_;
  AccessLog* const log_;
  const std::function<void()> wake_;
  std::array<std::atomic<std::uint32_t>, kMaxFiles> completed_{};  // by file descriptor
  std::atomic<std::uint64_t> num_drained_{0};
  std::mutex mutex_;
  std::vector<int> condemned_;  // file descriptors; under the mutex
  std::atomic<std::uint64_t> num_cut_{0};
  std::atomic<bool> stopping_{false};
  EventFd wakeup_;

  // Of the thread.
  std::optional<SocketEvents> events_;               // until it is stopped
  std::unordered_map<int, Connection> connections_;  // by file descriptor

  std::thread thread_;
};

}  // namespace hotlap::transport
