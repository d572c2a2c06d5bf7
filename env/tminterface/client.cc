#include "env/tminterface/client.h"

#include <cassert>
#include <utility>

namespace hotlap::tminterface {
namespace {

using std::chrono::milliseconds;

// A C_REGISTER that is gone without an answer for so long was wiped by a game that was just
// clearing its buffer, and is sent again.
constexpr milliseconds kRegisterAgainAfter{100};
// So long S_ON_REGISTERED may take after C_REGISTER was accepted.
constexpr milliseconds kFirstCallWithin{1000};
constexpr milliseconds kLastAnswerTaken{50};

std::string Name(MessageType type) { return std::string(MessageName(type)); }

ClientError Error(ClientFault fault, std::string text) {
  return {fault, ErrorCode::kNone, std::move(text)};
}

}  // namespace

Client::Client(MappedBuffer buffer) : buffer_(std::move(buffer)) {}

// ---- non-blocking

std::optional<Client::Incoming> Client::Poll() {
  const MessageType type = buffer_.ready_type();
  if (!registered_) {
    return registering_ == Registering::kNo ? std::nullopt : PollRegister();
  }
  if (std::exchange(is_too_long_, false)) {
    awaited_ = MessageType::kNone;
    return Incoming{MessageType::kResponse,
                    Response{.error = ErrorCode::kResponseTooLong, .content = {}}};
  }
  if (type == MessageType::kResponse) return TakeResponse();
  if (IsServerCall(type)) return TakeCall(type);
  if (registering_ == Registering::kAccepted && Clock::now() >= *send_again_) SendRegister();
  return std::nullopt;
}

std::optional<Client::Incoming> Client::TakeResponse() {
  const MessageType request = std::exchange(awaited_, MessageType::kNone);
  const RawMessage raw = buffer_.Read(request);
  buffer_.Clear();
  if (request == MessageType::kNone) return std::nullopt;  // to a request that was given up
  Incoming incoming{MessageType::kResponse, {}};
  std::visit([&](auto&& message) { incoming.message = std::forward<decltype(message)>(message); },
             DecodeResponse(request, raw.error, raw.payload));
  return incoming;
}

std::optional<Client::Incoming> Client::TakeCall(MessageType type) {
  if (type != MessageType::kShutdown) {
    if (awaited_ != MessageType::kNone) {
      return Incoming{type, DecodeError{Name(type), "is out of place: the response to " +
                                                        Name(awaited_) + " is awaited"}};
    }
    if (pending_ != MessageType::kNone) return std::nullopt;  // the one that we are answering
  }
  registering_ = Registering::kNo;
  const RawMessage raw = buffer_.Read();
  if (type == MessageType::kShutdown) {
    SendDeregister(Registering::kNo);
  } else {
    pending_ = type;
  }
  Incoming incoming{type, {}};
  std::visit([&](auto&& message) { incoming.message = std::forward<decltype(message)>(message); },
             DecodeServerCall(type, raw.payload));
  return incoming;
}

void Client::Send(const ClientCall& call) {
  const MessageType type = TypeOf(call);
  if (type == MessageType::kRegister) {
    meets_game_ = true;
    return BeginRegister();
  }
  if (type == MessageType::kDeregister) return SendDeregister(Registering::kNo);
  assert(awaited_ == MessageType::kNone);
  if (type == MessageType::kProcessedCall) {
    pending_ = MessageType::kNone;
  } else {
    awaited_ = type;
  }
  is_too_long_ = !buffer_.PublishWhole(call);
}

void Client::SendProcessed(MessageType which, BruteforceDecision decision,
                           std::int32_t rewind_time_ms) {
  Send(ProcessedCall{which, decision, rewind_time_ms});
}

void Client::RegisterAgain() {
  meets_game_ = false;
  BeginRegister();
}

void Client::BeginRegister() {
  if (IsServerCall(buffer_.ready_type())) {  // the game is held for an older client
    SendDeregister(Registering::kDeregisterSent);
  } else {
    SendRegister();
  }
}

std::optional<Client::Incoming> Client::PollRegister() {
  const MessageType type = buffer_.ready_type();
  if (type == MessageType::kResponse) {
    const ErrorCode error = buffer_.Read().error;
    buffer_.Clear();
    if (registering_ == Registering::kDeregisterSent) {
      SendRegister();
    } else if (error == ErrorCode::kClientAlreadyRegistered) {
      SendDeregister(Registering::kDeregisterSent);
    } else {
      registered_ = error == ErrorCode::kNone;
      registering_ = registered_ ? Registering::kAccepted : Registering::kNo;
      send_again_ = DeadlineIn(kFirstCallWithin);
      return Incoming{type, Response{.error = error, .content = {}}};
    }
  } else if (IsServerCall(type)) {
    // It came over our request: the game believes in an older client and waits for its answer.
    if (type != MessageType::kShutdown) SendDeregister(Registering::kDeregisterSent);
  } else if (type != MessageType::kNone) {
    send_again_.reset();  // our request, not taken yet
  } else if (registering_ == Registering::kRegisterSent && !send_again_) {
    send_again_ = DeadlineIn(kRegisterAgainAfter);
  } else if (registering_ == Registering::kDeregisterSent || Clock::now() >= *send_again_) {
    SendRegister();  // C_DEREGISTER was taken, or C_REGISTER wiped
  }
  return std::nullopt;
}

void Client::SendRegister() {
  registered_ = is_too_long_ = false;
  registering_ = Registering::kRegisterSent;
  pending_ = awaited_ = MessageType::kNone;
  send_again_.reset();
  if (meets_game_) buffer_.MeetGame();
  buffer_.PublishWhole(tminterface::Register{});
}

void Client::SendDeregister(Registering next) {
  registered_ = is_too_long_ = false;
  registering_ = next;
  pending_ = awaited_ = MessageType::kNone;
  buffer_.PublishWhole(tminterface::Deregister{});
}

// ---- blocking

template <class Condition>
std::optional<ClientError> Client::WaitUntil(Condition condition, Deadline deadline) {
  backoff_.Reset();
  for (;;) {
    if (condition()) return std::nullopt;
    const bool in_time = backoff_.Pause(deadline);
    if (in_time && !backoff_.is_slow()) continue;
    const bool alive = game_alive();
    if (in_time && alive) continue;
    if (condition()) return std::nullopt;  // the last message may have come just now
    if (!alive) return Error(ClientFault::kGameGone, "the game of " + name() + " is gone");
    return Error(ClientFault::kTimeout, "the game of " + name() + " was silent until the deadline");
  }
}

std::variant<Client::Incoming, ClientError> Client::WaitForIncoming(Deadline deadline) {
  if (!registered_ && registering_ == Registering::kNo) {
    return Error(ClientFault::kNotRegistered, "not registered with the game of " + name());
  }
  std::optional<Incoming> incoming;
  std::optional<ClientError> error =
      WaitUntil([&] { return (incoming = Poll()).has_value(); }, deadline);
  if (error) return *std::move(error);
  if (const DecodeError* bad = std::get_if<DecodeError>(&incoming->message)) {
    return Error(ClientFault::kBadMessage, bad->ToString());
  }
  return *std::move(incoming);
}

std::optional<ClientError> Client::Register(Deadline deadline) {
  std::variant<Response, ClientError> response = Call(tminterface::Register{}, deadline);
  if (ClientError* error = std::get_if<ClientError>(&response)) return std::move(*error);
  return std::nullopt;
}

void Client::Deregister() {
  if (!registered_ && registering_ == Registering::kNo) return;
  if (registered_ && pending_ == MessageType::kNone) {
    WaitUntil([&] { return buffer_.ready_type() != MessageType::kProcessedCall; },
              DeadlineIn(kLastAnswerTaken));
  }
  SendDeregister(Registering::kNo);
}

std::optional<ClientError> Client::Pump(ClientHandler& handler, Deadline deadline) {
  for (;;) {
    std::variant<Incoming, ClientError> next = WaitForIncoming(deadline);
    if (ClientError* error = std::get_if<ClientError>(&next)) return std::move(*error);
    const Incoming& incoming = std::get<Incoming>(next);
    const ServerCall* call = std::get_if<ServerCall>(&incoming.message);
    if (call == nullptr) continue;  // a response that came too late for its Call
    Dispatch(handler, *call);
    if (awaited_ == MessageType::kNone) return std::nullopt;
    return Error(ClientFault::kTimeout, Name(incoming.type) +
                                            " cannot be answered: the response to " +
                                            Name(awaited_) + " is outstanding");
  }
}

namespace {

// Gives a call to the handler; its answer for S_ON_BRUTEFORCE_EVALUATE.
struct HandlerVisitor {
  using Answer = std::pair<BruteforceDecision, std::int32_t>;
  static constexpr Answer kNoAnswer{BruteforceDecision::kContinue, -1};

  ClientHandler& handler;
  Client& client;

  Answer operator()(const OnRegistered&) const { return handler.OnRegistered(client), kNoAnswer; }
  Answer operator()(const Shutdown&) const { return handler.OnShutdown(client), kNoAnswer; }
  Answer operator()(const OnRunStep& call) const {
    return handler.OnRunStep(client, call.race_time_ms), kNoAnswer;
  }
  Answer operator()(const OnSimBegin&) const { return handler.OnSimBegin(client), kNoAnswer; }
  Answer operator()(const OnSimStep& call) const {
    return handler.OnSimStep(client, call.race_time_ms), kNoAnswer;
  }
  Answer operator()(const OnSimEnd& call) const {
    return handler.OnSimEnd(client, call.result), kNoAnswer;
  }
  Answer operator()(const OnCheckpointCountChanged& call) const {
    return handler.OnCheckpointCountChanged(client, call.current, call.target), kNoAnswer;
  }
  Answer operator()(const OnLapsCountChanged& call) const {
    return handler.OnLapsCountChanged(client, call.current), kNoAnswer;
  }
  Answer operator()(const OnCustomCommand& call) const {
    return handler.OnCustomCommand(client, call), kNoAnswer;
  }
  Answer operator()(const OnBruteforceEvaluate& call) const {
    return handler.OnBruteforceEvaluate(client, call);
  }
};

}  // namespace

void Client::Dispatch(ClientHandler& handler, const ServerCall& call) {
  const auto [decision, rewind_time_ms] = std::visit(HandlerVisitor{handler, *this}, call);
  // A handler that deregistered, or left a request unanswered, has nothing to answer with.
  if (pending_ == MessageType::kNone || awaited_ != MessageType::kNone) return;
  SendProcessed(pending_, decision, rewind_time_ms);
}

std::variant<Response, ClientError> Client::Call(const ClientCall& call, Deadline deadline) {
  if (awaited_ != MessageType::kNone && TypeOf(call) != MessageType::kRegister) {
    return Error(ClientFault::kTimeout, "the response to " + Name(awaited_) + " is outstanding");
  }
  Send(call);
  std::variant<Incoming, ClientError> next = WaitForIncoming(deadline);
  if (ClientError* error = std::get_if<ClientError>(&next)) return std::move(*error);
  Incoming& incoming = std::get<Incoming>(next);
  if (incoming.type != MessageType::kResponse) {  // the one call that may come instead
    return Error(ClientFault::kGameGone, "the game of " + name() + " shuts down");
  }
  Response& response = std::get<Response>(incoming.message);
  if (response.error != ErrorCode::kNone) {
    return ClientError{ClientFault::kRefused, response.error,
                       Name(TypeOf(call)) + " was refused with error code " +
                           std::to_string(static_cast<int>(response.error)) + " (" +
                           std::string(ErrorName(response.error)) + ")"};
  }
  return std::move(response);
}

}  // namespace hotlap::tminterface
