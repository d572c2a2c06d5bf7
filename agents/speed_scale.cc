#include "agents/speed_scale.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace hotlap::agents {
namespace {

constexpr float kKmhPerMps = 3.6f;

struct Rgb {
  float r, g, b;
};
// Bright enough all along to stand out on a dark road.
constexpr std::array<Rgb, 6> kStops = {
    {{72, 92, 255}, {30, 160, 255}, {38, 214, 168}, {188, 226, 66}, {255, 179, 38}, {255, 72, 66}}};

}  // namespace

SpeedScale::SpeedScale(float fastest_mps)
    : top_kmh_(std::max(50.0f, 50.0f * std::ceil(fastest_mps * kKmhPerMps / 50.0f))) {}

int SpeedScale::Level(float speed_mps) const {
  const float share = std::clamp(speed_mps * kKmhPerMps / top_kmh_, 0.0f, 1.0f);
  return std::min(kLevels - 1, static_cast<int>(share * kLevels));
}

std::string SpeedScale::Colour(int level) {
  const float at = static_cast<float>(level) / (kLevels - 1) * (kStops.size() - 1);
  const auto stop = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
  const float t = at - static_cast<float>(stop);
  const auto mix = [t](float a, float b) { return static_cast<int>(std::lround(a + t * (b - a))); };
  const Rgb& a = kStops[stop];
  const Rgb& b = kStops[stop + 1];
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", static_cast<unsigned>(mix(a.r, b.r)),
                static_cast<unsigned>(mix(a.g, b.g)), static_cast<unsigned>(mix(a.b, b.b)));
  return text.data();
}

}  // namespace hotlap::agents
