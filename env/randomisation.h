// Domain randomisation: what an episode draws at its beginning, from configured ranges. Off by
// default.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "env/config.h"
#include "env/spec.h"
#include "env/vehicle_factors.h"

namespace hotlap {

inline constexpr int kMaxInputDelayTicks = 25;
// Roads are 12 m wide or more, but for those of a file that wants them narrower.
inline constexpr float kMaxStartOffsetM = 4;

// Both ends are drawn too; equal ends are a fixed value.
struct Range {
  float low = 0, high = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

// Settings. A range at its default is off: nothing is drawn, and every kind of game will do.
struct Randomisation {
  Range mass{1, 1};               // factor of the vehicle's, [0.7, 2]
  Range grip{1, 1};               // likewise, on every surface, [0.5, 2]
  Range engine_force{1, 1};       // likewise, [0.5, 2]
  Range input_delay_ticks{0, 0};  // of 10 ms, whole, [0, kMaxInputDelayTicks]
  Range observation_noise{0, 0};  // standard deviation, in units of the scaled column, [0, 1]
  // m to the left of s(0), along the car's x axis, within +-kMaxStartOffsetM; right is negative.
  Range start_offset_m{0, 0};
};

// What one episode drew.
struct EpisodeParameters {
  VehicleFactors vehicle;
  int input_delay_ticks = 0;
  float observation_noise = 0;
  float start_offset_m = 0;  // of an episode that begins at the start
  friend bool operator==(const EpisodeParameters&, const EpisodeParameters&) = default;
};

// What is left out is that of `base`.
Randomisation ReadRandomisation(const ConfigMap& config, const Randomisation& base = {});
// Of what is not off. Throws std::invalid_argument on a range that no config may have.
std::vector<RandomisedParameterSpec> SpecOf(const Randomisation& randomisation);
// The first parameter that varies the vehicle itself, for which GameGroup::can_vary_vehicle() is
// wanted; empty when none does.
std::string_view VariedVehicleParameter(const Randomisation& randomisation);
// Whether there is one in what SpecOf() tells.
bool VariesVehicle(std::span<const RandomisedParameterSpec> randomisation);

// A function of its arguments alone: an episode that is restored draws the same again. No parameter
// depends on the range of another.
EpisodeParameters DrawParameters(const Randomisation& randomisation, std::uint64_t base_seed,
                                 std::uint64_t episode);

}  // namespace hotlap
