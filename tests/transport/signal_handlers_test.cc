#include "transport/signal_handlers.h"

#include <signal.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

class SignalHandlersTest : public ServingTest {
 public:
  ~SignalHandlersTest() override {
    for (const int number : kNumbers) ::signal(number, SIG_DFL);
  }

 protected:
  static constexpr std::array<int, 4> kNumbers{SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  static bool IsHandled(int number) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    return action.sa_handler != SIG_DFL;
  }
};

TEST_F(SignalHandlersTest, AServerHandlesNoSignalsByItself) {
  Start();
  for (const int number : kNumbers) EXPECT_FALSE(IsHandled(number)) << number;
}

TEST_F(SignalHandlersTest, HasItsServerReadItsListsAgainOnAHangup) {
  const std::filesystem::path blocked = directory.path() / "blocked";
  std::ofstream(blocked) << "192.0.2.7\n";
  server_settings.security.blocked = blocked;
  Start();
  const SignalHandlers signal_handlers(*server);
  raise(SIGHUP);
  EXPECT_TRUE(Eventually([&] { return server->counters().reloads > 0; }));
}

TEST_F(SignalHandlersTest, StopsItsServerOnEither) {
  for (const int number : {SIGINT, SIGTERM}) {
    Start();
    {
      const SignalHandlers signal_handlers(*server);
      raise(number);
      thread.join();
    }
    EXPECT_TRUE(finished);
    raise(number);  // which is nobody's now
    server.reset();
  }
}

}  // namespace
}  // namespace hotlap::transport
