#include "transport/track_reply.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "env/sim/track.h"
#include "transport/array_reader.h"
#include "transport/header.h"
#include "transport/header_reader.h"
#include "transport/offered_track.h"
#include "transport/protocol.h"
#include "transport/uninterrupted.h"

namespace hotlap::transport {
namespace {

static_assert(sizeof(Vec3) == 3 * sizeof(float), "sent as it is");

constexpr std::uint8_t kGap = 0;  // no surface has this number

// A frame with what `of` gives for each item.
template <typename Item, typename Of>
zmq::message_t Frame(std::span<const Item> items, Of of) {
  using Value = decltype(of(items[0]));
  std::vector<Value> values;
  values.reserve(items.size());
  for (const Item& item : items) values.push_back(of(item));
  return zmq::message_t(values.data(), values.size() * sizeof(Value));
}

struct Sides {
  float left = 0, right = 0;
};

constexpr std::array kSurfaces = {
    sim::Surface::kGrass,   sim::Surface::kIce,    sim::Surface::kDirt,        sim::Surface::kTurbo,
    sim::Surface::kAsphalt, sim::Surface::kTurbo2, sim::Surface::kFreeWheeling};

// The header's part.
tl::expected<TrackGeometry, std::string> DecodeTrackHeader(std::span<const std::byte> frame) {
  constexpr float kFarthest = std::numeric_limits<float>::max();
  const auto header = Header::Parse(frame);
  if (!header) return tl::make_unexpected(header.error());
  HeaderReader reader(*header);
  TrackGeometry track;
  reader.Keep(header->String("track", kMaxNameBytes), track.name);
  reader.Keep(header->Unsigned("hash", 0, UINT64_MAX), track.hash);
  reader.Keep(header->Float("length_m", 0, kFarthest), track.length_m);
  reader.Keep(header->Float("spacing_m", 0, kFarthest), track.spacing_m);
  reader.Keep(header->Bool("closed"), track.closed);
  reader.Keep(header->Unsigned("laps", 1, sim::kMaxPasses), track.laps);
  reader.Keep(header->Float("start_s_m", 0, kFarthest), track.start_s_m);
  reader.Keep(header->Float("finish_s_m", 0, kFarthest), track.finish_s_m);
  reader.Keep(header->Float("ground_y_m", -kFarthest, kFarthest), track.ground_y_m);
  reader.Keep(header->Unsigned("lower_bound_ms", 0, UINT64_MAX), track.lower_bound_ms);
  return reader.Finish(std::move(track));
}

}  // namespace

Reply MakeTrackReply(std::uint64_t id, const OfferedTrack& offered,
                     const sim::VehicleParams& vehicle) {
  using sim::Gate;
  using sim::RoadPoint;
  const sim::Track& track = *offered.track;
  HeaderWriter writer;
  writer.Unsigned("id", id)
      .Signed("status", 0)
      .String("track", offered.name)
      .Unsigned("hash", track.hash())
      .Float("length_m", track.length_m())
      .Float("spacing_m", track.spacing_m())
      .Bool("closed", track.closed())
      .Unsigned("laps", static_cast<std::uint64_t>(track.laps()))
      .Float("start_s_m", track.start_s_m())
      .Float("finish_s_m", track.finish_s_m())
      .Float("ground_y_m", track.ground_y_m())
      .Unsigned("lower_bound_ms", LowerBoundMs(offered, vehicle));
  Reply reply = Reply::HeaderOnly(writer.Finish());
  const auto add_points = [&](auto of) {
    reply.frames.push_back(Frame<RoadPoint>(track.points(), of));
  };
  add_points([](const RoadPoint& p) { return p.position_m; });
  add_points([](const RoadPoint& p) { return p.tangent; });
  add_points([](const RoadPoint& p) { return p.left; });
  add_points([](const RoadPoint& p) { return Sides{p.half_width_left_m, p.half_width_right_m}; });
  add_points([](const RoadPoint& p) { return Sides{p.wall_left_m, p.wall_right_m}; });
  add_points(
      [](const RoadPoint& p) { return p.is_gap ? kGap : static_cast<std::uint8_t>(p.surface); });
  const auto add_gates = [&](auto of) { reply.frames.push_back(Frame<Gate>(track.gates(), of)); };
  add_gates([](const Gate& g) { return g.s_m; });
  add_gates([](const Gate& g) { return g.position_m; });
  add_gates([](const Gate& g) { return g.direction; });
  add_gates([](const Gate& g) { return Sides{g.reach_left_m, g.reach_right_m}; });
  return reply;
}

tl::expected<TrackGeometry, std::string> DecodeTrackReply(std::span<const zmq::message_t> frames) {
  auto track = DecodeTrackHeader(BytesOf(frames[0]));
  if (!track) return track;
  ArrayReader reader(frames);
  const std::size_t p = reader.Count<Vec3>();
  const auto positions_m = reader.ReadFinite<Vec3>("points", p);
  const auto tangents = reader.ReadFinite<Vec3>("tangents", p);
  const auto lefts = reader.ReadFinite<Vec3>("lefts", p);
  const auto half_widths_m = reader.ReadFinite<Sides>("half_widths", p);
  const auto walls_m = reader.ReadFinite<Sides>("walls", p);
  const auto surfaces = reader.Read<std::uint8_t>("surfaces", p);
  for (std::size_t i = 0; i < p; ++i) {
    TrackGeometry::Point& point = track->points.emplace_back(
        TrackGeometry::Point{.position_m = positions_m[i],
                             .tangent = tangents[i],
                             .left = lefts[i],
                             .half_width_left_m = half_widths_m[i].left,
                             .half_width_right_m = half_widths_m[i].right,
                             .wall_left_m = walls_m[i].left,
                             .wall_right_m = walls_m[i].right});
    point.is_gap = surfaces[i] == kGap;
    if (point.is_gap) continue;
    point.surface = static_cast<sim::Surface>(surfaces[i]);
    if (std::ranges::find(kSurfaces, point.surface) == kSurfaces.end()) {
      reader.Fail("surfaces", "has a value that is none of its own");
    }
  }
  const std::size_t g = reader.Count<float>();
  const auto gates_s_m = reader.ReadFinite<float>("gates", g);
  const auto gate_points_m = reader.ReadFinite<Vec3>("gate_points", g);
  const auto directions = reader.ReadFinite<Vec3>("gate_directions", g);
  const auto reaches_m = reader.ReadFinite<Sides>("gate_reaches", g);
  for (std::size_t i = 0; i < g; ++i) {
    track->gates.push_back({.s_m = gates_s_m[i],
                            .position_m = gate_points_m[i],
                            .direction = directions[i],
                            .reach_left_m = reaches_m[i].left,
                            .reach_right_m = reaches_m[i].right});
  }
  return reader.Finish(*std::move(track));
}

}  // namespace hotlap::transport
