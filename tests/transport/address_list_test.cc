#include "transport/address_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace hotlap::transport {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  try {
    AddressList::Parse(text, "list");
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(AddressListTest, HasItsAddressesAndThoseOfItsNetworks) {
  const AddressList list = AddressList::Parse(
      "# scanners\n192.0.2.7\n\n  198.51.100.0/24\t# a network\r\n2001:db8::1\n2001:db8:1::/48",
      "list");
  for (const char* in : {"192.0.2.7", "198.51.100.0", "198.51.100.255", "2001:db8::1",
                         "2001:db8:1:2:3::4", "2001:0db8:0001::"}) {
    EXPECT_TRUE(list.Contains(in)) << in;
  }
  for (const char* out : {"192.0.2.8", "198.51.101.0", "2001:db8::2", "2001:db8:2::1", "::1"}) {
    EXPECT_FALSE(list.Contains(out)) << out;
  }
}

TEST(AddressListTest, AnIpv4AddressIsTheSameWrittenAsIpv6) {
  const AddressList list = AddressList::Parse("192.0.2.0/24\n::ffff:198.51.100.7\n", "list");
  EXPECT_TRUE(list.Contains("::ffff:192.0.2.9"));
  EXPECT_TRUE(list.Contains("198.51.100.7"));
}

TEST(AddressListTest, EveryAddressOfOneFamilyIsNoneOfTheOther) {
  const AddressList ipv6 = AddressList::Parse("::/0", "list");
  EXPECT_TRUE(ipv6.Contains("2001:db8::1"));
  EXPECT_FALSE(ipv6.Contains("192.0.2.7"));
  const AddressList ipv4 = AddressList::Parse("0.0.0.0/0", "list");
  EXPECT_TRUE(ipv4.Contains("192.0.2.7"));
  EXPECT_TRUE(ipv4.Contains("::ffff:192.0.2.7"));
  EXPECT_FALSE(ipv4.Contains("2001:db8::1"));
}

TEST(AddressListTest, TheZoneOfALinkLocalAddressDoesNotMatter) {
  EXPECT_TRUE(AddressList::Parse("fe80::/10", "list").Contains("fe80::1%eth0"));
}

TEST(AddressListTest, WhatIsNoAddressIsNotInIt) {
  const AddressList list = AddressList::Parse("0.0.0.0/0\n::/0", "list");
  // The second is how ZeroMQ names a peer on ipc://.
  for (const char* text : {"", ":1000:1000:42", "localhost", "1.2.3", "1.2.3.4.5"}) {
    EXPECT_FALSE(list.Contains(text)) << text;
  }
}

TEST(AddressListTest, AnErrorNamesTheLine) {
  EXPECT_THAT(ErrorOf("192.0.2.7\n\nnobody\n"), HasSubstr("list:3: 'nobody' is no address"));
  EXPECT_THAT(ErrorOf("192.0.2.0/33"), HasSubstr("list:1: '192.0.2.0/33' has no such prefix"));
  EXPECT_THAT(ErrorOf("2001:db8::/129"), HasSubstr("no such prefix"));
  EXPECT_THAT(ErrorOf("192.0.2.0/"), HasSubstr("no such prefix"));
  EXPECT_THAT(ErrorOf("192.0.2.0/-1"), HasSubstr("no such prefix"));
  EXPECT_THAT(ErrorOf("192.0.2.0/8x"), HasSubstr("no such prefix"));
  EXPECT_THAT(ErrorOf("192.0.2.7/24"), HasSubstr("bits behind its prefix"));
}

TEST(AddressListTest, AnEmptyTextIsAnEmptyList) {
  EXPECT_FALSE(AddressList::Parse("", "list").Contains("192.0.2.7"));
}

TEST(AddressListTest, AFileThatCannotBeReadIsNamed) {
  EXPECT_THROW(AddressList::Load("/nowhere/blocked"), std::runtime_error);
  EXPECT_THROW(AddressList::Load("/"), std::runtime_error);
}

}  // namespace
}  // namespace hotlap::transport
