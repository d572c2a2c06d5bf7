#include "agents/training_config.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <stdexcept>
#include <type_traits>

namespace hotlap::agents {
namespace {

constexpr int kMaxInt = 2'000'000'000;
constexpr int kMaxExamples = 10'000'000;
constexpr std::array<std::string_view, 2> kActivations = {"tanh", "relu"};
constexpr std::array<std::string_view, 2> kLearners = {"ppo", "cma_es"};
constexpr std::array<std::string_view, 4> kPlaces = {"start", "checkpoints", "line", "failures"};

MlpSettings ReadNetwork(const ConfigMap& config, const MlpSettings& base) {
  MlpSettings network = base;
  if (config.Has("hidden")) {
    network.hidden.clear();
    for (const float size : config.Floats("hidden", 0, 8, 1, 4096)) {
      if (size != std::floor(size)) config.Fail("hidden", "sizes are whole numbers");
      network.hidden.push_back(static_cast<int>(size));
    }
  }
  network.activation = static_cast<Activation>(
      config.Choice("activation", kActivations, static_cast<std::size_t>(base.activation)));
  return network;
}

PpoSettings ReadPpo(const ConfigMap& config, const PpoSettings& base) {
  PpoSettings ppo = base;
  ppo.rollout_steps = config.Int("rollout_steps", 1, 100'000, base.rollout_steps);
  ppo.epochs = config.Int("epochs", 1, 1000, base.epochs);
  ppo.minibatch = config.Int("minibatch", 1, 1'000'000, base.minibatch);
  ppo.discount = config.Float("discount", 0, 1, base.discount);
  ppo.gae_decay = config.Float("gae_decay", 0, 1, base.gae_decay);
  ppo.clip = config.Float("clip", 1e-3f, 1, base.clip);
  ppo.value_clip = config.Float("value_clip", 0, 1e6f, base.value_clip);
  ppo.value_weight = config.Float("value_weight", 0, 1000, base.value_weight);
  ppo.entropy_weight = config.Float("entropy_weight", 0, 1000, base.entropy_weight);
  ppo.max_gradient_norm = config.Float("max_gradient_norm", 0, 1e6f, base.max_gradient_norm);
  ppo.target_kl = config.Float("target_kl", 0, 1000, base.target_kl);
  ppo.first_learning_rate = config.Float("first_learning_rate", 0, 1, base.first_learning_rate);
  ppo.last_learning_rate = config.Float("last_learning_rate", 0, 1, base.last_learning_rate);
  ppo.log_deviation = config.Float("log_deviation", -10, 2, base.log_deviation);
  return ppo;
}

GeneratedStages ReadStages(const ConfigMap& config) {
  GeneratedStages stages;
  stages.tracks = config.Int("tracks", 1, 512, stages.tracks);
  stages.first_difficulty = config.Float("first_difficulty", 0, 1, stages.first_difficulty);
  stages.last_difficulty = config.Float("last_difficulty", 0, 1, stages.last_difficulty);
  stages.stages = config.Int("stages", 1, 100, stages.stages);
  stages.finish_rate = config.Float("finish_rate", 0, 1, stages.finish_rate);
  stages.first_seed = config.Int("first_seed", 0, kMaxInt, static_cast<int>(stages.first_seed));
  return stages;
}

void ReadPpoLearner(const ConfigMap& config, TrainingConfig& result) {
  result.ppo = ReadPpo(config.Map("ppo"), result.ppo);
  if (std::int64_t{result.rows} * result.ppo.rollout_steps > kMaxExamples) {
    config.Map("ppo").Fail("rollout_steps", "times rows are at most " +
                                                std::to_string(kMaxExamples) +
                                                " examples, which an update works on at a time");
  }
  const ConfigMap starts = config.Map("starts");
  result.starts.at = static_cast<StartPlace>(starts.Choice("at", kPlaces, std::size_t{0}));
  result.starts.start_share = starts.Float("start_share", 0, 1, result.starts.start_share);
  result.keep_every_m =
      starts.Float("every_m", 1, 10000, result.starts.at == StartPlace::kStart ? 0.0f : 20.0f);
}

void ReadCmaEsLearner(const ConfigMap& config, TrainingConfig& result) {
  CmaEsSettings& search = result.cma_es;
  search.population = config.Int("population", 4, 4096, search.population);
  search.first_deviation = config.Float("first_deviation", 1e-6f, 1000, search.first_deviation);
  result.candidate_episodes = config.Int("episodes", 1, 1000, result.candidate_episodes);
}

// Of another learner than the one that is chosen.
void RefuseKeys(const ConfigMap& config, std::initializer_list<std::string_view> keys,
                const std::string& learner) {
  for (const std::string_view key : keys) {
    if (config.Has(key)) config.Fail(key, "it is not of the learner " + learner);
  }
}

// Empty: none.
std::string RowsFault(const TrainingConfig& config) {
  const std::size_t num_tracks = TracksOf(config, 0).size();
  if (static_cast<std::size_t>(config.rows) >= num_tracks) return {};
  return "a training wants a row for each track, " + std::to_string(num_tracks) + " at least";
}

TrainingConfig Read(const ConfigMap& config) {
  TrainingConfig result;
  result.environment = config.String("environment", result.environment);
  if (config.Has("tracks") == config.Has("generated")) {
    config.Fail("tracks", "one of tracks and generated says what is driven, not both or none");
  }
  if (config.Has("tracks")) result.tracks = config.Strings("tracks", 1, 4096);
  if (config.Has("generated")) result.generated = ReadStages(config.Map("generated"));
  result.rows = config.Int("rows", 1, 65536, result.rows);
  result.steps = config.Int("steps", 1, kMaxInt, static_cast<int>(result.steps));
  result.seed =
      static_cast<std::uint64_t>(config.Int("seed", 0, kMaxInt, static_cast<int>(result.seed)));
  result.network = ReadNetwork(config.Map("network"), result.network);
  result.scale_observations = config.Bool("scale_observations", result.scale_observations);
  result.learner = static_cast<LearnerKind>(
      config.Choice("learner", kLearners, static_cast<std::size_t>(result.learner)));
  if (result.learner == LearnerKind::kPpo) {
    RefuseKeys(config, {"cma_es"}, "ppo");
    ReadPpoLearner(config, result);
  } else {
    RefuseKeys(config, {"ppo", "starts"}, "cma_es");
    ReadCmaEsLearner(config.Map("cma_es"), result);
  }
  if (const std::string fault = RowsFault(result); !fault.empty()) config.Fail("rows", fault);
  result.trial_steps = config.Int("trial_steps", 1, kMaxInt, static_cast<int>(result.trial_steps));
  config.Finish();
  return result;
}

// The shortest text that reads as the same number.
std::string Shortest(float value) {
  std::array<char, 64> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  return error == std::errc() ? std::string(text.data(), end) : "0";
}

}  // namespace

TrainingConfig LoadTrainingConfig(const std::filesystem::path& path) {
  return Read(ConfigMap::Load(path));
}

TrainingConfig ParseTrainingConfig(std::string_view text, std::string_view name) {
  return Read(ConfigMap::Parse(text, name));
}

void CheckRows(const TrainingConfig& config) {
  if (const std::string fault = RowsFault(config); !fault.empty()) {
    throw std::invalid_argument("rows: " + fault + ", not " + std::to_string(config.rows));
  }
}

std::string ToYaml(const TrainingConfig& config) {
  YAML::Emitter out;
  const auto put = [&out](const char* key, const auto& value) {
    out << YAML::Key << key << YAML::Value;
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, float>) {
      out << Shortest(value);
    } else {
      out << value;
    }
  };
  const auto text = [](std::string_view value) { return std::string(value); };
  out << YAML::BeginMap;
  put("environment", config.environment);
  if (config.generated) {
    const GeneratedStages& stages = *config.generated;
    out << YAML::Key << "generated" << YAML::Value << YAML::BeginMap;
    put("tracks", stages.tracks);
    put("first_difficulty", stages.first_difficulty);
    put("last_difficulty", stages.last_difficulty);
    put("stages", stages.stages);
    put("finish_rate", stages.finish_rate);
    put("first_seed", stages.first_seed);
    out << YAML::EndMap;
  } else {
    put("tracks", config.tracks);
  }
  put("rows", config.rows);
  put("steps", config.steps);
  put("seed", config.seed);
  out << YAML::Key << "network" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "hidden" << YAML::Value << YAML::Flow << config.network.hidden;
  put("activation", text(kActivations[static_cast<std::size_t>(config.network.activation)]));
  out << YAML::EndMap;
  put("scale_observations", config.scale_observations);
  put("learner", text(kLearners[static_cast<std::size_t>(config.learner)]));
  if (config.learner == LearnerKind::kPpo) {
    const PpoSettings& ppo = config.ppo;
    out << YAML::Key << "ppo" << YAML::Value << YAML::BeginMap;
    put("rollout_steps", ppo.rollout_steps);
    put("epochs", ppo.epochs);
    put("minibatch", ppo.minibatch);
    put("discount", ppo.discount);
    put("gae_decay", ppo.gae_decay);
    put("clip", ppo.clip);
    put("value_clip", ppo.value_clip);
    put("value_weight", ppo.value_weight);
    put("entropy_weight", ppo.entropy_weight);
    put("max_gradient_norm", ppo.max_gradient_norm);
    put("target_kl", ppo.target_kl);
    put("first_learning_rate", ppo.first_learning_rate);
    put("last_learning_rate", ppo.last_learning_rate);
    put("log_deviation", ppo.log_deviation);
    out << YAML::EndMap;
    out << YAML::Key << "starts" << YAML::Value << YAML::BeginMap;
    put("at", text(kPlaces[static_cast<std::size_t>(config.starts.at)]));
    put("start_share", config.starts.start_share);
    if (config.keep_every_m > 0) put("every_m", config.keep_every_m);
    out << YAML::EndMap;
  } else {
    out << YAML::Key << "cma_es" << YAML::Value << YAML::BeginMap;
    put("population", config.cma_es.population);
    put("first_deviation", config.cma_es.first_deviation);
    put("episodes", config.candidate_episodes);
    out << YAML::EndMap;
  }
  put("trial_steps", config.trial_steps);
  out << YAML::EndMap;
  return std::string(out.c_str()) + '\n';
}

std::vector<std::string> TracksOf(const TrainingConfig& config, int stage) {
  if (!config.generated) return config.tracks;
  const GeneratedStages& stages = *config.generated;
  const float share =
      stages.stages == 1 ? 1.0f : static_cast<float>(stage) / static_cast<float>(stages.stages - 1);
  const float hardest =
      stages.first_difficulty + share * (stages.last_difficulty - stages.first_difficulty);
  std::vector<std::string> tracks;
  for (int i = 0; i < stages.tracks; ++i) {
    const float difficulty =
        hardest * (static_cast<float>(i) + 0.5f) / static_cast<float>(stages.tracks);
    const std::int64_t seed = stages.first_seed + std::int64_t{stage} * stages.tracks + i;
    tracks.push_back("generated:" + std::to_string(seed) + ':' +
                     Shortest(std::round(difficulty * 1e4f) / 1e4f));
  }
  return tracks;
}

}  // namespace hotlap::agents
