#include "transport/address_list.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include "transport/status.h"

namespace hotlap::transport {
namespace {

using Address = std::array<std::uint8_t, 16>;

constexpr std::size_t kMaxFileBytes = 16 << 20;
constexpr int kBits = 128;
constexpr int kMappedBits = 96;  // in front of an IPv4 address

struct ParsedAddress {
  Address address{};
  bool is_ipv4 = false;
};

std::optional<ParsedAddress> ParseAddress(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN] = {};
  const std::size_t length = std::min(text.find('%'), text.size());  // without an IPv6 zone
  if (length >= sizeof(terminated)) return std::nullopt;
  text.copy(terminated, length);
  ParsedAddress parsed;
  if (inet_pton(AF_INET6, terminated, parsed.address.data()) == 1) return parsed;
  parsed.is_ipv4 = true;
  parsed.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (inet_pton(AF_INET, terminated, parsed.address.data() + kMappedBits / 8) == 1) return parsed;
  return std::nullopt;
}

Address Prefix(Address address, int bits) {
  for (int byte = 0; byte < kBits / 8; ++byte) {
    const int kept = std::clamp(bits - 8 * byte, 0, 8);
    address[static_cast<std::size_t>(byte)] &= static_cast<std::uint8_t>(0xFF00 >> kept);
  }
  return address;
}

// An IPv4 address, in either writing: no network of IPv6 has it.
bool IsMapped(const Address& address) {
  constexpr Address kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return Prefix(address, kMappedBits) == kMapped;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

AddressList AddressList::Load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    throw std::runtime_error(file.string() + ": cannot read this list of addresses");
  }
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return Parse(text, file.string());
}

AddressList AddressList::Parse(std::string_view text, std::string_view name) {
  if (text.size() > kMaxFileBytes) {
    throw std::runtime_error(std::string(name) + ": is longer than 16 MiB");
  }
  AddressList list;
  int line_number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++line_number;
    const std::string_view entry = Trimmed(line.substr(0, line.find('#')));
    if (entry.empty()) continue;
    const auto fail = [&](const char* what) {
      throw std::runtime_error(std::string(name) + ":" + std::to_string(line_number) + ": " +
                               Quoted(entry) + " " + what);
    };
    const std::string_view address = entry.substr(0, entry.find('/'));
    const auto parsed = ParseAddress(address);
    if (!parsed) {
      fail("is no address; allowed: 192.0.2.7, 192.0.2.0/24, 2001:db8::1, 2001:db8::/32");
    }
    int bits = kBits;
    if (address.size() < entry.size()) {
      const std::string_view digits = entry.substr(address.size() + 1);
      const int most = parsed->is_ipv4 ? kBits - kMappedBits : kBits;
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
      if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || bits < 0 ||
          bits > most) {
        fail("has no such prefix; allowed: /0 to /32, for IPv6 to /128");
      }
      if (parsed->is_ipv4) bits += kMappedBits;
    }
    if (Prefix(parsed->address, bits) != parsed->address) {
      fail("has bits behind its prefix");
    }
    list.networks_[bits].insert(parsed->address);
  }
  return list;
}

bool AddressList::Contains(std::string_view address) const {
  if (networks_.empty()) return false;
  const auto parsed = ParseAddress(address);
  if (!parsed) return false;
  const int fewest = IsMapped(parsed->address) ? kMappedBits : 0;
  return std::ranges::any_of(networks_, [&](const auto& of_length) {
    const auto& [bits, networks] = of_length;
    return bits >= fewest && networks.contains(Prefix(parsed->address, bits));
  });
}

}  // namespace hotlap::transport
