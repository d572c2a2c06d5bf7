// What ZeroMQ asks an authenticator, and the answer: ZAP, rfc.zeromq.org/spec/27.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace hotlap::transport {

inline constexpr std::string_view kZapEndpoint = "inproc://zeromq.zap.01";

struct ZapRequest {
  std::string id;         // repeated in the answer
  std::string address;    // of the peer, as ZeroMQ writes it; no IP address over ipc://
  bool is_curve = false;  // else without any key
  std::span<const std::byte> public_key;  // of CURVE, 32 bytes; points into the frames
};

struct ZapAnswer {
  bool is_admitted = false;
  std::string user;  // comes with each message of the connection as "User-Id"
};

// Frames of a request without the empty delimiter. The error says what is wrong.
tl::expected<ZapRequest, std::string> ParseZapRequest(
    std::span<const std::span<const std::byte>> frames);
std::vector<std::string> ZapAnswerFrames(const ZapRequest& request, const ZapAnswer& answer);

}  // namespace hotlap::transport
