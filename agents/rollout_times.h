// Where the wall time of driving went. For benchmarks and progress; nothing depends on it.
#pragma once

#include <chrono>

#include "env/deadline.h"

namespace hotlap::agents {

struct RolloutTimes {
  std::chrono::nanoseconds environment{}, policy{};
};

// Shares out the time since the call before, or since it was made.
class LapClock {
 public:
  void AddTo(std::chrono::nanoseconds& time) {
    const auto now = Clock::now();
    time += now - latest_;
    latest_ = now;
  }

 private:
  Clock::time_point latest_ = Clock::now();
};

}  // namespace hotlap::agents
