#include "transport/session_table.h"

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

tl::expected<std::shared_ptr<Session>, Refusal> SessionTable::Open(const Token& key,
                                                                   std::uint64_t hello_id,
                                                                   Deadline now) {
  for (const auto& [token, session] : by_token_) {
    if (session->key != key) continue;
    if (session->last_id > 0 || session->hello_id != hello_id) {
      return Refuse(Status::kAlreadyConnected,
                    "field 'key' is that of session " + session->public_id + ", which is in use");
    }
    session->last_heard = now;
    return session;
  }
  if (by_token_.size() >= static_cast<std::size_t>(settings_.max_sessions)) {
    return Refuse(
        Status::kServerFull,
        "the server has its " + std::to_string(settings_.max_sessions) + " sessions already");
  }
  auto session = std::make_shared<Session>();
  session->token = RandomToken();
  session->key = key;
  session->number = ++last_number_;
  char public_id[24];
  std::snprintf(public_id, sizeof(public_id), "s%06llu",
                static_cast<unsigned long long>(session->number));
  session->public_id = public_id;
  session->hello_id = hello_id;
  session->last_heard = now;
  by_token_.emplace(session->token, session);
  return session;
}

std::shared_ptr<Session> SessionTable::Hear(const Token& token, Deadline now) {
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return nullptr;
  found->second->last_heard = now;
  return found->second;
}

tl::expected<SessionTable::Admission, Refusal> SessionTable::Admit(Session& session,
                                                                   std::uint64_t id,
                                                                   bool is_goodbye) const {
  if (id > session.last_id && session.closing) {
    return Refuse(Status::kInvalidKey, "the session ends: its client has closed it");
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
    session.closing = is_goodbye;
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

void SessionTable::Close(Session& session) { by_token_.erase(session.token); }

std::vector<std::shared_ptr<Session>> SessionTable::Expire(Deadline now) {
  const bool was_away = now - std::exchange(last_look_, now) > settings_.timeout / 2;
  if (was_away) return {};
  std::vector<std::shared_ptr<Session>> expired;
  for (auto it = by_token_.begin(); it != by_token_.end();) {
    if (it->second->unanswered > 0 || now - it->second->last_heard < settings_.timeout) {
      ++it;
      continue;
    }
    expired.push_back(std::move(it->second));
    it = by_token_.erase(it);
  }
  return expired;
}

std::vector<std::shared_ptr<Session>> SessionTable::CloseAll() {
  std::vector<std::shared_ptr<Session>> all;
  for (auto& [token, session] : by_token_) {
    all.push_back(std::move(session));
  }
  by_token_.clear();
  return all;
}

}  // namespace hotlap::transport
