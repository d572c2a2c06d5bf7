#include "env/sim/track.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "env/sim/floating_point_guard.h"

namespace hotlap::sim {
namespace {

constexpr double kNominalSpacingM = 1.0;
constexpr int kRunOnBehind = 20, kRunOnAhead = 60;  // stretches of an open road beyond its ends
constexpr float kCellM = 16.0f;                     // of the grid
constexpr float kGridStepM = 2.0f;                  // between the places across the road it marks
constexpr float kGridReachM = 2.0f;                 // beyond the road's edges that is marked too
constexpr int kMaxWalk = 16;                        // stretches, from one tick's answer to the next
constexpr int kMaxWalkInCell = 64;                  // from a cell's hint to any stretch in it
constexpr float kMaxDepthM = 2.0f;  // below the road's surface a point counts as under the road
constexpr float kGateMarginM = 1.0f;
constexpr float kMaxCoordinateM = 60000.0f;

// The line while it is resampled and smoothed. Sums run in double and in a fixed order.
struct Point {
  double x = 0, y = 0, z = 0;
  friend Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend Point operator*(Point a, double k) { return {a.x * k, a.y * k, a.z * k}; }
  double Length() const { return std::sqrt(x * x + y * y + z * z); }
  Point Unit() const { return *this * (1.0 / Length()); }
  Vec3 Rounded() const {
    return {static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)};
  }
};

double LengthOf(const std::vector<Point>& line, bool closed) {
  double length = 0;
  for (std::size_t i = 1; i < line.size(); ++i) length += (line[i] - line[i - 1]).Length();
  return closed ? length + (line.front() - line.back()).Length() : length;
}

// `stretches` equal steps along the polyline: that many points on a circuit, else one more.
std::vector<Point> Resampled(const std::vector<Point>& line, bool closed, int stretches) {
  const double step = LengthOf(line, closed) / stretches;
  const int count = closed ? stretches : stretches + 1;
  std::vector<Point> points;
  points.reserve(static_cast<std::size_t>(count));
  std::size_t i = 0;  // of the segment
  double from = 0;    // arc length at its start
  const std::size_t segments = closed ? line.size() : line.size() - 1;
  const auto at = [&](std::size_t k) { return line[k == line.size() ? 0 : k]; };
  double length = (at(1) - at(0)).Length();
  for (int k = 0; k < count; ++k) {
    const double s = step * k;
    while (s > from + length && i + 1 < segments) {
      from += length;
      ++i;
      length = (at(i + 1) - at(i)).Length();
    }
    const double u = std::clamp((s - from) / length, 0.0, 1.0);
    points.push_back(at(i) + (at(i + 1) - at(i)) * u);
  }
  if (!closed) points.back() = line.back();
  return points;
}

// The mean over up to `half` neighbours on each side; fewer, but as many on both, near open ends.
std::vector<Point> Averaged(const std::vector<Point>& line, bool closed, int half) {
  const int n = static_cast<int>(line.size());
  std::vector<Point> points(line.size());
  for (int i = 0; i < n; ++i) {
    const int reach = closed ? std::min(half, (n - 1) / 2) : std::min({half, i, n - 1 - i});
    Point sum;
    for (int k = i - reach; k <= i + reach; ++k)
      sum = sum + line[static_cast<std::size_t>((k + n) % n)];
    points[static_cast<std::size_t>(i)] = sum * (1.0 / (2 * reach + 1));
  }
  return points;
}

int StretchesFor(double length) {
  return std::max(1, static_cast<int>(std::lround(length / kNominalSpacingM)));
}

void Require(bool ok, const std::string& field, const std::string& allowed) {
  if (!ok) throw std::invalid_argument("track " + field + ": " + allowed);
}

void CheckLine(const TrackSpec& spec) {
  const std::size_t n = spec.line.size();
  Require(n >= (spec.closed ? 3u : 2u), "line",
          spec.closed ? "a circuit needs at least 3 points" : "needs at least 2 points");
  const auto refuse = [](std::size_t i, const char* allowed) {
    Require(false, "line[" + std::to_string(i) + "]", allowed);
  };
  for (std::size_t i = 0; i < n; ++i) {
    for (float value : {spec.line[i].x, spec.line[i].y, spec.line[i].z}) {
      if (!(std::fabs(value) <= kMaxCoordinateM)) {  // NaN too
        refuse(i, "coordinates must be finite and within +-60000 m");
      }
    }
  }
  for (std::size_t i = 0; i + (spec.closed ? 0 : 1) < n; ++i) {
    const Vec3 next = spec.line[i + 1 == n ? 0 : i + 1];
    if (Length(next - spec.line[i]) < 0.01f) refuse(i, "must be at least 1 cm from the next point");
  }
}

void CheckNumbers(const TrackSpec& spec) {
  const auto within = [](float value, float low, float high) {
    return value >= low && value <= high;  // false for NaN
  };
  Require(!spec.name.empty(), "name", "must not be empty");
  Require(spec.laps >= 1 && spec.laps <= kMaxPasses, "laps", "must be from 1 to 256");
  Require(spec.laps == 1 || spec.closed, "laps", "more than 1 needs a closed line");
  Require(within(spec.width_m, 4, 200), "width_m", "must be from 4 to 200");
  Require(within(spec.ground_drop_m, 3, 1000), "ground_drop_m", "must be from 3 to 1000");
  Require(within(spec.smoothing_m, 0, 200), "smoothing_m", "must be from 0 to 200");
}

// 64-bit FNV-1a over words; equal fields give equal hashes on every machine.
class Hash {
 public:
  void Add(std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) {
      value_ = (value_ ^ ((word >> shift) & 0xFFu)) * 0x100000001B3u;
    }
  }
  void Add(float number) { Add(std::bit_cast<std::uint32_t>(number)); }
  void Add(Vec3 v) {
    Add(v.x);
    Add(v.y);
    Add(v.z);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325u;
};

}  // namespace

bool Gate::Passed(Vec3 from_m, Vec3 to_m) const {
  const float before = Dot(from_m - position_m, direction);
  const float after = Dot(to_m - position_m, direction);
  if (!(before < 0 && after >= 0)) return false;
  const Vec3 crossing = from_m + (to_m - from_m) * (before / (before - after)) - position_m;
  const float side = Dot(crossing, left);
  const float height = Dot(crossing, normal);
  return side <= reach_m && side >= -reach_m && height <= reach_m && height >= -kGateDepthM;
}

std::shared_ptr<const Track> Track::Build(const TrackSpec& spec) {
  const FloatingPointGuard guard;
  CheckNumbers(spec);
  CheckLine(spec);
  std::vector<Point> line;
  line.reserve(spec.line.size());
  for (Vec3 p : spec.line) line.push_back({p.x, p.y, p.z});
  const double raw_length = LengthOf(line, spec.closed);
  Require(raw_length >= 30 && raw_length <= 30000, "line", "must be from 30 m to 30 km long");

  if (spec.smoothing_m > 0) {
    // Two passes of half the window each: the corners of one pass do not remain.
    const int fine = StretchesFor(raw_length * 2);
    const double step = raw_length / fine;
    const int half = static_cast<int>(std::lround(spec.smoothing_m * 0.25 / step));
    line = Resampled(line, spec.closed, fine);
    line = Averaged(Averaged(line, spec.closed, half), spec.closed, half);
  }
  const double length = LengthOf(line, spec.closed);
  const int stretches = StretchesFor(length);
  const std::vector<Point> points = Resampled(line, spec.closed, stretches);
  const int n = static_cast<int>(points.size());

  std::shared_ptr<Track> track(new Track);
  track->name_ = spec.name;
  track->closed_ = spec.closed;
  track->laps_ = spec.laps;
  track->length_m_ = static_cast<float>(length);
  track->spacing_m_ = static_cast<float>(length / stretches);
  const int behind = spec.closed ? 0 : kRunOnBehind;
  const int ahead = spec.closed ? 0 : kRunOnAhead;
  track->first_s_m_ = -static_cast<float>(behind) * track->spacing_m_;

  double lowest = points[0].y;
  track->road_.reserve(static_cast<std::size_t>(behind) + points.size() +
                       static_cast<std::size_t>(ahead));
  for (int i = -behind; i < n + ahead; ++i) {
    const int k = std::clamp(i, 0, n - 1);
    const int next = spec.closed ? (k + 1) % n : std::min(k + 1, n - 1);
    const int last = spec.closed ? (k + n - 1) % n : std::max(k - 1, 0);
    const Point chord =
        points[static_cast<std::size_t>(next)] - points[static_cast<std::size_t>(last)];
    Require(chord.Length() > 0.1, "line", "turns back on itself");
    const Point tangent = chord.Unit();
    const Point left{tangent.z, 0, -tangent.x};
    Require(left.Length() > 0.2, "line", "is steeper than 78 degrees");
    const Point across = left.Unit();
    const Point normal{tangent.y * across.z - tangent.z * across.y,
                       tangent.z * across.x - tangent.x * across.z,
                       tangent.x * across.y - tangent.y * across.x};
    const Point position =
        points[static_cast<std::size_t>(k)] + tangent * (track->spacing_m_ * double(i - k));
    lowest = std::min(lowest, position.y);
    RoadPoint road;
    road.position_m = position.Rounded();
    road.tangent = tangent.Rounded();
    road.left = across.Rounded();
    road.normal = normal.Rounded();
    road.half_width_left_m = road.half_width_right_m = spec.width_m / 2;
    road.surface = spec.surface;
    track->road_.push_back(road);
  }
  track->line_ = std::span<const RoadPoint>(track->road_)
                     .subspan(static_cast<std::size_t>(behind), static_cast<std::size_t>(n));
  track->num_stretches_ = static_cast<int>(track->road_.size()) - (spec.closed ? 0 : 1);
  track->ground_y_m_ = static_cast<float>(lowest) - spec.ground_drop_m;
  track->BuildGates(spec);
  track->BuildGrid();

  Hash hash;
  for (const RoadPoint& p : track->road_) {
    hash.Add(p.position_m);
    hash.Add(p.tangent);
    hash.Add(p.left);
    hash.Add(p.normal);
    hash.Add(p.half_width_left_m);
    hash.Add(p.half_width_right_m);
    hash.Add(static_cast<std::uint32_t>(p.surface) << 1 | (p.is_gap ? 1u : 0u));
  }
  for (const Gate& gate : track->gates_) {
    hash.Add(gate.s_m);
    hash.Add(gate.reach_m);
  }
  hash.Add(track->start_s_m_);
  hash.Add(track->ground_y_m_);
  hash.Add(static_cast<std::uint32_t>(spec.laps) << 1 | (spec.closed ? 1u : 0u));
  track->hash_ = hash.value();
  return track;
}

void Track::BuildGates(const TrackSpec& spec) {
  const float end = closed_ ? spec.start_s_m + length_m_ : length_m_;
  Require(spec.start_s_m >= 0 && spec.start_s_m <= length_m_ - kMinGateSpacingM, "start_s_m",
          "must be from 0 to " + std::to_string(length_m_ - kMinGateSpacingM));
  Require(!closed_ || spec.finish_s_m == 0, "finish_s_m",
          "must be 0 on a closed line: the finish is at its start");
  start_s_m_ = spec.start_s_m;
  finish_s_m_ = spec.finish_s_m == 0 ? end : spec.finish_s_m;
  Require(finish_s_m_ >= start_s_m_ + kMinGateSpacingM && finish_s_m_ <= end, "finish_s_m",
          "must be from start_s_m + 5 to the line's length, " + std::to_string(end));
  std::vector<float> places = spec.checkpoints_s_m;
  places.push_back(finish_s_m_);
  Require(places.size() * static_cast<std::size_t>(laps_) <= kMaxPasses, "checkpoints_s_m",
          "gates times laps must be at most 256");
  float last = start_s_m_;
  for (std::size_t i = 0; i < places.size(); ++i) {
    Require(places[i] >= last + kMinGateSpacingM && places[i] <= finish_s_m_,
            "checkpoints_s_m[" + std::to_string(std::min(i, spec.checkpoints_s_m.size() - 1)) + "]",
            "must increase by at least 5 m from gate to gate, between start and finish");
    last = places[i];
    const Pose pose = PoseAt(places[i], 0);
    gates_.push_back({places[i], pose.position_m, pose.rotation.Column(2), pose.rotation.Column(0),
                      pose.rotation.Column(1), spec.width_m / 2 + kGateMarginM});
  }
}

void Track::BuildGrid() {
  float low_x = road_[0].position_m.x, high_x = low_x;
  float low_z = road_[0].position_m.z, high_z = low_z;
  float reach = 0;
  for (const RoadPoint& p : road_) {
    low_x = std::min(low_x, p.position_m.x);
    high_x = std::max(high_x, p.position_m.x);
    low_z = std::min(low_z, p.position_m.z);
    high_z = std::max(high_z, p.position_m.z);
    reach = std::max({reach, p.half_width_left_m, p.half_width_right_m});
  }
  reach += kGridReachM;
  grid_.origin_x_m = low_x - reach;
  grid_.origin_z_m = low_z - reach;
  grid_.columns = static_cast<int>((high_x + reach - grid_.origin_x_m) / kCellM) + 1;
  grid_.rows = static_cast<int>((high_z + reach - grid_.origin_z_m) / kCellM) + 1;

  std::vector<std::pair<int, int>> marks;  // cell, stretch
  for (int i = 0; i < num_stretches_; ++i) {
    const RoadPoint& p = road_[static_cast<std::size_t>(i)];
    const float right = -p.half_width_right_m - kGridReachM;
    const int steps = static_cast<int>((p.half_width_left_m + kGridReachM - right) / kGridStepM);
    for (int k = 0; k <= steps; ++k) {
      const float side = right + kGridStepM * static_cast<float>(k);
      const Vec3 q = p.position_m + p.left * side;
      const int column = static_cast<int>((q.x - grid_.origin_x_m) / kCellM);
      const int row = static_cast<int>((q.z - grid_.origin_z_m) / kCellM);
      const std::pair mark{row * grid_.columns + column, i};
      if (marks.empty() || marks.back() != mark) marks.push_back(mark);
    }
  }
  std::sort(marks.begin(), marks.end());
  grid_.first.reserve(
      static_cast<std::size_t>(grid_.columns) * static_cast<std::size_t>(grid_.rows) + 1);
  std::size_t at = 0;
  for (int cell = 0; cell < grid_.columns * grid_.rows; ++cell) {
    grid_.first.push_back(static_cast<std::int32_t>(grid_.hints.size()));
    while (at < marks.size() && marks[at].first == cell) {
      const int from = marks[at].second;
      int to = from;
      for (; at < marks.size() && marks[at].first == cell && marks[at].second <= to + 2; ++at) {
        to = marks[at].second;
      }
      grid_.hints.push_back((from + to) / 2);
    }
  }
  grid_.first.push_back(static_cast<std::int32_t>(grid_.hints.size()));
}

Pose Track::PoseAt(float s_m, float height_m) const {
  const float place = (s_m - first_s_m_) / spacing_m_;
  const int floor = static_cast<int>(place);
  const int i = closed_ ? floor % num_stretches_ : std::min(floor, num_stretches_ - 1);
  const float u = place - static_cast<float>(closed_ ? floor : i);
  const RoadPoint& a = road_[static_cast<std::size_t>(i)];
  const RoadPoint& b = point_after(i);
  const Vec3 tangent = Normalized(a.tangent + (b.tangent - a.tangent) * u, a.tangent);
  const Vec3 left = Normalized(Vec3{tangent.z, 0, -tangent.x}, a.left);
  const Vec3 normal = Cross(tangent, left);
  Pose pose;
  pose.position_m = a.position_m + (b.position_m - a.position_m) * u + normal * height_m;
  pose.rotation = {{{left.x, normal.x, tangent.x},
                    {left.y, normal.y, tangent.y},
                    {left.z, normal.z, tangent.z}}};
  return pose;
}

Pose Track::start() const { return PoseAt(start_s_m_, kDropHeightM); }

Pose Track::pose_at_gate(int gate) const {
  return PoseAt(gates_[static_cast<std::size_t>(gate)].s_m, 0);
}

RoadContact Track::Walk(Vec3 position_m, int hint, int max_steps) const {
  // `behind` and `ahead`: of the point, from the planes across the road at both ends of stretch i.
  int i = hint, steps = 0;
  float behind, ahead;
  for (;; ++steps) {
    const RoadPoint& start = road_[static_cast<std::size_t>(i)];
    behind = Dot(position_m - start.position_m, start.tangent);
    if (behind >= 0 || steps == max_steps || (i == 0 && !closed_)) break;
    i = i == 0 ? num_stretches_ - 1 : i - 1;
  }
  const bool went_back = steps > 0;
  for (;; ++steps) {
    const RoadPoint& end = point_after(i);
    ahead = Dot(end.position_m - position_m, end.tangent);
    if (ahead >= 0 || went_back || steps == max_steps || (i == num_stretches_ - 1 && !closed_)) {
      break;
    }
    behind = -ahead;
    i = i == num_stretches_ - 1 ? 0 : i + 1;
  }
  const bool is_beside = behind >= 0 && ahead >= 0;
  const RoadPoint& a = road_[static_cast<std::size_t>(i)];
  const RoadPoint& b = point_after(i);
  const float both = behind + ahead;
  float u = both > 1e-3f ? behind / both : 0.5f;
  u = u < 0 ? 0.0f : u > 1 ? 1.0f : u;
  const Vec3 along = a.position_m + (b.position_m - a.position_m) * u;
  const Vec3 blend = a.normal + (b.normal - a.normal) * u;
  const Vec3 offset = position_m - along;

  RoadContact contact;
  contact.index = i;
  contact.s_m = first_s_m_ + (static_cast<float>(i) + u) * spacing_m_;
  contact.normal = blend * (1.5f - 0.5f * Dot(blend, blend));  // unit: neighbours differ little
  contact.lateral_m = Dot(offset, a.left + (b.left - a.left) * u);
  contact.height_m = Dot(offset, contact.normal) + kRideHeightM;
  contact.surface = a.surface;
  contact.on_road = is_beside && !a.is_gap && contact.lateral_m <= a.half_width_left_m &&
                    contact.lateral_m >= -a.half_width_right_m && contact.height_m >= -kMaxDepthM;
  return contact;
}

RoadContact Track::Query(Vec3 position_m, int hint) const {
  RoadContact contact = Walk(position_m, hint, kMaxWalk);
  if (contact.on_road) return contact;

  const float x = (position_m.x - grid_.origin_x_m) / kCellM;
  const float z = (position_m.z - grid_.origin_z_m) / kCellM;
  if (x >= 0 && z >= 0 && x < static_cast<float>(grid_.columns) &&
      z < static_cast<float>(grid_.rows)) {
    const int place = static_cast<int>(z) * grid_.columns + static_cast<int>(x);
    const auto cell = static_cast<std::size_t>(place);
    RoadContact best;
    for (auto k = grid_.first[cell]; k < grid_.first[cell + 1]; ++k) {
      const RoadContact other =
          Walk(position_m, grid_.hints[static_cast<std::size_t>(k)], kMaxWalkInCell);
      if (other.on_road && (!best.on_road || other.height_m < best.height_m)) best = other;
    }
    if (best.on_road) return best;
  }
  contact.normal = {0, 1, 0};
  contact.height_m = position_m.y - ground_y_m_;
  contact.surface = Surface::kGrass;
  return contact;
}

int Track::Locate(Vec3 position_m) const {
  int nearest = 0;
  float least = -1;
  for (int i = 0; i < num_stretches_; ++i) {
    const RoadPoint& a = road_[static_cast<std::size_t>(i)];
    const Vec3 middle = (a.position_m + point_after(i).position_m) * 0.5f;
    const Vec3 offset = position_m - middle;
    const float distance = Dot(offset, offset);
    if (least < 0 || distance < least) {
      least = distance;
      nearest = i;
    }
  }
  return nearest;
}

}  // namespace hotlap::sim
