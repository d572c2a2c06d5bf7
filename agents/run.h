// What was driven in one episode, step by step: enough to replay it, to draw it and to compare it
// with others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "env/inputs.h"
#include "env/spec.h"

namespace hotlap::agents {

// As the environment showed it, so within the bounds of its columns; nothing where it lacks them.
struct RunPoint {
  std::int32_t race_time_ms = 0;
  float progress_m = 0;                 // along the reference line since the reset
  std::optional<float> lateral_m = {};  // left positive
  std::optional<float> speed_mps = {};
  std::optional<int> gear = {};  // 0 is reverse
  friend bool operator==(const RunPoint&, const RunPoint&) = default;
};

struct Run {
  std::string track, kind;  // kind of game: "simulated", "tminterface"
  int ticks_per_step = 0;
  // What the environment draws of that which decides where inputs lead: mass, grip, engine_force,
  // input_delay_ticks, start_offset_m. With any of them the inputs alone do not give the run again.
  std::vector<std::string> randomised;

  // At the reset and after each step, race times ascending; none when the game was lost before the
  // first step. A step in which the game was lost is left out.
  std::vector<RunPoint> points;
  // Asked for from points[i] to points[i + 1]; one fewer than points.
  std::vector<Inputs> inputs;

  int invalid_steps = 0;  // in which the game missed inputs
  EndReason end_reason = EndReason::kNone;
  std::int32_t finish_time_ms = 0;  // exact to 10 ms; 0 unless finished

  bool finished() const { return end_reason == EndReason::kFinish; }
  friend bool operator==(const Run&, const Run&) = default;
};

}  // namespace hotlap::agents
