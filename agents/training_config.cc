#include "agents/training_config.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

namespace hotlap::agents {
namespace {

constexpr int kMaxInt = 2'000'000'000;
constexpr int kMaxExamples = 10'000'000;
constexpr std::array<std::string_view, 2> kActivations = {"tanh", "relu"};
constexpr std::array<std::string_view, 2> kLearners = {"ppo", "cma_es"};
constexpr std::pair<std::string_view, std::size_t> kLearnerKeys[] = {
    {"ppo", 0}, {"starts", 0}, {"cma_es", 1}};
constexpr std::array<std::string_view, 4> kPlaces = {"start", "checkpoints", "line", "failures"};

// The shortest text that reads as the same number.
std::string Shortest(float value) {
  std::array<char, 64> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  return error == std::errc() ? std::string(text.data(), end) : "0";
}

// The keys of a mapping: settings are read from them, or written as them.
class Keys {
 public:
  explicit Keys(ConfigMap source) : source_(std::move(source)) {}
  explicit Keys(YAML::Emitter& out) : out_(&out) {}

  void Text(const char* key, std::string& value) const {
    if (out_ != nullptr) return Put(key, value);
    value = source_->String(key, value);
  }
  void Flag(const char* key, bool& value) const {
    if (out_ != nullptr) return Put(key, value);
    value = source_->Bool(key, value);
  }
  template <typename T>
  void Int(const char* key, int low, int high, T& value) const {
    if (out_ != nullptr) return Put(key, value);
    value = static_cast<T>(source_->Int(key, low, high, static_cast<int>(value)));
  }
  void Float(const char* key, float low, float high, float& value) const {
    if (out_ != nullptr) return Put(key, Shortest(value));
    value = source_->Float(key, low, high, value);
  }
  // 0, which is below its range, is none; `fallback` is for a key that there is not.
  void FloatOrNone(const char* key, float low, float high, float fallback, float& value) const {
    if (out_ == nullptr) {
      value = source_->Float(key, low, high, fallback);
    } else if (value != 0) {
      Put(key, Shortest(value));
    }
  }
  template <typename T>
  void Choice(const char* key, std::span<const std::string_view> names, T& value) const {
    const auto index = static_cast<std::size_t>(value);
    if (out_ != nullptr) return Put(key, std::string(names[index]));
    value = static_cast<T>(source_->Choice(key, names, index));
  }
  void Names(const char* key, std::size_t least, std::size_t most,
             std::vector<std::string>& names) const {
    if (out_ != nullptr) return Put(key, names);
    names = source_->Strings(key, least, most);
  }
  void Sizes(const char* key, std::size_t most, float high, std::vector<int>& sizes) const {
    if (out_ != nullptr) {
      *out_ << YAML::Key << key << YAML::Value << YAML::Flow << sizes;
    } else if (source_->Has(key)) {
      sizes.clear();
      for (const float size : source_->Floats(key, 0, most, 1, high)) {
        if (size != std::floor(size)) source_->Fail(key, "sizes are whole numbers");
        sizes.push_back(static_cast<int>(size));
      }
    }
  }
  void Map(const char* key, const std::function<void(const Keys&)>& visit) const {
    if (out_ == nullptr) return visit(Keys(source_->Map(key)));
    *out_ << YAML::Key << key << YAML::Value << YAML::BeginMap;
    visit(*this);
    *out_ << YAML::EndMap;
  }

 private:
  template <typename T>
  void Put(const char* key, const T& value) const {
    *out_ << YAML::Key << key << YAML::Value << value;
  }

  std::optional<ConfigMap> source_;
  YAML::Emitter* out_ = nullptr;  // null: they are read
};

// Each key in its order, with its range and what it sets. The tracks and the learner have been
// chosen.
void Visit(const Keys& keys, TrainingConfig& config) {
  keys.Text("environment", config.environment);
  if (config.generated) {
    keys.Map("generated", [&stages = *config.generated](const Keys& map) {
      map.Int("tracks", 1, 512, stages.tracks);
      map.Float("first_difficulty", 0, 1, stages.first_difficulty);
      map.Float("last_difficulty", 0, 1, stages.last_difficulty);
      map.Int("stages", 1, 100, stages.stages);
      map.Float("finish_rate", 0, 1, stages.finish_rate);
      map.Int("first_seed", 0, kMaxInt, stages.first_seed);
    });
  } else {
    keys.Names("tracks", 1, 4096, config.tracks);
  }
  keys.Int("rows", 1, 65536, config.rows);
  keys.Int("steps", 1, kMaxInt, config.steps);
  keys.Int("seed", 0, kMaxInt, config.seed);
  keys.Map("network", [&network = config.network](const Keys& map) {
    map.Sizes("hidden", 8, 4096, network.hidden);
    map.Choice("activation", kActivations, network.activation);
  });
  keys.Flag("scale_observations", config.scale_observations);
  std::size_t learner = config.learner.index();
  keys.Choice("learner", kLearners, learner);
  if (auto* const cma_es = std::get_if<CmaEsTraining>(&config.learner)) {
    keys.Map("cma_es", [cma_es](const Keys& map) {
      map.Int("population", 4, 4096, cma_es->search.population);
      map.Float("first_deviation", 1e-6f, 1000, cma_es->search.first_deviation);
      map.Int("episodes", 1, 1000, cma_es->episodes);
    });
  } else {
    auto& part = std::get<PpoTraining>(config.learner);
    keys.Map("ppo", [&ppo = part.ppo](const Keys& map) {
      map.Int("rollout_steps", 1, 100'000, ppo.rollout_steps);
      map.Int("epochs", 1, 1000, ppo.epochs);
      map.Int("minibatch", 1, 1'000'000, ppo.minibatch);
      map.Float("discount", 0, 1, ppo.discount);
      map.Float("gae_decay", 0, 1, ppo.gae_decay);
      map.Float("clip", 1e-3f, 1, ppo.clip);
      map.Float("value_clip", 0, 1e6f, ppo.value_clip);
      map.Float("value_weight", 0, 1000, ppo.value_weight);
      map.Float("entropy_weight", 0, 1000, ppo.entropy_weight);
      map.Float("max_gradient_norm", 0, 1e6f, ppo.max_gradient_norm);
      map.Float("target_kl", 0, 1000, ppo.target_kl);
      map.Float("first_learning_rate", 0, 1, ppo.first_learning_rate);
      map.Float("last_learning_rate", 0, 1, ppo.last_learning_rate);
      map.Float("log_deviation", -10, 2, ppo.log_deviation);
    });
    keys.Map("starts", [&part](const Keys& map) {
      map.Choice("at", kPlaces, part.starts.at);
      map.Float("start_share", 0, 1, part.starts.start_share);
      const float fallback_m = part.starts.at == StartPlace::kStart ? 0.0f : 20.0f;
      map.FloatOrNone("every_m", 1, 10000, fallback_m, part.keep_every_m);
    });
  }
  keys.Int("trial_steps", 1, kMaxInt, config.trial_steps);
}

// Empty: none.
std::string RowsFault(const TrainingConfig& config) {
  const std::size_t num_tracks = TracksOf(config, 0).size();
  if (static_cast<std::size_t>(config.rows) >= num_tracks) return {};
  return "a training wants a row for each track, " + std::to_string(num_tracks) + " at least";
}

TrainingConfig Read(const ConfigMap& config) {
  TrainingConfig result;
  if (config.Has("tracks") == config.Has("generated")) {
    config.Fail("tracks", "one of tracks and generated says what is driven, not both or none");
  }
  if (config.Has("generated")) result.generated.emplace();
  const std::size_t learner = config.Choice("learner", kLearners, result.learner.index());
  if (learner == 1) result.learner = CmaEsTraining();
  for (const auto& [key, owner] : kLearnerKeys) {
    if (owner == learner || !config.Has(key)) continue;
    config.Fail(key, "it is not of the learner " + std::string(kLearners[learner]));
  }
  Visit(Keys(config), result);
  const auto* const ppo = std::get_if<PpoTraining>(&result.learner);
  if (ppo != nullptr && std::int64_t{result.rows} * ppo->ppo.rollout_steps > kMaxExamples) {
    config.Map("ppo").Fail("rollout_steps", "times rows are at most " +
                                                std::to_string(kMaxExamples) +
                                                " examples, which an update works on at a time");
  }
  if (const std::string fault = RowsFault(result); !fault.empty()) config.Fail("rows", fault);
  config.Finish();
  return result;
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
  TrainingConfig copy = config;  // which nothing is read into
  out << YAML::BeginMap;
  Visit(Keys(out), copy);
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
