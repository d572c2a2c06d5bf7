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
  virtual void OnCustomCommand(Client&, const tminterface::OnCustomCommand&) {}
  // Answers {decision, rewind time}; -1 is none.
  virtual std::pair<BruteforceDecision, std::int32_t> OnBruteforceEvaluate(
      Client&, const tminterface::OnBruteforceEvaluate&) {
    return {BruteforceDecision::kContinue, -1};
  }
};

// Why a game cannot go on. Text says what was seen.
enum class ClientFault : std::uint8_t {
  kNone,
  kTimeout,        // the deadline passed; the game may still answer
  kGameGone,       // the game that we registered with is not there any more; another may be
  kBadMessage,     // a message that is none, or one that is out of place
  kRefused,        // a response with an error code
  kNotRegistered,  // nothing can come: Register first
};
struct ClientError {
  ClientFault fault = ClientFault::kNone;
  ErrorCode code = ErrorCode::kNone;  // kRefused
  std::string text;
};

// One game, one thread at a time. Two layers: Poll and Send never block and are for those who pump
// many games; Pump and Call block until a deadline and are for the rest. Neither allocates for a
// step call, an empty response or a state.
//
// Silence. A game that died is seen at once: it holds its lock no more (kGameGone). A game that has
// dropped us, because we were late or because another client registered, says nothing, and nothing
// may be asked outside a call; so a caller that hears nothing until its own deadline (kTimeout)
// registers again, with whichever game holds the buffer then. That works from every state: a game
// that had dropped us accepts, one that was only slow, or is held inside a call for us or for a
// dead client, is deregistered first.
class Client {
 public:
  explicit Client(MappedBuffer buffer);

  // ---- non-blocking
  struct Incoming {
    MessageType type = MessageType::kNone;
    // Spans in it stay valid until the next Poll.
    std::variant<std::monostate, ServerCall, Response, DecodeError> message;
  };
  // The next call or the response to the last Send; nullopt when nothing is there (own echo
  // included) or the client is not registered. A call comes once. A response is cleared from the
  // buffer before this returns. A Shutdown has been answered already and needs no SendProcessed.
  // A call other than Shutdown that comes while a response is awaited is a DecodeError: out of
  // place.
  std::optional<Incoming> Poll();
  // REQUIRES: the game is inside a call (or this is Register or Deregister) and no other Send
  // awaits its response. Register takes care of an older client that the game believes in (it
  // answers with error 2, or is held inside a call): Poll deregisters that one, asks again and
  // gives the Response once it is final. After one without error S_ON_REGISTERED is on its way;
  // when no call follows for a second, that was the late response to an older client, so Poll
  // registers again and gives another Response. Deregister has no response. A request that does not
  // fit the buffer is not sent: Poll answers it with kResponseTooLong.
  void Send(const ClientCall& call);
  // Answers the game's pending call.
  void SendProcessed(MessageType which, BruteforceDecision decision = BruteforceDecision::kContinue,
                     std::int32_t rewind_time_ms = -1);
  // As Send of Register, but only with the game that we registered with before: of another one that
  // holds the buffer by now game_alive() goes on to say no.
  void RegisterAgain();
  // The request that awaits its response is not in the buffer any more: a game that does not know
  // us wipes what we write.
  bool request_is_gone() const {
    return awaited_ != MessageType::kNone && !is_too_long_ && buffer_.is_blank();
  }
  bool game_alive() const { return buffer_.game_alive(); }

  // ---- blocking
  // Registers. On success the game's S_ON_REGISTERED is pending or on its way: Pump delivers it.
  std::optional<ClientError> Register(Deadline deadline);
  // The game goes on alone. No answer is awaited; but a last C_PROCESSED_CALL that the game has not
  // taken yet is given 50 ms, because the game clears the buffer when it takes it.
  void Deregister();
  // Waits for one call of the game, gives it to the handler and answers it. nullopt: one call was
  // handled. The call stays unanswered when its handler left a response outstanding (a Call that
  // failed): kTimeout again, register anew.
  std::optional<ClientError> Pump(ClientHandler& handler, Deadline deadline);
  // One client call and its response. REQUIRES: inside a handler; not a ProcessedCall.
  std::variant<Response, ClientError> Call(const ClientCall& call, Deadline deadline);

  bool registered() const { return registered_; }
  const std::string& name() const { return buffer_.name(); }

 private:
  enum class Registering : std::uint8_t { kNo, kDeregisterSent, kRegisterSent, kAccepted };

  std::optional<Incoming> TakeResponse();
  std::optional<Incoming> TakeCall(MessageType type);
  // The non-blocking state machine of a registration.
  void BeginRegister();
  std::optional<Incoming> PollRegister();
  void SendRegister();
  void SendDeregister(Registering next);
  // Waits until `condition` holds; why it did not.
  template <class Condition>
  std::optional<ClientError> WaitUntil(Condition condition, Deadline deadline);
  // Waits for the next Incoming; a broken one is an error too.
  std::variant<Incoming, ClientError> WaitForIncoming(Deadline deadline);
  void Dispatch(ClientHandler& handler, const ServerCall& call);

  MappedBuffer buffer_;
  Backoff backoff_;
  bool registered_ = false;
  Registering registering_ = Registering::kNo;
  std::optional<Deadline> send_again_;        // while registering: what is due has not come
  bool meets_game_ = true;                    // registering: whichever game holds the buffer
  bool is_too_long_ = false;                  // the awaited request was not sent
  MessageType pending_ = MessageType::kNone;  // the game's call that has not been answered
  MessageType awaited_ = MessageType::kNone;  // the request whose response has not come
};

}  // namespace hotlap::tminterface
