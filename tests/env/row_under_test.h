// One row as the terms of observation, reward and rules see it, for tests to set as they like.
#pragma once

#include <memory>

#include "env/row_record.h"
#include "tests/env/roads.h"

namespace hotlap {

// A car at rest in the middle of the road, 100 m along, wheels on the ground.
struct RowUnderTest {
  explicit RowUnderTest(const sim::TrackSpec& spec = StraightRoad(400, 150)) : line(LineOf(spec)) {
    for (WheelState& wheel : state.wheels) wheel = {true, false, 16, 0.0126f};
    state.gear = 1;
    state.checkpoints_per_lap = line->num_gates();
    state.checkpoints_target = line->num_gates() * line->laps();
    record.phase = RowPhase::kRunning;
    PlaceAt(100);
  }

  // On the line at unwrapped s, moved to the left and up, nose along the road.
  void PlaceAt(float s_m, float lateral_m = 0, float height_m = 0) {
    here = line->At(s_m);
    state.position_m = here.position_m + here.left * lateral_m + here.normal * height_m;
    const Vec3 x = here.left, y = here.normal, z = here.tangent;
    state.rotation = {{{x.x, y.x, z.x}, {x.y, y.y, z.y}, {x.z, y.z, z.z}}};
    record.place = {s_m, lateral_m, height_m};
  }

  RowView view() const { return {state, *line, record, here}; }

  std::shared_ptr<const Centreline> line;
  GameState state;
  RowRecord record;
  LinePoint here;
};

}  // namespace hotlap
