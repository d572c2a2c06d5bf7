#include "transport/status.h"

namespace hotlap::transport {

const char* StatusName(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kServerFull:
      return "server_full";
    case Status::kInvalidPacket:
      return "invalid_packet";
    case Status::kInvalidId:
      return "invalid_id";
    case Status::kInvalidKey:
      return "invalid_key";
    case Status::kAlreadyConnected:
      return "already_connected";
    case Status::kPermissionDenied:
      return "permission_denied";
    case Status::kStale:
      return "stale";
    case Status::kGap:
      return "gap";
    case Status::kBusy:
      return "busy";
    case Status::kNotAttached:
      return "not_attached";
    case Status::kAlreadyAttached:
      return "already_attached";
    case Status::kBadArgument:
      return "bad_argument";
    case Status::kWrongVersion:
      return "wrong_version";
    case Status::kSpecMismatch:
      return "spec_mismatch";
    case Status::kUnknownEnvironment:
      return "unknown_environment";
    case Status::kUnknownTrack:
      return "unknown_track";
    case Status::kUnknownOperation:
      return "unknown_operation";
    case Status::kShuttingDown:
      return "shutting_down";
    case Status::kTooOften:
      return "too_often";
    case Status::kTimedOut:
      return "timed_out";
    case Status::kServerLost:
      return "server_lost";
    case Status::kUnknownError:
      return "unknown_error";
  }
  return "unknown";
}

bool UsesUpId(Status status) {
  switch (status) {
    case Status::kInvalidPacket:
    case Status::kInvalidKey:
    case Status::kStale:
    case Status::kGap:
    case Status::kBusy:
    case Status::kWrongVersion:
    case Status::kUnknownOperation:
    case Status::kShuttingDown:
      return false;
    default:
      return true;
  }
}

std::string Quoted(std::string_view foreign) {
  constexpr std::size_t kMaxLength = 40;
  std::string out = "'";
  for (const char c : foreign.substr(0, kMaxLength)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (foreign.size() > kMaxLength) out += "...";
  return out + "'";
}

}  // namespace hotlap::transport
