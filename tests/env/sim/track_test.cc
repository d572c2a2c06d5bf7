#include "env/sim/track.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "env/npy.h"
#include "env/sim/scalar_math.h"
#include "tests/env/sim/road_place.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::sim {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TrackSpec Straight() {
  TrackSpec spec;
  spec.name = "straight";
  spec.line = PlainRoad(std::vector<Vec3>{{100, 10, 100}, {100, 10, 400}});
  return spec;
}

TrackSpec Circle(float radius_m, float width_m = 24) {
  TrackSpec spec;
  spec.name = "circle";
  spec.closed = true;
  spec.laps = 2;
  std::vector<Vec3> line;
  for (int i = 0; i < 360; ++i) {
    const float angle = static_cast<float>(i) * kPi / 180;
    line.push_back({500 - radius_m * Cos(angle), 20, 500 + radius_m * Sin(angle)});
  }
  spec.line = PlainRoad(line, width_m);
  spec.checkpoints_s_m = {kPi * radius_m};
  return spec;
}

std::string ErrorOf(const TrackSpec& spec) {
  try {
    Track::Build(spec);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(TrackTest, PointsAreEvenlySpacedAndFramesAreOrthonormal) {
  const auto track = Hockolicious();
  const auto points = track->points();
  EXPECT_NEAR(track->spacing_m(), 1.0f, 0.01f);
  EXPECT_NEAR(track->length_m(), static_cast<float>(points.size() - 1) * track->spacing_m(), 0.01f);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const RoadPoint& p = points[i];
    ASSERT_NEAR(Length(p.tangent), 1, 1e-5f);
    ASSERT_NEAR(Length(p.left), 1, 1e-5f);
    ASSERT_NEAR(Length(p.normal), 1, 1e-5f);
    ASSERT_NEAR(Dot(p.tangent, p.left), 0, 1e-5f);
    ASSERT_EQ(p.left.y, 0) << "not banked";
    ASSERT_GT(p.normal.y, 0.5f);
    ASSERT_NEAR(Length(Cross(p.left, p.normal) - p.tangent), 0, 1e-5f) << "left x up = forward";
    if (i > 0) {
      ASSERT_NEAR(Length(p.position_m - points[i - 1].position_m), track->spacing_m(), 0.02f) << i;
    }
  }
}

TEST(TrackTest, HockoliciousIsTheRecordedLine) {
  const std::vector<Vec3> recorded =
      ReadNpyPoints(ConfigFile("tracks/ESL-Hockolicious_0.5m_cl2.npy"));
  ASSERT_EQ(recorded.size(), 8062u);
  double length = 0;
  for (std::size_t i = 1; i < recorded.size(); ++i) {
    length += static_cast<double>(Length(recorded[i] - recorded[i - 1]));
  }
  EXPECT_NEAR(length, 4048.66, 0.01);

  // Smoothing takes the rounding out and stays near the line.
  const auto track = Hockolicious();
  EXPECT_GT(track->length_m(), 0.99f * 4048.66f);
  int hint = track->Locate(recorded[60]);
  for (std::size_t i = 60; i < recorded.size(); ++i) {
    const RoadPlace contact = PlaceOn(*track, recorded[i], hint);
    hint = contact.index;
    ASSERT_NEAR(contact.lateral_m, 0, 0.5f) << i;
    ASSERT_NEAR(contact.height_m - kRideHeightM, 0, 0.35f) << i;
  }
  // The recorded drop at the start is no bump of the road.
  EXPECT_NEAR(track->points()[0].position_m.y, 9.4f, 0.02f);
  EXPECT_EQ(track->num_gates(), 14);
}

TEST(TrackTest, QueryTellsPlaceAlongAndAcrossTheRoad) {
  const auto track = Track::Build(Straight());
  const int hint = track->Locate({100, 10, 150});
  const RoadPlace contact = PlaceOn(*track, {103, 11, 150.25f}, hint);
  EXPECT_TRUE(contact.on_road);
  EXPECT_NEAR(contact.s_m, 50.25f, 1e-3f);
  EXPECT_NEAR(contact.lateral_m, 3, 1e-4f) << "+x is left of a road towards +z";
  EXPECT_NEAR(contact.height_m, 1 + kRideHeightM, 1e-4f);
  EXPECT_EQ(contact.surface, Surface::kAsphalt);
}

TEST(TrackTest, QueryIsContinuousAlongABend) {
  const auto track = Track::Build(Circle(30, 20));
  float last_s = -1, last_lateral = 0;
  int hint = track->Locate({500 - 33, 20, 500});
  for (int i = 1; i < 3000; ++i) {
    const float angle = static_cast<float>(i) * 0.002f;
    const RoadPlace contact =
        PlaceOn(*track, {500 - 33 * Cos(angle), 20, 500 + 33 * Sin(angle)}, hint);
    hint = contact.index;
    ASSERT_TRUE(contact.on_road);
    if (last_s >= 0) {
      ASSERT_NEAR(contact.s_m - last_s, 0.06f, 0.01f) << i;
      ASSERT_NEAR(contact.lateral_m, last_lateral, 0.01f) << i;
    }
    ASSERT_NEAR(contact.lateral_m, -3, 0.05f) << "the bend turns left, so outside is right";
    last_s = contact.s_m;
    last_lateral = contact.lateral_m;
  }
}

TEST(TrackTest, BeyondTheEdgeThereIsOnlyTheGround) {
  const auto track = Track::Build(Straight());
  EXPECT_EQ(track->ground_y_m(), 2.0f);
  const int hint = track->Locate({100, 10, 200});
  EXPECT_TRUE(PlaceOn(*track, {111.9f, 10, 200}, hint).on_road);
  const RoadPlace beside = PlaceOn(*track, {112.1f, 10, 200}, hint);
  EXPECT_FALSE(beside.on_road);
  EXPECT_EQ(beside.surface, Surface::kGrass);
  EXPECT_NEAR(beside.height_m, 8, 1e-4f);
  EXPECT_EQ(beside.normal, (Vec3{0, 1, 0}));
  EXPECT_FALSE(PlaceOn(*track, {100, 5, 200}, hint).on_road) << "under the road";
}

TEST(TrackTest, OpenRoadRunsOnBehindItsStartAndAheadOfItsEnd) {
  const auto track = Track::Build(Straight());
  int hint = track->Locate({100, 10, 399});
  for (float z = 400; z < 455; z += 1) {
    const RoadPlace contact = PlaceOn(*track, {100, 10, z}, hint);
    hint = contact.index;
    EXPECT_TRUE(contact.on_road) << z;
    EXPECT_NEAR(contact.s_m, z - 100, 1e-2f);
  }
  EXPECT_TRUE(PlaceOn(*track, {100, 10, 90}, track->Locate({100, 10, 100})).on_road);
  EXPECT_FALSE(PlaceOn(*track, {100, 10, 470}, hint).on_road);
  EXPECT_FALSE(PlaceOn(*track, {100, 10, 70}, track->Locate({100, 10, 100})).on_road);
}

// A road that climbs over its own beginning.
TrackSpec Bridge() {
  TrackSpec spec;
  spec.name = "bridge";
  spec.line = PlainRoad(std::vector<Vec3>{{500, 10, 300},
                                          {500, 10, 600},
                                          {500, 12, 700},
                                          {600, 16, 700},
                                          {600, 20, 500},
                                          {400, 20, 500},
                                          {300, 20, 500}});
  return spec;
}

TEST(TrackTest, CrossingRoadsAreKeptApartByHeightAndHint) {
  const auto track = Track::Build(Bridge());
  const Vec3 below{500, 10, 500}, above{500, 20, 500};
  const RoadPlace low = PlaceOn(*track, below, track->Locate(below));
  const RoadPlace high = PlaceOn(*track, above, track->Locate(above));
  EXPECT_NEAR(low.s_m, 200, 0.5f);
  EXPECT_GT(high.s_m, 600);
  EXPECT_NEAR(low.height_m, kRideHeightM, 1e-3f);
  EXPECT_NEAR(high.height_m, kRideHeightM, 1e-3f);
  // Driving along the lower road, the upper one is never met, and the other way round.
  int hint = track->Locate({500, 10, 450});
  for (float z = 450; z < 550; z += 2) {
    const RoadPlace contact = PlaceOn(*track, {500, 10, z}, hint, /*has_left_road=*/false);
    hint = contact.index;
    ASSERT_NEAR(contact.s_m, z - 300, 0.5f);
  }
  hint = track->Locate({550, 20, 500});
  for (float x = 550; x > 450; x -= 2) {
    const RoadPlace contact = PlaceOn(*track, {x, 20, 500}, hint, /*has_left_road=*/false);
    hint = contact.index;
    ASSERT_TRUE(contact.on_road);
    ASSERT_NEAR(contact.height_m, kRideHeightM, 1e-2f);
  }
}

TEST(TrackTest, CarThatFallsOffABridgeMeetsTheRoadBelow) {
  const auto track = Track::Build(Bridge());
  const int hint = track->Locate({500, 20, 500});
  const RoadPlace contact = PlaceOn(*track, {500, 15, 515}, hint);
  EXPECT_TRUE(contact.on_road);
  EXPECT_NEAR(contact.s_m, 215, 0.5f);
  EXPECT_NEAR(contact.height_m, 5 + kRideHeightM, 1e-2f);
}

TEST(TrackTest, GatesStandAcrossTheRoadInOrder) {
  TrackSpec spec = Straight();
  spec.checkpoints_s_m = {50, 120.5f};
  const auto track = Track::Build(spec);
  ASSERT_EQ(track->num_gates(), 3);
  EXPECT_EQ(track->gates()[1].s_m, 120.5f);
  EXPECT_NEAR(track->gates()[1].position_m.z, 220.5f, 1e-3f);
  EXPECT_EQ(track->gates()[2].s_m, track->finish_s_m());
  EXPECT_EQ(track->finish_s_m(), track->length_m());

  const Gate& gate = track->gates()[0];
  EXPECT_TRUE(gate.Passed({100, 10, 149}, {100, 10, 151}));
  EXPECT_TRUE(gate.Passed({100, 10, 149}, {100, 10, 150})) << "on the plane is ahead";
  EXPECT_FALSE(gate.Passed({100, 10, 150}, {100, 10, 151}));
  EXPECT_FALSE(gate.Passed({100, 10, 151}, {100, 10, 149})) << "backwards";
  EXPECT_TRUE(gate.Passed({112.5f, 10, 149}, {112.5f, 10, 151}));
  EXPECT_FALSE(gate.Passed({114, 10, 149}, {114, 10, 151})) << "beside the road";
  EXPECT_TRUE(gate.Passed({100, 15, 149}, {100, 15, 151})) << "in a jump";
  EXPECT_FALSE(gate.Passed({100, 16, 149}, {100, 16, 151})) << "on a bridge above it";
  EXPECT_FALSE(gate.Passed({100, 2, 149}, {100, 2, 151})) << "on the ground below";
}

TEST(TrackTest, CircuitJoinsItsEndsAndFinishesWhereItStarts) {
  TrackSpec spec = Circle(100);
  spec.start_s_m = 10;
  spec.checkpoints_s_m = {200, 600};
  const auto track = Track::Build(spec);
  EXPECT_NEAR(track->length_m(), 2 * kPi * 100, 0.1f);
  EXPECT_EQ(track->finish_s_m(), track->start_s_m() + track->length_m());
  EXPECT_LT(Length(track->gates().back().position_m - track->start().position_m), 0.9f);
  const auto points = track->points();
  EXPECT_NEAR(Length(points.front().position_m - points.back().position_m), track->spacing_m(),
              0.01f);
}

TEST(TrackTest, StartIsTheDropAboveTheRoadAndRespawnsStandOnIt) {
  TrackSpec spec = Straight();
  spec.start_s_m = 20;
  spec.checkpoints_s_m = {100};
  const auto track = Track::Build(spec);
  EXPECT_NEAR(Length(track->start().position_m - Vec3{100, 10 + kDropHeightM, 120}), 0, 1e-3f);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(Length(track->start().rotation.Column(i) - Mat3{}.Column(i)), 0, 1e-6f);
  }
  EXPECT_NEAR(Length(track->pose_at_gate(0).position_m - Vec3{100, 10, 200}), 0, 1e-3f);
}

TEST(TrackTest, BadSpecsAreRefusedByField) {
  EXPECT_EQ(ErrorOf(Straight()), "");
  const auto expect = [](const std::string& field, void (*change)(TrackSpec&)) {
    TrackSpec spec = Straight();
    change(spec);
    EXPECT_TRUE(ErrorOf(spec).starts_with("track " + field + ":"))
        << field << ": " << ErrorOf(spec);
  };
  expect("name", [](TrackSpec& s) { s.name = ""; });
  expect("line", [](TrackSpec& s) { s.line.resize(1); });
  expect("line", [](TrackSpec& s) {
    s.line = PlainRoad(std::vector<Vec3>{{0, 0, 0}, {0, 0, 10}});
  });
  expect("line", [](TrackSpec& s) {
    s.line = PlainRoad(std::vector<Vec3>{{0, 0, 0}, {0, 0, 60000}});
  });
  expect("line", [](TrackSpec& s) {
    s.line = PlainRoad(std::vector<Vec3>{{0, 0, 0}, {0, 100, 1}});
  });
  expect("line", [](TrackSpec& s) {
    s.line = PlainRoad(std::vector<Vec3>{{0, 0, 0}, {0, 0, 100}, {0, 0, 0}});
  });
  expect("line", [](TrackSpec& s) { s.closed = true; });
  expect("line[1]", [](TrackSpec& s) { s.line[1].position_m.y = kNan; });
  expect("line[0]", [](TrackSpec& s) { s.line[0].position_m.x = 1e6f; });
  expect("line[0]", [](TrackSpec& s) { s.line.insert(s.line.begin(), s.line[0]); });
  expect("laps", [](TrackSpec& s) { s.laps = 2; });
  expect("laps", [](TrackSpec& s) { s.laps = 0; });
  expect("line[1]", [](TrackSpec& s) { s.line[1].half_width_left_m = 1; });
  expect("line[1]", [](TrackSpec& s) { s.line[1].half_width_right_m = kNan; });
  expect("line[1]", [](TrackSpec& s) { s.line[1].left = {2, 0, 0}; });
  expect("line", [](TrackSpec& s) { s.line[1].left = {0, 0, 1}; });
  expect("line[0]", [](TrackSpec& s) { s.line[0].wall_left_m = -1; });
  expect("line[0]", [](TrackSpec& s) { s.line[0].wall_right_m = kNan; });
  expect("start_s_m", [](TrackSpec& s) { s.start_s_m = -1; });
  expect("start_s_m", [](TrackSpec& s) { s.start_s_m = 299; });
  expect("finish_s_m", [](TrackSpec& s) { s.finish_s_m = 301; });
  expect("finish_s_m", [](TrackSpec& s) { s.finish_s_m = 3; });
  expect("checkpoints_s_m[1]", [](TrackSpec& s) { s.checkpoints_s_m = {50, 49}; });
  expect("checkpoints_s_m[0]", [](TrackSpec& s) { s.checkpoints_s_m = {299}; });
  expect("checkpoints_s_m[0]", [](TrackSpec& s) { s.checkpoints_s_m = {500}; });
  expect("ground_drop_m", [](TrackSpec& s) { s.ground_drop_m = 0; });
  expect("smoothing_m", [](TrackSpec& s) { s.smoothing_m = -1; });
  TrackSpec circle = Circle(100);
  circle.finish_s_m = 100;
  EXPECT_TRUE(ErrorOf(circle).starts_with("track finish_s_m:"));
  circle = Circle(100);
  circle.laps = 200;
  circle.checkpoints_s_m = {100};
  EXPECT_TRUE(ErrorOf(circle).starts_with("track checkpoints_s_m: a circuit needs one in the"));
  circle = Circle(100);
  circle.laps = 200;
  EXPECT_TRUE(ErrorOf(circle).starts_with("track checkpoints_s_m: gates times laps"));
  circle.checkpoints_s_m = {};
  EXPECT_TRUE(ErrorOf(circle).starts_with("track checkpoints_s_m: a circuit needs one in the"));
}

TEST(TrackTest, HashIsOfTheGeometryAndEqualEverywhere) {
  TrackSpec spec = Straight();
  const std::uint64_t hash = Track::Build(spec)->hash();
  spec.name = "another name";
  EXPECT_EQ(Track::Build(spec)->hash(), hash);
  spec.line[0].wall_left_m = 1;
  EXPECT_NE(Track::Build(spec)->hash(), hash);
  spec = Straight();
  spec.checkpoints_s_m = {50};
  EXPECT_NE(Track::Build(spec)->hash(), hash);
  EXPECT_EQ(Hockolicious()->hash(), 2538350906746552238u)
      << "changed on purpose? snapshots end with it";
}

}  // namespace
}  // namespace hotlap::sim
