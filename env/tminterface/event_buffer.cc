#include "env/tminterface/event_buffer.h"

#include <algorithm>

namespace hotlap::tminterface {

std::string_view ControlName(Control control) {
  constexpr std::array<std::string_view, kNumControls> kNames = {
      "_FakeIsRaceRunning", "_FakeFinishLine", "Accelerate",          "Brake",   "Steer left",
      "Steer right",        "Steer (analog)",  "Accelerate (analog)", "Respawn", "Horn"};
  return kNames[static_cast<std::size_t>(control)];
}

void EventBuffer::Sort() {
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return a.stored_time_ms > b.stored_time_ms;
  });
}

void EventBuffer::Clear() {
  events.clear();
  const int running = index_of(Control::kIsRaceRunning);
  if (running >= 0) events = {{kStoredTimeOfRaceStart, PackBinary(running, true)}};
}

}  // namespace hotlap::tminterface
