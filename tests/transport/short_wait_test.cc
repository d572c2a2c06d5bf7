// When a wait stays awake, and when it sleeps at once.
#include "transport/short_wait.h"

#include <gtest/gtest.h>

#include <thread>

#include "env/deadline.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

class ShortWaitTest : public ::testing::Test {
 protected:
  // One wait; whether it looked before it slept.
  bool Looks(Deadline until = DeadlineIn(60s)) {
    bool has_looked = false;
    wait.Wait(
        [&] {
          has_looked = true;
          return false;
        },
        [] {}, until);
    return has_looked;
  }
  // Until one does: on a busy machine even a sleep of nothing may take long.
  void MakeShort() {
    while (!Looks()) {
    }
  }

  ShortWait wait;
};

TEST_F(ShortWaitTest, SleepsAtOnceAtFirstAndStaysAwakeAfterAShortWait) {
  EXPECT_FALSE(Looks());
  MakeShort();
}

TEST_F(ShortWaitTest, SleepsAtOnceAfterALongSleep) {
  MakeShort();
  wait.Wait([] { return false; }, [] { std::this_thread::sleep_for(1ms); }, DeadlineIn(60s));
  EXPECT_FALSE(Looks());
}

TEST_F(ShortWaitTest, SleepsAtOnceAfterALookThatTookLong) {
  bool has_slept = true;
  while (has_slept) {  // on a busy machine the time to look may be over before the first one
    MakeShort();
    has_slept = false;
    wait.Wait(
        [] {
          std::this_thread::sleep_for(1ms);  // others ran meanwhile
          return true;
        },
        [&] { has_slept = true; }, DeadlineIn(60s));
  }
  EXPECT_FALSE(Looks());
}

TEST_F(ShortWaitTest, SleepsAtOnceWhenWhatCameWasNotWorthIt) {
  MakeShort();
  wait.Forget();
  EXPECT_FALSE(Looks());
}

TEST_F(ShortWaitTest, NeverStaysAwakePastItsTime) {
  MakeShort();
  EXPECT_FALSE(Looks(kAtOnce));
}

}  // namespace
}  // namespace hotlap::transport
