#include "env/track_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "env/track_config.h"

namespace hotlap {
namespace {

using sim::RoadSegment;
using sim::SegmentKind;

// The shortest text that reads back as the same number.
std::string Text(float value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

// What it has beyond the track's own settings, those of `track`.
void WriteSegment(std::ostream& out, const RoadSegment& s, const RoadSegment& track,
                  bool ends_at_checkpoint) {
  out << "    - {";
  switch (s.kind) {
    case SegmentKind::kStraight:
      out << "length_m: " << Text(s.length_m);
      break;
    case SegmentKind::kBend:
      out << "radius_m: " << Text(s.radius_m) << ", turn_deg: " << Text(s.turn_deg);
      break;
    case SegmentKind::kChicane:
      out << "chicane_m: " << Text(s.length_m) << ", offset_m: " << Text(s.sideways_m);
      break;
    case SegmentKind::kGap:
      out << "gap_m: " << Text(s.length_m);
      break;
    case SegmentKind::kLoop:
      out << "loop_m: " << Text(s.radius_m) << ", offset_m: " << Text(s.sideways_m);
      break;
  }
  if (s.rise_m != 0) out << ", rise_m: " << Text(s.rise_m);
  if (s.bank_deg != 0) out << ", bank_deg: " << Text(s.bank_deg);
  if (s.half_width_left_m != track.half_width_left_m) {
    out << ", width_m: " << Text(2 * s.half_width_left_m);
  }
  if (s.surface != track.surface) out << ", surface: " << SurfaceName(s.surface);
  if (s.wall_left_m != track.wall_left_m) out << ", wall_left_m: " << Text(s.wall_left_m);
  if (s.wall_right_m != track.wall_right_m) out << ", wall_right_m: " << Text(s.wall_right_m);
  if (ends_at_checkpoint) out << ", checkpoint: true";
  out << "}\n";
}

}  // namespace

void WriteTrack(std::ostream& out, const sim::TrackPlan& plan, std::string_view remark) {
  RoadSegment track = plan.segments.front();
  track.surface = sim::Surface::kAsphalt;
  track.wall_right_m = track.wall_left_m;
  out << "# " << remark << "\nname: " << plan.name
      << "\nwidth_m: " << Text(2 * track.half_width_left_m)
      << "   # m, edge to edge\nwall_m: " << Text(track.wall_left_m)
      << "   # m, height at both edges; 0 is an open edge\nline:\n  start: ["
      << Text(plan.start_m.x) << ", " << Text(plan.start_m.y) << ", " << Text(plan.start_m.z)
      << "]\n  segments:\n";
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const bool ends_at_checkpoint = std::ranges::binary_search(plan.checkpoints, i);
    WriteSegment(out, plan.segments[i], track, ends_at_checkpoint);
  }
}

}  // namespace hotlap
