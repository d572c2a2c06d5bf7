// Headers of the replies that tell about the server itself: who is there, what its games do, what
// it logs and counts. docs/protocol.md describes them field by field.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "env/game_health.h"
#include "transport/log_lines.h"
#include "transport/message_board.h"
#include "transport/row_watch.h"
#include "transport/session_stats.h"
#include "transport/session_status.h"
#include "transport/traffic.h"

namespace hotlap::transport {

// Entries of a reply to sessions or instances, and instances of a request for states, at most.
inline constexpr std::size_t kMaxListed = 256;

struct ListedSession {
  std::uint64_t number = 0;
  std::string session{};  // public id
  std::string nick{};
  SessionStatus status = SessionStatus::kConnected;
  std::uint64_t rank = 0;
  double seconds = 0;  // since its hello
  std::uint64_t rows = 0;
  std::uint64_t steps = 0;
  double latency_us = 0;
};

struct ListedInstance {
  std::uint64_t number = 0;
  GameKind kind = GameKind::kSimulated;
  std::string session{};  // public id of the one that leases it; empty: it is free
  std::uint64_t row = 0;
  RowSight sight{};
  GameHealth health{};  // of a game behind a buffer
};

// Counters of one session, and of the server since its start.
struct ServerStats {
  SessionStats session{};
  Traffic traffic{};
  std::uint64_t steps = 0;  // of all rows
  std::uint64_t sessions = 0;
  std::uint64_t malformed = 0;  // messages
  double seconds = 0;
};

// `next`: number of the first that is left out; 0: none is.
std::string EncodeReply(std::uint64_t id, std::span<const ListedSession> sessions,
                        std::uint64_t next);
std::string EncodeReply(std::uint64_t id, std::span<const ListedInstance> instances,
                        std::uint64_t next);
std::string EncodeReply(std::uint64_t id, std::span<const LogLine> lines);
std::string EncodeReply(std::uint64_t id, std::span<const PostedMessage> messages);
std::string EncodeReply(std::uint64_t id, const ServerStats& stats);

}  // namespace hotlap::transport
