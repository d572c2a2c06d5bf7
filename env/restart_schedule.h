// When a game that has gone is started again: at once when it had run for a while, after a growing
// pause when it went right after its start, and not at all once it has gone too often. Nothing here
// looks at a clock.
#pragma once

#include <chrono>
#include <deque>

#include "env/deadline.h"

namespace hotlap {

struct RestartPolicy {
  std::chrono::milliseconds first_pause{100};  // doubles from one bad start to the next
  std::chrono::milliseconds longest_pause{5000};
  int per_hour = 30;  // at least 1; then the game is quarantined until fewer lie within an hour
};

class RestartSchedule {
 public:
  explicit RestartSchedule(const RestartPolicy& policy) : policy_(policy) {}

  // The first start is no restart.
  void NoteStart(Clock::time_point now);
  void NoteEnd(Clock::time_point now);
  void NoteFailedStart(Clock::time_point now);  // there was none: the longest pause follows

  // REQUIRES (both): the game has gone.
  bool MayStart(Clock::time_point now) const;
  bool IsQuarantined(Clock::time_point now) const;
  int InLastHour(Clock::time_point now) const;

 private:
  RestartPolicy policy_;
  bool has_started_ = false;
  Clock::time_point last_start_{};
  Clock::time_point next_start_{};
  std::chrono::milliseconds pause_{0};
  std::deque<Clock::time_point> restarts_;  // the latest per_hour
};

}  // namespace hotlap
