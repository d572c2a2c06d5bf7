#include "env/tminterface/server.h"

#include <utility>

namespace hotlap::tminterface {

using std::chrono::milliseconds;

Server::Server(MappedBuffer buffer, ServerHandler& handler, std::function<bool()> stop)
    : buffer_(std::move(buffer)), handler_(handler), stop_(std::move(stop)) {}

Deadline Server::CallDeadline() const {
  return timeout_ms_ < 0 ? kNoDeadline : DeadlineIn(milliseconds(timeout_ms_));
}

Server::CallResult Server::Call(const ServerCall& call) {
  if (!registered_) return CallResult::kNoClient;
  const MessageType type = TypeOf(call);
  while (!buffer_.TryPublish(type, call)) {
    Accept();
    if (!registered_) return CallResult::kDeregistered;
    if (stop_()) return CallResult::kStopped;
  }
  Deadline deadline = CallDeadline();
  backoff_.Reset();
  bool is_untouched = true;
  for (;;) {
    // The official client zeroes all of the buffer once it has read a response, with a memcpy that
    // may write the first bytes twice: S_ON_REGISTERED is wiped by the second time. Nobody else
    // zeroes a call, and until the client's first message nothing else can be there.
    if (is_untouched && buffer_.is_blank()) buffer_.TryPublish(type, call);
    if (IsClientCall(buffer_.ready_type())) {
      is_untouched = false;
      backoff_.Reset();
      if (const std::optional<CallResult> result = Serve(type, deadline)) return *result;
      if (stop_()) return CallResult::kStopped;
      if (deadline == kNoDeadline || Clock::now() < deadline) continue;
    } else if (backoff_.Pause(deadline)) {
      if (backoff_.is_slow() && stop_()) return CallResult::kStopped;
      continue;
    } else if (IsClientCall(buffer_.ready_type())) {
      continue;  // just in time
    }
    // A response that the client has not read yet is left to it.
    if (buffer_.ready_type() != MessageType::kResponse) buffer_.Clear();
    Drop();
    return CallResult::kTimedOut;
  }
}

std::optional<Server::CallResult> Server::Serve(MessageType call, Deadline& deadline) {
  const RawMessage raw = buffer_.Read();
  const std::variant<ClientCall, DecodeError> decoded = DecodeClientCall(raw.type, raw.payload);
  if (const DecodeError* error = std::get_if<DecodeError>(&decoded)) {
    return DropForBadMessage(*error);
  }
  const ClientCall& request = std::get<ClientCall>(decoded);
  Response response;
  if (const ProcessedCall* processed = std::get_if<ProcessedCall>(&request)) {
    if (processed->which != call) {
      return DropForBadMessage({"C_PROCESSED_CALL.which",
                                "answers " + std::string(MessageName(processed->which)) + ", but " +
                                    std::string(MessageName(call)) + " is pending"});
    }
    last_processed_ = *processed;
    buffer_.Clear();
    return CallResult::kProcessed;
  }
  if (std::holds_alternative<tminterface::Deregister>(request)) {
    buffer_.Clear();
    Drop();
    return CallResult::kDeregistered;
  }
  if (std::holds_alternative<Register>(request)) {
    response.error = ErrorCode::kClientAlreadyRegistered;
  } else if (const SetTimeout* timeout = std::get_if<SetTimeout>(&request)) {
    timeout_ms_ = timeout->timeout_ms;
    deadline = CallDeadline();
  } else if (raw.error == ErrorCode::kResponseTooLong) {
    handler_.OnBadMessage({std::string(MessageName(raw.type)), "was cut to fit the buffer"});
    response.error = raw.error;
  } else {
    response = handler_.Handle(request);
  }
  buffer_.PublishResponse(response);
  if (!registered_) return CallResult::kDeregistered;  // by the handler
  return std::nullopt;
}

void Server::Poll() {
  if (IsClientCall(buffer_.ready_type())) Accept();
}

void Server::Accept() {
  const MessageType type = buffer_.ready_type();
  if (!IsClientCall(type)) return;
  buffer_.Read();
  if (type == MessageType::kRegister) {
    if (registered_) {
      AnswerRegister(ErrorCode::kClientAlreadyRegistered);
    } else if (AnswerRegister(ErrorCode::kNone)) {
      registered_ = true;
      timeout_ms_ = kDefaultTimeoutMs;
      Call(OnRegistered{});
    }
    return;
  }
  if (registered_ && type != MessageType::kDeregister) {
    DropForBadMessage({std::string(MessageName(type)), "is out of place: no call is pending"});
    return;
  }
  buffer_.Clear();
  Drop();
}

bool Server::AnswerRegister(ErrorCode error) {
  buffer_.PublishResponse({.error = error, .content = {}});
  const Deadline deadline = DeadlineIn(milliseconds(kDefaultTimeoutMs));
  Backoff backoff;
  while (buffer_.ready_type() == MessageType::kResponse) {
    if (!backoff.Pause(deadline) || (backoff.is_slow() && stop_())) {
      buffer_.Clear();
      return false;
    }
  }
  return true;
}

Server::CallResult Server::DropForBadMessage(const DecodeError& error) {
  handler_.OnBadMessage(error);
  buffer_.Clear();
  Drop();
  return CallResult::kDeregistered;
}

void Server::Drop() {
  if (!std::exchange(registered_, false)) return;
  timeout_ms_ = kDefaultTimeoutMs;
  handler_.OnClientGone();
}

void Server::Shutdown() {
  if (registered_) buffer_.Publish(MessageType::kShutdown, ServerCall(tminterface::Shutdown{}));
  Drop();
}

void Server::Deregister() { Drop(); }

}  // namespace hotlap::tminterface
