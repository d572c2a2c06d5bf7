#include "env/sim/track_generator.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "env/random.h"
#include "env/sim/floating_point_guard.h"
#include "env/sim/track_check.h"

namespace hotlap::sim {
namespace {

constexpr Vec3 kStartM{0, 50, 0};
constexpr int kTries = 400;             // of pieces of road, for one track
constexpr int kRefusals = 10;           // in a row, after which the last pieces are taken back
constexpr std::size_t kTakenBack = 3;   // pieces
constexpr float kMostHeadingDeg = 130;  // either way from the start's: a road that winds, not knots
constexpr float kCheckpointM = 150;     // at least, from one to the next
constexpr float kMostIceM = 50;         // of a straight
constexpr float kFinishStraightM = 60;

float Lerp(float from, float to, float share) { return from + (to - from) * share; }

class Generator {
 public:
  Generator(std::uint64_t seed, float difficulty)
      : random_(seed, 0, RandomPurpose::kTrack),
        name_("generated_" + std::to_string(seed) + "_" +
              std::to_string(static_cast<int>(std::lround(difficulty * 100)))),
        difficulty_(difficulty) {
    wanted_m_ = Lerp(450, 1700, difficulty) * Between(0.8f, 1.2f);
    width_m_ = 2 * std::round(Lerp(14, 7, difficulty) * Between(0.9f, 1.1f));
    has_walls_ = Happens(1 - 0.8f * difficulty);
  }

  TrackPlan Plan() {
    AddPiece({Straight(100)});
    int refusals = 0;
    for (int i = 0; i < kTries && length_m_ < wanted_m_; ++i) {
      if (AddPiece(Piece())) {
        refusals = 0;
      } else if (++refusals == kRefusals) {
        for (std::size_t k = 0; k < kTakenBack && pieces_.size() > 1; ++k) TakeBack();
        refusals = 0;
      }
    }
    while (!AddPiece({Straight(kFinishStraightM)}) && pieces_.size() > 1) TakeBack();
    TrackPlan plan = PlanOf(pieces_);
    AddCheckpoints(plan);
    return plan;
  }

 private:
  using Segments = std::vector<RoadSegment>;

  // ---- Chance
  float Between(float low, float high) { return Lerp(low, high, random_.Unit(draw_++)); }
  bool Happens(float share) { return random_.Unit(draw_++) < share; }
  float Whole(float low, float high) { return std::round(Between(low, high)); }
  float EitherWay() { return Happens(0.5f) ? 1.0f : -1.0f; }

  // ---- Segments
  RoadSegment Plain() const {
    RoadSegment segment;
    segment.half_width_left_m = segment.half_width_right_m = width_m_ / 2;
    segment.wall_left_m = segment.wall_right_m = has_walls_ ? 1.0f : 0.0f;
    return segment;
  }
  RoadSegment Straight(float length_m) const {
    RoadSegment segment = Plain();
    segment.length_m = length_m;
    return segment;
  }
  Surface AnySurface() {
    if (!Happens(0.4f * difficulty_)) return Surface::kAsphalt;
    const float kind = Between(0, 1);
    if (kind > 0.75f && difficulty_ > 0.5f) return Surface::kIce;
    return kind > 0.4f ? Surface::kDirt : Surface::kGrass;
  }
  // Of a piece that rises or falls; half of them are level.
  float Rise(float length_m) {
    if (Happens(0.5f)) return 0;
    const float slope = Between(0, Lerp(0.02f, 0.16f, difficulty_)) * EitherWay();
    return std::round(slope * length_m * 2) / 2;
  }

  Segments Bend() {
    RoadSegment segment = Plain();
    segment.kind = SegmentKind::kBend;
    segment.surface = AnySurface();
    const float slippery = segment.surface == Surface::kAsphalt ? 1.0f
                           : segment.surface == Surface::kIce   ? 3.0f
                                                                : 1.5f;
    const float tightest = std::max(Lerp(60, 15, difficulty_) * slippery, width_m_ / 2 + 6);
    // Tight ones are as likely as wide ones twice as tight.
    const float sharpness = Between(0, 1);
    segment.radius_m = std::round(tightest + Lerp(140, 90, difficulty_) * sharpness * sharpness);
    const float turn = Whole(25, Lerp(90, 180, difficulty_));
    segment.turn_deg = turn * EitherWay();
    if (std::fabs(heading_deg_ + segment.turn_deg) > kMostHeadingDeg) {
      segment.turn_deg = heading_deg_ > 0 ? -turn : turn;
    }
    const float length = segment.radius_m * turn * kDegree;
    if (segment.surface == Surface::kIce) return {segment};  // level
    if (Happens(0.4f * difficulty_)) {
      const float lean = Whole(4, Lerp(8, 22, difficulty_));
      segment.bank_deg = segment.turn_deg > 0 ? lean : -lean;
    }
    segment.rise_m = Rise(length);
    return {segment};
  }
  Segments Road() {
    RoadSegment segment = Straight(Whole(30, Lerp(120, 180, difficulty_)));
    segment.surface = AnySurface();
    // Ice is level and short: on it a car hardly steers and brakes at once.
    if (segment.surface == Surface::kIce) {
      segment.length_m = std::min(segment.length_m, kMostIceM);
    } else {
      segment.rise_m = Rise(segment.length_m);
    }
    return {segment};
  }
  Segments Chicane() {
    RoadSegment segment = Plain();
    segment.kind = SegmentKind::kChicane;
    segment.length_m = Whole(Lerp(110, 60, difficulty_), 130);
    segment.sideways_m = Whole(4, Lerp(6, 14, difficulty_)) * EitherWay();
    return {segment};
  }
  // With room for the speed that it gives.
  Segments Turbo() {
    RoadSegment pad = Straight(10);
    pad.surface = Happens(0.3f) ? Surface::kTurbo2 : Surface::kTurbo;
    return {Straight(30), pad, Straight(Whole(200, 300))};
  }
  // A step down over a gap that any speed from about 25 m/s on clears.
  Segments Jump() {
    RoadSegment gap = Straight(Whole(5, Lerp(6, 10, difficulty_)));
    gap.kind = SegmentKind::kGap;
    gap.rise_m = -std::round(Between(2, 3) * 2) / 2;
    return {Straight(Whole(100, 140)), gap, Straight(Whole(130, 180))};
  }
  Segments Piece() {
    const float kind = Between(0, 1);
    if (difficulty_ > 0.35f && kind < 0.07f) return Jump();
    if (difficulty_ > 0.2f && kind < 0.12f) return Turbo();
    if (kind < 0.12f + 0.1f * difficulty_) return Chicane();
    return kind < 0.45f - 0.1f * difficulty_ ? Road() : Bend();
  }

  // ---- The road so far
  TrackPlan PlanOf(const std::vector<Segments>& pieces) const {
    TrackPlan plan;
    plan.name = name_;
    plan.start_m = kStartM;
    for (const Segments& piece : pieces) {
      plan.segments.insert(plan.segments.end(), piece.begin(), piece.end());
    }
    return plan;
  }
  // Whether a car can drive the road with it; else it stays as it was.
  bool AddPiece(Segments piece) {
    pieces_.push_back(std::move(piece));
    const TrackPlan plan = PlanOf(pieces_);
    const BuiltRoad road = BuildRoad(plan.start_m, 0, plan.segments);
    TrackSpec spec;
    spec.name = plan.name;
    spec.line = road.line;
    if (FindRoadFault(*Track::Build(spec), road.parts)) {
      pieces_.pop_back();
      return false;
    }
    Measure();
    return true;
  }
  void TakeBack() {
    pieces_.pop_back();
    Measure();
  }
  void Measure() {
    length_m_ = heading_deg_ = 0;
    for (const Segments& piece : pieces_) {
      for (const RoadSegment& segment : piece) {
        length_m_ += LengthOf(segment);
        heading_deg_ += segment.turn_deg;
      }
    }
  }
  static float LengthOf(const RoadSegment& segment) {
    return segment.kind == SegmentKind::kBend
               ? segment.radius_m * std::fabs(segment.turn_deg) * kDegree
               : segment.length_m;
  }

  static void AddCheckpoints(TrackPlan& plan) {
    float since_m = 0;
    for (std::size_t i = 0; i + 1 < plan.segments.size(); ++i) {
      since_m += LengthOf(plan.segments[i]);
      const bool at_gap = plan.segments[i].kind == SegmentKind::kGap ||
                          plan.segments[i + 1].kind == SegmentKind::kGap;
      if (since_m < kCheckpointM || at_gap) continue;
      plan.checkpoints.push_back(i);
      since_m = 0;
    }
  }

  static constexpr float kDegree = 0.0174532925f;

  RandomStream random_;
  std::string name_;
  float difficulty_;
  std::uint64_t draw_ = 0;
  float wanted_m_ = 0, width_m_ = 0;
  bool has_walls_ = false;
  std::vector<Segments> pieces_;
  float length_m_ = 0, heading_deg_ = 0;
};

}  // namespace

TrackPlan GenerateTrackPlan(std::uint64_t seed, float difficulty) {
  if (!(difficulty >= 0 && difficulty <= 1)) {
    throw std::invalid_argument("difficulty: must be from 0 to 1");
  }
  const FloatingPointGuard guard;
  return Generator(seed, difficulty).Plan();
}

TrackSpec SpecOf(const TrackPlan& plan) {
  const FloatingPointGuard guard;
  BuiltRoad road = BuildRoad(plan.start_m, 0, plan.segments);
  TrackSpec spec;
  spec.name = plan.name;
  spec.line = std::move(road.line);
  for (const std::size_t i : plan.checkpoints) {
    spec.checkpoints_s_m.push_back(road.parts[i + 1].start_s_m);
  }
  return spec;
}

}  // namespace hotlap::sim
