#include "env/observation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "env/sim/scalar_math.h"
#include "tests/env/row_under_test.h"
#include "tests/test_size.h"

namespace hotlap::observation_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum ObservationKind;

constexpr int kNumKinds = static_cast<int>(kAhead) + 1;

std::vector<ObservationColumn> ColumnsOf(const std::vector<ObservationTerm>& terms) {
  std::vector<ObservationColumn> columns;
  for (const ObservationTerm& term : terms) {
    for (const ObservationColumn& column : hotlap::ColumnsOf(term)) columns.push_back(column);
  }
  return columns;
}

// The columns of one row by name.
std::map<std::string, float> Observe(const RowUnderTest& row,
                                     const std::vector<ObservationTerm>& terms) {
  const Observer observer(terms);
  std::vector<float> values(static_cast<std::size_t>(observer.size()));
  observer.Write(row.view(), values);
  std::map<std::string, float> by_name;
  const auto columns = ColumnsOf(terms);
  EXPECT_EQ(columns.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) by_name[columns[i].name] = values[i];
  EXPECT_EQ(by_name.size(), values.size()) << "names are unique";
  return by_name;
}

// With scale 1 and wide bounds, where the term allows it: physical values.
std::map<std::string, float> Physical(const RowUnderTest& row, ObservationKind kind) {
  ObservationTerm term = MakeObservationTerm(kind);
  term.scale = term.half_width_scale = 1;
  term.low = -1e6f;
  term.high = 1e6f;
  return Observe(row, {term});
}

void ExpectVector(const std::map<std::string, float>& values, const std::string& name, Vec3 v) {
  EXPECT_NEAR(values.at(name + ".x"), v.x, 1e-3f) << name;
  EXPECT_NEAR(values.at(name + ".y"), v.y, 1e-3f) << name;
  EXPECT_NEAR(values.at(name + ".z"), v.z, 1e-3f) << name;
}

// Turned to the left by a quarter: the nose looks along +x of the world.
void TurnLeft(RowUnderTest& row) { row.state.rotation = {{{0, 0, 1}, {0, 1, 0}, {-1, 0, 0}}}; }

std::vector<ObservationTerm> EveryTerm() {
  std::vector<ObservationTerm> terms;
  terms.reserve(kNumKinds);
  for (int kind = 0; kind < kNumKinds; ++kind) {
    terms.push_back(MakeObservationTerm(static_cast<ObservationKind>(kind)));
  }
  ObservationTerm& ahead = terms.back();
  ahead.with_half_widths = ahead.with_normal = ahead.with_surface = ahead.with_gap = true;
  return terms;
}

TEST(ObservationTest, VelocitiesAreInTheCarFrame) {
  RowUnderTest row;
  TurnLeft(row);
  row.state.velocity_mps = {30, 2, 5};
  row.state.angular_velocity_radps = {0.1f, 0.5f, 0.2f};
  ExpectVector(Physical(row, kVelocity), "velocity", {-5, 2, 30});
  ExpectVector(Physical(row, kAngularVelocity), "angular_velocity", {-0.2f, 0.5f, 0.1f});
}

TEST(ObservationTest, GravityPointsDownInTheCarFrame) {
  RowUnderTest row;
  ExpectVector(Physical(row, kGravity), "gravity", {0, -1, 0});
  row.state.rotation = {{{0, 1, 0}, {-1, 0, 0}, {0, 0, 1}}};  // on its left side
  ExpectVector(Physical(row, kGravity), "gravity", {1, 0, 0});
}

TEST(ObservationTest, WheelsHaveContactSlidingDamperAndSurface) {
  RowUnderTest row;
  row.state.wheels = {WheelState{true, false, 2, 0.01f}, WheelState{true, true, 6, 0.02f},
                      WheelState{false, false, 0, 0.03f}, WheelState{true, false, 26, 0.04f}};
  const auto contact = Physical(row, kWheelContact);
  EXPECT_EQ(contact.at("wheel0.contact"), 1);
  EXPECT_EQ(contact.at("wheel2.contact"), 0);
  EXPECT_EQ(contact.size(), 4u);
  const auto sliding = Physical(row, kWheelSliding);
  EXPECT_EQ(sliding.at("wheel0.sliding"), 0);
  EXPECT_EQ(sliding.at("wheel1.sliding"), 1);
  const auto damper = Physical(row, kWheelDamper);
  EXPECT_EQ(damper.at("wheel0.damper"), 0.01f);
  EXPECT_EQ(damper.at("wheel3.damper"), 0.04f);
  const auto surface = Physical(row, kWheelSurface);
  EXPECT_EQ(surface.size(), 20u);
  const std::set<std::string> expected = {"wheel0.surface.grass", "wheel1.surface.dirt",
                                          "wheel3.surface.turbo"};
  for (const auto& [name, value] : surface) {
    EXPECT_EQ(value, expected.contains(name) ? 1 : 0) << name;
  }
}

TEST(ObservationTest, SurfaceGroupsAreThoseOfTheProtocol) {
  const std::map<int, std::set<int>> members = {
      {0, {0, 1, 16, 18, 19}}, {1, {2, 20}}, {2, {5, 6, 8, 17}}, {3, {7, 26}}};
  for (int material = 0; material < 256; ++material) {
    int expected = 4;
    for (const auto& [group, ids] : members) {
      if (ids.contains(material)) expected = group;
    }
    EXPECT_EQ(SurfaceGroup(static_cast<std::uint8_t>(material)), expected) << material;
  }
}

TEST(ObservationTest, EngineAndFlags) {
  RowUnderTest row;
  row.state.gear = 4;
  row.state.rpm = 8000;
  EXPECT_EQ(Physical(row, kGear).at("gear"), 4);
  EXPECT_EQ(Physical(row, kRpm).at("rpm"), 8000);
  for (const auto& [kind, name, flag] :
       {std::tuple{kChangingGear, "changing_gear", &GameState::is_changing_gear},
        {kTurbo, "turbo", &GameState::is_turbo},
        {kFreewheeling, "freewheeling", &GameState::is_freewheeling},
        {kLateralContact, "lateral_contact", &GameState::has_lateral_contact}}) {
    EXPECT_EQ(Physical(row, kind).at(name), 0);
    row.state.*flag = true;
    EXPECT_EQ(Physical(row, kind).at(name), 1);
  }
}

TEST(ObservationTest, PastActionsComeNewestFirst) {
  RowUnderTest row;
  row.record.past_inputs[0] = {.steer = -kMaxAnalog / 2, .accelerate = true};
  row.record.past_inputs[1] = {.gas = -kMaxAnalog / 4, .right = true};
  ObservationTerm term = MakeObservationTerm(kActions);
  term.count = 2;
  const auto values = Observe(row, {term});
  EXPECT_EQ(values.size(), 6u);
  EXPECT_EQ(values.at("action0.steer"), -0.5f);
  EXPECT_EQ(values.at("action0.gas"), 1);
  EXPECT_EQ(values.at("action0.brake"), 0);
  EXPECT_EQ(values.at("action1.steer"), 1);
  EXPECT_EQ(values.at("action1.brake"), 0.25f);
}

TEST(ObservationTest, PlaceOnTheRoad) {
  RowUnderTest row;
  row.here.half_width_right_m = 8;
  row.record.place.lateral_m = 5;
  EXPECT_EQ(Physical(row, kLateralOffset).at("lateral_offset"), 5);
  const auto edges = Physical(row, kEdges);
  EXPECT_EQ(edges.at("edge_left"), 7);
  EXPECT_EQ(edges.at("edge_right"), 13);
  row.record.place.lateral_m = 14;
  EXPECT_EQ(Physical(row, kEdges).at("edge_left"), -2) << "beyond the edge";
}

TEST(ObservationTest, HeadingErrorIsPositiveToTheLeft) {
  RowUnderTest row;
  EXPECT_NEAR(Physical(row, kHeadingError).at("heading_error"), 0, 1e-6f);
  TurnLeft(row);
  EXPECT_NEAR(Physical(row, kHeadingError).at("heading_error"), sim::kPi / 2, 1e-5f);
  row.state.rotation = {{{0, 0, -1}, {0, 1, 0}, {1, 0, 0}}};
  EXPECT_NEAR(Physical(row, kHeadingError).at("heading_error"), -sim::kPi / 2, 1e-5f);
}

TEST(ObservationTest, RoadSurfaceAndGapUnderTheCar) {
  RowUnderTest row;
  row.here.surface = sim::Surface::kDirt;
  row.here.is_gap = true;
  const auto values = Physical(row, kRoadSurface);
  EXPECT_EQ(values.at("road_surface.dirt"), 1);
  EXPECT_EQ(values.at("road_surface.asphalt"), 0);
  EXPECT_EQ(values.at("road_gap"), 1);
  EXPECT_EQ(values.size(), 6u);
}

TEST(ObservationTest, ProgressOfRaceLapAndCheckpoints) {
  RowUnderTest row(CircleRoad(50, 4));
  const float lap = row.line->length_m();
  row.PlaceAt(2.5f * lap);
  row.record.checkpoints_passed = 5;
  EXPECT_NEAR(Physical(row, kProgress).at("progress"), 0.625f, 1e-5f);
  EXPECT_NEAR(Physical(row, kLapProgress).at("lap_progress"), 0.5f, 1e-4f);
  EXPECT_NEAR(Physical(row, kCheckpointProgress).at("checkpoint_progress"), 5.0f / 8, 1e-6f);
  EXPECT_NEAR(Physical(row, kCheckpointDistance).at("checkpoint_distance"), lap / 2, 0.1f);
  EXPECT_NEAR(Physical(row, kFinishDistance).at("finish_distance"), 1.5f * lap, 0.1f);
  row.PlaceAt(4 * lap);
  EXPECT_NEAR(Physical(row, kLapProgress).at("lap_progress"), 1, 1e-4f) << "of the last lap";
}

TEST(ObservationTest, GameWithOtherGatesKnowsTheFinishAlone) {
  RowUnderTest row;
  row.record.checkpoints_passed = 1;
  EXPECT_NEAR(Physical(row, kCheckpointDistance).at("checkpoint_distance"), 200, 0.01f);
  row.state.checkpoints_target = 14;
  EXPECT_NEAR(Physical(row, kCheckpointDistance).at("checkpoint_distance"), 300, 0.01f);
}

TEST(ObservationTest, Clocks) {
  RowUnderTest row;
  row.state.race_time_ms = 12340;
  row.record.ticks_without_progress = 250;
  EXPECT_FLOAT_EQ(Physical(row, kTime).at("time"), 12.34f);
  EXPECT_FLOAT_EQ(Physical(row, kSecondsWithoutProgress).at("seconds_without_progress"), 2.5f);
}

TEST(ObservationTest, PointsAheadAreInTheCarFrame) {
  RowUnderTest row;
  row.PlaceAt(100, 3, 1);
  ObservationTerm term = MakeObservationTerm(kAhead);
  term.scale = 1;
  term.low = -1000;
  term.high = 1000;
  term.distances_m = {0, 7.5f, 20};
  ExpectVector(Observe(row, {term}), "ahead0", {-3, -1, 0});
  ExpectVector(Observe(row, {term}), "ahead1", {-3, -1, 7.5f});
  TurnLeft(row);
  ExpectVector(Observe(row, {term}), "ahead2", {-20, -1, -3});
}

TEST(ObservationTest, PointsAheadGoOnBeyondTheFinish) {
  RowUnderTest row;
  row.PlaceAt(395);
  ExpectVector(Physical(row, kAhead), "ahead39", {0, 0, 400});
}

TEST(ObservationTest, PointsAheadWrapOnACircuit) {
  RowUnderTest row(CircleRoad(50, 1));
  row.PlaceAt(row.line->length_m() - 3);
  const auto values = Physical(row, kAhead);
  EXPECT_NEAR(values.at("ahead0.z"), 50 * sim::Sin(0.2f), 0.1f);
  EXPECT_NEAR(values.at("ahead0.x"), 50 - 50 * sim::Cos(0.2f), 0.1f) << "it goes on to the left";
}

TEST(ObservationTest, PointsAheadCarryThePartsAskedFor) {
  RowUnderTest row;
  ObservationTerm term = MakeObservationTerm(kAhead);
  term.distances_m = {10, 20};
  term.with_half_widths = term.with_normal = term.with_surface = term.with_gap = true;
  const auto values = Observe(row, {term});
  EXPECT_EQ(values.size(), 2u * (3 + 2 + 3 + 5 + 1));
  EXPECT_EQ(values.at("ahead1.half_width_left"), 12 * 0.0625f);
  EXPECT_EQ(values.at("ahead1.half_width_right"), 12 * 0.0625f);
  ExpectVector(values, "ahead1.normal", {0, 1, 0});
  EXPECT_EQ(values.at("ahead1.surface.asphalt"), 1);
  EXPECT_EQ(values.at("ahead1.surface.other"), 0);
  EXPECT_EQ(values.at("ahead1.gap"), 0);
  EXPECT_NEAR(values.at("ahead1.z"), 20 * term.scale, 1e-5f);
}

TEST(ObservationTest, ValuesAreScaledAndClipped) {
  RowUnderTest row;
  row.state.rpm = 5000;
  EXPECT_FLOAT_EQ(Observe(row, {MakeObservationTerm(kRpm)}).at("rpm"), 0.5f);
  row.state.rpm = 50000;
  EXPECT_FLOAT_EQ(Observe(row, {MakeObservationTerm(kRpm)}).at("rpm"), 1.2f);
  row.state.rpm = -1;
  EXPECT_EQ(Observe(row, {MakeObservationTerm(kRpm)}).at("rpm"), 0);
  row.state.rpm = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Observe(row, {MakeObservationTerm(kRpm)}).at("rpm"), 0);
}

// The names of the columns that noise is added to.
std::set<std::string> NoisyColumns(const RowUnderTest& row,
                                   const std::vector<ObservationTerm>& terms) {
  const Observer observer(terms);
  const auto columns = ColumnsOf(terms);
  std::vector<float> exact(columns.size()), noisy(columns.size());
  observer.Write(row.view(), exact);
  std::set<std::string> names;
  RowRecord record = row.record;
  for (record.ticks = 0; record.ticks < 50; record.ticks += 5) {
    noisy = exact;
    observer.AddNoise(0.1f, record, noisy);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (noisy[i] != exact[i]) names.insert(columns[i].name);
    }
  }
  return names;
}

TEST(ObservationTest, NoiseIsAddedToWhatIsMeasuredAndNotToFlagsCountsAndActions) {
  const RowUnderTest row;
  for (const ObservationKind kind :
       {kVelocity, kAngularVelocity, kGravity, kWheelDamper, kRpm, kProgress, kLateralOffset,
        kHeadingError, kEdges, kSecondsWithoutProgress, kLapProgress, kCheckpointDistance,
        kFinishDistance, kTime, kAhead}) {
    const ObservationTerm term = MakeObservationTerm(kind);
    EXPECT_EQ(NoisyColumns(row, {term}).size(), hotlap::ColumnsOf(term).size())
        << hotlap::ColumnsOf(term)[0].name;
  }
  for (const ObservationKind kind :
       {kWheelContact, kWheelSliding, kWheelSurface, kGear, kChangingGear, kTurbo, kFreewheeling,
        kLateralContact, kActions, kRoadSurface, kCheckpointProgress}) {
    EXPECT_THAT(NoisyColumns(row, {MakeObservationTerm(kind)}), ::testing::IsEmpty())
        << hotlap::ColumnsOf(MakeObservationTerm(kind))[0].name;
  }
  ObservationTerm ahead = MakeObservationTerm(kAhead);
  ahead.distances_m = {10};
  ahead.with_half_widths = ahead.with_normal = ahead.with_surface = ahead.with_gap = true;
  EXPECT_THAT(
      NoisyColumns(row, {ahead}),
      ElementsAre("ahead0.half_width_left", "ahead0.half_width_right", "ahead0.normal.x",
                  "ahead0.normal.y", "ahead0.normal.z", "ahead0.x", "ahead0.y", "ahead0.z"));
}

TEST(ObservationTest, NoiseIsClippedAndAFunctionOfEpisodeTicksAndColumn) {
  const std::vector<ObservationTerm> terms = {MakeObservationTerm(kRpm),
                                              MakeObservationTerm(kLateralOffset)};
  const Observer observer(terms);
  const auto noise = [&](RowRecord record, float deviation, float value) {
    std::vector<float> values(2, value);
    observer.AddNoise(deviation, record, values);
    return values;
  };
  RowRecord record;
  record.ticks = 5;
  const auto first = noise(record, 0.01f, 0.5f);
  EXPECT_EQ(noise(record, 0.01f, 0.5f), first);
  EXPECT_NE(first[0], first[1]);
  EXPECT_FLOAT_EQ(noise(record, 0.02f, 0.5f)[0] - 0.5f, 2 * (first[0] - 0.5f));
  record.steps = 3;
  EXPECT_EQ(noise(record, 0.01f, 0.5f), first) << "a lost step shows the same again";
  for (const auto& change : std::vector<std::function<void(RowRecord&)>>{
           [](auto& r) { r.ticks = 10; }, [](auto& r) { r.episode = 1; },
           [](auto& r) { r.base_seed = 1; }}) {
    RowRecord other = record;
    change(other);
    EXPECT_NE(noise(other, 0.01f, 0.5f)[0], first[0]);
  }
  for (record.ticks = 0; record.ticks < 500; ++record.ticks) {
    const auto values = noise(record, 1, 0);
    ASSERT_GE(values[0], 0) << "rpm has no negative values";
    ASSERT_LE(values[0], 1.2f);
  }
}

TEST(ObservationTest, HostileStatesGiveFiniteValuesWithinBounds) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  using Limits = std::numeric_limits<float>;
  const std::array<float, 12> nasty = {0,
                                       -0.0f,
                                       1,
                                       -1e9f,
                                       3e38f,
                                       -3e38f,
                                       Limits::denorm_min(),
                                       Limits::infinity(),
                                       -Limits::infinity(),
                                       Limits::quiet_NaN(),
                                       1e-30f,
                                       12345.678f};
  const auto draw = [&] { return nasty[random() % nasty.size()]; };
  const auto draw3 = [&] { return Vec3{draw(), draw(), draw()}; };
  const auto terms = EveryTerm();
  const auto columns = ColumnsOf(terms);
  const Observer observer(terms);
  std::vector<float> values(columns.size());
  RowUnderTest straight, circle(CircleRoad(50, 3));
  for (int i = 0; i < TestCount(100, 2000, 100000); ++i) {
    RowUnderTest& row = i % 2 == 0 ? straight : circle;
    row.state.position_m = draw3();
    row.state.velocity_mps = draw3();
    row.state.angular_velocity_radps = draw3();
    for (auto& line : row.state.rotation.m) {
      for (float& value : line) value = draw();
    }
    for (WheelState& wheel : row.state.wheels) {
      wheel = {random() % 2 == 0, random() % 2 == 0, static_cast<std::uint8_t>(random()), draw()};
    }
    row.state.rpm = draw();
    row.state.gear = static_cast<std::int32_t>(random());
    row.state.race_time_ms = static_cast<std::int32_t>(random());
    row.state.checkpoints_target = static_cast<std::int32_t>(random());
    LineSearch search{row.line.get(), row.state.position_m, 0, 1e6f};
    Centreline::Project({&search, 1});
    row.record.place = search.place;
    row.here = search.here;
    observer.Write(row.view(), values);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      ASSERT_TRUE(std::isfinite(values[c])) << columns[c].name;
      ASSERT_GE(values[c], columns[c].low) << columns[c].name;
      ASSERT_LE(values[c], columns[c].high) << columns[c].name;
    }
  }
}

TEST(ObservationTest, EveryTermHasAsManyColumnsAsItWrites) {
  const RowUnderTest row;
  for (const ObservationTerm& term : EveryTerm()) {
    const Observer observer({term});
    std::vector<float> values(static_cast<std::size_t>(observer.size()), 99.0f);
    observer.Write(row.view(), values);
    const auto columns = hotlap::ColumnsOf(term);
    ASSERT_EQ(columns.size(), values.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      EXPECT_NE(values[i], 99.0f) << columns[i].name;
      EXPECT_LT(columns[i].low, columns[i].high);
      EXPECT_GT(columns[i].scale, 0);
      EXPECT_FALSE(columns[i].unit.empty());
    }
  }
}

std::vector<ObservationTerm> Read(const std::string& text) {
  const ConfigMap config = ConfigMap::Parse(text, "t.yaml");
  auto terms = ReadObservation(config, "observation");
  config.Finish();
  return terms;
}

std::string ErrorOf(const std::string& text) {
  try {
    Read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ObservationTest, ReadsTermsInTheirOrder) {
  const auto terms = Read(R"(
observation:
  - {term: rpm, scale: 0.0002, low: -1, high: 2}
  - {term: actions, count: 3}
  - {term: ahead, points: 3, spacing_m: 2.5, with: [gap, normal]}
)");
  ASSERT_EQ(terms.size(), 3u);
  EXPECT_EQ(terms[0].kind, kRpm);
  EXPECT_EQ(terms[0].scale, 0.0002f);
  EXPECT_EQ(terms[0].low, -1);
  EXPECT_EQ(terms[0].high, 2);
  EXPECT_EQ(terms[1].count, 3);
  EXPECT_THAT(terms[2].distances_m, ElementsAre(2.5f, 5, 7.5f));
  EXPECT_TRUE(terms[2].with_gap && terms[2].with_normal);
  EXPECT_FALSE(terms[2].with_surface || terms[2].with_half_widths);
}

TEST(ObservationTest, ReadsChosenDistances) {
  const auto terms = Read("observation: [{term: ahead, distances_m: [0, 5, 12.5]}]");
  EXPECT_THAT(terms[0].distances_m, ElementsAre(0, 5, 12.5f));
}

TEST(ObservationTest, WrongTermsAreNamed) {
  EXPECT_THAT(ErrorOf("observation:\n  - term: rpm\n  - term: wings\n"),
              HasSubstr("t.yaml:3: observation[1].term: 'wings'; allowed: velocity, "
                        "angular_velocity, gravity"));
  EXPECT_EQ(ErrorOf("observation:\n  - term: rpm\n    sclae: 1\n"),
            "t.yaml:3: observation[0].sclae: unknown key; allowed: term, scale, low, high");
  EXPECT_EQ(ErrorOf("observation:\n  - {term: turbo, scale: 2}\n"),
            "t.yaml:2: observation[0].scale: unknown key; allowed: term");
  EXPECT_THAT(ErrorOf("observation:\n  - {scale: 2}\n"), HasSubstr("the key 'term' is missing"));
  EXPECT_THAT(ErrorOf("observation: [{term: rpm}, {term: rpm}]"), HasSubstr("given twice"));
  EXPECT_THAT(ErrorOf("observation: [{term: rpm, low: 2}]"), HasSubstr("must be above low"));
  EXPECT_THAT(ErrorOf("observation: [{term: rpm, scale: 0}]"), HasSubstr("[1e-06, 1e+06]"));
  EXPECT_THAT(ErrorOf("observation: [{term: actions, count: 17}]"), HasSubstr("[1, 16]"));
  EXPECT_THAT(ErrorOf("observation: [{term: ahead, points: 0}]"), HasSubstr("[1, 256]"));
  EXPECT_THAT(ErrorOf("observation: [{term: ahead, distances_m: [5, 5]}]"), HasSubstr("ascend"));
  EXPECT_THAT(ErrorOf("observation: [{term: ahead, distances_m: [5], points: 3}]"),
              HasSubstr("stands alone"));
  EXPECT_THAT(ErrorOf("observation: [{term: ahead, with: [trees]}]"),
              HasSubstr("'trees'; allowed: half_widths, normal, surface, gap"));
  EXPECT_THAT(ErrorOf("observation: []"), HasSubstr("a list of 1 to"));
}

}  // namespace
}  // namespace hotlap::observation_test
