// Keeps a session alive while its learner computes: a thread with a socket of its own that pings
// with the session's token, hears the server's events, and so is the first to know when it does not
// answer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "env/deadline.h"
#include "transport/curve_keys.h"
#include "transport/event.h"
#include "transport/event_fd.h"
#include "transport/protocol.h"
#include "transport/seen_events.h"

namespace hotlap::transport {

struct KeepAliveSettings {
  std::string endpoint;
  std::optional<ClientKeys> keys{};
  Token token{};
  std::chrono::milliseconds interval{100};  // between pings while nothing else is answered
  std::chrono::milliseconds timeout{5000};  // without an answer, then the server is lost
  // Called on its thread, once for each event; while it runs nothing is pinged. It must not throw.
  // Empty: nobody wants to hear.
  std::function<void(const Event&)> on_event{};
  // Those that were heard, by one keep-alive of the session after the other.
  std::shared_ptr<SeenEvents> seen = std::make_shared<SeenEvents>();
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
  void Run(zmq::socket_t& socket);
  void Ping(zmq::socket_t& socket);
  void Take(zmq::socket_t& socket, const zmq::message_t& message);
  void Send(zmq::socket_t& socket, const Request& request);
  void SetServerIsLost(bool is_lost);

  const KeepAliveSettings settings_;
  std::atomic<bool> session_is_lost_{false}, server_is_lost_{false}, was_heard_{false};
  std::atomic<bool> stopping_{false};
  EventFd lost_;
  EventFd wakeup_;

  // Of its thread.
  std::uint64_t last_ping_ = 0;  // id
  Deadline pinged_at_{};
  std::optional<std::uint32_t> round_trip_us_;  // latest

  std::thread thread_;
};

}  // namespace hotlap::transport
