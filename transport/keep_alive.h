// Keeps a session alive while its learner computes: a thread with a socket of its own that pings
// with the session's token.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "transport/protocol.h"

namespace hotlap::transport {

class KeepAlive {
 public:
  // The context outlives it.
  KeepAlive(zmq::context_t& context, const std::string& endpoint, const Token& token,
            std::chrono::milliseconds interval);
  ~KeepAlive();
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;

  // The server has said that it does not know the session (any more).
  bool session_is_lost() const { return session_is_lost_.load(); }

 private:
  void Run(zmq::socket_t socket, const Token& token, std::chrono::milliseconds interval);

  std::atomic<bool> session_is_lost_{false};
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hotlap::transport
