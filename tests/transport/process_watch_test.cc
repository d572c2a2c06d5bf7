#include "transport/process_watch.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <future>

#include "tests/process.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongEnough = 30s;

TEST(ProcessWatchTest, TellsWhenTheProcessIsKilled) {
  Process process({"/bin/sleep", "1000"});
  std::promise<void> ended;
  const ProcessWatch watch(process.pid(), [&] { ended.set_value(); });
  process.Signal(SIGKILL);
  EXPECT_EQ(ended.get_future().wait_for(kLongEnough), std::future_status::ready);
}

TEST(ProcessWatchTest, TellsOfAProcessThatHasEndedBefore) {
  Process process({"/bin/true"});
  ASSERT_TRUE(process.Wait());
  std::promise<void> ended;
  const ProcessWatch watch(process.pid(), [&] { ended.set_value(); });
  EXPECT_EQ(ended.get_future().wait_for(kLongEnough), std::future_status::ready);
}

TEST(ProcessWatchTest, SaysNothingWhenItGoesFirst) {
  const Process process({"/bin/sleep", "1000"});
  bool is_told = false;
  {
    const ProcessWatch watch(process.pid(), [&] { is_told = true; });
  }
  EXPECT_FALSE(is_told);
}

}  // namespace
}  // namespace hotlap::transport
