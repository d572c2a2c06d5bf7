#include "agents/weights_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "agents/record.h"
#include "transport/status.h"

namespace hotlap::agents {
namespace {

using nlohmann::json;

constexpr const char* kKind = "weights";
constexpr int kMaxLayers = 16, kMaxSize = 1 << 16;

std::size_t NumDeviations(const ActorCritic& network) {
  return static_cast<std::size_t>(network.head().num_deviations());
}

// Calls visit(layer, key, its number of values) for each array of a network, in the order of packed
// parameters.
template <typename Visit>
void VisitArrays(const Mlp& network, const Visit& visit) {
  for (std::size_t layer = 0; layer < network.num_layers(); ++layer) {
    visit(layer, "weights", network.num_weights(layer));
    visit(layer, "biases", network.num_biases(layer));
  }
}

json PackLayers(const Mlp& network, std::span<const float> parameters) {
  json layers = json::array();
  const std::vector<float> packed = network.Pack(parameters);
  std::span<const float> rest(packed);
  VisitArrays(network, [&](std::size_t layer, const char* key, std::size_t size) {
    layers[layer][key] = PackArray(rest.first(size));
    rest = rest.subspan(size);
  });
  return layers;
}

// Before there is memory for a network: a few bytes of a file can tell of a huge one.
void CheckLayers(const json& object, const char* key, const Mlp& network) {
  const json& layers = Field(object, key);
  if (!layers.is_array() || layers.size() != network.num_layers()) {
    throw std::runtime_error(std::string("the field '") + key + "' has not " +
                             std::to_string(network.num_layers()) + " layers");
  }
  VisitArrays(network, [&](std::size_t layer, const char* array, std::size_t size) {
    CheckArray(layers[layer], array, size * sizeof(float));
  });
}

// After CheckLayers.
void UnpackLayers(const json& layers, const Mlp& network, std::span<float> parameters) {
  std::vector<float> packed;
  VisitArrays(network, [&](std::size_t layer, const char* key, std::size_t size) {
    const std::vector<float> values = UnpackFinite<float>(layers[layer], key, size);
    packed.insert(packed.end(), values.begin(), values.end());
  });
  network.Unpack(packed, parameters);
}

MlpSettings UnpackNetwork(const json& object) {
  MlpSettings network;
  const std::string activation = UnpackString(object, "activation");
  if (activation != "tanh" && activation != "relu") {
    throw std::runtime_error("the field 'activation' is " + transport::Quoted(activation) +
                             "; allowed: tanh, relu");
  }
  network.activation = activation == "tanh" ? Activation::kTanh : Activation::kRelu;
  const json& hidden = Field(object, "hidden");
  network.hidden.clear();
  if (!hidden.is_array() || hidden.size() > kMaxLayers) {
    throw std::runtime_error("the field 'hidden' is no list of at most " +
                             std::to_string(kMaxLayers) + " sizes");
  }
  for (const json& size : hidden) {
    network.hidden.push_back(
        static_cast<int>(UnpackInt(json{{"hidden", size}}, "hidden", 1, kMaxSize)));
  }
  return network;
}

}  // namespace

void WriteWeights(const std::filesystem::path& path, const WeightsFile& file,
                  const ActorCritic& network) {
  const std::span<const float> all(file.weights.parameters);
  const auto deviations = network.HeadPart(all).first(NumDeviations(network));
  json object{{"environment", file.environment},
              {"policy_hash", Hex(file.policy_hash)},
              {"task_hash", Hex(file.task_hash)},
              {"steps", file.steps},
              {"inputs", network.observation_size()},
              {"outputs", network.head().num_outputs()},
              {"activation", file.network.activation == Activation::kTanh ? "tanh" : "relu"},
              {"hidden", file.network.hidden},
              {"scale_mean", PackArray(file.weights.scale.mean)},
              {"scale_factor", PackArray(file.weights.scale.factor)},
              {"actor", PackLayers(network.actor(), network.ActorPart(all))},
              {"critic", PackLayers(network.critic(), network.CriticPart(all))},
              {"log_deviations", PackArray(deviations)}};
  WriteRecord(path, kKind, kWeightsVersion, std::move(object));
}

WeightsFile ReadWeights(const std::filesystem::path& path, const EnvironmentSpec& spec) {
  return UnpackWeights(ReadWeightsRecord(path), path, spec);
}

WeightsFile UnpackWeights(const json& object, const std::filesystem::path& path,
                          const EnvironmentSpec& spec) {
  try {
    WeightsFile file;
    file.environment = UnpackString(object, "environment");
    file.policy_hash = UnpackHex(object, "policy_hash");
    file.task_hash = UnpackHex(object, "task_hash");
    file.steps = UnpackInt(object, "steps", 0, std::int64_t{1} << 62);
    if (file.policy_hash != spec.policy_hash) {
      throw std::runtime_error("it was trained on " + transport::Quoted(file.environment) +
                               " with policy hash " + Hex(file.policy_hash) +
                               ", and this environment has " + Hex(spec.policy_hash));
    }
    file.network = UnpackNetwork(object);
    const ActorCritic network(spec, file.network);
    UnpackInt(object, "inputs", network.observation_size(), network.observation_size());
    UnpackInt(object, "outputs", network.head().num_outputs(), network.head().num_outputs());
    const auto inputs = static_cast<std::size_t>(network.observation_size());
    file.weights.scale.mean = UnpackFinite<float>(object, "scale_mean", inputs);
    file.weights.scale.factor = UnpackFinite<float>(object, "scale_factor", inputs);
    CheckLayers(object, "actor", network.actor());
    CheckLayers(object, "critic", network.critic());
    file.weights.parameters.assign(network.num_parameters(), 0);
    const std::span<float> all(file.weights.parameters);
    UnpackLayers(object["actor"], network.actor(), network.ActorPart(all));
    UnpackLayers(object["critic"], network.critic(), network.CriticPart(all));
    std::ranges::copy(UnpackFinite<float>(object, "log_deviations", NumDeviations(network)),
                      network.HeadPart(all).begin());
    return file;
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

bool IsWeightsFile(const std::filesystem::path& path) { return path.extension() == ".weights"; }

json ReadWeightsRecord(const std::filesystem::path& path) {
  json object = ReadRecord(path, kKind, kWeightsVersion);
  try {
    UnpackString(object, "environment");
    UnpackHex(object, "policy_hash");
    UnpackHex(object, "task_hash");
    return object;
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

}  // namespace hotlap::agents
