#include "transport/zap.h"

#include "transport/status.h"

namespace hotlap::transport {
namespace {

constexpr std::string_view kVersion = "1.0";
constexpr std::size_t kPublicKeyBytes = 32;

// In the order of the frames; what follows are the credentials.
enum Frame : std::size_t { kVersionFrame, kId, kDomain, kAddress, kIdentity, kMechanism, kKey };

std::string_view TextOf(std::span<const std::byte> frame) {
  return {reinterpret_cast<const char*>(frame.data()), frame.size()};
}

}  // namespace

tl::expected<ZapRequest, std::string> ParseZapRequest(
    std::span<const std::span<const std::byte>> frames) {
  if (frames.size() <= kMechanism) return tl::make_unexpected("it has too few frames");
  if (TextOf(frames[kVersionFrame]) != kVersion) {
    return tl::make_unexpected("its version is " + Quoted(TextOf(frames[kVersionFrame])));
  }
  ZapRequest request;
  request.id = TextOf(frames[kId]);
  request.address = TextOf(frames[kAddress]);
  const std::string_view mechanism = TextOf(frames[kMechanism]);
  request.is_curve = mechanism == "CURVE";
  if (!request.is_curve && mechanism != "NULL") {
    return tl::make_unexpected("its mechanism is " + Quoted(mechanism));
  }
  if (request.is_curve) {
    if (frames.size() != kKey + 1 || frames[kKey].size() != kPublicKeyBytes) {
      return tl::make_unexpected("it has no public key of 32 bytes");
    }
    request.public_key = frames[kKey];
  }
  return request;
}

std::vector<std::string> ZapAnswerFrames(const ZapRequest& request, const ZapAnswer& answer) {
  return {std::string(kVersion),
          request.id,
          answer.is_admitted ? "200" : "400",
          answer.is_admitted ? "OK" : "not admitted",
          answer.user,
          std::string()};
}

}  // namespace hotlap::transport
