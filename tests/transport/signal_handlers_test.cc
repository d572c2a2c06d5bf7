#include "transport/signal_handlers.h"

#include <signal.h>

#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

class SignalHandlersTest : public ServingTest {
 public:
  ~SignalHandlersTest() override {
    for (const int number : {SIGINT, SIGTERM, SIGPIPE}) ::signal(number, SIG_DFL);
  }

 protected:
  static bool IsHandled(int number) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    return action.sa_handler != SIG_DFL;
  }
};

TEST_F(SignalHandlersTest, AServerHandlesNoSignalsByItself) {
  Start();
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) EXPECT_FALSE(IsHandled(number)) << number;
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
