// The input events of one race of the embedded game, in order of time: recorded in a normal race,
// played in a simulation. Event times are stored times (race time + 100000); the inputs of the tick
// t -> t + 10 stand at t + 10.
#pragma once

#include <cstdint>
#include <vector>

#include "env/inputs.h"
#include "env/tminterface/event_buffer.h"

namespace hotlap::sim {

class InputTape {
 public:
  InputTape() { Clear(); }

  // Keeps only the marker of the race's start.
  void Clear();
  // What a client sends: any order, with the control indices of buffer(). Events of controls that
  // do not exist are dropped.
  void Assign(const tminterface::EventBuffer& buffer);

  // Puts one event for the tick that begins at `race_time_ms`, in place of the last that is there.
  // Analog values are kept within what the car takes.
  void Put(std::int32_t race_time_ms, tminterface::Control control, std::int32_t value);
  // Recording: puts what differs from the inputs that the tape's own events leave in force.
  // REQUIRES: no event of a later tick is there (see TrimTo).
  void Record(std::int32_t race_time_ms, const Inputs& inputs);
  // Drops the events of all ticks from `race_time_ms` on.
  void TrimTo(std::int32_t race_time_ms);

  struct Actions {
    bool respawn = false;
  };
  // Playing: what the events of the tick that begins at `race_time_ms` change.
  Actions Play(std::int32_t race_time_ms, Inputs& inputs) const;

  std::int32_t last_time_ms() const;  // race time at which the last event's tick begins; at least 0
  tminterface::EventBuffer buffer(std::uint32_t duration_ms) const;
  // The same inputs at the same times.
  bool HasEventsOf(const InputTape& other) const { return events_ == other.events_; }

 private:
  void FindRecorded();

  std::vector<tminterface::Event> events_;  // increasing time
  Inputs recorded_;                         // in force after the last event
};

}  // namespace hotlap::sim
