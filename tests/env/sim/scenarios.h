// Roads, inputs and digests that the tests of the embedded game share.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/sim/race.h"
#include "env/sim/scalar_math.h"
#include "env/track_config.h"
#include "env/vehicle_config.h"

namespace hotlap::sim {

// Repeatable draws: equal seeds give equal sequences everywhere.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed) {}
  std::uint32_t Next() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
  }
  int Below(int n) { return static_cast<int>(Next() % static_cast<std::uint32_t>(n)); }
  float Within(float low, float high) {
    return low + (high - low) * (static_cast<float>(Next() >> 8) * 0x1p-24f);
  }

 private:
  std::uint64_t state_;
};

// Any inputs that the wire can carry in its normal range, often with several channels at once.
inline Inputs AnyInputs(Draws& draws) {
  Inputs inputs;
  if (draws.Below(2) == 0) inputs.steer = draws.Below(2 * kMaxAnalog + 1) - kMaxAnalog;
  if (draws.Below(3) == 0) inputs.gas = draws.Below(2 * kMaxAnalog + 1) - kMaxAnalog;
  inputs.left = draws.Below(3) == 0;
  inputs.right = draws.Below(3) == 0;
  inputs.accelerate = draws.Below(4) != 0;
  inputs.brake = draws.Below(5) == 0;
  return inputs;
}

inline std::shared_ptr<const Track> FlatTrack(float length_m = 4000, float width_m = 200) {
  TrackSpec spec;
  spec.name = "flat";
  spec.line =
      PlainRoad(std::vector<Vec3>{{1000, 9.4f, 500}, {1000, 9.4f, 500 + length_m}}, width_m);
  return Track::Build(spec);
}

// A winding, banked, hilly road with walls here and there, every surface, pads and a gap.
inline std::shared_ptr<const Track> MixedTrack() {
  TrackSpec spec;
  spec.name = "mixed";
  constexpr Surface kSurfaces[] = {Surface::kAsphalt, Surface::kDirt,        Surface::kTurbo,
                                   Surface::kGrass,   Surface::kIce,         Surface::kAsphalt,
                                   Surface::kTurbo2,  Surface::kFreeWheeling};
  for (int i = 0; i <= 1200; ++i) {
    const float s = static_cast<float>(i);
    const float bank = 0.3f * Sin(s * 0.01f);
    TrackPoint point{.position_m = {500 + 60 * Sin(s * 0.012f), 30 + 6 * Sin(s * 0.02f), s},
                     .left = {Cos(bank), Sin(bank), 0}};
    point.half_width_left_m = 10 + 2 * Sin(s * 0.05f);
    point.half_width_right_m = 9;
    point.wall_left_m = i % 300 < 200 ? 1.5f : 0;
    point.wall_right_m = i % 400 < 250 ? 1.0f : 0;
    point.surface = i % 100 < 60 ? Surface::kAsphalt : kSurfaces[i / 100 % 8];
    point.is_gap = i >= 850 && i < 862;
    spec.line.push_back(point);
  }
  spec.checkpoints_s_m = {200, 500, 900};
  return Track::Build(spec);
}

inline std::filesystem::path ConfigFile(const std::string& name) {
  return std::filesystem::path(HOTLAP_SOURCE_DIR) / "configs" / name;
}

// One of configs/tracks; built once.
inline std::shared_ptr<const Track> NamedTrack(const std::string& name) {
  return Track::Build(LoadTrackSpec(ConfigFile("tracks/" + name + ".yaml")));
}
inline std::shared_ptr<const Track> Hockolicious() {
  static const auto track = NamedTrack("hockolicious");
  return track;
}
inline std::shared_ptr<const Track> Hairpins() {
  static const auto track = NamedTrack("hairpins");
  return track;
}

inline std::uint64_t HashBytes(std::span<const std::byte> bytes,
                               std::uint64_t hash = 0xCBF29CE484222325u) {
  for (std::byte b : bytes) hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001B3u;
  return hash;
}
// RaceState has no padding, so its bytes are its value.
inline std::uint64_t HashOf(const RaceState& state) {
  return HashBytes(std::as_bytes(std::span(&state, 1)));
}
// Of values without padding; a zero's sign and a NaN's payload count.
template <class T>
bool SameBits(const T& a, const T& b) {
  return std::ranges::equal(std::as_bytes(std::span(&a, 1)), std::as_bytes(std::span(&b, 1)));
}

}  // namespace hotlap::sim
