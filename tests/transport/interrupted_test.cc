// Signals whose handlers end system calls, at every thread of the program while client and server
// wait.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "tests/test_size.h"
#include "tests/transport/serving.h"

namespace hotlap::transport {
namespace {

// Sends SIGUSR1 to every other thread again and again.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // and no SA_RESTART
    sigaction(SIGUSR1, &action, nullptr);
    thread_ = std::thread([this] {
      while (!is_over_) {
        for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
          const long id = std::stol(task.path().filename().string());
          if (id != gettid()) num_sent_ += syscall(SYS_tgkill, getpid(), id, SIGUSR1) == 0;
        }
        std::this_thread::sleep_for(100us);
      }
    });
  }
  ~SignalStorm() {
    is_over_ = true;
    thread_.join();
    signal(SIGUSR1, SIG_IGN);  // one may still be on its way to a thread
  }
  int num_sent() const { return num_sent_; }

 private:
  std::atomic<bool> is_over_{false};
  std::atomic<int> num_sent_{0};
  std::thread thread_;
};

class InterruptedTest : public ServingTest {};

TEST_F(InterruptedTest, NeitherClientNorServerLosesAStepToSignals) {
  server_settings.inline_limit_us = 0;
  const SignalStorm storm;
  Start();
  const int steps = TestCount(100, 300, 3000);
  const auto alone = Race(*Local(4), steps);
  const auto remote = Attached(4);
  EXPECT_EQ(Race(*remote, steps), alone);
  // Once more while everybody waits for a game.
  gate->Shut();
  std::thread opener([&] {
    gate->AwaitWaiting();
    const int sent = storm.num_sent();
    EXPECT_TRUE(Eventually([&] { return storm.num_sent() > sent + 1000; }));
    gate->Open();
  });
  EXPECT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  opener.join();
}

TEST_F(InterruptedTest, ADeadlineIsKept) {
  const SignalStorm storm;
  Start();
  const auto remote = Connected();
  Stop();
  const Deadline deadline = DeadlineIn(30ms);
  const auto reply = remote->Ping(deadline);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().status, Status::kTimedOut);
  EXPECT_GE(Clock::now(), deadline);
}

}  // namespace
}  // namespace hotlap::transport
