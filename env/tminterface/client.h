// The client's end of the protocol: what drives a game.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "env/deadline.h"
#include "env/tminterface/mapped_buffer.h"
#include "env/tminterface/message.h"

namespace hotlap::tminterface {

class Client;

// Called from Pump for each call of the game, on the thread that pumps. While one of these runs,
// every Client::Call is legal; the call is answered with C_PROCESSED_CALL when it returns.
class ClientHandler {
 public:
  virtual ~ClientHandler() = default;
  virtual void OnRegistered(Client&) {}
  virtual void OnShutdown(Client&) {}  // deregistered already; the game is going
  virtual void OnRunStep(Client&, std::int32_t /*race_time_ms*/) {}
  virtual void OnSimBegin(Client&) {}
  virtual void OnSimStep(Client&, std::int32_t /*race_time_ms*/) {}
  virtual void OnSimEnd(Client&, std::int32_t /*result*/) {}
  virtual void OnCheckpointCountChanged(Client&, std::int32_t /*current*/,
                                        std::int32_t /*target*/) {}
  virtual void OnLapsCountChanged(Client&, std::int32_t /*current*/) {}
  virtual void OnCustomCommand(Client&, const OnCustomCommand&) {}
  // Answers {decision, rewind time}; -1 is none.
  virtual std::pair<BruteforceDecision, std::int32_t> OnBruteforceEvaluate(
      Client&, const tminterface::OnBruteforceEvaluate&) {
    return {BruteforceDecision::kContinue, -1};
  }
};

// Why a game cannot go on. Text says what was seen.
enum class ClientFault : std::uint8_t {
  kNone,
  kTimeout,     // the deadline passed; the game may still answer
  kGameGone,    // nobody holds the buffer's lock any more
  kBadMessage,  // a message that is none, or one that is out of place
  kRefused,     // a response with an error code
};
struct ClientError {
  ClientFault fault = ClientFault::kNone;
  ErrorCode code = ErrorCode::kNone;  // kRefused
  std::string text;
};

// One game, one thread at a time. Two layers: Poll and Send never block and are for those who pump
// many games; Pump and Call block until a deadline and are for the rest.
class Client {
 public:
  explicit Client(MappedBuffer buffer);

  // ---- non-blocking
  struct Incoming {
    MessageType type = MessageType::kNone;
    std::variant<std::monostate, ServerCall, Response, DecodeError>
        message;  // spans in it stay valid until the next Poll
  };
  // The next call or the response to the last Send; nullopt when nothing is there (own echo
  // included). A response is cleared from the buffer before this returns.
  std::optional<Incoming> Poll();
  // REQUIRES: the game is inside a call (or this is Register or Deregister) and no other Send
  // awaits its response.
  void Send(const ClientCall& call);
  // Answers the game's pending call.
  void SendProcessed(MessageType which, BruteforceDecision decision = BruteforceDecision::kContinue,
                     std::int32_t rewind_time_ms = -1);
  bool game_alive() const { return buffer_.game_alive(); }

  // ---- blocking
  // Registers: sends C_REGISTER, and if the game still believes in an older client (error 2)
  // deregisters that one first. On success the game's S_ON_REGISTERED is pending or on its way:
  // Pump delivers it.
  std::optional<ClientError> Register(Deadline deadline);
  void Deregister();  // the game goes on alone; never waits
  // Waits for one call of the game, gives it to the handler and answers it. nullopt: one call was
  // handled.
  std::optional<ClientError> Pump(ClientHandler& handler, Deadline deadline);
  // One client call and its response. REQUIRES: inside a handler.
  std::variant<Response, ClientError> Call(const ClientCall& call, Deadline deadline);

  bool registered() const { return registered_; }
  const std::string& name() const { return buffer_.name(); }

 private:
  MappedBuffer buffer_;
  bool registered_ = false;
  MessageType awaited_ = MessageType::kNone;  // the request whose response has not come
};

}  // namespace hotlap::tminterface
