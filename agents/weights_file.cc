#include "agents/weights_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "agents/record.h"

namespace hotlap::agents {
namespace {

using nlohmann::json;

constexpr const char* kKind = "weights";
constexpr int kMaxLayers = 16, kMaxSize = 1 << 16;

std::vector<float> UnpackFinite(const json& object, const char* key, std::size_t size) {
  std::vector<float> values = UnpackArray<float>(object, key, size);
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
    throw std::runtime_error(std::string("the field '") + key + "' has values that are not finite");
  }
  return values;
}

json PackLayers(const Mlp& network, std::span<const float> parameters) {
  json layers = json::array();
  for (const Mlp::Layer& layer : network.layers()) {
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    std::vector<float> weights;
    for (std::size_t i = 0; i < static_cast<std::size_t>(layer.inputs); ++i) {
      const auto row = parameters.subspan(layer.weights + i * layer.width(), outputs);
      weights.insert(weights.end(), row.begin(), row.end());
    }
    layers.push_back({{"weights", PackArray(weights)},
                      {"biases", PackArray(parameters.subspan(layer.biases, outputs))}});
  }
  return layers;
}

void UnpackLayers(const json& object, const char* key, const Mlp& network,
                  std::span<float> parameters) {
  const json& layers = Field(object, key);
  if (!layers.is_array() || layers.size() != network.layers().size()) {
    throw std::runtime_error(std::string("the field '") + key + "' has not " +
                             std::to_string(network.layers().size()) + " layers");
  }
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Mlp::Layer& layer = network.layers()[l];
    const auto inputs = static_cast<std::size_t>(layer.inputs);
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    const std::vector<float> weights = UnpackFinite(layers[l], "weights", inputs * outputs);
    for (std::size_t i = 0; i < inputs; ++i) {
      std::copy_n(&weights[i * outputs], outputs, &parameters[layer.weights + i * layer.width()]);
    }
    std::ranges::copy(UnpackFinite(layers[l], "biases", outputs),
                      parameters.begin() + static_cast<std::ptrdiff_t>(layer.biases));
  }
}

MlpSettings UnpackNetwork(const json& object) {
  MlpSettings network;
  const std::string activation = UnpackString(object, "activation");
  if (activation != "tanh" && activation != "relu") {
    throw std::runtime_error("the field 'activation' is '" + activation + "'; allowed: tanh, relu");
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
  const auto deviations = network.HeadPart(all).first(
      network.head().is_discrete() ? std::size_t{0}
                                   : static_cast<std::size_t>(network.head().num_outputs()));
  const json object{{"hotlap", "weights"},
                    {"version", kWeightsVersion},
                    {"environment", file.environment},
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
  const json object = ReadRecord(path, kKind, kWeightsVersion);
  try {
    WeightsFile file;
    file.environment = UnpackString(object, "environment");
    file.policy_hash = UnpackHex(object, "policy_hash");
    file.task_hash = UnpackHex(object, "task_hash");
    file.steps = UnpackInt(object, "steps", 0, std::int64_t{1} << 62);
    if (file.policy_hash != spec.policy_hash) {
      throw std::runtime_error("it was trained on '" + file.environment + "' with policy hash " +
                               Hex(file.policy_hash) + ", and this environment has " +
                               Hex(spec.policy_hash));
    }
    file.network = UnpackNetwork(object);
    const ActorCritic network(spec, file.network);
    UnpackInt(object, "inputs", network.observation_size(), network.observation_size());
    UnpackInt(object, "outputs", network.head().num_outputs(), network.head().num_outputs());
    const auto inputs = static_cast<std::size_t>(network.observation_size());
    file.weights.scale.mean = UnpackFinite(object, "scale_mean", inputs);
    file.weights.scale.factor = UnpackFinite(object, "scale_factor", inputs);
    file.weights.parameters.assign(network.num_parameters(), 0);
    const std::span<float> all(file.weights.parameters);
    UnpackLayers(object, "actor", network.actor(), network.ActorPart(all));
    UnpackLayers(object, "critic", network.critic(), network.CriticPart(all));
    std::ranges::copy(UnpackFinite(object, "log_deviations",
                                   network.head().is_discrete()
                                       ? 0
                                       : static_cast<std::size_t>(network.head().num_outputs())),
                      network.HeadPart(all).begin());
    return file;
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

std::string ReadWeightsEnvironment(const std::filesystem::path& path) {
  return UnpackString(ReadRecord(path, kKind, kWeightsVersion), "environment");
}

}  // namespace hotlap::agents
