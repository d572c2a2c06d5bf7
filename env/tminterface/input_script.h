// The text form of inputs: "1000 press up", "0.50-2.00 steer -65536", console commands; section 8.4
// of the protocol.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "env/tminterface/event_buffer.h"

namespace hotlap::tminterface {

enum class InputKey : std::uint8_t {
  kUp = 0,
  kDown = 1,
  kLeft = 2,
  kRight = 3,
  kRespawn = 4,
  kReset = 5,
  kHorn = 6,
  kSteer = 7,
  kGas = 8,
  kUnknown = 9,
};

struct TimedInput {
  std::int32_t time_ms = 0;  // script time: race time - 10 of the call, see section 8.2
  InputKey key = InputKey::kUnknown;
  std::int32_t state = 0;  // 0 or 1, or the analog value
  friend bool operator==(const TimedInput&, const TimedInput&) = default;
};
struct TimedCommand {
  std::int32_t time_ms = 0;
  std::vector<std::string> arguments;
  bool is_ending = false;  // the second half of a range
  friend bool operator==(const TimedCommand&, const TimedCommand&) = default;
};

struct InputScript {
  std::vector<std::vector<std::string>> immediate;            // in file order
  std::vector<std::variant<TimedInput, TimedCommand>> timed;  // in file order until Sort()

  static InputScript Parse(
      std::string_view text);  // every text parses: what is no timed input is a command
  void SortByTime();           // stable
  std::string ToText() const;
};

// "1000" (ms) or "1:02.33" (a fraction of at most two digits counts); -1: not a time.
std::int32_t ParseTime(std::string_view text);

// What the game recorded, as script text: the events from the start marker to the finish, and those
// after it when `whole`. Times are rounded up to 10 ms; releases of respawn and horn say nothing
// and are left out, as are controls that the buffer does not name.
std::string ToScriptText(const EventBuffer& buffer, bool whole = false);

// The script's inputs as events behind the start marker, with the control indices of `layout`;
// commands, unknown keys and controls that `layout` lacks are left out. In the game's order.
EventBuffer ToEventBuffer(const InputScript& script, const EventBuffer& layout);

}  // namespace hotlap::tminterface
