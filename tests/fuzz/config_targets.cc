// Targets of the files that whoever runs a server writes, or fetches from somewhere: YAML and
// recorded lines. What is wrong is an exception that names the file.
#include <exception>
#include <stdexcept>

#include "env/environment_config.h"
#include "env/npy.h"
#include "env/track_config.h"
#include "env/vehicle_config.h"
#include "tests/fuzz/fuzz_target.h"
#include "transport/server_config.h"

namespace hotlap::fuzz {
namespace {

// Runs it on a file with these bytes.
template <class Load>
void LoadInput(std::span<const std::byte> input, const Load& load) {
  const std::string file = WriteInput(input);
  try {
    load(file);
  } catch (const std::runtime_error& error) {
    const bool names_a_file = std::string_view(error.what()).starts_with("/dev/shm/");
    Require(names_a_file, "an error names the file");
  }
}

}  // namespace

void RunEnvironmentConfig(std::span<const std::byte> input) {
  try {
    const EnvironmentConfig config = ParseEnvironmentConfig(TextOf(input), "input");
    Require(MakeSpec(config).observation_size() > 0, "an environment shows something");
  } catch (const ConfigError& error) {
    Require(std::string_view(error.what()).starts_with("input"), "an error names the file");
  } catch (const std::invalid_argument&) {
  }
}

std::vector<Bytes> EnvironmentConfigSeeds() { return FolderBytes("configs/environments", ".yaml"); }

void RunTrackConfig(std::span<const std::byte> input) {
  LoadInput(input, [](const std::string& file) { LoadTrackSpec(file); });
}

std::vector<Bytes> TrackConfigSeeds() {
  std::vector<Bytes> seeds = FolderBytes("configs/tracks", ".yaml");
  for (Bytes& seed : FolderBytes("tests/data/tracks", ".yaml")) seeds.push_back(std::move(seed));
  return seeds;
}

void RunVehicleConfig(std::span<const std::byte> input) {
  LoadInput(input, [](const std::string& file) { LoadVehicleParams(file); });
}

std::vector<Bytes> VehicleConfigSeeds() { return FolderBytes("configs/vehicles", ".yaml"); }

void RunServerConfig(std::span<const std::byte> input) {
  LoadInput(input, [](const std::string& file) { transport::LoadServeConfig(file); });
}

std::vector<Bytes> ServerConfigSeeds() { return FolderBytes("configs/servers", ".yaml"); }

void RunLine(std::span<const std::byte> input) {
  LoadInput(input, [](const std::string& file) {
    Require(!ReadNpyPoints(file).empty(), "a line has points");
  });
}

std::vector<Bytes> LineSeeds() {
  const auto seed = [](std::string_view type, std::size_t number_size) {
    std::string header =
        "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': (3, 3), }";
    header.resize(118, ' ');
    std::string file = std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0';
    return BytesOf(file + header + std::string(9 * number_size, '\0'));
  };
  return {seed("<f8", 8), seed("<f4", 4)};
}

}  // namespace hotlap::fuzz
