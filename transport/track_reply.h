// The geometry of a track as a reply: what a spectator draws and a planner plans on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>
#include <zmq.hpp>

#include "env/sim/road.h"
#include "env/sim/vehicle_params.h"
#include "env/vec3.h"
#include "transport/reply.h"

namespace hotlap::transport {

struct OfferedTrack;

// A track as a client gets it. World frame, metres.
struct TrackGeometry {
  // A cross-section of the road.
  struct Point {
    Vec3 position_m;     // the middle of the road, at the height of a standing car's origin
    Vec3 tangent, left;  // unit
    float half_width_left_m = 0, half_width_right_m = 0;
    float wall_left_m = 0, wall_right_m = 0;        // heights; 0: an open edge
    sim::Surface surface = sim::Surface::kAsphalt;  // from here to the next point
    bool is_gap = false;                            // no road until there
  };
  // A checkpoint or the finish: a plane across the road.
  struct Gate {
    float s_m = 0;  // along the line
    Vec3 position_m;
    Vec3 direction;  // unit: passed when the car comes from behind the plane
    float reach_left_m = 0, reach_right_m = 0;  // how far to the side still counts
  };

  std::string name;
  std::uint64_t hash = 0;  // equal hashes, equal tracks, on every machine
  float length_m = 0;      // of the line; on a circuit, of one lap
  float spacing_m = 0;     // of the points along it
  bool closed = false;     // a circuit: the last point joins the first
  int laps = 1;
  float start_s_m = 0, finish_s_m = 0;
  float ground_y_m = 0;
  std::uint64_t lower_bound_ms = 0;  // of the server's own car: sim::BoundLap, rounded down
  std::vector<Point> points;
  std::vector<Gate> gates;  // of one lap, in order; the last is the finish, or ends a lap
};

Reply MakeTrackReply(std::uint64_t id, const OfferedTrack& track,
                     const sim::VehicleParams& vehicle);
// `frames`: the header's too.
tl::expected<TrackGeometry, std::string> DecodeTrackReply(std::span<const zmq::message_t> frames);

}  // namespace hotlap::transport
