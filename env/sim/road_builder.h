// Makes the line of a road from segments: straights, bends, chicanes, gaps and loops, one after the
// other. A segment says what should hold along it; where two meet, all that changes is eased over:
// curvature, slope, bank and width are continuous, so that a car is never surprised. World frame.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/sim/road.h"
#include "env/sim/track.h"
#include "env/vec3.h"

namespace hotlap::sim {

enum class SegmentKind { kStraight, kBend, kChicane, kGap, kLoop };
std::string_view SegmentKindName(SegmentKind kind);  // "straight", ...

struct RoadSegment {
  SegmentKind kind = SegmentKind::kStraight;
  float length_m = 0;    // straight, chicane, gap: seen from above
  float radius_m = 0;    // bend: seen from above; loop: its tightest
  float turn_deg = 0;    // bend: how far, left positive
  float sideways_m = 0;  // to the left: of a chicane's way out from its way in; of a loop's, which
                         // must be more than the road's width
  float rise_m = 0;      // height gained, negative downhill; no loop has one of its own
  float bank_deg = 0;    // how far the road leans to the left
  float half_width_left_m = 12, half_width_right_m = 12;
  float wall_left_m = 0, wall_right_m = 0;
  Surface surface = Surface::kAsphalt;
};

// How long the change from one segment to the next is, half of it on either side; shorter beside a
// gap or a loop, up to which a segment keeps what it has.
struct RoadEasing {
  float bend_m = 20;   // of curvature and width
  float slope_m = 50;  // of slope and bank
};

struct RoadPart {
  SegmentKind kind = SegmentKind::kStraight;
  float start_s_m = 0;  // along the line
};

struct BuiltRoad {
  std::vector<TrackPoint> line;  // about 1 m apart
  std::vector<RoadPart> parts;   // one a segment
  float length_m = 0;
  // Of a circuit: how far its end was from its start, and how far its heading was off, before the
  // whole line was bent a little to make them meet.
  float open_by_m = 0, open_by_deg = 0;
};

inline constexpr float kMaxRoadM = 30000;

// From `start_m`, facing `heading_deg` (0 is +z and grows to the left). Throws
// std::invalid_argument "segments[7] (gap): ..." for one that cannot be, saying what is allowed.
// Whether a car can drive the road is FindRoadFault's to say (track_check.h).
BuiltRoad BuildRoad(Vec3 start_m, float heading_deg, std::span<const RoadSegment> segments,
                    bool closed = false, const RoadEasing& easing = {});

// "segments[7] (gap)".
std::string SegmentLabel(std::size_t index, SegmentKind kind);

}  // namespace hotlap::sim
