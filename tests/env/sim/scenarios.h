// Roads, inputs and digests that the tests of the embedded game share.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/sim/race.h"
#include "env/sim_config.h"

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
  spec.line = PlainRoad(std::vector<Vec3>{{1000, 9.4f, 500}, {1000, 9.4f, 500 + length_m}}, width_m);
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
inline bool SameBits(const RaceState& a, const RaceState& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace hotlap::sim
