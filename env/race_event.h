// What happens in a race, beside the motion of the car.
#pragma once

#include <cstdint>

namespace hotlap {

enum class RaceEventKind : std::uint8_t { kCheckpoint, kLap, kFinish };

// Seen at its tick: a pass at race time t is in the state s(t). The pass that finishes gives
// kFinish alone, one that ends another lap gives kCheckpoint and then kLap.
struct RaceEvent {
  RaceEventKind kind = RaceEventKind::kCheckpoint;
  std::int32_t race_time_ms = 0;
  std::int32_t count =
      0;  // kCheckpoint, kFinish: passes so far, over all laps; kLap: laps completed
  friend bool operator==(const RaceEvent&, const RaceEvent&) = default;
};

}  // namespace hotlap
