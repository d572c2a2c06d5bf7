// Headers of the replies that tell about the server itself: who is there, what its games do, what
// it logs and counts. docs/protocol.md describes them field by field.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/game_health.h"
#include "transport/log_lines.h"
#include "transport/message_board.h"
#include "transport/protocol.h"
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
  std::string track{};
  std::uint64_t episode = 0;
  int ticks = 0;        // of the race, 10 ms each
  double speed = 0;     // times real time, on average of the session's rows since the lease
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

// A part of a long list, in the order of its numbers.
template <typename Item>
struct Page {
  std::vector<Item> items{};
  std::uint64_t next = 0;  // number of the first that is left out; 0: none is
};

std::string EncodeReply(std::uint64_t id, std::span<const ListedSession> sessions,
                        std::uint64_t next);
std::string EncodeReply(std::uint64_t id, std::span<const ListedInstance> instances,
                        std::uint64_t next);
std::string EncodeReply(std::uint64_t id, std::span<const LogLine> lines);
std::string EncodeReply(std::uint64_t id, std::span<const PostedMessage> messages);
std::string EncodeReply(std::uint64_t id, const ServerStats& stats);

tl::expected<Page<ListedSession>, std::string> DecodeSessionsReply(
    std::span<const std::byte> frame);
tl::expected<Page<ListedInstance>, std::string> DecodeInstancesReply(
    std::span<const std::byte> frame);
tl::expected<std::vector<LogLine>, std::string> DecodeLogsReply(std::span<const std::byte> frame);
tl::expected<std::vector<PostedMessage>, std::string> DecodeMessagesReply(
    std::span<const std::byte> frame);
tl::expected<ServerStats, std::string> DecodeStatsReply(std::span<const std::byte> frame);

}  // namespace hotlap::transport
