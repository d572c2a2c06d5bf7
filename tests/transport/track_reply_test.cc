#include "transport/track_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "env/sim/floating_point_guard.h"
#include "env/sim/lap_bound.h"
#include "env/sim/track.h"
#include "transport/catalogue.h"
#include "transport/header.h"

namespace hotlap::transport {
namespace {

using ::testing::HasSubstr;

// Two laps over ice and a gap, along one wall.
OfferedTrack SomeTrack() {
  sim::TrackSpec spec;
  spec.name = "square";
  for (const Vec3 corner : {Vec3{0, 10, 0}, {0, 10, 200}, {200, 10, 200}, {200, 10, 0}}) {
    sim::TrackPoint& point = spec.line.emplace_back();
    point.position_m = corner;
    point.wall_left_m = 1;
    point.half_width_right_m = 8;
  }
  spec.line[1].surface = sim::Surface::kIce;
  spec.line[2].is_gap = true;
  spec.closed = true;
  spec.laps = 2;
  spec.start_s_m = 20;
  spec.checkpoints_s_m = {150, 600};
  return {.name = "square", .file = {}, .track = sim::Track::Build(spec), .centreline = nullptr};
}

TEST(TrackReplyTest, ComesBackAsItWasMade) {
  const OfferedTrack offered = SomeTrack();
  const sim::Track& track = *offered.track;
  const auto read = DecodeTrackReply(MakeTrackReply(7, offered, sim::VehicleParams{}).frames);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->name, "square");
  EXPECT_EQ(read->hash, track.hash());
  EXPECT_EQ(read->length_m, track.length_m());
  EXPECT_EQ(read->spacing_m, track.spacing_m());
  EXPECT_TRUE(read->closed);
  EXPECT_EQ(read->laps, 2);
  EXPECT_EQ(read->start_s_m, track.start_s_m());
  EXPECT_EQ(read->finish_s_m, track.finish_s_m());
  EXPECT_EQ(read->ground_y_m, track.ground_y_m());
  const sim::FloatingPointGuard guard;
  EXPECT_EQ(read->lower_bound_ms,
            static_cast<std::uint64_t>(sim::BoundLap(track, {}).time_s * 1000));
  ASSERT_EQ(read->points.size(), track.points().size());
  int gaps = 0, ice = 0;
  for (std::size_t i = 0; i < read->points.size(); ++i) {
    const TrackGeometry::Point& got = read->points[i];
    const sim::RoadPoint& point = track.points()[i];
    ASSERT_EQ(got.position_m, point.position_m);
    ASSERT_EQ(got.tangent, point.tangent);
    ASSERT_EQ(got.left, point.left);
    ASSERT_EQ(got.half_width_left_m, point.half_width_left_m);
    ASSERT_EQ(got.half_width_right_m, point.half_width_right_m);
    ASSERT_EQ(got.wall_left_m, point.wall_left_m);
    ASSERT_EQ(got.wall_right_m, point.wall_right_m);
    ASSERT_EQ(got.is_gap, point.is_gap);
    if (!point.is_gap) {
      ASSERT_EQ(got.surface, point.surface);
    }
    gaps += got.is_gap ? 1 : 0;
    ice += got.surface == sim::Surface::kIce ? 1 : 0;
  }
  EXPECT_GT(gaps, 0);
  EXPECT_GT(ice, 0);
  ASSERT_EQ(read->gates.size(), track.gates().size());
  for (std::size_t i = 0; i < read->gates.size(); ++i) {
    const TrackGeometry::Gate& got = read->gates[i];
    const sim::Gate& gate = track.gates()[i];
    EXPECT_EQ(got.s_m, gate.s_m);
    EXPECT_EQ(got.position_m, gate.position_m);
    EXPECT_EQ(got.direction, gate.direction);
    EXPECT_EQ(got.reach_left_m, gate.reach_left_m);
    EXPECT_EQ(got.reach_right_m, gate.reach_right_m);
  }
}

// The reply with another header.
std::string ErrorWithHeader(const std::string& header) {
  Reply reply = MakeTrackReply(7, SomeTrack(), sim::VehicleParams{});
  reply.frames[0] = zmq::message_t(header.data(), header.size());
  const auto decoded = DecodeTrackReply(reply.frames);
  return decoded ? "none" : decoded.error();
}

TEST(TrackReplyTest, WrongFieldsAreRefusedByName) {
  constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  struct Values {
    std::string track = "square";
    float length_m = 1, spacing_m = 1, start_s_m = 0, finish_s_m = 1, ground_y_m = 0;
    std::uint64_t laps = 1;
  };
  const auto header = [](const Values& values, std::string_view without = {}) {
    HeaderWriter writer;
    writer.Unsigned("id", 7).Signed("status", 0);
    if (without != "track") writer.String("track", values.track);
    if (without != "hash") writer.Unsigned("hash", 1);
    if (without != "length_m") writer.Float("length_m", values.length_m);
    if (without != "spacing_m") writer.Float("spacing_m", values.spacing_m);
    if (without != "closed") writer.Bool("closed", false);
    if (without != "laps") writer.Unsigned("laps", values.laps);
    if (without != "start_s_m") writer.Float("start_s_m", values.start_s_m);
    if (without != "finish_s_m") writer.Float("finish_s_m", values.finish_s_m);
    if (without != "ground_y_m") writer.Float("ground_y_m", values.ground_y_m);
    if (without != "lower_bound_ms") writer.Unsigned("lower_bound_ms", 1);
    return writer.Finish();
  };
  ASSERT_EQ(ErrorWithHeader(header({})), "none");
  for (const char* field : {"track", "hash", "length_m", "spacing_m", "closed", "laps", "start_s_m",
                            "finish_s_m", "ground_y_m", "lower_bound_ms"}) {
    EXPECT_THAT(ErrorWithHeader(header({}, field)), HasSubstr("'" + std::string(field) + "'"));
  }
  const auto error = [&](const Values& values) { return ErrorWithHeader(header(values)); };
  EXPECT_THAT(error({.track = std::string(kMaxNameBytes + 1, 'x')}), HasSubstr("'track'"));
  EXPECT_THAT(error({.length_m = -1}), HasSubstr("'length_m'"));
  EXPECT_THAT(error({.spacing_m = kNotANumber}), HasSubstr("'spacing_m'"));
  EXPECT_THAT(error({.start_s_m = kInfinity}), HasSubstr("'start_s_m'"));
  EXPECT_THAT(error({.finish_s_m = -1}), HasSubstr("'finish_s_m'"));
  EXPECT_THAT(error({.ground_y_m = kNotANumber}), HasSubstr("'ground_y_m'"));
  EXPECT_THAT(error({.laps = 0}), HasSubstr("'laps'"));
  EXPECT_THAT(error({.laps = sim::kMaxPasses + 1}), HasSubstr("'laps'"));
  EXPECT_THAT(ErrorWithHeader("junk"), HasSubstr("header"));
}

TEST(TrackReplyTest, WrongArraysAreRefusedByName) {
  const char* const names[] = {"points",          "tangents",    "lefts", "half_widths",
                               "walls",           "surfaces",    "gates", "gate_points",
                               "gate_directions", "gate_reaches"};
  const OfferedTrack offered = SomeTrack();
  const auto error = [](const Reply& reply) {
    const auto decoded = DecodeTrackReply(reply.frames);
    return decoded ? "none" : decoded.error();
  };
  for (std::size_t i = 0; i < std::size(names); ++i) {
    SCOPED_TRACE(names[i]);
    const auto names_it = HasSubstr("'" + std::string(names[i]) + "'");
    Reply cut = MakeTrackReply(7, offered, sim::VehicleParams{});
    cut.frames[i + 1].rebuild(cut.frames[i + 1].size() - 1);
    EXPECT_THAT(error(cut), names_it);
    Reply short_of = MakeTrackReply(7, offered, sim::VehicleParams{});
    short_of.frames.resize(i + 1);
    EXPECT_THAT(error(short_of), names_it);
    Reply wrong = MakeTrackReply(7, offered, sim::VehicleParams{});  // no number, and no surface
    std::memset(wrong.frames[i + 1].data(), 0xFF, sizeof(float));
    EXPECT_THAT(error(wrong), names_it);
  }
  Reply more = MakeTrackReply(7, offered, sim::VehicleParams{});
  more.frames.emplace_back();
  EXPECT_THAT(error(more), HasSubstr("more arrays"));
}

}  // namespace
}  // namespace hotlap::transport
