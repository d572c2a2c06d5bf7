// How the server tells its EventHandler, and what a SessionHandle does.
#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

#include "transport/event_handler.h"
#include "transport/printable.h"
#include "transport/server.h"

namespace hotlap::transport {
namespace {

spdlog::level::level_enum Level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

// Runs code of the embedding program.
template <typename Call>
void Guarded(const char* what, const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    spdlog::error("event handler: {}: {}", what, error.what());
  } catch (...) {
    spdlog::error("event handler: {}: something that is no std::exception", what);
  }
}

}  // namespace

void Server::TellStarting() {
  if (settings_.handler != nullptr) Guarded("Starting", [&] { settings_.handler->Starting(); });
}

void Server::TellConnect(const std::shared_ptr<Session>& session) {
  if (settings_.handler == nullptr) return;
  Guarded("Connect", [&] { settings_.handler->Connect({*this, session}); });
}

void Server::TellDisconnect(const std::shared_ptr<Session>& session) {
  if (settings_.handler == nullptr) return;
  Guarded("Disconnect", [&] { settings_.handler->Disconnect({*this, session}); });
}

void Server::TellMessage(const std::shared_ptr<Session>& session, const Request& request) {
  if (settings_.handler == nullptr) return;
  Guarded("HandleMessage", [&] {
    settings_.handler->HandleMessage({*this, session}, request.id, request);
  });
}

void Server::TellShutdown() {
  if (settings_.handler != nullptr) Guarded("Shutdown", [&] { settings_.handler->Shutdown(); });
}

void Server::Tick() {
  if (settings_.handler == nullptr) return;
  const Deadline now = settings_.now();
  if (now < NextTick()) return;
  const auto delta = now - std::exchange(ticked_at_, now);
  Guarded("Update", [&] { settings_.handler->Update(delta); });
}

Deadline Server::NextTick() const {
  const std::chrono::nanoseconds interval(tick_interval_ns_.load());
  return settings_.handler == nullptr || interval <= std::chrono::nanoseconds::zero()
             ? kNoDeadline
             : ticked_at_ + interval;
}

void Server::set_tick_interval(std::chrono::nanoseconds interval) {
  tick_interval_ns_.store(interval.count());
  wakeup_.Wake();
}

void Server::EndSession(const std::shared_ptr<Session>& session) {
  if (!sessions_.Contains(*session)) return;
  session->status = SessionStatus::kDisconnecting;
  session->is_ended_by_us = true;
  if (session->unanswered == 0) ending_.push_back(session);
}

void Server::EndSessions() {
  for (const std::shared_ptr<Session>& session : std::exchange(ending_, {})) {
    if (!sessions_.Contains(*session)) continue;
    sessions_.Close(*session);
    Close({session});
  }
}

SessionStats Server::StatsOf(const Session& session) {
  return {.traffic = session.traffic,
          .steps = session.steps.load(std::memory_order_relaxed),
          .requests_pending = session.unanswered,
          .events_pending = session.outbox.num_pending(),
          .events_acknowledged = session.outbox.num_acknowledged(),
          .events_timed_out = session.outbox.num_timed_out(),
          .latency_us = session.latency_us};
}

SessionHandle::SessionHandle(Server& server, std::shared_ptr<Session> session)
    : server_(&server), session_(std::move(session)) {}

bool SessionHandle::is_open() const { return server_->sessions_.Contains(*session_); }
SessionStatus SessionHandle::status() const { return session_->status; }
const std::string& SessionHandle::public_id() const { return session_->public_id; }
const std::string& SessionHandle::nick() const { return session_->nick; }
const std::string& SessionHandle::address() const { return session_->address; }
double SessionHandle::latency_us() const { return session_->latency_us; }
SessionStats SessionHandle::stats() const { return Server::StatsOf(*session_); }

void SessionHandle::Log(LogLevel level, std::string_view text) const {
  spdlog::log(Level(level), "session {}: {}", public_id(), text);
}

void SessionHandle::Disconnect() const { server_->EndSession(session_); }

tl::expected<std::uint64_t, Refusal> SessionHandle::Send(const Event& event, DeliveryMode mode,
                                                         Outbox::Callback callback) const {
  if (!is_open()) return Refuse(Status::kInvalidKey, "session " + public_id() + " has ended");
  if (event.text.size() > kMaxMessageBytes || !IsPrintable(event.text)) {
    return Refuse(Status::kBadArgument, "the event's text must be at most " +
                                            std::to_string(kMaxMessageBytes) +
                                            " bytes of UTF-8 without control characters");
  }
  Outbox::Callback guarded;
  if (callback) {
    guarded = [callback = std::move(callback)](bool is_acknowledged) {
      Guarded("the callback of an event", [&] { callback(is_acknowledged); });
    };
  }
  return server_->PostEvent(session_, event, mode, std::move(guarded));
}

}  // namespace hotlap::transport
