// What the server tells its sessions unasked.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "transport/server.h"

namespace hotlap::transport {

tl::expected<std::uint64_t, Refusal> Server::PostEvent(const std::shared_ptr<Session>& session,
                                                       const Event& event, DeliveryMode mode,
                                                       Outbox::Callback callback) {
  auto posted = session->outbox.Post(event, mode, std::move(callback), settings_.now());
  if (posted) {
    StartTelling(session);
  } else {
    spdlog::debug("session {}: event '{}' is dropped: {}", session->public_id,
                  EventKindName(event.kind), posted.error().text);
  }
  return posted;
}

void Server::StartTelling(const std::shared_ptr<Session>& session) {
  if (std::ranges::find(telling_, session) == telling_.end()) telling_.push_back(session);
}

void Server::PostToAll(const Event& event, DeliveryMode mode) {
  for (const std::shared_ptr<Session>& session : sessions_.All()) PostEvent(session, event, mode);
}

void Server::TellStopping() {
  if (std::exchange(has_told_stopping_, true)) return;
  PostToAll({.kind = EventKind::kShuttingDown}, DeliveryMode::kBestEffort);
  DeliverEvents();
}

void Server::DeliverEvents() {
  for (const std::shared_ptr<Session>& session : std::exchange(telling_, {})) {
    const bool is_listened_to = !session->listener.empty();
    for (const NumberedEvent& event : session->outbox.TakeDue(is_listened_to, settings_.now())) {
      Reply frames = Reply::HeaderOnly(EncodeEvent(event));
      Send(session->listener, frames, session.get());
    }
    if (session->outbox.num_pending() > 0) StartTelling(session);
  }
}

Deadline Server::NextEventTurn() const {
  Deadline next = kNoDeadline;
  for (const std::shared_ptr<Session>& session : telling_) {
    next = std::min(next, session->outbox.next_turn(!session->listener.empty()));
  }
  return next;
}

void Server::TellExpiring() {
  const Deadline now = settings_.now();
  for (const std::shared_ptr<Session>& session : sessions_.All()) {
    if (session->status != SessionStatus::kConnected) continue;
    const auto silent = now - session->last_heard;
    const bool is_told = session->told_expiring_since == session->last_heard;
    const bool is_waited_for = session->unanswered > 0 && !session->waits_for_games;
    if (silent < session->timeout / 2 || is_waited_for || is_told) continue;
    session->told_expiring_since = session->last_heard;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(session->timeout - silent);
    PostEvent(session,
              {.kind = EventKind::kExpiring, .within_ms = std::max<std::int64_t>(0, left.count())},
              DeliveryMode::kBestEffort);
  }
}

void Server::GiveNotice(Notice notice) {
  {
    const std::lock_guard lock(finished_mutex_);
    notices_.push_back(std::move(notice));
  }
  wakeup_.Wake();
}

void Server::TakeNotices() {
  std::vector<Notice> notices;
  {
    const std::lock_guard lock(finished_mutex_);
    notices.swap(notices_);
  }
  for (const Notice& notice : notices) {
    if (notice.session == 0) {
      PostToAll(notice.event, DeliveryMode::kRetry);
      continue;
    }
    for (const std::shared_ptr<Session>& session : sessions_.All()) {
      if (session->number == notice.session) PostEvent(session, notice.event, DeliveryMode::kRetry);
    }
  }
}

}  // namespace hotlap::transport
