#include "env/sim/track_check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "env/sim/scalar_math.h"
#include "env/sim/vehicle_params.h"

namespace hotlap::sim {
namespace {

// What a road may ask of a car.
constexpr float kClearanceM = 6;  // between a road and one that crosses above it
static_assert(kGateHeightM < kClearanceM, "a gate is not passed on the bridge above it");
constexpr float kMaxSlopeDeg = 45;
constexpr float kMinVerticalRadiusM = 30;  // of dips and crests; loops have their own
constexpr float kMaxTwistPerM = 0.05f;     // radians of bank
// Of the built-in car, which jumps gaps: faster its engine does not drive it.
constexpr float kGravityMps2 = VehicleParams{}.gravity_mps2;
constexpr float kMaxSpeedMps = VehicleParams{}.drive_fade_end_kmh / 3.6f;

constexpr int kSpan = 2;           // points on either side of one whose curvature is measured
constexpr int kSelfStep = 3;       // points from one to the next that are compared with the others
constexpr float kFirstMps = 4;     // of the speeds that are tried at a gap
constexpr float kNextMps = 1.03f;  // and from each to the next
constexpr int kSpeedsInARow = 3;   // that must land: no driver comes with exactly one
constexpr float kFlightStepM = 0.5f;
constexpr float kEdgeM = 0.02f;  // how far below the far edge a car still clears it
constexpr float kLongestFlightM = 2000;

std::string Number(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(value));
  return text;
}

class Checker {
 public:
  Checker(const Track& track, std::span<const RoadPart> parts)
      : track_(track),
        points_(track.points()),
        count_(static_cast<int>(points_.size())),
        parts_(parts) {}

  std::optional<RoadFault> Find() const {
    if (auto fault = Shape()) return fault;
    if (auto fault = Gates()) return fault;
    if (auto fault = Gaps()) return fault;
    return Crossings();
  }

 private:
  // A circuit's points go round.
  const RoadPoint& At(int i) const {
    const int k = track_.closed() ? (i % count_ + count_) % count_ : std::clamp(i, 0, count_ - 1);
    return points_[static_cast<std::size_t>(k)];
  }
  float DistanceOf(int i) const { return static_cast<float>(i) * track_.spacing_m(); }
  std::optional<std::size_t> PartAt(int i) const {
    const auto next =
        std::upper_bound(parts_.begin(), parts_.end(), DistanceOf(i),
                         [](float s_m, const RoadPart& part) { return s_m < part.start_s_m; });
    if (next == parts_.begin()) return {};
    return static_cast<std::size_t>(next - parts_.begin()) - 1;
  }
  bool IsLoop(int i) const {
    const auto part = PartAt(i);
    return part && parts_[*part].kind == SegmentKind::kLoop;
  }
  std::string Label(int i) const {
    const auto part = PartAt(i);
    return part ? SegmentLabel(*part, parts_[*part].kind) : "at " + Number(DistanceOf(i)) + " m";
  }
  RoadFault FaultAt(int i, const std::string& text) const {
    return {PartAt(i), DistanceOf(i), Label(i) + ": " + text};
  }

  std::optional<RoadFault> Shape() const {
    const float max_rise = Sin(kMaxSlopeDeg * kPi / 180);
    const int first = track_.closed() ? 0 : kSpan, end = track_.closed() ? count_ : count_ - kSpan;
    for (int i = first; i < end; ++i) {
      const RoadPoint& here = At(i);
      const RoadPoint& behind = At(i - kSpan);
      const RoadPoint& ahead = At(i + kSpan);
      if (behind.is_gap || At(i - 1).is_gap || here.is_gap || At(i + 1).is_gap) continue;
      const float scale = 1.0f / (2 * kSpan * track_.spacing_m());
      const Vec3 turn = (ahead.tangent - behind.tangent) * scale;
      const float bend = Dot(turn, here.left), upwards = Dot(turn, here.normal);
      const float inner = bend > 0 ? here.half_width_left_m : here.half_width_right_m;
      if (std::fabs(bend) * inner >= 1) {
        return FaultAt(i, "bends with a radius of " + Number(1 / std::fabs(bend)) +
                              " m, less than its half width, " + Number(inner) + " m");
      }
      if (IsLoop(i)) continue;
      if (std::fabs(here.tangent.y) > max_rise) {
        return FaultAt(i, "is steeper than " + Number(kMaxSlopeDeg) + " degrees");
      }
      if (std::fabs(upwards) * kMinVerticalRadiusM > 1) {
        return FaultAt(
            i, (upwards > 0 ? "has a dip with a radius of " : "has a crest with a radius of ") +
                   Number(1 / std::fabs(upwards)) + " m; allowed: at least " +
                   Number(kMinVerticalRadiusM) + " m");
      }
      const float twist = Dot(ahead.left - behind.left, here.normal) * scale;
      if (std::fabs(twist) > kMaxTwistPerM) {
        return FaultAt(i, "changes its bank by " + Number(std::fabs(twist) * 180 / kPi) +
                              " degrees a metre; allowed: at most " +
                              Number(kMaxTwistPerM * 180 / kPi));
      }
    }
    return {};
  }

  std::optional<RoadFault> Gates() const {
    // A gate at the very edge of a gap still stands on the road.
    const auto over_gap = [&](float s_m) {
      const int i = IndexOf(s_m);
      return At(i - 1).is_gap && At(i).is_gap && At(i + 1).is_gap;
    };
    if (over_gap(track_.start_s_m()))
      return FaultAt(IndexOf(track_.start_s_m()), "the start is over the gap");
    for (int i = 0; i < track_.num_gates(); ++i) {
      const float s_m = track_.gates()[static_cast<std::size_t>(i)].s_m;
      if (over_gap(s_m)) {
        const bool is_finish = i + 1 == track_.num_gates();
        return FaultAt(IndexOf(s_m),
                       is_finish ? std::string("the finish is over the gap")
                                 : "checkpoint " + std::to_string(i + 1) + " is over the gap");
      }
    }
    return {};
  }
  int IndexOf(float s_m) const {
    const int i = static_cast<int>(s_m / track_.spacing_m());
    return track_.closed() ? i % count_ : i;
  }

  std::optional<RoadFault> Gaps() const {
    for (int i = 0; i < count_; ++i) {
      const bool begins = At(i).is_gap && ((i == 0 && !track_.closed()) || !At(i - 1).is_gap);
      if (!begins) continue;
      int end = i;
      while (end - i < count_ && At(end).is_gap && (track_.closed() || end < count_ - 1)) ++end;
      if (At(end).is_gap || i == 0) continue;  // nobody drives there: the gates are on the road
      if (!CanBeJumped(i, end)) {
        const Vec3 lip = Lip(i);
        return FaultAt(
            i, "cannot be jumped at any speed up to " + Number(kMaxSpeedMps * 3.6f) +
                   " km/h: its far edge is " + Number(DistanceOf(end - i)) + " m away and " +
                   Number(At(end).position_m.y - At(i).position_m.y) +
                   " m higher, the near one points " +
                   Number(Atan2(lip.y, std::sqrt(lip.x * lip.x + lip.z * lip.z)) * 180 / kPi) +
                   " degrees up");
      }
    }
    return {};
  }
  // The direction in which a car leaves the road.
  Vec3 Lip(int gap) const {
    return Normalized(At(gap).position_m - At(gap - 1).position_m, At(gap).tangent);
  }

  bool CanBeJumped(int gap, int end) const {
    int in_a_row = 0;
    float speed = kFirstMps;
    while (speed <= kMaxSpeedMps) {
      in_a_row = Lands(gap, end, speed) ? in_a_row + 1 : 0;
      if (in_a_row == kSpeedsInARow) return true;
      speed *= kNextMps;
    }
    return false;
  }

  // Whether a car that leaves the road along its middle at this speed comes down on the road.
  bool Lands(int gap, int end, float speed_mps) const {
    Vec3 velocity = Lip(gap) * speed_mps;
    Vec3 position = At(gap).position_m;
    int i = gap;
    bool is_across = false;
    for (int step = 0; step < static_cast<int>(kLongestFlightM / kFlightStepM); ++step) {
      const float time = kFlightStepM / Length(velocity);
      const float drop = kGravityMps2 * time;
      position += velocity * time;
      position.y -= 0.5f * drop * time;
      velocity.y -= drop;
      while (Dot(position - At(i + 1).position_m, At(i + 1).tangent) >= 0) {
        if (++i - gap >= count_ || (!track_.closed() && i >= count_ - 1)) return false;
      }
      if (i < end) continue;
      if (!is_across) {
        // Where it crosses the far edge it is above that: lower, it hits what holds the road.
        const RoadPoint& edge = At(end);
        const float beyond = Dot(position - edge.position_m, edge.tangent);
        const float time_beyond = beyond / std::max(Dot(velocity, edge.tangent), 1e-3f);
        const Vec3 crossing = position - velocity * time_beyond;
        if (Dot(crossing - edge.position_m, edge.normal) < -kEdgeM) return false;
        is_across = true;
      }
      const RoadPoint& road = At(i);
      const Vec3 offset = position - road.position_m;
      const float side = Dot(offset, road.left);
      const bool is_beside = side > road.half_width_left_m || -side > road.half_width_right_m;
      if (is_beside) return false;
      const float height = Dot(offset, road.normal);
      if (height <= 0 && !road.is_gap) return true;
    }
    return false;
  }

  // Where two far parts of the line come so near each other that their roads touch.
  std::optional<RoadFault> Crossings() const {
    // Of the side that looks that way.
    const auto half_width = [](const RoadPoint& p, Vec3 way) {
      return Dot(p.left, way) > 0 ? p.half_width_left_m : p.half_width_right_m;
    };
    float widest = 0;
    for (const RoadPoint& p : points_) {
      widest = std::max({widest, p.half_width_left_m, p.half_width_right_m});
    }
    const float spacing = track_.spacing_m();
    for (int i = 0; i < count_; i += kSelfStep) {
      const RoadPoint& here = At(i);
      for (int k = i + kSelfStep; k < count_;) {
        const RoadPoint& there = At(k);
        const Vec3 offset = there.position_m - here.position_m;
        const float apart = std::sqrt(offset.x * offset.x + offset.z * offset.z);
        const float wide = half_width(here, offset) + half_width(there, -offset);
        float along = DistanceOf(k - i);
        if (track_.closed()) along = std::min(along, track_.length_m() - along);
        const bool is_near = apart < wide && std::fabs(offset.y) < kClearanceM;
        // Nearer along the road than half a turn round its own edge, it is the same place.
        if (is_near && along > 0.5f * kPi * wide + 2 * kSelfStep * spacing) {
          return FaultAt(k, "meets " + Label(i) + ": " + Number(std::fabs(offset.y)) +
                                " m above or below it and " + Number(apart) +
                                " m beside it; allowed: at least " + Number(kClearanceM) +
                                " m above or " + Number(wide) + " m beside");
        }
        const float spare = apart - 2 * widest;
        k += std::max(kSelfStep, static_cast<int>(spare / spacing));
      }
    }
    return {};
  }

  const Track& track_;
  std::span<const RoadPoint> points_;
  int count_;
  std::span<const RoadPart> parts_;
};

}  // namespace

std::optional<RoadFault> FindRoadFault(const Track& track, std::span<const RoadPart> parts) {
  return Checker(track, parts).Find();
}

}  // namespace hotlap::sim
