#include "agents/mlp.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cassert>
#include <cmath>

#include "agents/normal_draws.h"

namespace hotlap::agents {
namespace {

// [inputs, outputs], orthonormal columns or rows, whichever are fewer.
Eigen::MatrixXf OrthogonalMatrix(int inputs, int outputs, const RandomStream& random) {
  const int longer = std::max(inputs, outputs), shorter = std::min(inputs, outputs);
  Eigen::MatrixXf drawn(longer, shorter);
  std::uint64_t draw = 0;
  for (int i = 0; i < longer; ++i) {
    for (int j = 0; j < shorter; ++j) drawn(i, j) = NormalDraw(random, draw++);
  }
  const Eigen::HouseholderQR<Eigen::MatrixXf> qr(drawn);
  Eigen::MatrixXf q = qr.householderQ() * Eigen::MatrixXf::Identity(longer, shorter);
  // The signs of R's diagonal make the draw even over all orthogonal matrices.
  for (int j = 0; j < shorter; ++j) {
    if (qr.matrixQR()(j, j) < 0) q.col(j) = -q.col(j);
  }
  if (inputs < outputs) q.transposeInPlace();
  return q;
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
  }
}

void Mlp::Initialise(std::uint64_t seed, float output_gain, std::span<float> parameters) const {
  std::ranges::fill(parameters, 0.0f);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const float gain = l + 1 < layers_.size() ? std::sqrt(2.0f) : output_gain;
    const Eigen::MatrixXf weights = OrthogonalMatrix(
        layer.inputs, layer.outputs, RandomStream(seed, l, RandomPurpose::kWeights));
    for (int i = 0; i < layer.inputs; ++i) {
      float* const row = &parameters[layer.weights + static_cast<std::size_t>(i) * layer.width()];
      for (int j = 0; j < layer.outputs; ++j) row[j] = gain * weights(i, j);
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
