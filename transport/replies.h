// Headers of the replies that carry more than a status: what hello, spec and attach tell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/spec.h"
#include "transport/protocol.h"

namespace hotlap::transport {

// Every reply: `error` is empty when the status is kOk.
struct ReplyStatus {
  std::uint64_t id = 0;
  Status status = Status::kOk;
  std::string error;
};

struct AttachReply {
  std::string environment;
  std::string settings;  // as they were asked for
  int rows = 0;
  int observation_size = 0;
  Autoreset autoreset = Autoreset::kNextStep;
  ObservationType observations = ObservationType::kFloat32;
  std::vector<std::string> info;  // the columns as chosen, with their types
  std::vector<InfoType> info_types;
  std::uint64_t policy_hash = 0;
  std::uint64_t task_hash = 0;
  std::vector<std::string> kinds;        // kind of game of each run of rows, in row order ..
  std::vector<std::uint64_t> kind_rows;  // .. and how many rows each run has
  std::string warning;
};

struct HelloReply {
  Token token{};
  std::string session;  // public id, for logs
  std::vector<std::string> capabilities;
  std::int64_t session_timeout_ms = 0;
  std::int64_t message_timeout_ms = 0;  // without a reply, then the client sends again
  std::int64_t lease_grace_ms = 0;      // in which a dropped session can be gone on with
  std::uint64_t last_id = 0;            // the latest that the session has counted
  std::optional<AttachReply> attached;  // its rows, when it has some
  int window = 0;                       // requests in flight, and latest replies kept
  int max_rows = 0;
  std::size_t max_transfer_bytes = 0;     // of the states of one export or import
  std::vector<std::string> environments;  // all that the server offers, with both hashes of each
  std::vector<std::uint64_t> policy_hashes, task_hashes;
  std::vector<std::string> tracks;
  std::string warning;  // empty, or that the task hash differs
};

std::string EncodeReply(const ReplyStatus& reply);
std::string EncodeReply(std::uint64_t id, const HelloReply& reply);
std::string EncodeReply(std::uint64_t id, const AttachReply& reply);
std::string EncodeReply(std::uint64_t id, const EnvironmentSpec& spec);

// The client's side, here and in the other headers of replies. Errors name the field or array; the
// frames come from a server that may be wrong.
inline tl::unexpected<Refusal> BadReply(const std::string& text) {
  return Refuse(Status::kInvalidPacket, "the server's reply: " + text);
}
tl::expected<ReplyStatus, std::string> DecodeReplyStatus(std::span<const std::byte> frame);
tl::expected<HelloReply, std::string> DecodeHelloReply(std::span<const std::byte> frame);
tl::expected<AttachReply, std::string> DecodeAttachReply(std::span<const std::byte> frame);
tl::expected<EnvironmentSpec, std::string> DecodeSpecReply(std::span<const std::byte> frame);

}  // namespace hotlap::transport
