#include "env/randomisation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <string>

#include "env/random.h"

namespace hotlap {
namespace {

struct ParameterInfo {
  std::string_view name;
  const char* unit;
  Range Randomisation::*range;
  Range allowed;
  bool is_whole;
  bool is_of_vehicle;
};
// Of a car that is lighter still, the springs chatter in steps of 10 ms.
constexpr float kLeastMass = 0.7f;
constexpr ParameterInfo kParameters[] = {
    {"mass", "1", &Randomisation::mass, {kLeastMass, 2}, false, true},
    {"grip", "1", &Randomisation::grip, {0.5f, 2}, false, true},
    {"engine_force", "1", &Randomisation::engine_force, {0.5f, 2}, false, true},
    {"input_delay_ticks",
     "10 ms",
     &Randomisation::input_delay_ticks,
     {0, kMaxInputDelayTicks},
     true,
     false},
    {"observation_noise", "1", &Randomisation::observation_noise, {0, 1}, false, false},
    {"start_offset_m",
     "m",
     &Randomisation::start_offset_m,
     {-kMaxStartOffsetM, kMaxStartOffsetM},
     false,
     false},
};

bool IsOff(const ParameterInfo& parameter, const Randomisation& randomisation) {
  return randomisation.*parameter.range == Randomisation{}.*parameter.range;
}

bool IsWhole(const Range& range) {
  return std::floor(range.low) == range.low && std::floor(range.high) == range.high;
}

// Places in the stream; part of what a seed means.
enum Draw : std::uint64_t {
  kMass,
  kGrip,
  kEngineForce,
  kInputDelay,
  kObservationNoise,
  kStartOffset,
};

float Real(const Range& range, float unit) {
  return std::min(range.low + (range.high - range.low) * unit, range.high);
}

int Whole(const Range& range, std::uint64_t bits) {
  const auto low = static_cast<int>(range.low), high = static_cast<int>(range.high);
  return low + static_cast<int>(bits % static_cast<std::uint64_t>(high - low + 1));
}

}  // namespace

Randomisation ReadRandomisation(const ConfigMap& config, const Randomisation& base) {
  Randomisation randomisation = base;
  for (const ParameterInfo& parameter : kParameters) {
    if (!config.Has(parameter.name)) continue;
    const auto [low, high] = parameter.allowed;
    const std::vector<float> ends = config.Floats(parameter.name, 2, 2, low, high);
    Range& range = randomisation.*parameter.range;
    range = {ends[0], ends[1]};
    if (range.low > range.high) config.Fail(parameter.name, "the first number is the smaller one");
    if (parameter.is_whole && !IsWhole(range)) config.Fail(parameter.name, "must be whole numbers");
  }
  return randomisation;
}

std::vector<RandomisedParameterSpec> SpecOf(const Randomisation& randomisation) {
  std::vector<RandomisedParameterSpec> spec;
  for (const ParameterInfo& parameter : kParameters) {
    if (IsOff(parameter, randomisation)) continue;
    const Range& range = randomisation.*parameter.range;
    const Range& allowed = parameter.allowed;
    const bool is_good = allowed.low <= range.low && range.low <= range.high &&
                         range.high <= allowed.high && (!parameter.is_whole || IsWhole(range));
    if (!is_good) {
      throw std::invalid_argument("randomisation." + std::string(parameter.name) +
                                  ": no range of numbers that are allowed");
    }
    spec.push_back({std::string(parameter.name), range.low, range.high, parameter.unit});
  }
  return spec;
}

std::string_view VariedVehicleParameter(const Randomisation& randomisation) {
  const auto found = std::ranges::find_if(kParameters, [&](const ParameterInfo& parameter) {
    return parameter.is_of_vehicle && !IsOff(parameter, randomisation);
  });
  return found == std::end(kParameters) ? std::string_view() : found->name;
}

bool VariesVehicle(std::span<const RandomisedParameterSpec> randomisation) {
  return std::ranges::any_of(kParameters, [&](const ParameterInfo& parameter) {
    return parameter.is_of_vehicle &&
           std::ranges::find(randomisation, parameter.name, &RandomisedParameterSpec::name) !=
               randomisation.end();
  });
}

EpisodeParameters DrawParameters(const Randomisation& randomisation, std::uint64_t base_seed,
                                 std::uint64_t episode) {
  const RandomStream stream(base_seed, episode, RandomPurpose::kParameters);
  return {
      .vehicle = {.mass = Real(randomisation.mass, stream.Unit(kMass)),
                  .grip = Real(randomisation.grip, stream.Unit(kGrip)),
                  .engine_force = Real(randomisation.engine_force, stream.Unit(kEngineForce))},
      .input_delay_ticks = Whole(randomisation.input_delay_ticks, stream.Bits(kInputDelay)),
      .observation_noise = Real(randomisation.observation_noise, stream.Unit(kObservationNoise)),
      .start_offset_m = Real(randomisation.start_offset_m, stream.Unit(kStartOffset))};
}

}  // namespace hotlap
