#include "env/centreline.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

#include "env/npy.h"
#include "env/sim/floating_point_guard.h"

namespace hotlap {
namespace {

// Far outside the world; keeps what is measured from a car that left it finite.
constexpr float kFarM = 1e6f;

float Bounded(float value) {
  if (!(value >= -kFarM)) return -kFarM;
  return value <= kFarM ? value : kFarM;
}

// NaN counts as 0.
float UnitPart(float value) {
  const float raised = value > 0 ? value : 0.0f;
  return raised < 1 ? raised : 1.0f;
}

// Without a branch, where there is no telling which it will be.
float Select(bool first, float a, float b) {
  const std::uint32_t mask = first ? 0xFFFFFFFFu : 0;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(a) & mask) |
                              (std::bit_cast<std::uint32_t>(b) & ~mask));
}

Vec3 Mix(Vec3 a, Vec3 b, float t) { return a + (b - a) * t; }

void Check(const LineShape& shape) {
  const auto check = [](bool is_good, const char* name, const char* allowed) {
    if (!is_good) throw std::invalid_argument(std::string(name) + ": must be " + allowed);
  };
  check(shape.points.size() >= 2, "points", "two at least");
  check(shape.length_m >= 1 && shape.length_m <= kFarM / 4, "length_m", "in [1, 250000]");
  const double segments = static_cast<double>(shape.points.size()) - (shape.closed ? 0 : 1);
  check(std::abs(shape.spacing_m * segments - shape.length_m) <= shape.spacing_m / 2, "spacing_m",
        "the length by the number of segments");
  check(shape.start_s_m >= 0 && shape.start_s_m < shape.length_m, "start_s_m", "in [0, length)");
  check(shape.closed || (shape.finish_s_m > shape.start_s_m && shape.finish_s_m <= shape.length_m),
        "finish_s_m", "in (start, length]");
  const auto num_gates = static_cast<std::ptrdiff_t>(shape.gates_s_m.size());
  check(shape.laps >= 1 && shape.laps <= sim::kMaxPasses &&
            shape.laps * num_gates <= sim::kMaxPasses &&
            static_cast<float>(shape.laps) * shape.length_m <= kFarM / 2,
        "laps", "1 at least, with 256 gates and 500 km in all at most");
  const float last_m = shape.closed ? shape.start_s_m + shape.length_m : shape.finish_s_m;
  check(num_gates > 0 && std::ranges::is_sorted(shape.gates_s_m) && shape.gates_s_m[0] >= 0 &&
            std::abs(shape.gates_s_m.back() - last_m) <= 1,
        "gates_s_m", "ascending, from 0 on, the last one the finish or the end of a lap");
}

}  // namespace

std::shared_ptr<const Centreline> Centreline::FromTrack(const sim::Track& track) {
  LineShape shape{.points = {},
                  .gates_s_m = {},
                  .length_m = track.length_m(),
                  .spacing_m = track.spacing_m(),
                  .start_s_m = track.start_s_m(),
                  .finish_s_m = track.finish_s_m(),
                  .closed = track.closed(),
                  .laps = track.laps()};
  for (const sim::Gate& gate : track.gates()) shape.gates_s_m.push_back(gate.s_m);
  for (const sim::RoadPoint& p : track.points()) {
    shape.points.push_back({p.position_m, p.tangent, p.left, p.normal, p.half_width_left_m,
                            p.half_width_right_m, p.surface, p.is_gap});
  }
  return FromShape(std::move(shape));
}

std::shared_ptr<const Centreline> Centreline::FromShape(LineShape shape) {
  Check(shape);
  const sim::FloatingPointGuard guard;
  std::shared_ptr<Centreline> line(new Centreline);
  line->closed_ = shape.closed;
  line->laps_ = shape.laps;
  line->length_m_ = shape.length_m;
  line->inverse_length_ = 1.0f / shape.length_m;
  line->spacing_m_ = shape.spacing_m;
  line->inverse_spacing_ = 1.0f / shape.spacing_m;
  line->start_s_m_ = shape.start_s_m;
  line->finish_s_m_ = shape.closed
                          ? shape.start_s_m + static_cast<float>(shape.laps) * shape.length_m
                          : shape.finish_s_m;
  line->gates_s_m_ = std::move(shape.gates_s_m);
  line->points_ = std::move(shape.points);
  if (line->closed_) line->points_.push_back(line->points_.front());
  for (const LinePoint& p : line->points_) {
    line->positions_.push_back({p.position_m});
    line->x_m_.push_back(p.position_m.x);
    line->y_m_.push_back(p.position_m.y);
    line->z_m_.push_back(p.position_m.z);
  }
  for (auto* const axis : {&line->x_m_, &line->y_m_, &line->z_m_}) {
    axis->resize(axis->size() + kVectorPadding);
  }

  const int segments = static_cast<int>(line->points_.size()) - 1;
  line->last_segment_ = segments - 1;
  line->end_tangents_[0] = line->points_.front().tangent;
  if (!line->closed_) {
    const float at = line->finish_s_m_ * line->inverse_spacing_;
    line->last_segment_ = std::min(static_cast<int>(at), segments - 1);
    line->last_part_ = UnitPart(at - static_cast<float>(line->last_segment_));
    line->end_tangents_[1] = line->At(line->finish_s_m_).tangent;
  }
  return line;
}

std::shared_ptr<const Centreline> Centreline::FromNpy(const std::filesystem::path& path,
                                                      float half_width_m, float gate_spacing_m) {
  const sim::FloatingPointGuard guard;
  sim::TrackSpec spec;
  spec.name = path.stem().string();
  spec.line = sim::PlainRoad(ReadNpyPoints(path), 2 * half_width_m);
  try {
    auto line = FromTrack(*sim::Track::Build(spec));
    if (gate_spacing_m == 0) return line;
    if (!(gate_spacing_m >= sim::kMinGateSpacingM)) {
      throw std::invalid_argument("gate_spacing_m: must be 0 or at least " +
                                  std::to_string(sim::kMinGateSpacingM));
    }
    const float last = line->finish_s_m() - sim::kMinGateSpacingM;
    for (int i = 1; static_cast<float>(i) * gate_spacing_m <= last; ++i) {
      spec.checkpoints_s_m.push_back(static_cast<float>(i) * gate_spacing_m);
    }
    return FromTrack(*sim::Track::Build(spec));
  } catch (const std::invalid_argument& e) {
    throw std::runtime_error(path.string() + ": " + e.what());
  }
}

float Centreline::next_gate_s_m(int passed) const {
  int lap = 0;  // no division, which would take longer than a few laps
  while (passed >= num_gates() && lap < laps_) {
    passed -= num_gates();
    ++lap;
  }
  if (lap == laps_) return finish_s_m_;
  return gates_s_m_[static_cast<std::size_t>(passed)] + static_cast<float>(lap) * length_m_;
}

std::size_t Centreline::Wrapped(int point) const {
  const int segments = static_cast<int>(positions_.size()) - 1;
  while (point >= segments && closed_) point -= segments;
  return static_cast<std::size_t>(std::min(point, closed_ ? segments - 1 : segments));
}

Centreline::Window Centreline::WindowOf(const LineSearch& search) const {
  const float first_s = closed_ ? start_s_m_ - length_m_ : 0.0f;
  const float to = std::clamp(search.s_to_m, first_s, finish_s_m_);
  const float from = std::clamp(search.s_from_m, first_s, to);
  const int lap = closed_ ? static_cast<int>(std::floor(from * inverse_length_)) : 0;
  const float base = static_cast<float>(lap) * length_m_;
  const int first = std::max(0, static_cast<int>((from - base) * inverse_spacing_));
  const int end = std::max(first + 1, static_cast<int>((to - base) * inverse_spacing_) + 1);

  const std::size_t num_points = positions_.size() - (closed_ ? 1 : 0);
  int nearest = first;
  float least = std::numeric_limits<float>::infinity();
  for (int i = first; i <= end;) {  // an open line in one go, a lap up to its end
    const std::size_t begin = Wrapped(i);
    const std::size_t count = std::min(static_cast<std::size_t>(end + 1 - i), num_points - begin);
    const NearestPoint found =
        FindNearest(&x_m_[begin], &y_m_[begin], &z_m_[begin], count, search.position_m);
    if (found.square_m2 < least) {
      least = found.square_m2;
      nearest = i + static_cast<int>(found.index);
    }
    i += static_cast<int>(count);
  }
  return {from, to, base, first, end, nearest};
}

// On one of the two segments that meet in the nearest point.
float Centreline::ClosestIn(const Window& window, Vec3 position_m) const {
  float closest = window.from_m, least = std::numeric_limits<float>::infinity();
  for (int i = std::max(window.nearest - 1, window.first);
       i <= std::min(window.nearest, window.end - 1); ++i) {
    const PaddedVec3* const p = &positions_[std::min(Wrapped(i), positions_.size() - 2)];
    const Vec3 along = p[1] - p[0];
    const float part = UnitPart(Dot(position_m - p[0], along) / Dot(along, along));
    const float s = std::clamp(window.base_m + (static_cast<float>(i) + part) * spacing_m_,
                               window.from_m, window.to_m);
    const Vec3 offset = position_m - Mix(p[0], p[1], part);
    const float distance = Dot(offset, offset);
    const bool is_nearer = distance < least;
    least = Select(is_nearer, distance, least);
    closest = Select(is_nearer, s, closest);
  }
  return closest;
}

void Centreline::Measure(LineSearch& search) const {
  FindPoint(search.place.s_m, search.here);
  const Vec3 offset = search.position_m - search.here.position_m;
  search.place.lateral_m = Bounded(Dot(offset, search.here.left));
  search.place.height_m = Bounded(Dot(offset, search.here.normal));
}

void Centreline::Project(std::span<LineSearch> searches) {
  constexpr std::size_t kAtOnce = 16;
  std::array<Window, kAtOnce> windows;
  while (!searches.empty()) {
    const auto some = searches.first(std::min(kAtOnce, searches.size()));
    for (std::size_t i = 0; i < some.size(); ++i) windows[i] = some[i].line->WindowOf(some[i]);
    for (std::size_t i = 0; i < some.size(); ++i) {
      some[i].place.s_m = some[i].line->ClosestIn(windows[i], some[i].position_m);
    }
    for (LineSearch& search : some) search.line->Measure(search);
    searches = searches.subspan(some.size());
  }
}

int Centreline::LapOf(float s_m) const {
  const int lap = static_cast<int>(s_m * inverse_length_);
  return s_m < static_cast<float>(lap) * length_m_ ? lap - 1 : lap;
}

Centreline::Place Centreline::PlaceOf(float s_m) const {
  if (closed_) {
    s_m -= static_cast<float>(LapOf(s_m)) * length_m_;
  } else if (!(s_m >= 0)) {
    return {0, 0, s_m, 0};
  } else if (s_m >= finish_s_m_) {
    return {last_segment_, last_part_, s_m - finish_s_m_, 1};
  }
  const float at = s_m * inverse_spacing_;
  const int segment = std::min(static_cast<int>(at), last_segment_);
  return {segment, at - static_cast<float>(segment), 0, 0};
}

Vec3 Centreline::PositionAt(float s_m) const { return PositionOf(PlaceOf(s_m)); }

Vec3 Centreline::PositionOf(const Place& place) const {
  const PaddedVec3* const p = &positions_[static_cast<std::size_t>(place.segment)];
  const Vec3 position = Mix(p[0], p[1], place.part);
  return place.beyond_m == 0 ? position : position + end_tangents_[place.end] * place.beyond_m;
}

void Centreline::View(float s_m, std::span<const float> distances_m, Vec3 origin_m,
                      const Mat3& rotation, std::span<float> out) const {
  assert(out.size() == 3 * distances_m.size());
  if (distances_m.empty()) return;

  // Up to the finish, or the end of the lap, points are alike and found side by side.
  std::size_t alike = distances_m.size();
  const float first_s = s_m + distances_m.front();
  const int lap = closed_ ? LapOf(first_s) : 0;
  const auto is_alike = [&](float s) { return closed_ ? LapOf(s) == lap : s < finish_s_m_; };
  while (alike > 0 && !is_alike(s_m + distances_m[alike - 1])) --alike;
  if (!closed_ && first_s < 0) alike = 0;

  SeePoints({.points = positions_.data(),
             .last_segment = last_segment_,
             .inverse_spacing_per_m = inverse_spacing_,
             .base_m = static_cast<float>(lap) * length_m_,
             .s_m = s_m},
            distances_m.first(alike), origin_m, rotation, out.first(3 * alike));
  for (std::size_t i = alike; i < distances_m.size(); ++i) {
    const Vec3 seen = TransposeTimes(rotation, PositionAt(s_m + distances_m[i]) - origin_m);
    std::memcpy(&out[3 * i], &seen, sizeof seen);
  }
}

void Centreline::FindPoint(float s_m, LinePoint& point) const {
  const Place place = PlaceOf(s_m);
  const auto i = static_cast<std::size_t>(place.segment);
  const LinePoint& a = points_[i];
  const LinePoint& b = points_[i + 1];
  const LinePoint& nearer = (&a)[place.part < 0.5f ? 0 : 1];
  point.surface = nearer.surface;
  point.is_gap = nearer.is_gap;
  point.position_m = PositionOf(place);
  point.tangent = Normalized(Mix(a.tangent, b.tangent, place.part), a.tangent);
  // Left is across the tangent as interpolated, so that the three stay at right angles.
  const Vec3 left = Mix(a.left, b.left, place.part);
  point.left = Normalized(left - point.tangent * Dot(left, point.tangent), a.left);
  point.normal = Cross(point.tangent, point.left);
  point.half_width_left_m =
      a.half_width_left_m + (b.half_width_left_m - a.half_width_left_m) * place.part;
  point.half_width_right_m =
      a.half_width_right_m + (b.half_width_right_m - a.half_width_right_m) * place.part;
}

}  // namespace hotlap
