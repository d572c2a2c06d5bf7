// The game's list of input events, and how one event is packed into 8 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hotlap::tminterface {

// The ten controls in the order of the wire's index words (section 2.3 of the protocol).
enum class Control : std::uint8_t {
  kIsRaceRunning = 0,  // _FakeIsRaceRunning
  kFinishLine = 1,     // _FakeFinishLine
  kAccelerate = 2,
  kBrake = 3,
  kSteerLeft = 4,
  kSteerRight = 5,
  kSteer = 6,  // analog
  kGas = 7,    // analog
  kRespawn = 8,
  kHorn = 9,
};
inline constexpr int kNumControls = 10;
std::string_view ControlName(Control control);  // as the game spells it: "Steer (analog)"

inline constexpr std::int32_t kStoredTimeOfRaceStart = 100000;  // stored time = race time + this
inline constexpr std::int32_t kStoredTimeOfScriptZero = 100010;

struct Event {
  std::int32_t stored_time_ms = 0;
  std::uint32_t data = 0;  // top byte: control index; low 24 bits: value
  friend bool operator==(const Event&, const Event&) = default;
};

constexpr std::uint32_t PackBinary(int control_index, bool value) {
  return (static_cast<std::uint32_t>(control_index) << 24) | (value ? 1u : 0u);
}
// `value` in [-8388607, 8388607], positive is right; stored negated in 24 bits.
constexpr std::uint32_t PackAnalog(int control_index, std::int32_t value) {
  return (static_cast<std::uint32_t>(control_index) << 24) |
         (static_cast<std::uint32_t>(-value) & 0xFFFFFFu);
}
constexpr int ControlIndex(std::uint32_t data) { return static_cast<int>(data >> 24); }
constexpr bool BinaryValue(std::uint32_t data) { return (data & 0xFFFFFFu) != 0; }
constexpr std::int32_t AnalogValue(std::uint32_t data) {
  return -(static_cast<std::int32_t>(data << 8) >> 8);
}

struct EventBuffer {
  // Where each control (by its Control number) stands in the buffer's own list of names, [0, 9];
  // -1: absent. They vary per buffer.
  std::array<std::int32_t, kNumControls> control_index{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
  std::uint32_t events_duration_ms = 0;  // the finish time; ignored when set
  std::vector<Event> events;  // decreasing stored time in the game; any order may be sent
  friend bool operator==(const EventBuffer&, const EventBuffer&) = default;

  int index_of(Control control) const { return control_index[static_cast<std::size_t>(control)]; }
  // Latest first, as the game keeps them; so of two events of one time the first in the list is the
  // later one. Stable.
  void Sort();
  // Keeps only the start marker {100000, running = 1}; nothing where that control is absent.
  void Clear();
};

}  // namespace hotlap::tminterface
