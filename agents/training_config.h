// What a training is: settings, from YAML (configs/agents).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agents/cma_es.h"
#include "agents/mlp.h"
#include "agents/ppo.h"
#include "env/config.h"
#include "env/state_archive.h"

namespace hotlap::agents {

// Generated tracks, in stages: those of stage k have difficulties spread evenly from 0 to
// first + k * (last - first) / (stages - 1), and seeds of their own.
struct GeneratedStages {
  int tracks = 256;  // at a time, [1, 512]
  float first_difficulty = 0.5f, last_difficulty = 0.5f;
  int stages = 1;
  float finish_rate = 0.8f;  // of recent episodes, from which on the next stage begins
  std::int64_t first_seed = 1;
};

struct PpoTraining {
  PpoSettings ppo;
  // Episodes that begin along the line, at states that the rows drove through.
  float keep_every_m = 0;  // 0: none are kept
  Starts starts;
};

struct CmaEsTraining {
  CmaEsSettings search;
  int episodes = 1;  // of each candidate on each track
};

struct TrainingConfig {
  std::string environment = "coarse";  // of configs/environments
  std::vector<std::string> tracks;     // row i drives tracks[i % size]; empty: generated ones
  std::optional<GeneratedStages> generated;
  int rows = 512;
  std::int64_t steps = 20'000'000;  // env steps of all rows together
  std::uint64_t seed = 1;           // below 2^63
  MlpSettings network;
  bool scale_observations = true;
  std::variant<PpoTraining, CmaEsTraining> learner;
  std::int64_t trial_steps = 500'000;  // between two laps without random actions
};

// Throw ConfigError.
TrainingConfig LoadTrainingConfig(const std::filesystem::path& path);
TrainingConfig ParseTrainingConfig(std::string_view text, std::string_view name);
// Throws std::invalid_argument where there are fewer rows than tracks of a stage, some of which
// would never be driven. What is read has been checked.
void CheckRows(const TrainingConfig& config);
// As YAML, every key: what is read from it is the same config.
std::string ToYaml(const TrainingConfig& config);

// The tracks of a stage; those of the config when none are generated.
std::vector<std::string> TracksOf(const TrainingConfig& config, int stage);
inline int NumStages(const TrainingConfig& config) {
  return config.generated ? config.generated->stages : 1;
}

}  // namespace hotlap::agents
