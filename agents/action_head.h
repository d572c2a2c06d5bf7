// What a network's outputs say of actions: a distribution over an action set. Keys: a categorical
// one, its logits are the outputs. Continuous: an independent normal one for each component, its
// means are the outputs; the logarithms of the deviations are parameters of the head and the same
// for all observations.
//
// Outputs are [rows, padded outputs] as Mlp gives them. Actions are kept as floats, [rows,
// action_size()]: the index, or the components as drawn. The environment clips these to [-1, 1];
// their probability is that of the draw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agents/policy.h"
#include "env/random.h"
#include "env/spec.h"

namespace hotlap::agents {

class ActionHead {
 public:
  // Memory for up to so many rows of one thread.
  struct Memory {
    std::vector<float> probabilities;  // [rows, padded outputs]; of keys alone
  };

  // Throws std::invalid_argument where the set has no action.
  explicit ActionHead(const ActionSpec& spec);

  int num_outputs() const { return num_outputs_; }
  std::size_t num_parameters() const;  // of its own, padding included; 0 for keys
  // Of these, the logarithms of deviations, which come first; 0 for keys.
  int num_deviations() const { return is_discrete_ ? 0 : num_outputs_; }
  int action_size() const { return is_discrete_ ? 1 : num_outputs_; }
  bool is_discrete() const { return is_discrete_; }
  Memory MakeMemory(int max_rows) const;

  // The most likely action of each row.
  void Choose(std::span<const float> outputs, int rows, std::span<float> actions) const;
  // Draws an action in each row, from the beginning of the row's stream, and tells the logarithm of
  // its probability, the same bits as Measure. Changes `outputs` like that.
  void Draw(std::span<float> outputs, std::span<const float> parameters, int rows,
            std::span<const RandomStream> random, Memory& memory, std::span<float> actions,
            std::span<float> log_probabilities) const;

  // The logarithms of the actions' probabilities (densities), and the distributions' entropies:
  // [rows] each. Changes `outputs` to what Differentiate wants.
  void Measure(std::span<float> outputs, std::span<const float> parameters, int rows,
               std::span<const float> actions, Memory& memory, std::span<float> log_probabilities,
               std::span<float> entropies) const;
  // After Measure: changes `outputs` to the gradient by the outputs, of a loss whose gradient by
  // the logarithms and entropies is given, and adds that by the head's own parameters.
  void Differentiate(std::span<float> outputs, std::span<const float> parameters, int rows,
                     std::span<const float> actions, const Memory& memory,
                     std::span<const float> entropies, std::span<const float> by_log_probability,
                     std::span<const float> by_entropy, std::span<float> gradient) const;

  // Writes the actions of rows [0, rows) for the environment.
  void Write(std::span<const float> actions, int rows, ActionBuffer& buffer) const;

 private:
  std::size_t width() const;
  void Normalise(std::span<float> outputs, int rows, Memory& memory) const;
  // Of one row; the outputs of keys are normalised.
  float LogProbability(const float* outputs, std::span<const float> parameters,
                       const float* action) const;

  bool is_discrete_;
  int num_outputs_;
};

}  // namespace hotlap::agents
