#include "agents/time_gap.h"

#include <algorithm>
#include <span>

namespace hotlap::agents {
namespace {

struct Arrival {
  float distance_m = 0;
  float time_s = 0;
};

// Where a run was farther than ever before, and when: both ascend.
std::vector<Arrival> ArrivalsOf(const Run& run) {
  std::vector<Arrival> arrivals;
  for (const RunPoint& point : run.points) {
    if (!arrivals.empty() && point.progress_m <= arrivals.back().distance_m) continue;
    arrivals.push_back({point.progress_m, static_cast<float>(point.race_time_ms) / 1000});
  }
  return arrivals;
}

// Moves on through the arrivals as the distances that it is asked for ascend.
class Clock {
 public:
  explicit Clock(std::span<const Arrival> arrivals) : arrivals_(arrivals) {}
  // REQUIRES: within the arrivals.
  float TimeAt(float distance_m) {
    while (next_ + 1 < arrivals_.size() && arrivals_[next_].distance_m < distance_m) ++next_;
    const Arrival& to = arrivals_[next_];
    if (next_ == 0 || to.distance_m <= distance_m) return to.time_s;
    const Arrival& from = arrivals_[next_ - 1];
    const float share = (distance_m - from.distance_m) / (to.distance_m - from.distance_m);
    return from.time_s + share * (to.time_s - from.time_s);
  }

 private:
  std::span<const Arrival> arrivals_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<TimeGap> TimeGapOf(const Run& run, const Run& reference) {
  const std::vector<Arrival> own = ArrivalsOf(run), theirs = ArrivalsOf(reference);
  if (own.empty() || theirs.empty()) return {};
  const float from_m = std::max(own.front().distance_m, theirs.front().distance_m);
  const float to_m = std::min(own.back().distance_m, theirs.back().distance_m);
  std::vector<float> distances_m;
  for (const auto* arrivals : {&own, &theirs}) {
    for (const Arrival& arrival : *arrivals) {
      if (arrival.distance_m >= from_m && arrival.distance_m <= to_m) {
        distances_m.push_back(arrival.distance_m);
      }
    }
  }
  std::ranges::sort(distances_m);
  distances_m.erase(std::unique(distances_m.begin(), distances_m.end()), distances_m.end());

  std::vector<TimeGap> gaps;
  gaps.reserve(distances_m.size());
  Clock clock(own), their_clock(theirs);
  for (const float distance_m : distances_m) {
    gaps.push_back({distance_m, clock.TimeAt(distance_m) - their_clock.TimeAt(distance_m)});
  }
  return gaps;
}

}  // namespace hotlap::agents
