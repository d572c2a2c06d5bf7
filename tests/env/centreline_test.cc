#include "env/centreline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "env/sim/vehicle_state.h"
#include "tests/env/roads.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

void ExpectNear(Vec3 a, Vec3 b, float tolerance) {
  EXPECT_NEAR(a.x, b.x, tolerance);
  EXPECT_NEAR(a.y, b.y, tolerance);
  EXPECT_NEAR(a.z, b.z, tolerance);
}

TEST(CentrelineTest, ProjectsWithTheSignsOfTheCarFrame) {
  const auto line = LineOf(StraightRoad(200));
  const Projection left = line->Project({3, 21, 50.25f}, 40, 60);
  EXPECT_NEAR(left.s_m, 50.25f, 1e-4f);
  EXPECT_NEAR(left.lateral_m, 3, 1e-4f) << "left of the line is +x for a car that faces +z";
  EXPECT_NEAR(left.height_m, 1, 1e-4f);
  EXPECT_NEAR(line->Project({-3, 19, 50}, 40, 60).lateral_m, -3, 1e-4f);
  EXPECT_NEAR(line->Project({-3, 19, 50}, 40, 60).height_m, -1, 1e-4f);
}

TEST(CentrelineTest, FollowsABend) {
  const auto line = LineOf(CircleRoad(50, 1));
  float last = 0;
  for (int i = 1; i < 300; ++i) {
    const float angle = static_cast<float>(i) / 50;  // one metre each
    const Vec3 inside{50 - 46 * sim::Cos(angle), 20, 46 * sim::Sin(angle)};
    const Projection place = line->Project(inside, last - 5, last + 5);
    ASSERT_NEAR(place.s_m, static_cast<float>(i), 0.05f) << "chords are 1 m long";
    ASSERT_NEAR(place.lateral_m, 4, 0.03f) << "the middle of a bend to the left is on the left";
    last = place.s_m;
  }
}

TEST(CentrelineTest, StaysInItsWindow) {
  const auto line = LineOf(StraightRoad(200));
  EXPECT_EQ(line->Project({0, 20, 80}, 20, 40).s_m, 40);
  EXPECT_EQ(line->Project({0, 20, 5}, 20, 40).s_m, 20);
  EXPECT_EQ(line->Project({0, 20, 20.5f}, 20.25f, 20.25f).s_m, 20.25f) << "a window of one point";
}

TEST(CentrelineTest, StopsAtTheFinishAndAtTheStartOfTheLine) {
  sim::TrackSpec spec = StraightRoad(200);
  spec.finish_s_m = 150;
  const auto line = LineOf(spec);
  EXPECT_EQ(line->finish_s_m(), 150);
  EXPECT_EQ(line->Project({0, 20, 170}, 140, 190).s_m, 150);
  EXPECT_EQ(line->Project({0, 20, -20}, -30, 10).s_m, 0);
}

TEST(CentrelineTest, RoadBesideItselfGivesNoShortCut) {
  const auto line = LineOf(HairpinRoad(100, 10));
  // Across from the way out at 20 m to the way back, which is 180 m further on.
  float s = 20;
  for (int i = 0; i <= 40; ++i) {
    s = line->Project({static_cast<float>(i) * 0.5f, 20, 20}, s - 5.5f, s + 5.5f).s_m;
  }
  EXPECT_NEAR(s, 20, 0.1f);
  const float whole_line = line->Project({20, 20, 20}, 0, 1000).s_m;
  EXPECT_GT(whole_line, 190) << "the whole line would give the way back";
}

TEST(CentrelineTest, LineThatCrossesItselfStaysOnItsOwnBranch) {
  // A figure of eight on the ground: both branches meet at the origin at the same height.
  sim::TrackSpec spec;
  spec.name = "eight";
  std::vector<Vec3> points;
  for (int i = 0; i <= 360; ++i) {
    const float angle = static_cast<float>(i) * 2 * sim::kPi / 360;
    points.push_back({60 * sim::Sin(2 * angle), 20, 120 * sim::Sin(angle)});
  }
  spec.line = sim::PlainRoad(points);
  const auto line = LineOf(spec);
  float s = 0;
  for (int i = 0; static_cast<float>(i) * 2 < line->finish_s_m(); ++i) {
    const float along = static_cast<float>(i) * 2;
    s = line->Project(line->At(along).position_m, s - 10, s + 10).s_m;
    ASSERT_NEAR(s, along, 0.1f);
  }
}

TEST(CentrelineTest, HeightTellsABridgeFromTheRoadBelow) {
  // Out, up and back over itself, 12 m higher; the whole line is searched.
  sim::TrackSpec spec;
  spec.name = "bridge";
  spec.line = sim::PlainRoad(
      std::vector<Vec3>{{0, 20, 0}, {0, 20, 200}, {60, 26, 240}, {100, 32, 100}, {-100, 32, 100}});
  const auto line = LineOf(spec);
  EXPECT_NEAR(line->Project({0, 21, 100}, 0, 2000).s_m, 100, 0.5f);
  EXPECT_GT(line->Project({0, 31, 100}, 0, 2000).s_m, 400);
}

TEST(CentrelineTest, CircuitCountsUnwrapped) {
  const auto line = LineOf(CircleRoad(50, 3));
  const float lap = line->length_m();
  EXPECT_NEAR(lap, 2 * sim::kPi * 50, 0.1f);
  EXPECT_NEAR(line->finish_s_m(), 3 * lap, 1e-3f);
  const Vec3 quarter{50, 20, 50};
  EXPECT_NEAR(line->Project(quarter, 0.15f * lap, 0.35f * lap).s_m, 0.25f * lap, 0.05f);
  EXPECT_NEAR(line->Project(quarter, 2.15f * lap, 2.35f * lap).s_m, 2.25f * lap, 0.05f);
  // Across the line that ends a lap, and backwards over the start.
  EXPECT_NEAR(line->Project({0.1f, 20, 3}, lap - 9, lap + 9).s_m, lap + 3, 0.05f);
  EXPECT_NEAR(line->Project({0.1f, 20, -3}, -9, 9).s_m, -3, 0.05f);
  EXPECT_NEAR(line->Project({0.1f, 20, 3}, 3 * lap - 9, 3 * lap + 9).s_m, 3 * lap, 1e-3f)
      << "the finish is the end";
}

TEST(CentrelineTest, CircuitLooksAheadAcrossTheLine) {
  const auto line = LineOf(CircleRoad(50, 2));
  const float lap = line->length_m();
  for (const float s : {-7.25f, 0.0f, 3.5f, 100.0f}) {
    for (int k = 1; k <= 3; ++k) {
      const float turns = static_cast<float>(k) * lap;
      ExpectNear(line->PositionAt(s + turns), line->PositionAt(s), 2e-3f);
      ExpectNear(line->At(s + turns).tangent, line->At(s).tangent, 2e-3f);
    }
  }
}

TEST(CentrelineTest, ViewIsThePointsInTheFrameOfTheCarBitForBit) {
  const Mat3 rotation = sim::RotationOf({0.8f, 0.1f, -0.5f, 0.31f});
  const Vec3 origin{3.5f, 21, -7.25f};
  std::vector<float> distances(150);
  for (std::size_t i = 0; i < distances.size(); ++i) distances[i] = static_cast<float>(i) * 3.3f;
  for (const auto& line : {LineOf(HairpinRoad(100, 10)), LineOf(CircleRoad(50, 3))}) {
    for (const float s : {-20.0f, -0.5f, 0.0f, 17.3f, 200.0f, 310.0f, 900.0f}) {
      for (const std::size_t count : std::initializer_list<std::size_t>{0, 1, 7, 64, 65, 150}) {
        constexpr float kBeyond = 7;  // nothing is written there
        std::vector<float> view(3 * count + 1, kBeyond), expected = view;
        for (std::size_t i = 0; i < count; ++i) {
          const Vec3 offset = line->PositionAt(s + distances[i]) - origin;
          const Vec3 seen = TransposeTimes(rotation, offset);
          std::memcpy(&expected[3 * i], &seen, sizeof seen);
        }
        line->View(s, std::span(distances).first(count), origin, rotation,
                   std::span(view).first(3 * count));
        ASSERT_EQ(std::memcmp(view.data(), expected.data(), view.size() * sizeof(float)), 0)
            << count << " points at " << s;
      }
    }
  }
}

TEST(CentrelineTest, GoesStraightOnBeyondTheFinishAndBeforeTheStart) {
  sim::TrackSpec spec = HairpinRoad(100, 10);
  spec.finish_s_m = 100 + 5 * sim::kPi;  // in the middle of the bend, across its direction
  const auto line = LineOf(spec);
  const LinePoint end = line->At(spec.finish_s_m);
  EXPECT_NEAR(end.tangent.x, 1, 0.05f);
  const LinePoint beyond = line->At(spec.finish_s_m + 40);
  ExpectNear(beyond.position_m, end.position_m + end.tangent * 40, 1e-3f);
  ExpectNear(beyond.tangent, end.tangent, 1e-6f);
  ExpectNear(line->At(-15).position_m, {0, 20, -15}, 1e-4f);
}

TEST(CentrelineTest, PointsAreInterpolatedAtRightAngles) {
  const auto line = LineOf(CircleRoad(50, 1));
  for (int i = 0; static_cast<float>(i) * 0.37f < line->length_m(); ++i) {
    const float s = static_cast<float>(i) * 0.37f;
    const LinePoint p = line->At(s);
    ASSERT_NEAR(Length(p.tangent), 1, 1e-5f);
    ASSERT_NEAR(Length(p.left), 1, 1e-5f);
    ASSERT_NEAR(Dot(p.tangent, p.left), 0, 1e-5f);
    ASSERT_NEAR(Length(Cross(p.left, p.normal) - p.tangent), 0, 1e-5f) << "left x up = forward";
    ASSERT_EQ(p.half_width_left_m, 12);
    ASSERT_EQ(p.half_width_right_m, 12);
    ASSERT_NEAR(Length(p.position_m - Vec3{50, 20, 0}), 50, 0.02f);
    ASSERT_EQ(p.position_m, line->PositionAt(s));
  }
}

TEST(CentrelineTest, NextGateIsTheFirstNotTaken) {
  const auto open = LineOf(StraightRoad(100, 40));
  EXPECT_EQ(open->next_gate_s_m(0), 40);
  EXPECT_EQ(open->next_gate_s_m(1), 80);
  EXPECT_EQ(open->next_gate_s_m(2), 100);
  EXPECT_EQ(open->next_gate_s_m(3), 100) << "past the finish there is none";
  const auto laps = LineOf(CircleRoad(50, 2));
  const float lap = laps->length_m();
  EXPECT_NEAR(laps->next_gate_s_m(0), sim::kPi * 50, 0.1f);
  EXPECT_NEAR(laps->next_gate_s_m(1), lap, 0.1f);
  EXPECT_NEAR(laps->next_gate_s_m(2), lap + sim::kPi * 50, 0.1f);
  EXPECT_NEAR(laps->next_gate_s_m(3), 2 * lap, 0.1f);
  EXPECT_NEAR(laps->next_gate_s_m(100), 2 * lap, 0.1f);
}

TEST(CentrelineTest, AnyPositionGivesFiniteNumbers) {
  const float big = std::numeric_limits<float>::max();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& spec : {StraightRoad(200), CircleRoad(50, 2)}) {
    const auto line = LineOf(spec);
    for (const float x : {0.0f, 1e5f, big, -big, nan, inf}) {
      for (const float z : {0.0f, -big, nan, -inf}) {
        const Projection place = line->Project({x, 0, z}, 10, 30);
        EXPECT_GE(place.s_m, 10);
        EXPECT_LE(place.s_m, 30);
        EXPECT_TRUE(std::isfinite(place.lateral_m) && std::isfinite(place.height_m));
      }
    }
  }
}

class NpyLine : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  void Write(const std::vector<std::array<double, 3>>& points) {
    std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" +
                         std::to_string(points.size()) + ", 3), }";
    header.resize(128 - 10 - 1, ' ');
    header += '\n';
    std::ofstream out(path_, std::ios::binary);
    out << std::string("\x93NUMPY\x01\x00", 8) << static_cast<char>(header.size() & 0xFF)
        << static_cast<char>(header.size() >> 8) << header;
    for (const auto& point : points) {
      out.write(reinterpret_cast<const char*>(point.data()), sizeof point);
    }
  }
  std::string ErrorOf(float half_width_m, float gate_spacing_m) {
    try {
      Centreline::FromNpy(path_, half_width_m, gate_spacing_m);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no error";
  }
  const std::string path_ = ::testing::TempDir() + "centreline_test_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".npy";
};

TEST_F(NpyLine, HasTheWidthAndTheGatesAskedFor) {
  Write({{0, 20, 0}, {0, 20, 30}, {0, 20, 103}});
  const auto line = Centreline::FromNpy(path_, 8, 25);
  EXPECT_NEAR(line->finish_s_m(), 103, 1e-3f);
  EXPECT_EQ(line->At(50).half_width_left_m, 8);
  EXPECT_EQ(line->At(50).half_width_right_m, 8);
  EXPECT_THAT(line->gates_s_m(), ::testing::ElementsAre(25, 50, 75, line->finish_s_m()))
      << "100 is too close to the finish";
  EXPECT_EQ(Centreline::FromNpy(path_, 8, 0)->num_gates(), 1);
}

TEST_F(NpyLine, ErrorsNameTheFileAndWhatIsWrong) {
  EXPECT_THAT(ErrorOf(8, 25), HasSubstr(path_)) << "no such file";
  Write({{0, 20, 0}, {0, 20, 10}});
  EXPECT_THAT(ErrorOf(8, 0), StartsWith(path_ + ": "));
  Write({{0, 20, 0}, {0, 20, 100}});
  EXPECT_THAT(ErrorOf(8, 2), HasSubstr("gate_spacing_m"));
  EXPECT_THAT(ErrorOf(-1, 25), HasSubstr("width"));
  EXPECT_EQ(ErrorOf(8, 25), "no error");
}

TEST(CentrelineTest, RealLineHasItsLengthAndProjectsOntoItself) {
  const auto line = Centreline::FromNpy(
      std::string(HOTLAP_SOURCE_DIR) + "/configs/tracks/ESL-Hockolicious_0.5m_cl2.npy", 12, 200);
  EXPECT_NEAR(line->finish_s_m(), 4048.66f, 5);
  float s = 0;
  for (int i = 0; static_cast<float>(i) * 1.7f < line->finish_s_m(); ++i) {
    const float along = static_cast<float>(i) * 1.7f;
    const LinePoint p = line->At(along);
    const Projection place = line->Project(p.position_m + p.left * 2, s - 10, s + 10);
    ASSERT_NEAR(place.s_m, along, 0.6f) << "recorded lines are rounded to 0.1 m";
    ASSERT_NEAR(place.lateral_m, 2, 0.2f);
    s = place.s_m;
  }
}

// On several lines at once, more of them than are looked for at a time, with what was found before
// still in them.
TEST(CentrelineTest, SearchesTogetherFindWhatEachFindsAlone) {
  const auto open = Centreline::FromTrack(*sim::MixedTrack());
  const auto circuit = Centreline::FromTrack(*sim::NamedTrack("oval"));
  sim::Draws draws(3);
  for (const std::size_t count : {0u, 1u, 15u, 16u, 17u, 40u}) {
    std::vector<LineSearch> searches(count);
    for (int turn = 0; turn < 5; ++turn) {
      for (LineSearch& search : searches) {
        search.line = draws.Below(2) == 0 ? open.get() : circuit.get();
        const float s = draws.Within(-5, search.line->finish_s_m() + 5);
        const LinePoint near = search.line->At(s);
        search.position_m = near.position_m + near.left * draws.Within(-9, 9);
        search.s_from_m = s - draws.Within(0, 20);
        search.s_to_m = s + draws.Within(0, 20);
      }
      Centreline::Project(searches);
      for (const LineSearch& search : searches) {
        const Projection alone =
            search.line->Project(search.position_m, search.s_from_m, search.s_to_m);
        EXPECT_EQ(search.place.s_m, alone.s_m);
        EXPECT_EQ(search.place.lateral_m, alone.lateral_m);
        EXPECT_EQ(search.place.height_m, alone.height_m);
        const LinePoint here = search.line->At(search.place.s_m);
        EXPECT_EQ(search.here.position_m, here.position_m);
        EXPECT_EQ(search.here.tangent, here.tangent);
        EXPECT_EQ(search.here.left, here.left);
        EXPECT_EQ(search.here.surface, here.surface);
        EXPECT_EQ(search.here.is_gap, here.is_gap);
      }
    }
  }
}

// A straight road of 10 m.
LineShape SomeShape() {
  LineShape shape{.points = {}, .gates_s_m = {9}, .length_m = 10, .spacing_m = 5, .finish_s_m = 9};
  for (int i = 0; i < 3; ++i) {
    shape.points.push_back({.position_m = {0, 0, 5 * static_cast<float>(i)},
                            .tangent = {0, 0, 1},
                            .left = {1, 0, 0},
                            .normal = {0, 1, 0}});
  }
  return shape;
}

TEST(CentrelineTest, IsMadeOfAShape) {
  const auto line = Centreline::FromShape(SomeShape());
  EXPECT_EQ(line->finish_s_m(), 9);
  EXPECT_EQ(line->Project({2, 0, 7}, 0, 9).lateral_m, 2);
  EXPECT_EQ(line->PositionAt(7.5f), (Vec3{0, 0, 7.5f}));
}

TEST(CentrelineTest, ShapeThatDoesNotFitItselfIsRefusedByItsMember) {
  const auto refused = [](auto change, const char* name) {
    LineShape shape = SomeShape();
    change(shape);
    EXPECT_THAT([&] { Centreline::FromShape(shape); },
                ThrowsMessage<std::invalid_argument>(StartsWith(name)));
  };
  refused([](LineShape& shape) { shape.points.resize(1); }, "points");
  refused([](LineShape& shape) { shape.points.resize(2); }, "spacing_m");
  refused([](LineShape& shape) { shape.closed = true; }, "spacing_m");
  refused([](LineShape& shape) { shape.spacing_m = 0; }, "spacing_m");
  refused([](LineShape& shape) { shape.length_m = 0; }, "length_m");
  refused([](LineShape& shape) { shape.start_s_m = 10; }, "start_s_m");
  refused([](LineShape& shape) { shape.finish_s_m = 11; }, "finish_s_m");
  refused([](LineShape& shape) { shape.laps = 0; }, "laps");
  refused([](LineShape& shape) { shape.laps = 300; }, "laps");
  refused([](LineShape& shape) { shape.length_m = shape.spacing_m = 1e-6f; }, "length_m");
  refused([](LineShape& shape) { shape.length_m = shape.spacing_m = 5e5f; }, "length_m");
  refused([](LineShape& shape) { shape.gates_s_m = {1e9f}; }, "gates_s_m");
  refused([](LineShape& shape) { shape.gates_s_m = {-1, 9}; }, "gates_s_m");
  refused([](LineShape& shape) { shape.gates_s_m = {5}; }, "gates_s_m");
  refused([](LineShape& shape) { shape.gates_s_m = {9, 8, 9}; }, "gates_s_m");
  refused([](LineShape& shape) { shape.gates_s_m.clear(); }, "gates_s_m");
}

}  // namespace
}  // namespace hotlap
