#include "agents/pursuit_policy.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace hotlap::agents {
namespace {

constexpr const char* kName = "pursuit";
constexpr float kNoLimit = 1e6f;

float Length(float x, float y) { return std::sqrt(x * x + y * y); }

// Of the circle through three points (Menger), a and b the steps between them: positive where the
// second step turns towards +y.
float Curvature(float ax, float ay, float bx, float by) {
  const float product = Length(ax, ay) * Length(bx, by) * Length(ax + bx, ay + by);
  return product > 1e-6f ? 2 * (ax * by - ay * bx) / product : 0.0f;
}

float Lerp(float a, float b, float t) { return a + t * (b - a); }

}  // namespace

PursuitPolicy::PursuitPolicy(const EnvironmentSpec& spec, const PursuitSettings& settings)
    : settings_(settings),
      encoder_(spec.action, kName),
      observation_size_(static_cast<std::size_t>(spec.observation_size())) {
  const auto find_vector = [&spec](const std::string& name) {
    return VectorReader{FindColumn(spec, name + ".x", kName), FindColumn(spec, name + ".y", kName),
                        FindColumn(spec, name + ".z", kName)};
  };
  velocity_ = find_vector("velocity");
  yaw_rate_ = FindColumn(spec, "angular_velocity.y", kName);
  constexpr int kFewestPoints = 3;  // that make a bend
  for (int i = 0;; ++i) {
    const std::string name = "ahead" + std::to_string(i);
    if (i >= kFewestPoints && !HasColumn(spec, name + ".x")) break;
    ahead_.push_back(find_vector(name));
  }
  line_.resize(ahead_.size());
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
  ReadLine(row);
  const Vec3 velocity = velocity_(row);
  const float speed = hotlap::Length(velocity);

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
      velocity.z - std::min(SpeedWanted(), SpeedThrough(settings_.bend_share * std::abs(arc), 0));
  const float pedal = excess < 0 ? 1.0f : excess > settings_.brake_margin_mps ? -1.0f : 0.0f;
  return {.steer = -left, .pedal = pedal};
}

void PursuitPolicy::ReadLine(std::span<const float> row) {
  float distance = 0;
  for (std::size_t i = 0; i < line_.size(); ++i) {
    const Vec3 position = ahead_[i](row);
    distance +=
        i == 0 ? std::max(0.0f, position.z) : hotlap::Length(position - line_[i - 1].position_m);
    line_[i] = {position, distance, 0, kNoLimit};
  }
  for (std::size_t i = 1; i + 1 < line_.size(); ++i) {
    const Vec3 a = line_[i].position_m - line_[i - 1].position_m;
    const Vec3 b = line_[i + 1].position_m - line_[i].position_m;
    const float bend = std::abs(Curvature(a.z, a.x, b.z, b.x));
    line_[i].crest_per_m = std::max(0.0f, -Curvature(Length(a.z, a.x), a.y, Length(b.z, b.x), b.y));
    line_[i].max_speed_mps = SpeedThrough(bend, line_[i].crest_per_m);
  }
  // Nothing is known of the line before the first point.
  line_[0].crest_per_m = line_[1].crest_per_m;
  line_[0].max_speed_mps = line_[1].max_speed_mps;
}

Vec3 PursuitPolicy::Aim(float distance_m) const {
  std::size_t i = 1;
  while (i + 1 < line_.size() && line_[i].distance_m < distance_m) ++i;
  const Point& from = line_[i - 1];
  const Point& to = line_[i];
  const float t = (distance_m - from.distance_m) / std::max(to.distance_m - from.distance_m, 1e-3f);
  return from.position_m + std::clamp(t, 0.0f, 1.0f) * (to.position_m - from.position_m);
}

// From the horizon back to the car: nowhere faster than braking to what comes next allows. Over a
// crest the tyres brake less too.
float PursuitPolicy::SpeedWanted() const {
  float speed = settings_.horizon_speed_mps;
  float place = line_.back().distance_m;
  const auto brake_before = [&](const Point& point, float to_m) {
    const float load = 1 - speed * speed * point.crest_per_m / settings_.crest_acceleration_mps2;
    const float braking = settings_.braking_deceleration_mps2 * std::max(0.0f, load);
    speed = std::sqrt(speed * speed + 2 * braking * (place - to_m));
    place = to_m;
  };
  for (std::size_t i = line_.size(); i-- > 0;) {
    brake_before(line_[i], line_[i].distance_m);
    speed = std::min(speed, line_[i].max_speed_mps);
  }
  brake_before(line_[0], 0);
  return std::min(speed, settings_.top_speed_mps);
}

float PursuitPolicy::LockAt(float speed_mps) const {
  const auto& lock = settings_.lock;
  std::size_t i = 1;
  while (i + 1 < lock.size() && lock[i].speed_mps < speed_mps) ++i;
  const float t = (speed_mps - lock[i - 1].speed_mps) / (lock[i].speed_mps - lock[i - 1].speed_mps);
  return Lerp(lock[i - 1].curvature_per_m, lock[i].curvature_per_m, std::clamp(t, 0.0f, 1.0f));
}

// The speed at which the share of full lock just turns this much, or at which the tyres, lighter by
// the crest, just hold: v^2 bend = lateral (1 - v^2 crest / crest_acceleration).
float PursuitPolicy::SpeedThrough(float bend_per_m, float crest_per_m) const {
  const float pull = bend_per_m / settings_.lateral_acceleration_mps2 +
                     crest_per_m / settings_.crest_acceleration_mps2;
  const float held = 1 / std::sqrt(std::max(pull, 1e-9f));

  const auto& lock = settings_.lock;
  const float needed = bend_per_m / settings_.bend_share;
  if (needed <= lock.back().curvature_per_m) return held;
  std::size_t i = 1;
  while (i + 1 < lock.size() && lock[i].curvature_per_m > needed) ++i;
  const float t = (needed - lock[i - 1].curvature_per_m) /
                  (lock[i].curvature_per_m - lock[i - 1].curvature_per_m);
  const float turned = Lerp(lock[i - 1].speed_mps, lock[i].speed_mps, std::clamp(t, 0.0f, 1.0f));
  constexpr float kCrawl = 3;  // tighter than the tightest turn
  return std::max(kCrawl, std::min(held, turned));
}

}  // namespace hotlap::agents
