// The game's end of the protocol: what a game needs to be driven by any TMInterface client.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "env/deadline.h"
#include "env/tminterface/mapped_buffer.h"
#include "env/tminterface/message.h"

namespace hotlap::tminterface {

// The game behind the protocol. Called on the thread that calls into Server.
class ServerHandler {
 public:
  virtual ~ServerHandler() = default;
  // Executes one client call and answers it. Register, Deregister, ProcessedCall and SetTimeout
  // never come here. Spans in the call are valid during it; a span in the answer must stay valid
  // until the next call.
  virtual Response Handle(const ClientCall& call) = 0;
  virtual void OnClientGone() {}  // deregistered by itself, by timeout or by a broken message
  virtual void OnBadMessage(const DecodeError&) {}
};

class Server {
 public:
  // `stop` is asked in the slow part of every wait; true makes the wait return kStopped.
  Server(MappedBuffer buffer, ServerHandler& handler, std::function<bool()> stop);

  enum class CallResult : std::uint8_t {
    kProcessed,
    kNoClient,      // nobody is registered; nothing was sent
    kTimedOut,      // the client was deregistered, the game goes on
    kDeregistered,  // the client left during the call
    kStopped,
  };
  // Sends the call and serves the client's calls until it is processed.
  CallResult Call(const ServerCall& call);
  // Accepts a registration (and delivers S_ON_REGISTERED) or a deregistration, if one waits. Never
  // blocks without a client.
  void Poll();
  // Tells the client that the game is going; does not wait.
  void Shutdown();
  // Drops the client as the console command `deregister` does.
  void Deregister();

  bool registered() const { return registered_; }
  // Bruteforce answer of the last processed call.
  const ProcessedCall& last_processed() const { return last_processed_; }
  const std::string& name() const { return buffer_.name(); }

 private:
  MappedBuffer buffer_;
  ServerHandler& handler_;
  std::function<bool()> stop_;
  bool registered_ = false;
  std::int32_t timeout_ms_ = 2000;
  ProcessedCall last_processed_;
};

}  // namespace hotlap::tminterface
