// What the server does with messages between clients.
#include <spdlog/spdlog.h>

#include <chrono>

#include "transport/server.h"

namespace hotlap::transport {
namespace {

std::int64_t MillisecondsSince1970() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Reply Server::PostMessage(Session& session, const Request& request) {
  if (!session.post_allowance.Take(settings_.now())) {
    return Reply::Of(
        request.id,
        {Status::kTooOften, "a session may post " + std::to_string(PostAllowance::kAtOnce) +
                                " messages at once and one every " +
                                std::to_string(PostAllowance::kEach.count()) + " s later on"});
  }
  board_.Post({.time_ms = MillisecondsSince1970(),
               .session = session.public_id,
               .nick = session.nick,
               .text = request.text});
  return Reply::Of(request.id, {Status::kOk, {}});
}

tl::expected<void, Refusal> Server::CheckAdminKey(const Session& session,
                                                  const Request& request) const {
  if (IsAdminKey(request.admin_key)) return {};
  spdlog::warn("session {}: {} with another key than the administrator's", session.public_id,
               OperationName(request.operation));
  return Refuse(Status::kPermissionDenied, "field 'admin_key' is not the administrator's");
}

Reply Server::Announce(const Session& session, const Request& request) {
  if (auto good = CheckAdminKey(session, request); !good) {
    return Reply::Of(request.id, good.error());
  }
  GiveNotice({.event = {.kind = EventKind::kMessage, .text = request.text}});
  return Reply::Of(request.id, {Status::kOk, {}});
}

Reply Server::ClearMessages(const Session& session, const Request& request) {
  if (auto good = CheckAdminKey(session, request); !good) {
    return Reply::Of(request.id, good.error());
  }
  board_.Clear();
  return Reply::Of(request.id, {Status::kOk, {}});
}

// Takes equally long for every wrong key of the right length.
bool Server::IsAdminKey(const std::string& key) const {
  const std::string& right = settings_.admin_key;
  if (right.empty() || key.size() != right.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < key.size(); ++i) {
    difference |= static_cast<unsigned char>(key[i]) ^ static_cast<unsigned char>(right[i]);
  }
  return difference == 0;
}

}  // namespace hotlap::transport
