// A policy that was learnt, as a file: what hotlap-train writes and hotlap-eval drives with.
//
// msgpack of one map; arrays are binary, float32, little-endian, row-major:
//   hotlap         "weights"
//   version        kWeightsVersion
//   environment    the name that it was trained on
//   policy_hash    of that environment, 16 hexadecimal digits: what it sees, does and how long
//   task_hash      likewise: what it was paid for
//   steps          env steps that it learnt from
//   inputs, outputs   numbers
//   activation     "tanh" or "relu"
//   hidden         list of sizes
//   scale_mean, scale_factor    [inputs]; see ObservationScale
//   actor, critic  lists of layers, {weights [inputs, outputs], biases [outputs]}
//   log_deviations [outputs]; of keys, empty
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "agents/actor_critic.h"

namespace hotlap::agents {

inline constexpr int kWeightsVersion = 1;

struct WeightsFile {
  std::string environment;
  std::uint64_t policy_hash = 0, task_hash = 0;
  std::int64_t steps = 0;
  MlpSettings network;
  Weights weights;
};

// Written beside and renamed, so that a file of that name is always whole. Throws
// std::runtime_error naming the file. `network` is of file.network.
void WriteWeights(const std::filesystem::path& path, const WeightsFile& file,
                  const ActorCritic& network);

// For this environment. Throws std::runtime_error that names the file and the field which is
// missing, of the wrong size or not finite; and when it was trained on other observations, actions
// or steps.
WeightsFile ReadWeights(const std::filesystem::path& path, const EnvironmentSpec& spec);
// By its name: *.weights.
bool IsWeightsFile(const std::filesystem::path& path);

// The two halves of ReadWeights: what is in the file, with an environment's name and both hashes;
// and what fits a spec of it.
nlohmann::json ReadWeightsRecord(const std::filesystem::path& path);
WeightsFile UnpackWeights(const nlohmann::json& record, const std::filesystem::path& path,
                          const EnvironmentSpec& spec);

}  // namespace hotlap::agents
