// IP addresses and networks, as text: one a line, `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`; a #
// begins a comment, empty lines are fine.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

namespace hotlap::transport {

class AddressList {
 public:
  // Throw std::runtime_error naming file, line and what is wrong; `name` stands for the file.
  static AddressList Load(const std::filesystem::path& file);
  static AddressList Parse(std::string_view text, std::string_view name);

  // Of an address as text; an IPv4 one may be written as IPv6 (::ffff:192.0.2.7). What is no
  // address is not in the list.
  bool Contains(std::string_view address) const;

 private:
  using Address = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d

  std::map<int, std::set<Address>> networks_;  // by the bits of their prefix; the others are 0
};

}  // namespace hotlap::transport
