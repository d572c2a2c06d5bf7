#include "agents/pursuit_policy.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace hotlap::agents {
namespace {

constexpr const char* kName = "pursuit";
constexpr float kNoLimit = 1e6f;
constexpr float kLeastM = 1e-3f;
constexpr std::size_t kFewestPoints = 3;  // that make a bend
constexpr const char* kSurfaces[] = {".asphalt", ".grass", ".dirt", ".turbo", ".other"};
constexpr std::size_t kTurboGroup = 3;

// How the line is laid: over the next points, in sweeps from point to point.
constexpr float kLayTimeS = 2.2f, kLayLeastM = 60;
constexpr int kSweeps = 30;
constexpr float kOverstep = 1.4f;
constexpr float kFlightM = 45;           // of road, how far a car flies over a crest
constexpr float kStraightPerM = 0.004f;  // a line that bends less counts as straight

float Lerp(float a, float b, float t) { return a + t * (b - a); }

// How fast the direction turns at `here`, 1/m.
Vec3 TurnAt(Vec3 before, Vec3 here, Vec3 next) {
  const Vec3 a = here - before, b = next - here;
  const float length_a = std::max(Length(a), kLeastM), length_b = std::max(Length(b), kLeastM);
  return (b * (1 / length_b) - a * (1 / length_a)) * (2 / (length_a + length_b));
}

}  // namespace

PursuitPolicy::PursuitPolicy(const EnvironmentSpec& spec, const PursuitSettings& settings)
    : settings_(settings),
      encoder_(spec.action, kName),
      observation_size_(static_cast<std::size_t>(spec.observation_size())) {
  const auto find = [&spec](const std::string& name) { return FindColumn(spec, name, kName); };
  const auto find_vector = [&find](const std::string& name) {
    return VectorReader{find(name + ".x"), find(name + ".y"), find(name + ".z")};
  };
  const auto find_if_there = [&spec, &find](const std::string& name) {
    return HasColumn(spec, name) ? std::optional(find(name)) : std::nullopt;
  };
  const auto find_vector_if_there = [&](const std::string& name) {
    return HasColumn(spec, name + ".x") ? std::optional(find_vector(name)) : std::nullopt;
  };
  const auto find_surface = [&](const std::string& name) {
    std::vector<ColumnReader> groups;
    if (!HasColumn(spec, name + kSurfaces[0])) return groups;
    for (const char* group : kSurfaces) groups.push_back(find(name + group));
    return groups;
  };
  velocity_ = find_vector("velocity");
  yaw_rate_ = find("angular_velocity.y");
  gravity_ = find_vector_if_there("gravity");
  edge_left_ = find_if_there("edge_left");
  edge_right_ = find_if_there("edge_right");
  lateral_offset_ = find_if_there("lateral_offset");
  turbo_ = find_if_there("turbo");
  surface_ = find_surface("road_surface");
  for (int i = 0; HasColumn(spec, "wheel" + std::to_string(i) + ".contact"); ++i) {
    wheel_contact_.push_back(find("wheel" + std::to_string(i) + ".contact"));
  }
  for (std::size_t i = 0;; ++i) {
    const std::string name = "ahead" + std::to_string(i);
    if (i >= kFewestPoints && !HasColumn(spec, name + ".x")) break;
    ahead_.push_back({find_vector(name), find_vector_if_there(name + ".normal"),
                      find_if_there(name + ".half_width_left"),
                      find_if_there(name + ".half_width_right"), find_if_there(name + ".gap"),
                      find_surface(name + ".surface")});
  }
  if (spec.action.kind == ActionKind::kDiscrete) {
    for (int i = 0; HasColumn(spec, "action" + std::to_string(i) + ".steer"); ++i) {
      past_steer_.push_back(find("action" + std::to_string(i) + ".steer"));
    }
  }
  step_s_ = 0.01f * static_cast<float>(spec.ticks_per_step);
  line_.resize(ahead_.size());
  bends_.resize(ahead_.size());
}

void PursuitPolicy::Act(std::span<const float> observations, ActionBuffer& actions) {
  assert(observations.size() % observation_size_ == 0);
  const std::size_t rows = observations.size() / observation_size_;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto columns = observations.subspan(row * observation_size_, observation_size_);
    encoder_.Write(Decide(columns), row, actions);
  }
}

DriverWish PursuitPolicy::Decide(std::span<const float> row) {
  const Vec3 velocity = velocity_(row);
  const float speed = Length(velocity);
  ReadRoad(row, speed);
  LayLine(speed);
  MeasureLine();

  const Vec3 aim =
      Aim(std::clamp(settings_.aim_time_s * speed, settings_.aim_min_m, settings_.aim_max_m));
  // The arc that leaves along the car's axis and passes through the aim, left positive. An aim
  // behind the car asks for all the lock there is.
  const float arc = aim.z > 0 ? 2 * aim.x / (aim.x * aim.x + aim.z * aim.z)
                              : std::copysign(settings_.lock.front().curvature_per_m, aim.x);
  const float lock = LockAt(speed);
  const float wanted = std::clamp(arc / lock, -1.0f, 1.0f);
  const float turning = yaw_rate_(row) / (lock * std::max(speed, 1.0f));
  const float left = wanted + settings_.yaw_gain * (wanted - turning);

  const float excess =
      velocity.z - std::min(SpeedWanted(), SpeedThrough(line_[0], settings_.bend_share * arc));
  const bool is_lost = std::abs(velocity.x) > settings_.slip_share * speed || IsAirborne(row);
  float pedal = 0;
  if (excess > settings_.brake_margin_mps || (is_lost && speed > settings_.catch_speed_mps)) {
    pedal = -1;
  } else if (excess < 0) {
    pedal = 1;
  }
  return {.steer = past_steer_.empty() ? -left : KeyFor(-left, row), .pedal = pedal};
}

bool PursuitPolicy::IsAirborne(std::span<const float> row) const {
  return !wheel_contact_.empty() &&
         std::none_of(wheel_contact_.begin(), wheel_contact_.end(),
                      [row](const ColumnReader& contact) { return contact(row) > 0.5f; });
}

// Keys move the wheel at a fixed rate, so the key of a step is the one that brings it nearest to
// where it should be; where it is follows from the keys before.
float PursuitPolicy::KeyFor(float wanted, std::span<const float> row) const {
  const auto moved = [this](float steer, float key) {
    // A wheel on the other side comes back to the middle first.
    float left_s = step_s_;
    if (steer * key <= 0 && steer != 0) {
      const float back_s = std::min(left_s, std::abs(steer) / settings_.steer_return_per_s);
      steer -= std::copysign(back_s * settings_.steer_return_per_s, steer);
      left_s -= back_s;
    }
    return std::clamp(steer + key * settings_.steer_per_s * left_s, -1.0f, 1.0f);
  };
  float steer = 0;
  for (std::size_t i = past_steer_.size(); i-- > 0;) steer = moved(steer, past_steer_[i](row));
  float best = 0;
  for (const float key : {-1.0f, 1.0f}) {
    if (std::abs(moved(steer, key) - wanted) < std::abs(moved(steer, best) - wanted)) best = key;
  }
  return best;
}

void PursuitPolicy::ReadRoad(std::span<const float> row, float speed_mps) {
  up_ = gravity_ ? -(*gravity_)(row) : Vec3{0, 1, 0};
  const auto group_of = [&row](const std::vector<ColumnReader>& groups) {
    std::size_t found = 0;
    for (std::size_t k = 1; k < groups.size(); ++k) {
      if (groups[k](row) > groups[found](row)) found = k;
    }
    return found;
  };
  const std::size_t group_here = group_of(surface_);
  const float half_width_here =
      edge_left_ && edge_right_ ? 0.5f * ((*edge_left_)(row) + (*edge_right_)(row)) : 0.0f;
  const float offset = lateral_offset_ ? (*lateral_offset_)(row)
                       : edge_left_ && edge_right_
                           ? 0.5f * ((*edge_right_)(row) - (*edge_left_)(row))
                           : 0.0f;
  const Vec3 beside{-offset, 0, 0};  // the car, on the road's middle
  const std::size_t n = line_.size();
  float distance = 0, boosted_until = -1;
  if (turbo_ && (*turbo_)(row) > 0.5f) boosted_until = settings_.boost_time_s * speed_mps;
  for (std::size_t i = 0; i < n; ++i) {
    const AheadReader& ahead = ahead_[i];
    Point& point = line_[i];
    point = {};
    point.middle_m = ahead.position(row);
    distance += Length(point.middle_m - (i > 0 ? line_[i - 1].middle_m : Vec3{}));
    const std::size_t group = ahead.surface.empty() ? group_here : group_of(ahead.surface);
    point.friction = settings_.friction[group];
    if (group == kTurboGroup && !ahead.surface.empty()) {
      boosted_until = distance + settings_.boost_time_s * std::max(speed_mps, 60.0f);
    }
    point.is_boosted = distance < boosted_until;
    point.is_gap = ahead.gap && (*ahead.gap)(row) > 0.5f;
    const auto room = [&](const std::optional<ColumnReader>& half_width) {
      const float to_edge = half_width ? (*half_width)(row) : half_width_here;
      return std::max(0.0f, to_edge - settings_.edge_margin_m);
    };
    point.low_m = -room(ahead.half_width_right);
    point.high_m = room(ahead.half_width_left);
  }
  for (std::size_t i = 0; i < n; ++i) {
    Point& point = line_[i];
    const Vec3 from = i > 0 ? line_[i - 1].middle_m : beside;
    const Vec3 to = line_[std::min(i + 1, n - 1)].middle_m;
    const Vec3 tangent = Normalized(to - from, {0, 0, 1});
    const Vec3 normal = ahead_[i].normal ? (*ahead_[i].normal)(row) : up_;
    point.left = Normalized(Cross(normal, tangent), {1, 0, 0});
    point.normal = Cross(tangent, point.left);
  }
  // The line begins where the car is and goes on beside the middle.
  for (Point& point : line_) {
    point.offset_m = std::clamp(offset, point.low_m, point.high_m);
    point.position_m = point.middle_m + point.left * point.offset_m;
  }
}

Vec3 PursuitPolicy::PositionBefore(std::size_t i) const {
  return i > 0 ? line_[i - 1].position_m : Vec3{};
}

PursuitPolicy::Bend PursuitPolicy::BendAt(std::size_t i) const {
  const Point &here = line_[i], &next = line_[i + 1];
  const Vec3 before = PositionBefore(i);
  const float length_a = std::max(Length(here.position_m - before), kLeastM);
  const float length_b = std::max(Length(next.position_m - here.position_m), kLeastM);
  const Vec3 left = Normalized(Cross(here.normal, next.position_m - before), here.left);
  const float scale = 2 / (length_a + length_b);
  Bend bend;
  if (i > 0) bend.by_offset[0] = scale / length_a * Dot(line_[i - 1].left, left);
  bend.by_offset[1] = -scale * (1 / length_a + 1 / length_b) * Dot(here.left, left);
  bend.by_offset[2] = scale / length_b * Dot(next.left, left);
  bend.per_m = Dot(TurnAt(before, here.position_m, next.position_m), left);
  bend.weight = 0.5f * (length_a + length_b);
  return bend;
}

// The least sum of fourth powers of the line's bend between the edges, from the car on: point by
// point a step of Newton's to the best offset, the others held.
void PursuitPolicy::LayLine(float speed_mps) {
  const float reach = std::max(kLayLeastM, kLayTimeS * speed_mps);
  std::size_t points = 2;
  while (points < line_.size() && line_[points].middle_m.z < reach &&
         Length(line_[points].middle_m) < reach) {
    ++points;
  }
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    if (sweep % 10 == 0) {
      for (std::size_t i = 0; i + 1 < points; ++i) bends_[i] = BendAt(i);
    }
    for (std::size_t i = 0; i < points; ++i) {
      Point& point = line_[i];
      float slope = 0, steepness = 0;
      if (i == 0) {
        // The bend with which the line leaves the car, along its axis.
        const Vec3 first = point.middle_m + point.left * point.offset_m;
        const float length = std::max(Length(first), kLeastM);
        const float by = 2 * point.left.x / (length * length);
        const float per_m = 2 * first.x / (length * length);
        const float square = per_m * per_m, floored = square + kStraightPerM * kStraightPerM;
        slope += 0.5f * length * floored * per_m * by;
        steepness += 0.5f * length * (floored + 2 * square) * by * by;
      }
      for (std::size_t k = i > 0 ? i - 1 : 0; k <= i + 1 && k + 1 < points; ++k) {
        const float by = bends_[k].by_offset[i + 1 - k];
        const float square = bends_[k].per_m * bends_[k].per_m;
        const float floored = square + kStraightPerM * kStraightPerM;
        slope += bends_[k].weight * floored * bends_[k].per_m * by;
        steepness += bends_[k].weight * (floored + 2 * square) * by * by;
      }
      if (!(steepness > 0)) continue;
      const float wanted = point.offset_m - kOverstep * slope / steepness;
      const float change = std::clamp(wanted, point.low_m, point.high_m) - point.offset_m;
      point.offset_m += change;
      for (std::size_t k = i > 0 ? i - 1 : 0; k <= i + 1 && k + 1 < points; ++k) {
        bends_[k].per_m += bends_[k].by_offset[i + 1 - k] * change;
      }
    }
    if (sweep % 10 == 9) {
      for (std::size_t i = 0; i < points; ++i) {
        line_[i].position_m = line_[i].middle_m + line_[i].left * line_[i].offset_m;
      }
    }
  }
  for (std::size_t i = points; i < line_.size(); ++i) {
    line_[i].offset_m = std::clamp(line_[points - 1].offset_m, line_[i].low_m, line_[i].high_m);
    line_[i].position_m = line_[i].middle_m + line_[i].left * line_[i].offset_m;
  }
}

void PursuitPolicy::MeasureLine() {
  float distance = 0;
  const std::size_t n = line_.size();
  for (std::size_t i = 0; i < n; ++i) {
    Point& point = line_[i];
    distance +=
        i > 0 ? Length(point.position_m - PositionBefore(i)) : std::max(0.0f, point.position_m.z);
    point.distance_m = distance;
    if (i + 1 == n) {
      point.max_speed_mps = kNoLimit;
      continue;
    }
    point.bend_per_m = BendAt(i).per_m;
    const Point& next = line_[i + 1];
    const float dip =
        Dot(TurnAt(PositionBefore(i), point.position_m, next.position_m), point.normal);
    // Nothing is known of the road's middle before the first point.
    point.dip_per_m =
        i == 0 ? dip
               : std::min(dip, Dot(TurnAt(line_[i - 1].middle_m, point.middle_m, next.middle_m),
                                   point.normal));
  }
  line_[0].dip_per_m = std::min(line_[0].dip_per_m, line_[1].dip_per_m);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    Point& point = line_[i];
    point.max_speed_mps = SpeedThrough(point, point.bend_per_m);
    if (point.dip_per_m >= 0 || point.is_gap) continue;
    // Where the line goes straight on the car may fly over a crest.
    float bend = 0;
    for (std::size_t k = i; k + 1 < n && line_[k].distance_m < point.distance_m + kFlightM; ++k) {
      bend = std::max(bend, std::abs(line_[k].bend_per_m));
    }
    const float share = std::clamp(bend / settings_.flight_bend_per_m, 0.0f, 1.0f);
    const float level = std::max(0.0f, settings_.gravity_mps2 * Dot(point.normal, up_));
    const float square =
        Lerp(settings_.flight_share, settings_.crest_share, share) * level / -point.dip_per_m;
    point.max_speed_mps = std::min(point.max_speed_mps, std::sqrt(square));
  }
}

// A cubic from point to point, which leaves the car along its axis.
Vec3 PursuitPolicy::Aim(float distance_m) const {
  std::size_t i = 0;
  while (i + 2 < line_.size() && line_[i].distance_m < distance_m) ++i;
  const Vec3 from = PositionBefore(i), to = line_[i].position_m;
  const float start = i > 0 ? line_[i - 1].distance_m : 0.0f;
  const float length = std::max(line_[i].distance_m - start, kLeastM);
  const float t = std::clamp((distance_m - start) / length, 0.0f, 1.0f);
  const Vec3 leaves = i > 0 ? Normalized(to - PositionBefore(i - 1), {0, 0, 1}) : Vec3{0, 0, 1};
  const Vec3 arrives = Normalized(line_[i + 1].position_m - from, leaves);
  const float rest = 1 - t;
  return from + (t * t * (3 - 2 * t)) * (to - from) + (length * t * rest * rest) * leaves -
         (length * t * t * rest) * arrives;
}

// From the horizon back to the car: nowhere faster than braking to what comes next allows. What a
// point asks for holds from halfway to the one before: the points move ahead of the car, so a limit
// at the point alone would never be reached. Over a crest the tyres brake less too, over a gap not
// at all.
float PursuitPolicy::SpeedWanted() const {
  float speed = settings_.horizon_speed_mps;
  for (std::size_t i = line_.size(); i-- > 0;) {
    const Point& point = line_[i];
    speed = std::min(speed, point.max_speed_mps);
    const float start = i > 0 ? line_[i - 1].distance_m : 0.0f;
    const float length = std::max(point.distance_m - start, kLeastM);
    const float load = settings_.gravity_mps2 * std::max(0.0f, Dot(point.normal, up_)) +
                       speed * speed * point.dip_per_m;
    float braking = std::min(settings_.braking_mps2,
                             settings_.braking_share * point.friction * std::max(0.0f, load));
    if (point.is_boosted) braking = -settings_.boost_mps2;
    if (point.is_gap) braking = 0;
    braking += settings_.gravity_mps2 * Dot(point.position_m - PositionBefore(i), up_) / length;
    const auto before = [&](float brakes_m) {
      return std::sqrt(std::max(speed * speed + 2 * braking * brakes_m, 1.0f));
    };
    speed = std::min(before(0.5f * length), point.max_speed_mps);
    speed = before(0.5f * length);
  }
  return std::min(speed, settings_.top_speed_mps);
}

float PursuitPolicy::LockAt(float speed_mps) const {
  const auto& lock = settings_.lock;
  std::size_t i = 1;
  while (i + 1 < lock.size() && lock[i].speed_mps < speed_mps) ++i;
  const float t = (speed_mps - lock[i - 1].speed_mps) / (lock[i].speed_mps - lock[i - 1].speed_mps);
  return Lerp(lock[i - 1].curvature_per_m, lock[i].curvature_per_m, std::clamp(t, 0.0f, 1.0f));
}

float PursuitPolicy::SpeedAtLock(float bend_per_m) const {
  const auto& lock = settings_.lock;
  if (bend_per_m <= lock.back().curvature_per_m) return kNoLimit;
  std::size_t i = 1;
  while (i + 1 < lock.size() && lock[i].curvature_per_m > bend_per_m) ++i;
  const float t = (bend_per_m - lock[i - 1].curvature_per_m) /
                  (lock[i].curvature_per_m - lock[i - 1].curvature_per_m);
  return Lerp(lock[i - 1].speed_mps, lock[i].speed_mps, std::clamp(t, 0.0f, 1.0f));
}

// The speed at which the share of full lock just turns this much, at which the tyres just hold it
// against gravity, heavier in a dip and lighter over a crest.
float PursuitPolicy::SpeedThrough(const Point& point, float bend_per_m) const {
  if (point.is_gap) return kNoLimit;
  constexpr float kCrawl = 3;  // tighter than the tightest turn, steeper than the tyres hold
  const float level = std::max(0.0f, settings_.gravity_mps2 * Dot(point.normal, up_));
  const float sideways = settings_.gravity_mps2 * Dot(point.left, up_);
  const float held = point.friction * level + (bend_per_m > 0 ? -sideways : sideways);
  // Straight on nothing is asked of the tyres.
  const float dip =
      point.dip_per_m * (point.dip_per_m < 0
                             ? std::min(std::abs(bend_per_m) / settings_.flight_bend_per_m, 1.0f)
                             : 1.0f);
  const float pull = std::abs(bend_per_m) - point.friction * dip;
  float square = kNoLimit * kNoLimit;
  if (pull > 0) square = std::max(held, 0.0f) / pull;
  const float turned = SpeedAtLock(std::abs(bend_per_m) / settings_.bend_share);
  return std::max(kCrawl, std::min(std::sqrt(square), turned));
}

}  // namespace hotlap::agents
