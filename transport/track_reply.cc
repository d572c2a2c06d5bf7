#include "transport/track_reply.h"

#include <span>
#include <vector>

#include "transport/header.h"

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

}  // namespace

Reply MakeTrackReply(std::uint64_t id, const OfferedTrack& offered) {
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
      .Float("ground_y_m", track.ground_y_m());
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

}  // namespace hotlap::transport
