#include "env/sim/racing_line.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace hotlap::sim {
namespace {

constexpr int kFinest = 2;     // points of the road from station to station, in the end
constexpr int kCoarsest = 16;  // and to begin with
constexpr int kRounds = 12;    // of sweeps, on each spacing; between them the weights are renewed
constexpr int kSweeps = 40;    // of a round
constexpr double kOverstep = 1.6;        // of Newton's step, which speeds the sweeps up
constexpr int kSmoothing = 2;            // stations on either side over which curvature is averaged
constexpr double kStraightPerM = 0.003;  // curvature below which a line counts as straight
constexpr double kLeastM = 1e-3;

struct Point {
  double x = 0, y = 0, z = 0;
  Point() = default;
  Point(double px, double py, double pz) : x(px), y(py), z(pz) {}
  explicit Point(Vec3 v) : x(v.x), y(v.y), z(v.z) {}
  friend Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend Point operator*(Point a, double k) { return {a.x * k, a.y * k, a.z * k}; }
};
double Dot(Point a, Point b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Point Cross(Point a, Point b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
double Length(Point a) { return std::sqrt(Dot(a, a)); }
Point Unit(Point a) { return a * (1 / std::max(Length(a), kLeastM)); }

// A cross-section of the road and where the line goes through it.
struct Section {
  std::size_t road = 0;  // of the track's points
  double s_m = 0;
  Point middle, left, normal;
  double low_m = 0, high_m = 0;  // of the offset
  double offset_m = 0;           // to the left
  Point position() const { return middle + left * offset_m; }
};

// One term of the sum: the curvature at a section, linear in the offsets of it and its
// neighbours.
struct Bend {
  double by_offset[3] = {};  // of the section before, this one and the next
  double curvature = 0, weight = 0;
};

class Line {
 public:
  Line(const Track& track, double wall_clearance_m, int stride) : closed_(track.closed()) {
    const auto points = track.points();
    const int n = static_cast<int>(points.size());
    const auto index_at = [&](float s_m) { return static_cast<int>(s_m / track.spacing_m()); };
    const int first = index_at(track.start_s_m());
    // On a circuit the road's points are dealt as evenly as they can be.
    const int span = closed_ ? n : std::min(index_at(track.finish_s_m()) + 1, n - 1) - first;
    const int steps = std::max(closed_ ? 3 : 2, (span + stride / 2) / stride);
    for (int k = 0; k < steps + (closed_ ? 0 : 1); ++k) {
      const int along = first + static_cast<int>(static_cast<long long>(k) * span / steps);
      Section section;
      section.road = static_cast<std::size_t>(along % n);
      const RoadPoint& road = points[section.road];
      section.s_m = static_cast<double>(along) * track.spacing_m();
      section.middle = Point(road.position_m);
      section.left = Point(road.left);
      section.normal = Point(road.normal);
      const auto edge = [&](float half_width_m, float wall_m) {
        return std::max(0.0, half_width_m - (wall_m > 0 ? wall_clearance_m : 0.0));
      };
      section.low_m = -edge(road.half_width_right_m, road.wall_right_m);
      section.high_m = edge(road.half_width_left_m, road.wall_left_m);
      sections_.push_back(section);
    }
  }

  // Begins where a coarser line went.
  void TakeOffsets(const Line& coarse) {
    const auto& from = coarse.sections_;
    std::size_t k = 0;
    for (Section& section : sections_) {
      while (k + 1 < from.size() && from[k + 1].s_m <= section.s_m) ++k;
      const Section& a = from[k];
      const bool is_last = k + 1 == from.size();
      const Section& b = from[is_last ? (closed_ ? 0 : k) : k + 1];
      const double end = is_last ? sections_.back().s_m + 1 : b.s_m;
      const double share =
          std::clamp((section.s_m - a.s_m) / std::max(end - a.s_m, kLeastM), 0.0, 1.0);
      section.offset_m =
          std::clamp(a.offset_m + (b.offset_m - a.offset_m) * share, section.low_m, section.high_m);
    }
  }

  // The least sum of sixth powers of the curvature within the limits: section by section a step to
  // the best offset, the others held. Least squares would bend more sharply at the apex to turn in
  // sooner, and be 5 to 10 per cent slower.
  void Relax() {
    const std::size_t n = sections_.size();
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < n; ++i) Weigh(i);
      for (int sweep = 0; sweep < kSweeps; ++sweep) {
        for (std::size_t i = 0; i < n; ++i) Improve(i);
      }
    }
  }

  // The same for the least length.
  void Tighten() {
    for (int sweep = 0; sweep < kRounds * kSweeps; ++sweep) {
      for (std::size_t i = 0; i < sections_.size(); ++i) {
        Section& section = sections_[i];
        Point pull;
        double weights = 0;
        for (const int step : {-1, 1}) {
          if (!closed_ && (step < 0 ? i == 0 : i + 1 == sections_.size())) continue;
          const Point there = At(i, step).position();
          const double weight = 1 / std::max(Length(there - section.position()), kLeastM);
          pull = pull + (there - section.middle) * weight;
          weights += weight;
        }
        section.offset_m =
            std::clamp(Dot(pull, section.left) / weights, section.low_m, section.high_m);
      }
    }
  }

  // `share` of the way from this line to another one through the same sections.
  Line Towards(const Line& other, double share) const {
    Line between = *this;
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      between.sections_[i].offset_m +=
          share * (other.sections_[i].offset_m - sections_[i].offset_m);
    }
    return between;
  }

  std::vector<LineStation> Stations(const Track& track) const {
    const std::size_t n = sections_.size();
    std::vector<LineStation> stations(n);
    std::vector<double> curvature(n), dip(n);
    for (std::size_t i = 0; i < n; ++i) {
      const Section& section = sections_[i];
      LineStation& station = stations[i];
      const Point here = section.position();
      const bool has_both = closed_ || (i > 0 && i + 1 < n);
      const Point next = closed_ || i + 1 < n ? At(i, 1).position() : here;
      const Point before = closed_ || i > 0 ? At(i, -1).position() : here;
      const Point tangent = Unit(next - before);
      const Point left = Unit(Cross(section.normal, tangent));
      const Point normal = Cross(tangent, left);
      station.position_m[0] = here.x;
      station.position_m[1] = here.y;
      station.position_m[2] = here.z;
      station.s_m = section.s_m;
      station.lateral_m = section.offset_m;
      station.step_m = Length(next - here);
      station.up_tangent = tangent.y;
      station.up_left = left.y;
      station.up_normal = normal.y;
      if (has_both) {
        const Point bend = BendVector(before, here, next);
        curvature[i] = Dot(bend, left);
        dip[i] = Dot(bend, normal);
      }
      // What begins between two stations begins at the first of them; no gap is too short to count.
      const auto points = track.points();
      const RoadPoint& road = points[section.road];
      station.surface = road.surface;
      station.is_gap = road.is_gap;
    }
    const auto averaged = [&](const std::vector<double>& values, std::size_t i) {
      double sum = 0;
      int count = 0;
      for (int k = -kSmoothing; k <= kSmoothing; ++k) {
        const int at = static_cast<int>(i) + k, size = static_cast<int>(n);
        if (!closed_ && (at < 0 || at >= size)) continue;
        sum += values[static_cast<std::size_t>((at + size) % size)];
        ++count;
      }
      return sum / count;
    };
    for (std::size_t i = 0; i < n; ++i) {
      stations[i].curvature_per_m = averaged(curvature, i);
      stations[i].dip_per_m = averaged(dip, i);
    }
    return stations;
  }

 private:
  std::size_t Index(std::size_t i, int step) const {
    const auto n = static_cast<int>(sections_.size());
    return static_cast<std::size_t>((static_cast<int>(i) + step + n) % n);
  }
  const Section& At(std::size_t i, int step) const { return sections_[Index(i, step)]; }
  bool Bends(std::size_t i) const { return closed_ || (i > 0 && i + 1 < sections_.size()); }

  // How fast the direction turns at `here`, 1/m.
  static Point BendVector(Point before, Point here, Point next) {
    const Point a = here - before, b = next - here;
    const double length_a = std::max(Length(a), kLeastM), length_b = std::max(Length(b), kLeastM);
    return (b * (1 / length_b) - a * (1 / length_a)) * (2 / (length_a + length_b));
  }

  void Weigh(std::size_t i) {
    bends_.resize(sections_.size());
    Bend& bend = bends_[i];
    bend = {};
    if (!Bends(i)) return;
    const Section &before = At(i, -1), &here = sections_[i], &next = At(i, 1);
    const Point a = here.position() - before.position(), b = next.position() - here.position();
    const double length_a = std::max(Length(a), kLeastM), length_b = std::max(Length(b), kLeastM);
    const Point left = Unit(Cross(here.normal, a + b));
    const double scale = 2 / (length_a + length_b);
    bend.by_offset[0] = scale / length_a * Dot(before.left, left);
    bend.by_offset[1] = -scale * (1 / length_a + 1 / length_b) * Dot(here.left, left);
    bend.by_offset[2] = scale / length_b * Dot(next.left, left);
    bend.curvature = Dot(BendVector(before.position(), here.position(), next.position()), left);
    bend.weight = 0.5 * (length_a + length_b);
  }

  void Improve(std::size_t i) {
    // Of the sum over the sections of weight * (curvature^2 + floor^2)^3, but for a factor.
    double slope = 0, steepness = 0;
    for (int k = -1; k <= 1; ++k) {
      if (!closed_ && (i + 1 < static_cast<std::size_t>(1 - k) ||
                       static_cast<int>(i) + k >= static_cast<int>(sections_.size()))) {
        continue;
      }
      const Bend& bend = bends_[Index(i, k)];
      const double by = bend.by_offset[1 - k];
      const double square = bend.curvature * bend.curvature;
      const double floored = square + kStraightPerM * kStraightPerM;
      slope += bend.weight * floored * floored * bend.curvature * by;
      steepness += bend.weight * floored * (floored + 4 * square) * by * by;
    }
    if (!(steepness > 0)) return;
    Section& section = sections_[i];
    const double wanted = section.offset_m - kOverstep * slope / steepness;
    const double change = std::clamp(wanted, section.low_m, section.high_m) - section.offset_m;
    if (change == 0) return;
    section.offset_m += change;
    for (int k = -1; k <= 1; ++k) {
      if (!closed_ && (i + 1 < static_cast<std::size_t>(1 - k) ||
                       static_cast<int>(i) + k >= static_cast<int>(sections_.size()))) {
        continue;
      }
      Bend& bend = bends_[Index(i, k)];
      bend.curvature += bend.by_offset[1 - k] * change;
    }
  }

  bool closed_;
  std::vector<Section> sections_;
  std::vector<Bend> bends_;
};

}  // namespace

std::vector<std::vector<LineStation>> RacingLines(const Track& track, float wall_clearance_m,
                                                  int count) {
  const auto solve = [&](void (Line::*improve)()) {
    Line line(track, wall_clearance_m, kCoarsest);
    (line.*improve)();
    for (int stride = kCoarsest / 2; stride >= kFinest; stride /= 2) {
      Line finer(track, wall_clearance_m, stride);
      finer.TakeOffsets(line);
      (finer.*improve)();
      line = std::move(finer);
    }
    return line;
  };
  const Line widest = solve(&Line::Relax), shortest = solve(&Line::Tighten);
  std::vector<std::vector<LineStation>> lines;
  for (int i = 0; i < count; ++i) {
    const double share = count > 1 ? static_cast<double>(i) / (count - 1) : 0.0;
    lines.push_back(widest.Towards(shortest, share).Stations(track));
  }
  return lines;
}

}  // namespace hotlap::sim
