// What a race's state from outside may say: bounds for everyone who takes one back, so that no
// arithmetic on its clocks overflows and no physics begins beyond all sense. Far beyond any race.
#pragma once

#include <cstdint>

#include "env/inputs.h"

namespace hotlap {

inline constexpr std::int32_t kEarliestClockMs = -2610;  // a clock before its first tick
inline constexpr std::int32_t kLatestClockMs = 1'000'000'000;
inline constexpr float kMaxStateSpeedMps = 10'000;
inline constexpr float kMaxStateSpinRadps = 10'000;
inline constexpr float kMaxStateRpm = 1e6f;
inline constexpr std::int32_t kMaxStateShiftTicks = 1000;
inline constexpr std::int32_t kMaxStateTurboTicks = 1000;

inline constexpr std::int32_t kMaxStateRespawns = 1'000'000'000;

// Of the race time and the tick clock: whole ticks.
constexpr bool IsRaceClock(std::int32_t time_ms) {
  return time_ms >= kEarliestClockMs && time_ms <= kLatestClockMs && time_ms % 10 == 0;
}
// Of a pass of a gate.
constexpr bool IsPassTime(std::int32_t time_ms) { return time_ms >= 0 && IsRaceClock(time_ms); }
constexpr bool IsRespawnCount(std::int32_t count) {
  return count >= 0 && count <= kMaxStateRespawns;
}
constexpr bool IsAnalogInput(std::int32_t value) {
  return value >= -kMaxAnalog && value <= kMaxAnalog;
}

}  // namespace hotlap
