#include "env/restart_schedule.h"

#include <algorithm>
#include <utility>

namespace hotlap {
namespace {

using namespace std::chrono_literals;

constexpr auto kGoodRun = 2s;  // shorter ones are followed by a pause

}  // namespace

void RestartSchedule::NoteStart(Clock::time_point now) {
  last_start_ = now;
  if (!std::exchange(has_started_, true)) return;
  restarts_.push_back(now);
  if (restarts_.size() > static_cast<std::size_t>(policy_.per_hour)) restarts_.pop_front();
}

void RestartSchedule::NoteEnd(Clock::time_point now) {
  const bool was_good = now - last_start_ >= kGoodRun;
  pause_ =
      was_good ? 0ms : std::min(std::max(2 * pause_, policy_.first_pause), policy_.longest_pause);
  next_start_ = now + pause_;
}

void RestartSchedule::NoteFailedStart(Clock::time_point now) {
  pause_ = policy_.longest_pause;
  next_start_ = now + pause_;
}

bool RestartSchedule::MayStart(Clock::time_point now) const {
  return now >= next_start_ && !IsQuarantined(now);
}

bool RestartSchedule::IsQuarantined(Clock::time_point now) const {
  return InLastHour(now) >= policy_.per_hour;
}

int RestartSchedule::InLastHour(Clock::time_point now) const {
  return static_cast<int>(
      std::ranges::count_if(restarts_, [now](auto start) { return now - start < 1h; }));
}

}  // namespace hotlap
