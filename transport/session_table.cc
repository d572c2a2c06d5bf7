#include "transport/session_table.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstring>
#include <utility>

#include "transport/attached_environment.h"

namespace hotlap::transport {

Session::Session() = default;
Session::~Session() = default;

std::size_t SessionTable::TokenHash::operator()(const Token& token) const {
  std::size_t hash;  // tokens are random, so any of their bytes do
  std::memcpy(&hash, token.data(), sizeof(hash));
  return hash;
}

std::chrono::milliseconds SessionSettings::TimeoutFor(
    std::optional<std::chrono::milliseconds> asked) const {
  return std::clamp(asked.value_or(timeout), std::min(min_timeout, timeout),
                    std::max(max_timeout, timeout));
}

std::chrono::milliseconds SessionSettings::shortest_timeout() const {
  return std::min({timeout, min_timeout, handshake_timeout});
}

// Under a token that nobody had before.
void SessionTable::Begin(const std::shared_ptr<Session>& session, const Request& hello,
                         Deadline now) {
  session->token = RandomToken();
  session->nick = hello.nick;
  session->status = SessionStatus::kConnecting;
  session->timeout = settings_.TimeoutFor(hello.timeout);
  session->hello_id = hello.id;
  session->hello_last_id = session->last_id;
  session->listener.clear();  // that of its client before
  session->last_heard = now;
  by_token_.emplace(session->token, session);
}

tl::expected<std::shared_ptr<Session>, Refusal> SessionTable::Open(const Request& hello,
                                                                   Deadline now) {
  const auto found = std::ranges::find_if(
      by_token_, [&](const auto& entry) { return entry.second->key == hello.key; });
  if (found != by_token_.end()) {
    const std::shared_ptr<Session> session = found->second;
    if (session->status == SessionStatus::kDropped) {
      by_token_.erase(found);
      Begin(session, hello, now);
      session->opening = Opening::kResumed;
      return session;
    }
    if (session->hello_id == hello.id && session->hello_last_id == session->last_id) {
      session->last_heard = now;
      session->opening = Opening::kRepeated;
      return session;
    }
    return Refuse(Status::kAlreadyConnected,
                  "field 'key' is that of session " + session->public_id + ", which is in use");
  }
  if (hello.resume) {
    return Refuse(Status::kInvalidKey,
                  "field 'key' is of no session: it has ended, or was another server's");
  }
  if (by_token_.size() >= static_cast<std::size_t>(settings_.max_sessions)) {
    return Refuse(Status::kServerFull,
                  "the server has its " + std::to_string(settings_.max_sessions) +
                      " sessions already, " + std::to_string(dropped().sessions) +
                      " of them dropped and kept for their clients");
  }
  auto session = std::make_shared<Session>();
  session->key = hello.key;
  session->number = ++last_number_;
  char public_id[24];
  std::snprintf(public_id, sizeof(public_id), "s%06llu",
                static_cast<unsigned long long>(session->number));
  session->public_id = public_id;
  session->opened_at = now;
  session->outbox = Outbox(settings_.message_timeout);
  Begin(session, hello, now);
  return session;
}

std::shared_ptr<Session> SessionTable::Hear(const Token& token, Deadline now) {
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return nullptr;
  Session& session = *found->second;
  session.last_heard = now;
  if (session.status != SessionStatus::kDisconnecting) session.status = SessionStatus::kConnected;
  return found->second;
}

tl::expected<SessionTable::Admission, Refusal> SessionTable::Admit(Session& session,
                                                                   std::uint64_t id,
                                                                   bool is_goodbye) const {
  if (id > session.last_id && session.status == SessionStatus::kDisconnecting) {
    return Refuse(Status::kInvalidKey, "the session ends");
  }
  if (id > session.last_id + 1) {
    return Refuse(Status::kGap, "field 'id' is " + std::to_string(id) + ", the next one is " +
                                    std::to_string(session.last_id + 1));
  }
  if (id == session.last_id + 1) {
    if (!is_goodbye && session.unanswered >= static_cast<std::uint64_t>(settings_.window)) {
      return Refuse(Status::kBusy, "the session has " + std::to_string(settings_.window) +
                                       " requests in flight already");
    }
    ++session.last_id;
    ++session.unanswered;
    if (is_goodbye) session.status = SessionStatus::kDisconnecting;
    return Admission::kNew;
  }
  const std::uint64_t last_answered = session.last_id - session.unanswered;
  if (id > last_answered) return Admission::kJoined;
  if (id + session.replies.size() > last_answered) return Admission::kRepeat;
  return Refuse(Status::kStale, "field 'id' is " + std::to_string(id) +
                                    ", the oldest reply that is kept is of " +
                                    std::to_string(last_answered + 1 - session.replies.size()));
}

Reply& SessionTable::Kept(Session& session, std::uint64_t id) const {
  const std::uint64_t last_answered = session.last_id - session.unanswered;
  const std::uint64_t oldest = last_answered + 1 - session.replies.size();
  assert(id >= oldest && id <= last_answered);
  return session.replies[static_cast<std::size_t>(id - oldest)];
}

void SessionTable::Answer(Session& session, Reply reply, Deadline now) const {
  assert(session.unanswered > 0);
  --session.unanswered;
  session.last_heard = now;
  session.replies.push_back(std::move(reply));
  if (session.replies.size() > static_cast<std::size_t>(settings_.window)) {
    session.replies.pop_front();
  }
}

void SessionTable::Close(Session& session) {
  by_token_.erase(session.token);
  session.status = SessionStatus::kDisconnected;
}

bool SessionTable::IsSilent(const Session& session, Deadline now) const {
  if (session.unanswered > 0 && !session.waits_for_games) return false;
  switch (session.status) {
    case SessionStatus::kDropped:
      return now - session.dropped_at >= settings_.lease_grace;
    case SessionStatus::kConnecting:
      return now - session.last_heard >= std::min(settings_.handshake_timeout, session.timeout);
    default:
      return now - session.last_heard >= session.timeout;
  }
}

SessionTable::Silent SessionTable::Expire(Deadline now) {
  const bool was_away = now - std::exchange(last_look_, now) > settings_.shortest_timeout() / 2;
  if (was_away) return {};
  Silent silent;
  for (const auto& [token, session] : by_token_) {
    if (!IsSilent(*session, now)) continue;
    if (session->rows > 0 && session->status != SessionStatus::kDropped &&
        settings_.lease_grace > std::chrono::milliseconds(0)) {
      session->status = SessionStatus::kDropped;
      session->dropped_at = now;
      silent.dropped.push_back(session);
    } else {
      silent.gone.push_back(session);
    }
  }
  for (const std::shared_ptr<Session>& session : silent.gone) Close(*session);
  return silent;
}

std::vector<std::shared_ptr<Session>> SessionTable::All() const {
  std::vector<std::shared_ptr<Session>> all;
  all.reserve(by_token_.size());
  for (const auto& [token, session] : by_token_) all.push_back(session);
  std::ranges::sort(all, {}, &Session::number);
  return all;
}

std::vector<std::shared_ptr<Session>> SessionTable::CloseAll() {
  std::vector<std::shared_ptr<Session>> all;
  for (auto& [token, session] : by_token_) all.push_back(session);
  for (const std::shared_ptr<Session>& session : all) Close(*session);
  return all;
}

SessionTable::Dropped SessionTable::dropped() const {
  Dropped dropped;
  for (const auto& [token, session] : by_token_) {
    if (session->status != SessionStatus::kDropped) continue;
    ++dropped.sessions;
    dropped.rows += session->rows;
  }
  return dropped;
}

}  // namespace hotlap::transport
