// Tracks of the embedded game, from YAML, strictly (see config.h): throws ConfigError naming file,
// line, key and what is allowed.
#pragma once

#include <filesystem>
#include <string_view>

#include "env/sim/track.h"

namespace hotlap {

// Keys of a track, all but `name` and `line` optional:
//   name             text
//   line             the way of its middle, see below
//   closed, laps     a circuit, driven so often
//   width_m          of the road, edge to edge, 24 by default
//   surface          asphalt (default), grass, dirt, ice, turbo, turbo2 (a stronger pad) or
//                    free_wheeling (switches the engine off)
//   wall_m           height of walls at both edges; 0, the default, is an open edge
//   start_s_m, finish_s_m, checkpoints_s_m   metres along the line, see TrackSpec; a circuit needs
//   a
//                    checkpoint in the second half of its lap
//   ground_drop_m    from the lowest point of the line down to the ground
//   smoothing_m      width of an averaging window over the line, not for segments
//   bronze_ms        a time to reach; 0, the default: none
//
// `line` is one of
//   {npy: file, level_start_m: d}   a recorded line; its first d metres take the height at d, since
//                                   recordings begin with the car's drop (0 by default)
//   {points: [[x, y, z], ...]}
//   {start: [x, y, z], heading_deg: h, segments: [...], bend_easing_m: b, slope_easing_m: c}
//                                   heading 0, the default, is +z and grows to the left; how long
//                                   the change between segments is (RoadEasing in
//                                   env/sim/road_builder.h)
// and each of the segments is one of
//   {length_m: l}                   a straight
//   {radius_m: r, turn_deg: a}      a bend, to the left above 0
//   {chicane_m: l, offset_m: o}     sideways by o, to the left above 0, over a length
//   {gap_m: l}                      no road
//   {loop_m: r, offset_m: o}        a vertical loop of radius r, which comes out o to the left of
//                                   where it went in
// with, optionally, rise_m (height gained), bank_deg (leans to the left above 0), width_m, surface,
// wall_m, wall_left_m, wall_right_m (the track's by default) and `checkpoint: true` (a checkpoint
// where the segment ends; then the track has no checkpoints_s_m).
//
// What a car could not drive is refused (env/sim/track_check.h), but for recorded lines: somebody
// drove them.
sim::TrackSpec LoadTrackSpec(const std::filesystem::path& path);

// As track files name it.
std::string_view SurfaceName(sim::Surface surface);

}  // namespace hotlap
