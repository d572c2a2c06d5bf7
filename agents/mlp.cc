#include "agents/mlp.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "agents/normal_draws.h"

namespace hotlap::agents {
namespace {

// [longer, shorter] with orthonormal columns, even over all such matrices: normal draws, each
// column made a unit and then taken out of those behind it (Gram and Schmidt). In double precision
// and in an order of its own: a library's depends on the processor's caches.
std::vector<double> OrthonormalColumns(std::size_t longer, std::size_t shorter,
                                       const RandomStream& random) {
  std::vector<double> columns(longer * shorter);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i] = static_cast<double>(NormalDraw(random, i));
  }
  std::vector<double> overlaps(shorter);
  for (std::size_t j = 0; j < shorter; ++j) {
    double square = 0;
    for (std::size_t i = 0; i < longer; ++i) {
      square += columns[i * shorter + j] * columns[i * shorter + j];
    }
    const double length = std::sqrt(square);
    std::ranges::fill(overlaps, 0.0);
    for (std::size_t i = 0; i < longer; ++i) {
      double* const row = &columns[i * shorter];
      row[j] /= length;
      for (std::size_t k = j + 1; k < shorter; ++k) overlaps[k] += row[j] * row[k];
    }
    for (std::size_t i = 0; i < longer; ++i) {
      double* const row = &columns[i * shorter];
      for (std::size_t k = j + 1; k < shorter; ++k) row[k] -= row[j] * overlaps[k];
    }
  }
  return columns;
}

}  // namespace

Mlp::Mlp(int inputs, int outputs, const MlpSettings& settings) : activation_(settings.activation) {
  std::vector<int> sizes = {inputs};
  sizes.insert(sizes.end(), settings.hidden.begin(), settings.hidden.end());
  sizes.push_back(outputs);
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    assert(sizes[i] > 0 && sizes[i + 1] > 0);
    Layer layer{.inputs = sizes[i], .outputs = sizes[i + 1]};
    layer.weights = num_parameters_;
    layer.biases = layer.weights + static_cast<std::size_t>(layer.inputs) * layer.width();
    num_parameters_ = layer.biases + layer.width();
    layers_.push_back(layer);
    num_packed_ += num_weights(i) + num_biases(i);
  }
}

std::size_t Mlp::num_weights(std::size_t layer) const {
  return static_cast<std::size_t>(layers_[layer].inputs) * num_biases(layer);
}

std::size_t Mlp::num_biases(std::size_t layer) const {
  return static_cast<std::size_t>(layers_[layer].outputs);
}

std::vector<float> Mlp::Pack(std::span<const float> parameters) const {
  std::vector<float> packed;
  for (const Layer& layer : layers_) {
    for (std::size_t at = layer.weights; at <= layer.biases; at += layer.width()) {
      const auto row = parameters.subspan(at, static_cast<std::size_t>(layer.outputs));
      packed.insert(packed.end(), row.begin(), row.end());
    }
  }
  return packed;
}

void Mlp::Unpack(std::span<const float> packed, std::span<float> parameters) const {
  for (const Layer& layer : layers_) {
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    for (std::size_t at = layer.weights; at <= layer.biases; at += layer.width()) {
      std::ranges::copy(packed.first(outputs), &parameters[at]);
      packed = packed.subspan(outputs);
    }
  }
}

void Mlp::Initialise(std::uint64_t seed, float output_gain, std::span<float> parameters) const {
  std::ranges::fill(parameters, 0.0f);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const float gain = l + 1 < layers_.size() ? std::sqrt(2.0f) : output_gain;
    const auto inputs = static_cast<std::size_t>(layer.inputs);
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    const std::size_t shorter = std::min(inputs, outputs);
    const std::vector<double> columns = OrthonormalColumns(
        std::max(inputs, outputs), shorter, RandomStream(seed, l, RandomPurpose::kWeights));
    for (std::size_t i = 0; i < inputs; ++i) {
      float* const row = &parameters[layer.weights + i * layer.width()];
      for (std::size_t j = 0; j < outputs; ++j) {
        const double weight =
            inputs < outputs ? columns[j * shorter + i] : columns[i * shorter + j];
        row[j] = gain * static_cast<float>(weight);
      }
    }
  }
}

Mlp::Memory Mlp::MakeMemory(int max_rows, bool with_gradients) const {
  Memory memory;
  std::size_t transposed = 0;
  for (const Layer& layer : layers_) {
    const std::size_t size = static_cast<std::size_t>(max_rows) * layer.width();
    memory.results.emplace_back(size);
    if (with_gradients) memory.gradients.emplace_back(size);
    transposed =
        std::max(transposed, layer.width() * static_cast<std::size_t>(PaddedWidth(layer.inputs)));
  }
  if (with_gradients) memory.transposed.resize(transposed);
  return memory;
}

std::span<float> Mlp::Forward(std::span<const float> parameters, const float* inputs,
                              std::size_t stride, int rows, Memory& memory) const {
  const auto num_rows = static_cast<std::size_t>(rows);
  std::span<float> results;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    assert(memory.results[l].size() >= num_rows * layer.width());
    results = std::span(memory.results[l]).first(num_rows * layer.width());
    Multiply({.rows = rows,
              .columns = static_cast<int>(layer.width()),
              .depth = layer.inputs,
              .a = inputs,
              .a_row_stride = static_cast<std::ptrdiff_t>(stride),
              .b = &parameters[layer.weights],
              .b_stride = static_cast<std::ptrdiff_t>(layer.width()),
              .c = results.data(),
              .c_stride = static_cast<std::ptrdiff_t>(layer.width()),
              .initial = &parameters[layer.biases]});
    if (l + 1 < layers_.size()) {
      activation_ == Activation::kTanh ? ApplyTanh(results) : ApplyRelu(results);
    }
    inputs = results.data();
    stride = layer.width();
  }
  return results;
}

void Mlp::Backward(std::span<const float> parameters, const float* inputs, std::size_t stride,
                   int rows, std::span<const float> output_gradients, Memory& memory,
                   std::span<float> gradient) const {
  const auto num_rows = static_cast<std::size_t>(rows);
  std::span<const float> above = output_gradients;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const Layer& layer = layers_[l];
    const auto width = static_cast<std::ptrdiff_t>(layer.width());
    const float* const below = l == 0 ? inputs : memory.results[l - 1].data();
    const std::size_t below_stride = l == 0 ? stride : layers_[l - 1].width();
    Multiply({.rows = layer.inputs,
              .columns = static_cast<int>(width),
              .depth = rows,
              .a = below,
              .a_row_stride = 1,
              .a_depth_stride = static_cast<std::ptrdiff_t>(below_stride),
              .b = above.data(),
              .b_stride = width,
              .c = &gradient[layer.weights],
              .c_stride = width,
              .is_added = true});
    AddRows(above, static_cast<int>(width), gradient.subspan(layer.biases, layer.width()));
    if (l == 0) break;

    const auto below_width = static_cast<std::ptrdiff_t>(below_stride);
    const float* const weights = &parameters[layer.weights];
    for (std::ptrdiff_t o = 0; o < layer.outputs; ++o) {
      float* const row = &memory.transposed[static_cast<std::size_t>(o * below_width)];
      for (std::ptrdiff_t i = 0; i < layer.inputs; ++i) row[i] = weights[i * width + o];
      std::fill(row + layer.inputs, row + below_width, 0.0f);
    }
    const std::span<float> gradients =
        std::span(memory.gradients[l - 1]).first(num_rows * layers_[l - 1].width());
    Multiply({.rows = rows,
              .columns = static_cast<int>(below_width),
              .depth = layer.outputs,
              .a = above.data(),
              .a_row_stride = width,
              .b = memory.transposed.data(),
              .b_stride = below_width,
              .c = gradients.data(),
              .c_stride = below_width});
    const std::span<const float> results = std::span(memory.results[l - 1]).first(gradients.size());
    activation_ == Activation::kTanh ? ApplyTanhGradient(results, gradients)
                                     : ApplyReluGradient(results, gradients);
    above = gradients;
  }
}

}  // namespace hotlap::agents
