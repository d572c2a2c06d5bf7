// Points on the monotonic clock. Only leases, timeouts and waits use it; nothing in a trajectory
// does.
#pragma once

#include <chrono>

namespace hotlap {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

inline Deadline DeadlineIn(std::chrono::nanoseconds duration) { return Clock::now() + duration; }
inline constexpr Deadline kNoDeadline = Deadline::max();
inline constexpr Deadline kAtOnce = Deadline::min();  // only looks

}  // namespace hotlap
