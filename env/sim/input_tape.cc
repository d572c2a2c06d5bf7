#include "env/sim/input_tape.h"

#include <algorithm>
#include <array>

namespace hotlap::sim {
namespace {

using tminterface::Control;
using tminterface::Event;
using tminterface::EventBuffer;

// The embedded game's own list of controls: each stands at its number.
constexpr int IndexOf(Control control) { return static_cast<int>(control); }

constexpr Event kStartMarker{tminterface::kStoredTimeOfRaceStart,
                             tminterface::PackBinary(IndexOf(Control::kIsRaceRunning), true)};

constexpr std::int32_t StoredTime(std::int32_t race_time_ms) {
  return race_time_ms + tminterface::kStoredTimeOfScriptZero;
}

constexpr bool IsAnalog(Control control) {
  return control == Control::kSteer || control == Control::kGas;
}

constexpr std::uint32_t Pack(Control control, std::int32_t value) {
  return IsAnalog(control)
             ? tminterface::PackAnalog(IndexOf(control), std::clamp(value, -kMaxAnalog, kMaxAnalog))
             : tminterface::PackBinary(IndexOf(control), value != 0);
}

bool Earlier(const Event& event, std::int32_t stored_time_ms) {
  return event.stored_time_ms < stored_time_ms;
}

void Apply(const Event& event, Inputs& inputs) {
  const bool pressed = tminterface::BinaryValue(event.data);
  const std::int32_t value =
      std::clamp(tminterface::AnalogValue(event.data), -kMaxAnalog, kMaxAnalog);
  switch (static_cast<Control>(tminterface::ControlIndex(event.data))) {
    case Control::kAccelerate:
      inputs.accelerate = pressed;
      break;
    case Control::kBrake:
      inputs.brake = pressed;
      break;
    case Control::kSteerLeft:
      inputs.left = pressed;
      break;
    case Control::kSteerRight:
      inputs.right = pressed;
      break;
    case Control::kSteer:
      inputs.steer = value;
      break;
    case Control::kGas:
      inputs.gas = value;
      break;
    case Control::kIsRaceRunning:
    case Control::kFinishLine:
    case Control::kRespawn:
    case Control::kHorn:
      break;
  }
}

}  // namespace

void InputTape::Clear() {
  events_.assign(1, kStartMarker);
  recorded_ = Inputs{};
}

void InputTape::Assign(const EventBuffer& buffer) {
  // Latest first in the game's memory, and so of equal times the later event comes first.
  EventBuffer sorted = buffer;
  sorted.Sort();
  events_.assign(sorted.events.rbegin(), sorted.events.rend());
  std::erase_if(events_, [](const Event& event) {
    return tminterface::ControlIndex(event.data) >= tminterface::kNumControls;
  });
  FindRecorded();
}

void InputTape::Put(std::int32_t race_time_ms, Control control, std::int32_t value) {
  const Event event{StoredTime(race_time_ms), Pack(control, value)};
  const auto end =
      std::lower_bound(events_.begin(), events_.end(), event.stored_time_ms + 1, Earlier);
  auto last = end;  // of this time and control, or else end
  for (auto at = end; at != events_.begin() && last == end;) {
    if ((--at)->stored_time_ms != event.stored_time_ms) break;
    if (tminterface::ControlIndex(at->data) == IndexOf(control)) last = at;
  }
  if (last != end) {
    *last = event;
  } else {
    events_.insert(end, event);
  }
  if (events_.back().stored_time_ms == event.stored_time_ms) {
    Apply(event, recorded_);  // nothing later undoes it
  } else {
    FindRecorded();
  }
}

void InputTape::Record(std::int32_t race_time_ms, const Inputs& inputs) {
  if (inputs == recorded_) return;
  const Inputs before = recorded_;
  const auto put = [&](Control control, std::int32_t was, std::int32_t is) {
    if (was != is) Put(race_time_ms, control, is);
  };
  put(Control::kAccelerate, before.accelerate, inputs.accelerate);
  put(Control::kBrake, before.brake, inputs.brake);
  put(Control::kSteerLeft, before.left, inputs.left);
  put(Control::kSteerRight, before.right, inputs.right);
  put(Control::kSteer, before.steer, inputs.steer);
  put(Control::kGas, before.gas, inputs.gas);
}

void InputTape::TrimTo(std::int32_t race_time_ms) {
  const std::int32_t first_dropped = std::max(StoredTime(race_time_ms), StoredTime(0));
  if (events_.empty() || events_.back().stored_time_ms < first_dropped) return;
  events_.erase(std::lower_bound(events_.begin(), events_.end(), first_dropped, Earlier),
                events_.end());
  FindRecorded();
}

InputTape::Actions InputTape::Play(std::int32_t race_time_ms, Inputs& inputs) const {
  // Every event belongs to one tick, also one whose time is no multiple of 10.
  const std::int32_t last = StoredTime(race_time_ms);
  Actions actions;
  for (auto at = std::lower_bound(events_.begin(), events_.end(), last - 9, Earlier);
       at != events_.end() && at->stored_time_ms <= last; ++at) {
    Apply(*at, inputs);
    if (tminterface::ControlIndex(at->data) == IndexOf(Control::kRespawn) &&
        tminterface::BinaryValue(at->data)) {
      actions.respawn = true;
    }
  }
  return actions;
}

std::int32_t InputTape::last_time_ms() const {
  return events_.empty() ? 0
                         : std::max(events_.back().stored_time_ms, StoredTime(0)) - StoredTime(0);
}

EventBuffer InputTape::buffer(std::uint32_t duration_ms) const {
  EventBuffer buffer;
  for (int i = 0; i < tminterface::kNumControls; ++i) {
    buffer.control_index[static_cast<std::size_t>(i)] = i;
  }
  buffer.events_duration_ms = duration_ms;
  buffer.events.assign(events_.rbegin(), events_.rend());
  return buffer;
}

void InputTape::FindRecorded() {
  recorded_ = Inputs{};
  for (const Event& event : events_) Apply(event, recorded_);
}

}  // namespace hotlap::sim
