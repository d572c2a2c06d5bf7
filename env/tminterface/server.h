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

inline constexpr std::int32_t kDefaultTimeoutMs = 2000;

// The game behind the protocol. Called on the thread that calls into Server.
class ServerHandler {
 public:
  virtual ~ServerHandler() = default;
  // Executes one client call and answers it. Register, Deregister, ProcessedCall and SetTimeout
  // never come here. Spans in the call are valid during it; a span in the answer must stay valid
  // until the next call. May call Server::Deregister.
  virtual Response Handle(const ClientCall& call) = 0;
  // The registered client is no more: it left, was late, sent a broken message, or was dropped by
  // Deregister or Shutdown. What it had set up (custom commands, speed) may go.
  virtual void OnClientGone() {}
  // The client sent what is no message, or one that has no place here, and is dropped for it; or a
  // request that says itself that it was cut to fit the buffer, which is refused with
  // kResponseTooLong.
  virtual void OnBadMessage(const DecodeError&) {}
};

// One game, one thread. A client that answers late, wrongly or not at all costs the game at most
// the timeout; from then on it is not registered, and whatever it still writes is wiped unanswered
// until it is a C_REGISTER.
class Server {
 public:
  // `stop` is asked in the slow part of every wait and after every message; true makes the wait
  // return kStopped.
  Server(MappedBuffer buffer, ServerHandler& handler, std::function<bool()> stop);

  enum class CallResult : std::uint8_t {
    kProcessed,
    kNoClient,      // nobody is registered; nothing was sent
    kTimedOut,      // the client was deregistered, the game goes on
    kDeregistered,  // the client left or was dropped, before or during the call
    kStopped,       // the client is still registered and its call unanswered
  };
  // Sends the call and serves the client's calls until it is processed. The timeout (2000 ms from
  // every registration on; the client may change it, -1 is none) runs from the sending of the call
  // and anew when the client changes it. C_REGISTER is answered with error 2, C_DEREGISTER ends the
  // call: a client can so take over a game that is held for one that died.
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
  Deadline CallDeadline() const;
  // Takes the client message that waits outside a call.
  void Accept();
  // Answers a registration and waits until the client has taken the answer: it zeroes the buffer
  // then, and would wipe a call that came before. False: it did not in time.
  bool AnswerRegister(ErrorCode error);
  // Serves the client message that is ready while `call` is pending; nullopt: it is pending still.
  std::optional<CallResult> Serve(MessageType call, Deadline& deadline);
  CallResult DropForBadMessage(const DecodeError& error);
  void Drop();

  MappedBuffer buffer_;
  ServerHandler& handler_;
  std::function<bool()> stop_;
  bool registered_ = false;
  std::int32_t timeout_ms_ = kDefaultTimeoutMs;
  ProcessedCall last_processed_;
  Backoff backoff_;  // of calls
};

}  // namespace hotlap::tminterface
