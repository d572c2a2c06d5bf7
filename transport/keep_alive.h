// Keeps a session alive while its learner computes: a thread with a socket of its own that pings
// with the session's token, and so is the first to know when the server does not answer.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "transport/event_fd.h"
#include "transport/protocol.h"

namespace hotlap::transport {

struct KeepAliveSettings {
  std::string endpoint;
  Token token{};
  std::chrono::milliseconds interval{100};  // between pings while nothing else is answered
  std::chrono::milliseconds timeout{5000};  // without an answer, then the server is lost
};

class KeepAlive {
 public:
  // The context outlives it.
  KeepAlive(zmq::context_t& context, const KeepAliveSettings& settings);
  ~KeepAlive();
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;

  // The server has said that it does not know the session (any more).
  bool session_is_lost() const { return session_is_lost_.load(); }
  // Nothing was answered for the timeout, of the time in which this process ran. Until something
  // is.
  bool server_is_lost() const { return server_is_lost_.load(); }
  int lost_fd() const { return lost_.fd(); }  // readable while the server is lost
  // The server has answered the learner.
  void Hear() { was_heard_.store(true, std::memory_order_relaxed); }

 private:
  void Run(zmq::socket_t socket, const KeepAliveSettings& settings);
  void SetServerIsLost(bool is_lost);

  std::atomic<bool> session_is_lost_{false}, server_is_lost_{false}, was_heard_{false};
  EventFd lost_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hotlap::transport
