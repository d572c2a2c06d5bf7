// Waiting for what is about to happen without going to sleep: to be woken takes longer than many a
// step, tens of microseconds on a virtual machine, and comes back to a cold cache.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>

#include "env/deadline.h"

namespace hotlap::transport {

// Looks again and again for a fifth of a millisecond, and lets other threads run between two looks;
// then sleeps. After a wait that was long it sleeps at once, until one was short again: so who has
// nothing to wait for soon, or shares a busy machine with many, costs no time. One thread.
class ShortWait {
 public:
  // Until `ready()`, or until `sleep()` has returned, which is to be at `until` or earlier.
  template <typename Ready, typename Sleep>
  void Wait(const Ready& ready, const Sleep& sleep, Deadline until) {
    const Deadline begin = Clock::now();
    const Deadline awake_until = is_short_ ? std::min(begin + kAwake, until) : begin;
    bool is_ready = false;
    while (!is_ready && Clock::now() < awake_until) {
      sched_yield();
      is_ready = ready();
    }
    if (!is_ready) sleep();
    is_short_ = Clock::now() - begin < 2 * kAwake;
  }

  // What came was not worth it: the next wait sleeps at once.
  void Forget() { is_short_ = false; }

 private:
  static constexpr std::chrono::microseconds kAwake{200};

  bool is_short_ = false;  // the latest wait was
};

}  // namespace hotlap::transport
