// A multilayer perceptron: fully connected layers with a function behind each but the last. The
// shape alone; parameters, results and gradients are the caller's, so threads may share it.
//
// Batches are row-major, a row is an example. Widths in memory are PaddedWidth() of the sizes; what
// is beyond the size is 0 in parameters and results and stays so in training. Packed parameters are
// those without padding: of each layer the weights, [inputs, outputs], then the biases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "agents/matrix_kernels.h"

namespace hotlap::agents {

enum class Activation : std::uint8_t { kTanh, kRelu };

struct MlpSettings {
  std::vector<int> hidden = {64, 64};  // sizes of the layers between
  Activation activation = Activation::kTanh;
  friend bool operator==(const MlpSettings&, const MlpSettings&) = default;
};

class Mlp {
 public:
  // Memory for up to so many rows of one thread.
  struct Memory {
    std::vector<std::vector<float>> results;    // of each layer, [rows, width]
    std::vector<std::vector<float>> gradients;  // of the loss by them
    std::vector<float> transposed;              // weights of a layer
  };

  // REQUIRES: all sizes at least 1.
  Mlp(int inputs, int outputs, const MlpSettings& settings);

  int num_inputs() const { return layers_.front().inputs; }
  int num_outputs() const { return layers_.back().outputs; }
  std::size_t num_parameters() const { return num_parameters_; }  // padding included
  std::size_t num_packed() const { return num_packed_; }
  std::size_t num_layers() const { return layers_.size(); }
  std::size_t num_weights(std::size_t layer) const;
  std::size_t num_biases(std::size_t layer) const;

  // REQUIRES: parameters.size() == num_parameters(), packed.size() == num_packed().
  std::vector<float> Pack(std::span<const float> parameters) const;
  // Leaves the padding as it is.
  void Unpack(std::span<const float> packed, std::span<float> parameters) const;

  // Draws orthogonal weights (Saxe, McClelland, Ganguli 2014) and zero biases from the seed, the
  // same bits on every machine: a layer's columns, or its rows where these are fewer, are at right
  // angles and as long as its gain. Gains: sqrt(2) between, `output_gain` in the last layer.
  // REQUIRES: parameters.size() == num_parameters().
  void Initialise(std::uint64_t seed, float output_gain, std::span<float> parameters) const;

  // `with_gradients`: for Backward as well.
  Memory MakeMemory(int max_rows, bool with_gradients) const;
  // inputs: [rows, inputs], as many floats apart as `stride`. The outputs: [rows, padded outputs],
  // in memory until the next call. Allocates nothing.
  std::span<float> Forward(std::span<const float> parameters, const float* inputs,
                           std::size_t stride, int rows, Memory& memory) const;
  // Adds the gradient of the loss by the parameters. `memory` and inputs are those of the Forward
  // before; output_gradients: [rows, padded outputs], 0 in the padding.
  void Backward(std::span<const float> parameters, const float* inputs, std::size_t stride,
                int rows, std::span<const float> output_gradients, Memory& memory,
                std::span<float> gradient) const;

 private:
  struct Layer {
    int inputs = 0, outputs = 0;
    // Where they begin among the parameters: [inputs, padded outputs], then one more such row.
    std::size_t weights = 0, biases = 0;
    std::size_t width() const { return static_cast<std::size_t>(PaddedWidth(outputs)); }
  };

  std::vector<Layer> layers_;
  Activation activation_;
  std::size_t num_parameters_ = 0, num_packed_ = 0;
};

}  // namespace hotlap::agents
