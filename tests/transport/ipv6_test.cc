// Servers and clients on IPv6 addresses, where the machine has them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

bool HasIpv6() {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool can_bind = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return can_bind;
}

class Ipv6Test : public ServingTest {
 protected:
  void SetUp() override {
    if (!HasIpv6()) GTEST_SKIP() << "no IPv6 on this machine";
  }
};

TEST_F(Ipv6Test, ALearnerDrivesOverTheLoopbackAddress) {
  server_settings.endpoints = {"tcp://[::1]:*"};
  Start();
  EXPECT_TRUE(endpoint.starts_with("tcp://[::1]:")) << endpoint;
  EXPECT_EQ(Race(*Attached(2), 10), Race(*Local(2), 10));
}

TEST_F(Ipv6Test, TheAnyAddressTakesBothKinds) {
  server_settings.endpoints = {"tcp://[::]:*"};
  server_settings.security.is_insecure = true;
  Start();
  const std::string port = endpoint.substr(endpoint.rfind(':'));
  for (const std::string address : {"tcp://[::1]", "tcp://127.0.0.1"}) {
    endpoint = address + port;
    EXPECT_EQ(Race(*Attached(2), 10), Race(*Local(2), 10)) << address;
  }
}

TEST_F(Ipv6Test, AServerListensOnBothKindsByTwoEndpoints) {
  server_settings.endpoints = {"tcp://[::1]:*", "tcp://127.0.0.1:*"};
  Start();
  for (const std::string& bound : server->endpoints()) {
    endpoint = bound;
    EXPECT_EQ(Race(*Attached(1), 5), Race(*Local(1), 5)) << bound;
  }
}

}  // namespace
}  // namespace hotlap::transport
