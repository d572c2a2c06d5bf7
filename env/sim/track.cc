#include "env/sim/track.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>

#include "env/fnv1a.h"
#include "env/sim/floating_point_guard.h"

namespace hotlap::sim {
namespace {

constexpr double kNominalSpacingM = 1.0;
constexpr int kRunOnBehind = 20, kRunOnAhead = 60;  // stretches of an open road beyond its ends
constexpr float kCellM = 16.0f;                     // of the grid
constexpr float kGridStepM = 2.0f;                  // between the places across the road it marks
constexpr float kGridReachM = 2.0f;                 // beyond the road's edges that is marked too
constexpr int kMaxWalkInCell = 64;                  // from a cell's hint to any stretch in it
constexpr int kNearGap = 4;                         // stretches from which a wheel may reach a gap
constexpr float kGapReachM = 3.0f;    // of a car's wheels and corners before and behind its origin
constexpr float kMaxBendPerM = 0.2f;  // of a line that is sharper still
constexpr float kLeastStepM = 1e-3f;
constexpr float kGroundReachM = 131072.0f;  // beyond the world, either way
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
double Dot(Point a, Point b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Point Cross(Point a, Point b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// What goes linearly from point to point of a line, and which point of the spec begins it.
struct Sample {
  Point position, left;
  double half_width_left = 0, half_width_right = 0;
  std::size_t from = 0;
  friend Sample operator+(const Sample& a, const Sample& b) {
    return {a.position + b.position, a.left + b.left, a.half_width_left + b.half_width_left,
            a.half_width_right + b.half_width_right, a.from};
  }
  friend Sample operator*(const Sample& a, double k) {
    return {a.position * k, a.left * k, a.half_width_left * k, a.half_width_right * k, a.from};
  }
};

double LengthOf(const std::vector<Sample>& line, bool closed) {
  double length = 0;
  for (std::size_t i = 1; i < line.size(); ++i) {
    length += (line[i].position - line[i - 1].position).Length();
  }
  return closed ? length + (line.front().position - line.back().position).Length() : length;
}

// `stretches` equal steps along the polyline: that many points on a circuit, else one more.
std::vector<Sample> Resampled(const std::vector<Sample>& line, bool closed, int stretches) {
  const double step = LengthOf(line, closed) / stretches;
  const int count = closed ? stretches : stretches + 1;
  std::vector<Sample> samples;
  samples.reserve(static_cast<std::size_t>(count));
  std::size_t i = 0;  // of the segment
  double from = 0;    // arc length at its start
  const std::size_t segments = closed ? line.size() : line.size() - 1;
  const auto at = [&](std::size_t k) { return line[k == line.size() ? 0 : k]; };
  const auto length_of = [&](std::size_t k) {
    return (at(k + 1).position - at(k).position).Length();
  };
  double length = length_of(0);
  for (int k = 0; k < count; ++k) {
    const double s = step * k;
    while (s > from + length && i + 1 < segments) {
      from += length;
      ++i;
      length = length_of(i);
    }
    const double u = std::clamp((s - from) / length, 0.0, 1.0);
    samples.push_back(at(i) * (1 - u) + at(i + 1) * u);
    // The discrete things begin at the nearest point, so that rounding moves none by a whole step.
    samples.back().from = u < 0.5 ? at(i).from : at(i + 1).from;
  }
  return samples;
}

// Each sample becomes the mean of those within `half` of it; fewer near the ends of an open line,
// which stay where they are.
std::vector<Sample> Averaged(const std::vector<Sample>& line, bool closed, int half) {
  const int n = static_cast<int>(line.size());
  std::vector<Sample> samples(line.size());
  for (int i = 0; i < n; ++i) {
    const int reach = closed ? std::min(half, (n - 1) / 2) : std::min({half, i, n - 1 - i});
    Sample sum;
    for (int k = i - reach; k <= i + reach; ++k) {
      sum = sum + line[static_cast<std::size_t>((k + n) % n)];
    }
    samples[static_cast<std::size_t>(i)] = sum * (1.0 / (2 * reach + 1));
    samples[static_cast<std::size_t>(i)].from = line[static_cast<std::size_t>(i)].from;
  }
  return samples;
}

int StretchesFor(double length) {
  return std::max(1, static_cast<int>(std::lround(length / kNominalSpacingM)));
}

void Require(bool ok, const std::string& field, const std::string& allowed) {
  if (!ok) throw TrackError(field, allowed);
}

void CheckLine(const TrackSpec& spec) {
  const std::size_t n = spec.line.size();
  Require(n >= (spec.closed ? 3u : 2u), "line",
          spec.closed ? "a circuit needs at least 3 points" : "needs at least 2 points");
  const auto refuse = [](std::size_t i, const char* allowed) {
    Require(false, "line[" + std::to_string(i) + "]", allowed);
  };
  for (std::size_t i = 0; i < n; ++i) {
    const TrackPoint& p = spec.line[i];
    for (float value : {p.position_m.x, p.position_m.y, p.position_m.z}) {
      if (!(std::fabs(value) <= kMaxCoordinateM)) {  // NaN too
        refuse(i, "coordinates must be finite and within +-60000 m");
      }
    }
    for (float value : {p.left.x, p.left.y, p.left.z}) {
      if (!(std::fabs(value) <= 1.01f)) refuse(i, "left must be a unit vector or zero");
    }
    for (float value : {p.half_width_left_m, p.half_width_right_m}) {
      if (!(value >= 2 && value <= 100)) refuse(i, "half widths must be from 2 to 100 m");
    }
    for (float value : {p.wall_left_m, p.wall_right_m}) {
      if (!(value >= 0 && value <= 50)) refuse(i, "walls must be from 0 to 50 m high");
    }
  }
  for (std::size_t i = 0; i + (spec.closed ? 0 : 1) < n; ++i) {
    const Vec3 next = spec.line[i + 1 == n ? 0 : i + 1].position_m;
    if (Length(next - spec.line[i].position_m) < 0.01f) {
      refuse(i, "must be at least 1 cm from the next point");
    }
  }
}

void CheckNumbers(const TrackSpec& spec) {
  const auto within = [](float value, float low, float high) {
    return value >= low && value <= high;  // false for NaN
  };
  Require(!spec.name.empty(), "name", "must not be empty");
  Require(spec.laps >= 1 && spec.laps <= kMaxPasses, "laps", "must be from 1 to 256");
  Require(spec.laps == 1 || spec.closed, "laps", "more than 1 needs a closed line");
  Require(within(spec.ground_drop_m, 3, 1000), "ground_drop_m", "must be from 3 to 1000");
  Require(within(spec.smoothing_m, 0, 200), "smoothing_m", "must be from 0 to 200");
  Require(spec.bronze_ms >= 0, "bronze_ms", "must not be negative");
}

void AddVector(Vec3 v, Fnv1a& hash) {
  hash.Add(v.x);
  hash.Add(v.y);
  hash.Add(v.z);
}

}  // namespace

std::vector<TrackPoint> PlainRoad(std::span<const Vec3> line, float width_m, Surface surface) {
  std::vector<TrackPoint> points;
  points.reserve(line.size());
  for (const Vec3 p : line) {
    points.push_back({.position_m = p,
                      .left = {},
                      .half_width_left_m = width_m / 2,
                      .half_width_right_m = width_m / 2,
                      .surface = surface});
  }
  return points;
}

bool Gate::Passed(Vec3 from_m, Vec3 to_m) const {
  const float before = Dot(from_m - position_m, direction);
  const float after = Dot(to_m - position_m, direction);
  if (!(before < 0 && after >= 0)) return false;
  const Vec3 crossing = from_m + (to_m - from_m) * (before / (before - after)) - position_m;
  const float side = Dot(crossing, left);
  const float height = Dot(crossing, normal);
  return side <= reach_left_m && side >= -reach_right_m && height <= kGateHeightM &&
         height >= -kGateDepthM;
}

std::shared_ptr<const Track> Track::Build(const TrackSpec& spec) {
  const FloatingPointGuard guard;
  CheckNumbers(spec);
  CheckLine(spec);
  std::vector<Sample> line;
  line.reserve(spec.line.size());
  for (const TrackPoint& p : spec.line) {
    line.push_back({{p.position_m.x, p.position_m.y, p.position_m.z},
                    {p.left.x, p.left.y, p.left.z},
                    p.half_width_left_m,
                    p.half_width_right_m,
                    line.size()});
  }
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
  const std::vector<Sample> points = Resampled(line, spec.closed, stretches);
  const int n = static_cast<int>(points.size());

  std::shared_ptr<Track> track(new Track);
  track->name_ = spec.name;
  track->closed_ = spec.closed;
  track->laps_ = spec.laps;
  track->bronze_ms_ = spec.bronze_ms;
  track->length_m_ = static_cast<float>(length);
  track->spacing_m_ = static_cast<float>(length / stretches);
  const int behind = spec.closed ? 0 : kRunOnBehind;
  const int ahead = spec.closed ? 0 : kRunOnAhead;
  track->first_s_m_ = -static_cast<float>(behind) * track->spacing_m_;

  double lowest = points[0].position.y;  // of the road, its edges included
  track->road_.reserve(static_cast<std::size_t>(behind) + points.size() +
                       static_cast<std::size_t>(ahead));
  for (int i = -behind; i < n + ahead; ++i) {
    const int k = std::clamp(i, 0, n - 1);
    const int next = spec.closed ? (k + 1) % n : std::min(k + 1, n - 1);
    const int last = spec.closed ? (k + n - 1) % n : std::max(k - 1, 0);
    const Sample& sample = points[static_cast<std::size_t>(k)];
    const Point chord = points[static_cast<std::size_t>(next)].position -
                        points[static_cast<std::size_t>(last)].position;
    Require(chord.Length() > 0.1, "line", "turns back on itself");
    const Point tangent = chord.Unit();
    // Without one given, `left` is horizontal.
    const bool is_given = sample.left.Length() > 0.5;
    const Point wanted = is_given ? sample.left : Point{tangent.z, 0, -tangent.x};
    const Point left = wanted - tangent * Dot(wanted, tangent);
    Require(left.Length() > 0.2, "line",
            is_given ? "left points along the road" : "is steeper than 78 degrees");
    const Point across = left.Unit();
    const Point normal = Cross(tangent, across);
    const Point position = sample.position + tangent * (track->spacing_m_ * double(i - k));
    lowest = std::min({lowest, position.y + across.y * sample.half_width_left,
                       position.y - across.y * sample.half_width_right});
    const TrackPoint& settings = spec.line[sample.from];
    RoadPoint road;
    road.position_m = position.Rounded();
    road.tangent = tangent.Rounded();
    road.left = across.Rounded();
    road.normal = normal.Rounded();
    road.half_width_left_m = static_cast<float>(sample.half_width_left);
    road.half_width_right_m = static_cast<float>(sample.half_width_right);
    road.wall_left_m = settings.wall_left_m;
    road.wall_right_m = settings.wall_right_m;
    road.surface = settings.surface;
    road.is_gap = settings.is_gap;
    track->road_.push_back(road);
  }
  track->line_ = std::span<const RoadPoint>(track->road_)
                     .subspan(static_cast<std::size_t>(behind), static_cast<std::size_t>(n));
  track->num_stretches_ = static_cast<int>(track->road_.size()) - (spec.closed ? 0 : 1);
  track->ground_y_m_ = static_cast<float>(lowest) - spec.ground_drop_m;
  track->BuildStretches();
  track->BuildGates(spec);
  track->BuildGrid();

  Fnv1a hash;
  for (const RoadPoint& p : track->road_) {
    AddVector(p.position_m, hash);
    AddVector(p.tangent, hash);
    AddVector(p.left, hash);
    AddVector(p.normal, hash);
    hash.Add(p.half_width_left_m);
    hash.Add(p.half_width_right_m);
    hash.Add(p.wall_left_m);
    hash.Add(p.wall_right_m);
    hash.Add(static_cast<std::uint32_t>(p.surface) << 1 | (p.is_gap ? 1u : 0u));
  }
  for (const Gate& gate : track->gates_) {
    hash.Add(gate.s_m);
    hash.Add(gate.reach_left_m);
    hash.Add(gate.reach_right_m);
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
  // Else a lap is driven faster there and back.
  constexpr float kTolerance = 1;
  Require(!closed_ || (!spec.checkpoints_s_m.empty() &&
                       spec.checkpoints_s_m.back() >= start_s_m_ + length_m_ / 2 - kTolerance),
          "checkpoints_s_m", "a circuit needs one in the second half of its lap");
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
    const RoadPoint& road = road_[static_cast<std::size_t>(StretchAt(places[i]))];
    gates_.push_back({places[i], pose.position_m, pose.rotation.Column(2), pose.rotation.Column(0),
                      pose.rotation.Column(1), road.half_width_left_m + kGateMarginM,
                      road.half_width_right_m + kGateMarginM});
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

int Track::StretchAt(float s_m) const {
  const int floor = static_cast<int>((s_m - first_s_m_) / spacing_m_);
  return closed_ ? floor % num_stretches_ : std::min(floor, num_stretches_ - 1);
}

Pose Track::PoseAt(float s_m, float height_m) const {
  const float place = (s_m - first_s_m_) / spacing_m_;
  const int i = StretchAt(s_m);
  const float u = place - static_cast<float>(closed_ ? static_cast<int>(place) : i);
  const RoadPoint& a = road_[static_cast<std::size_t>(i)];
  const RoadPoint& b = point_after(i);
  const Vec3 tangent = Normalized(a.tangent + (b.tangent - a.tangent) * u, a.tangent);
  const Vec3 across = a.left + (b.left - a.left) * u;
  const Vec3 left = Normalized(across - tangent * Dot(across, tangent), a.left);
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

void Track::BuildStretches() {
  const auto n = static_cast<std::size_t>(num_stretches_);
  stretches_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const RoadPoint& a = road_[i];
    const RoadPoint& b = point_after(static_cast<int>(i));
    RoadStretch& stretch = stretches_[i];
    stretch.start_m = a.position_m;
    stretch.step_m = b.position_m - a.position_m;
    stretch.length_m = Length(stretch.step_m);
    const RoadPoint* ends[] = {&a, &b};
    for (std::size_t k = 0; k < 2; ++k) {
      stretch.tangent[k] = ends[k]->tangent;
      stretch.normal[k] = ends[k]->normal;
      stretch.half_width_left_m[k] = ends[k]->half_width_left_m;
      stretch.half_width_right_m[k] = ends[k]->half_width_right_m;
    }
    stretch.wall_left_m = a.wall_left_m;
    stretch.wall_right_m = a.wall_right_m;
    stretch.surface = static_cast<std::int32_t>(a.surface);
    // The nearest gap, from here on.
    for (int away = 0; away <= kNearGap; ++away) {
      for (const int k : {static_cast<int>(i) - away, static_cast<int>(i) + away}) {
        if (stretch.gap_from_m < stretch.gap_to_m || !IsGap(k)) continue;
        int from = k, to = k + 1;
        while (from > k - num_stretches_ && IsGap(from - 1)) --from;
        while (to < k + num_stretches_ && IsGap(to)) ++to;
        stretch.gap_from_m = static_cast<float>(from - static_cast<int>(i)) * spacing_m_;
        stretch.gap_to_m = static_cast<float>(to - static_cast<int>(i)) * spacing_m_;
      }
    }
  }
  // How fast the frame turns at a point: the mean of both sides, so that no step of it is sudden.
  const auto rates = [&](std::size_t i) {
    const RoadStretch& stretch = stretches_[i];
    const RoadPoint& a = road_[i];
    const RoadPoint& b = point_after(static_cast<int>(i));
    const Vec3 normal = a.normal + b.normal;
    const float scale = 0.5f / stretch.length_m;
    const auto bounded = [](float rate) { return std::clamp(rate, -kMaxBendPerM, kMaxBendPerM); };
    return std::pair{bounded(Dot(b.tangent - a.tangent, normal) * scale),
                     bounded(Dot(b.left - a.left, normal) * scale)};
  };
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t before = i > 0 ? i - 1 : closed_ ? n - 1 : 0;
    const auto [bend_before, twist_before] = rates(before);
    const auto [bend, twist] = rates(i);
    const float bend_here = 0.5f * (bend_before + bend), twist_here = 0.5f * (twist_before + twist);
    stretches_[i].bend_per_m[0] = stretches_[before].bend_per_m[1] = bend_here;
    stretches_[i].twist_per_m[0] = stretches_[before].twist_per_m[1] = twist_here;
    if (i + 1 == n && !closed_) {
      stretches_[i].bend_per_m[1] = bend;
      stretches_[i].twist_per_m[1] = twist;
    }
  }
  ground_.start_m = {0, ground_y_m_ + kRideHeightM, -kGroundReachM};
  ground_.step_m = {0, 0, 2 * kGroundReachM};
  ground_.length_m = 2 * kGroundReachM;
  for (std::size_t k = 0; k < 2; ++k) {
    ground_.tangent[k] = {0, 0, 1};
    ground_.normal[k] = {0, 1, 0};
    ground_.half_width_left_m[k] = ground_.half_width_right_m[k] = kGroundReachM;
  }
  ground_.surface = static_cast<std::int32_t>(Surface::kGrass) | RoadStretch::kGround;
}

bool Track::IsGap(int index) const {
  if (closed_) index = (index % num_stretches_ + num_stretches_) % num_stretches_;
  return index >= 0 && index < num_stretches_ && road_[static_cast<std::size_t>(index)].is_gap;
}

Footing Track::Search(Vec3 position_m, std::int32_t beside) const {
  // The height of the point above a stretch, or nothing when it is not above that.
  const auto height_above = [&](std::int32_t i) -> std::optional<float> {
    const RoadStretch& stretch = stretches_[static_cast<std::size_t>(i)];
    const Vec3 offset = position_m - stretch.start_m;
    const float behind = Dot(offset, stretch.tangent[0]);
    const float ahead = Dot(stretch.step_m - offset, stretch.tangent[1]);
    if (!(behind >= 0 && ahead >= 0)) return std::nullopt;
    const float u = behind / std::max(behind + ahead, kLeastStepM);
    const auto between = [u](auto a, auto b) { return a + (b - a) * u; };
    const Vec3 from_line = offset - stretch.step_m * u;
    const Vec3 normal = between(stretch.normal[0], stretch.normal[1]);
    const Vec3 left = Cross(normal, between(stretch.tangent[0], stretch.tangent[1]));
    const float side = Dot(from_line, left), height = Dot(from_line, normal) + kRideHeightM;
    const float along = u * stretch.length_m;
    const bool over_gap =
        along - kGapReachM > stretch.gap_from_m && along + kGapReachM < stretch.gap_to_m;
    if (over_gap || height < -kRoadDepthM ||
        side > between(stretch.half_width_left_m[0], stretch.half_width_left_m[1]) ||
        -side > between(stretch.half_width_right_m[0], stretch.half_width_right_m[1])) {
      return std::nullopt;
    }
    return height;
  };

  std::int32_t best = -1;
  float least = 0;
  const auto consider = [&](std::int32_t i) {
    const std::optional<float> height = height_above(i);
    if (!height || (best >= 0 && *height >= least)) return;
    best = i;
    least = *height;
  };
  consider(beside);
  const float x = (position_m.x - grid_.origin_x_m) / kCellM;
  const float z = (position_m.z - grid_.origin_z_m) / kCellM;
  if (x >= 0 && z >= 0 && x < static_cast<float>(grid_.columns) &&
      z < static_cast<float>(grid_.rows)) {
    const int place = static_cast<int>(z) * grid_.columns + static_cast<int>(x);
    const auto cell = static_cast<std::size_t>(place);
    for (auto k = grid_.first[cell]; k < grid_.first[cell + 1]; ++k) {
      consider(Walk(position_m, grid_.hints[static_cast<std::size_t>(k)], kMaxWalkInCell));
    }
  }
  if (best < 0) return {&ground_, beside};
  return {&stretches_[static_cast<std::size_t>(best)], best};
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
