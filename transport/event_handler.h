// Hooks for those who run a Server inside a C++ program of their own.
//
//   class Greeter : public EventHandler {
//     void Connect(const SessionHandle& session) override {
//       session.Send({.kind = EventKind::kMessage, .text = "welcome"}, DeliveryMode::kRetry);
//     }
//   };
//   Greeter greeter;
//   settings.handler = &greeter;
//   Server server(settings, catalogue, games);
//
// Everything here happens on the thread that calls Server::Run, one call after the other; while one
// runs the server serves nobody, so it should be quick. An exception is logged, and that is all.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "transport/event.h"
#include "transport/outbox.h"
#include "transport/protocol.h"
#include "transport/session_stats.h"
#include "transport/session_status.h"
#include "transport/status.h"

namespace hotlap::transport {

class Server;
struct Session;

// A session, for calls of the handler's. May be copied and kept for as long as the server lives,
// also after the session has ended: then it tells what was so last.
class SessionHandle {
 public:
  SessionHandle(Server& server, std::shared_ptr<Session> session);

  bool is_open() const;  // the server still knows it
  SessionStatus status() const;
  const std::string& public_id() const;  // for logs: nobody can take the session over by it
  const std::string& nick() const;
  const std::string& address() const;  // of the client that said hello; empty: not known, as of ipc
  double latency_us() const;           // round trip as the client tells it, smoothed; 0: not told
  SessionStats stats() const;
  // A line of the server's log about this session.
  void Log(LogLevel level, std::string_view text) const;

  // Ends the session when what it has asked for is answered, and takes nothing new of it.
  void Disconnect() const;
  // Gives the event its number and sends it as soon as the handler has returned. `callback` hears
  // whether the client has acknowledged it; never, for kNone. kInvalidKey: it has ended; kBusy: too
  // many of its events are not acknowledged yet; kBadArgument: the text is too long or not
  // printable.
  tl::expected<std::uint64_t, Refusal> Send(const Event& event, DeliveryMode mode,
                                            Outbox::Callback callback = {}) const;

  friend bool operator==(const SessionHandle& a, const SessionHandle& b) {
    return a.session_ == b.session_;
  }

 private:
  Server* server_;
  std::shared_ptr<Session> session_;
};

class EventHandler {
 public:
  virtual ~EventHandler() = default;

  // The server is bound and about to take its first message.
  virtual void Starting() {}
  // A session was opened: its hello is about to be answered.
  virtual void Connect(const SessionHandle& /*session*/) {}
  // It has ended, for whatever reason.
  virtual void Disconnect(const SessionHandle& /*session*/) {}
  // A new request is taken and about to run; its number is its id, which grows by one per session.
  virtual void HandleMessage(const SessionHandle& /*session*/, std::uint64_t /*number*/,
                             const Request& /*request*/) {}
  // Once every ServerSettings::tick_interval; `delta` has passed since the last time, or the start.
  virtual void Update(std::chrono::nanoseconds /*delta*/) {}
  // The server leaves: it has waited for what ran, and the sessions have ended.
  virtual void Shutdown() {}
};

}  // namespace hotlap::transport
