#include "env/sim/road_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "env/sim/scalar_math.h"

namespace hotlap::sim {
namespace {

constexpr double kStepM = 1.0;
constexpr float kDegree = kPi / 180;

// The way from one point to the next, before and after its settings are eased.
struct Step {
  std::size_t segment = 0;
  double length = 0;     // seen from above
  double curvature = 0;  // of the plan, left positive
  double slope = 0;      // height by length
  double sideways = 0;   // to the left, on top
  double pitch = 0;      // of a loop: how far it has turned upwards, at the middle of the step
  double bank = 0;       // radians
  double half_width_left = 0, half_width_right = 0;
};

bool IsBreak(SegmentKind kind) { return kind == SegmentKind::kGap || kind == SegmentKind::kLoop; }

class Builder {
 public:
  Builder(std::span<const RoadSegment> segments, bool closed, const RoadEasing& easing)
      : segments_(segments), closed_(closed), easing_(easing) {}

  BuiltRoad Build(Vec3 start_m, float heading_deg) {
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      Check(i);
      AddSteps(i);
    }
    if (steps_.size() < 2) throw std::invalid_argument("segments: at least 2 m of road");
    Ease(&Step::curvature, easing_.bend_m);
    Ease(&Step::half_width_left, easing_.bend_m);
    Ease(&Step::half_width_right, easing_.bend_m);
    Ease(&Step::slope, easing_.slope_m);
    Ease(&Step::bank, easing_.slope_m);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (segments_[i].kind == SegmentKind::kGap) BendOverGap(i);
    }
    return Drawn(start_m, heading_deg);
  }

 private:
  void Check(std::size_t i) {
    const RoadSegment& s = segments_[i];
    const auto require = [&](float value, float low, float high, const char* name) {
      if (value >= low && value <= high) return;  // NaN is not
      const auto text = [](float number) { return std::to_string(static_cast<int>(number)); };
      throw std::invalid_argument(SegmentLabel(i, s.kind) + ": " + name + " must be from " +
                                  text(low) + " to " + text(high));
    };
    const bool is_loop = s.kind == SegmentKind::kLoop, is_bend = s.kind == SegmentKind::kBend;
    if (!is_loop && !is_bend) require(s.length_m, 1, 10000, "length_m");
    if (is_bend) {
      require(s.radius_m, 5, 5000, "radius_m");
      require(s.turn_deg, -720, 720, "turn_deg");
      require(s.radius_m * std::fabs(s.turn_deg) * kDegree, 1, 10000, "length");
    }
    if (is_loop) require(s.radius_m, 12, 100, "radius_m");
    require(s.sideways_m, -200, 200, "sideways_m");
    require(s.rise_m, -1000, 1000, "rise_m");
    require(s.bank_deg, -60, 60, "bank_deg");
  }

  void AddSteps(std::size_t i) {
    first_step_.push_back(steps_.size());
    const RoadSegment& s = segments_[i];
    const bool is_loop = s.kind == SegmentKind::kLoop;
    const double turn = s.kind == SegmentKind::kBend ? double(s.turn_deg * kDegree) : 0;
    // A loop turns by a curvature that grows from nothing over `ease`, holds and falls again.
    const double radius = s.radius_m, ease = radius;
    const double length = is_loop                        ? 2 * double(kPi) * radius + ease
                          : s.kind == SegmentKind::kBend ? radius * std::fabs(turn)
                                                         : double(s.length_m);
    length_ += length;
    if (length_ > double(kMaxRoadM)) {
      throw std::invalid_argument(SegmentLabel(i, s.kind) + ": the road is longer than 30 km");
    }
    const int count = std::max(1, static_cast<int>(std::lround(length / kStepM)));
    Step step;
    step.segment = i;
    step.length = length / count;
    step.curvature = turn / length;
    step.slope = is_loop ? 0 : double(s.rise_m) / length;
    step.bank = double(s.bank_deg * kDegree);
    step.half_width_left = s.half_width_left_m;
    step.half_width_right = s.half_width_right_m;
    const bool shifts = is_loop || s.kind == SegmentKind::kChicane;
    for (int k = 0; k < count; ++k) {
      if (shifts) {
        step.sideways = double(s.sideways_m) *
                        (SmoothStep(double(k + 1) / count) - SmoothStep(double(k) / count));
      }
      if (is_loop) {
        const double at = (k + 0.5) * step.length, left = length - at;
        const double first = at < ease ? at * at / (2 * ease) : at - ease / 2;
        const double second = left < ease ? left * left / (2 * ease) : left - ease / 2;
        step.pitch = (at < left ? first : length - ease - second) / radius;
      }
      steps_.push_back(step);
    }
  }

  // 0 to 1 with neither slope nor curvature at its ends.
  static double SmoothStep(double u) { return u * u * u * (10 + u * (6 * u - 15)); }

  // Every step's value becomes the mean of those around it, twice over half the window, so that it
  // has no corners. No mean reaches over a gap or a loop, or the ends of an open road.
  void Ease(double Step::*value, float window_m) {
    const int n = static_cast<int>(steps_.size());
    const int half = static_cast<int>(std::lround(double(window_m) * 0.25 / kStepM));
    for (int pass = 0; pass < 2; ++pass) {
      std::vector<double> sums{0};  // of the line, thrice over on a circuit
      const int rounds = closed_ ? 3 : 1;
      for (int k = 0; k < n * rounds; ++k) {
        sums.push_back(sums.back() + steps_[static_cast<std::size_t>(k % n)].*value);
      }
      for (int i = 0; i < n; ++i) {
        const int reach = std::min(half, Reach(i));
        const int at = closed_ ? i + n : i;
        const int from = at - reach, to = at + reach + 1;
        steps_[static_cast<std::size_t>(i)].*value =
            (sums[static_cast<std::size_t>(to)] - sums[static_cast<std::size_t>(from)]) /
            (to - from);
      }
    }
  }

  // How many steps on either side of this one are of the same piece of road.
  int Reach(int i) {
    if (reach_.empty()) {
      const int n = static_cast<int>(steps_.size());
      reach_.assign(steps_.size(), closed_ ? (n - 1) / 2 : n);
      const int rounds = closed_ ? 2 : 1;
      int since = closed_ ? n : 0;
      for (int k = 0; k < n * rounds; ++k, ++since) Narrow(k % n, since);
      since = closed_ ? n : 0;
      for (int k = n * rounds - 1; k >= 0; --k, ++since) Narrow(k % n, since);
    }
    return reach_[static_cast<std::size_t>(i)];
  }
  void Narrow(int i, int& since) {
    const auto k = static_cast<std::size_t>(i);
    if (IsBreak(segments_[steps_[k].segment].kind)) since = -1;
    reach_[k] = std::min(reach_[k], std::max(since, 0));
  }

  // The line over a gap leaves with the slope before it and arrives with the slope behind it.
  void BendOverGap(std::size_t segment) {
    const std::size_t from = first_step_[segment];
    const std::size_t to =
        segment + 1 < first_step_.size() ? first_step_[segment + 1] : steps_.size();
    const std::size_t n = steps_.size();
    const double count = static_cast<double>(to - from);
    const double mean = steps_[from].slope;
    const double before = from > 0 ? steps_[from - 1].slope : closed_ ? steps_[n - 1].slope : mean;
    const double after = to < n ? steps_[to].slope : closed_ ? steps_[0].slope : mean;
    const auto height = [&](double u) {  // over the gap's length
      const double v = 1 - u;
      return mean * u * u * (3 - 2 * u) + before * u * v * v - after * u * u * v;
    };
    for (std::size_t k = from; k < to; ++k) {
      const double u = static_cast<double>(k - from) / count;
      steps_[k].slope = (height(u + 1 / count) - height(u)) * count;
    }
  }

  BuiltRoad Drawn(Vec3 start_m, float heading_deg) {
    BuiltRoad road;
    double x = start_m.x, y = start_m.y, z = start_m.z;
    double heading = double(heading_deg * kDegree), loop_from = 0;
    const double first_heading = heading;
    const auto put = [&](const Step& before, const Step& after, double direction) {
      const RoadSegment& s = segments_[after.segment];
      const auto bank = static_cast<float>((before.bank + after.bank) / 2);
      const auto h = static_cast<float>(direction);
      road.line.push_back(
          {.position_m = {static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)},
           .left = {Cos(h) * Cos(bank), -Sin(bank), -Sin(h) * Cos(bank)},
           .half_width_left_m =
               static_cast<float>((before.half_width_left + after.half_width_left) / 2),
           .half_width_right_m =
               static_cast<float>((before.half_width_right + after.half_width_right) / 2),
           .wall_left_m = s.wall_left_m,
           .wall_right_m = s.wall_right_m,
           .surface = s.surface,
           .is_gap = s.kind == SegmentKind::kGap});
    };
    const auto aside = [](const Step& step) {
      // A loop's sideways way is no turn of its plan: its tangent sees to it.
      return step.pitch != 0 ? 0.0
                             : double(Atan2(static_cast<float>(step.sideways),
                                            static_cast<float>(step.length)));
    };
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      const Step& before = i > 0 ? steps_[i - 1] : closed_ ? steps_.back() : step;
      if (i == first_step_[step.segment]) loop_from = before.slope;
      put(before, step, heading + (aside(before) + aside(step)) / 2);
      // The chord of the step's arc lies half-way between its directions.
      const auto direction = static_cast<float>(heading + step.length * step.curvature / 2);
      const double north = Cos(direction), west = Sin(direction);
      double ahead = step.length, up = step.slope * step.length;
      if (step.pitch != 0) {
        const auto pitch =
            static_cast<float>(step.pitch + double(Atan2(static_cast<float>(loop_from), 1.0f)));
        ahead = step.length * double(Cos(pitch));
        up = step.length * double(Sin(pitch));
      }
      x += west * ahead + north * step.sideways;
      z += north * ahead - west * step.sideways;
      y += up;
      heading += step.length * step.curvature;
    }
    if (closed_) {
      Close({static_cast<float>(double(start_m.x) - x), static_cast<float>(double(start_m.y) - y),
             static_cast<float>(double(start_m.z) - z)},
            road);
      const double turns = (heading - first_heading) / (2 * double(kPi));
      road.open_by_deg = static_cast<float>(std::fabs(turns - std::round(turns)) * 360);
    } else {
      put(steps_.back(), steps_.back(), heading);
    }
    Measure(road);
    return road;
  }

  // Shifts every point by its share of what is missing.
  static void Close(Vec3 missing_m, BuiltRoad& road) {
    road.open_by_m = Length(missing_m);
    const float share = 1.0f / static_cast<float>(road.line.size());
    for (std::size_t i = 0; i < road.line.size(); ++i) {
      road.line[i].position_m += missing_m * (share * static_cast<float>(i));
    }
  }

  void Measure(BuiltRoad& road) const {
    double s = 0;
    const std::size_t n = road.line.size();
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (i == first_step_[steps_[i].segment]) {
        road.parts.push_back({segments_[steps_[i].segment].kind, static_cast<float>(s)});
      }
      s += double(Length(road.line[(i + 1) % n].position_m - road.line[i].position_m));
    }
    road.length_m = static_cast<float>(s);
  }

  std::span<const RoadSegment> segments_;
  bool closed_;
  RoadEasing easing_;
  std::vector<Step> steps_;
  std::vector<std::size_t> first_step_;  // of each segment
  std::vector<int> reach_;
  double length_ = 0;
};

}  // namespace

std::string_view SegmentKindName(SegmentKind kind) {
  constexpr std::string_view kNames[] = {"straight", "bend", "chicane", "gap", "loop"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string SegmentLabel(std::size_t index, SegmentKind kind) {
  return "segments[" + std::to_string(index) + "] (" + std::string(SegmentKindName(kind)) + ")";
}

BuiltRoad BuildRoad(Vec3 start_m, float heading_deg, std::span<const RoadSegment> segments,
                    bool closed, const RoadEasing& easing) {
  return Builder(segments, closed, easing).Build(start_m, heading_deg);
}

}  // namespace hotlap::sim
