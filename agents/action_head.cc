#include "agents/action_head.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <stdexcept>

#include "agents/matrix_kernels.h"
#include "agents/normal_draws.h"
#include "env/sim/scalar_math.h"

namespace hotlap::agents {
namespace {

constexpr float kHalfLogTwoPi = 0.918938533f;
constexpr float kNowhere = -1e30f;  // a logit of no probability

}  // namespace

ActionHead::ActionHead(const ActionSpec& spec)
    : is_discrete_(spec.kind == ActionKind::kDiscrete), num_outputs_(spec.size()) {
  if (num_outputs_ == 0) {
    throw std::invalid_argument("a policy needs a set of at least one action");
  }
}

std::size_t ActionHead::width() const {
  return static_cast<std::size_t>(PaddedWidth(num_outputs_));
}

std::size_t ActionHead::num_parameters() const { return is_discrete_ ? 0 : width(); }

ActionHead::Memory ActionHead::MakeMemory(int max_rows) const {
  Memory memory;
  if (is_discrete_) memory.probabilities.resize(static_cast<std::size_t>(max_rows) * width());
  return memory;
}

void ActionHead::Choose(std::span<const float> outputs, int rows, std::span<float> actions) const {
  const auto count = static_cast<std::size_t>(num_outputs_);
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const auto values = outputs.subspan(row * width(), count);
    if (is_discrete_) {
      actions[row] = static_cast<float>(std::ranges::max_element(values) - values.begin());
    } else {
      std::ranges::copy(values, actions.begin() + static_cast<std::ptrdiff_t>(row * count));
    }
  }
}

// Logits to logarithms of probabilities, with the probabilities beside them.
void ActionHead::Normalise(std::span<float> outputs, int rows, Memory& memory) const {
  const auto count = static_cast<std::size_t>(num_outputs_);
  const std::span<float> probabilities = std::span(memory.probabilities).first(outputs.size());
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const auto logits = outputs.subspan(row * width(), width());
    const float largest = std::ranges::max(logits.first(count));
    for (std::size_t i = 0; i < count; ++i) logits[i] -= largest;
    std::ranges::fill(logits.subspan(count), kNowhere);
  }
  std::ranges::copy(outputs, probabilities.begin());
  ApplyExp(probabilities);
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const auto logits = outputs.subspan(row * width(), count);
    const auto shares = probabilities.subspan(row * width(), count);
    float sum = 0;
    for (const float share : shares) sum += share;
    const float log_sum = sim::Log(sum);
    for (std::size_t i = 0; i < count; ++i) {
      logits[i] -= log_sum;
      shares[i] /= sum;
    }
  }
}

float ActionHead::LogProbability(const float* outputs, std::span<const float> parameters,
                                 const float* action) const {
  if (is_discrete_) return outputs[static_cast<std::size_t>(*action)];
  float sum = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(num_outputs_); ++i) {
    const float z = (action[i] - outputs[i]) * sim::Exp(-parameters[i]);
    sum -= 0.5f * z * z + parameters[i] + kHalfLogTwoPi;
  }
  return sum;
}

void ActionHead::Draw(std::span<float> outputs, std::span<const float> parameters, int rows,
                      std::span<const RandomStream> random, Memory& memory,
                      std::span<float> actions, std::span<float> log_probabilities) const {
  const auto count = static_cast<std::size_t>(num_outputs_);
  if (is_discrete_) Normalise(outputs, rows, memory);
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    float* const action = &actions[row * static_cast<std::size_t>(action_size())];
    const float* const values = &outputs[row * width()];
    if (is_discrete_) {
      // The first whose sum of probabilities passes the draw; rounding leaves the rest to the last
      // one that has any.
      float rest = random[row].Unit(0);
      std::size_t drawn = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const float share = memory.probabilities[row * width() + i];
        if (share <= 0) continue;
        drawn = i;
        if (rest < share) break;
        rest -= share;
      }
      *action = static_cast<float>(drawn);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        action[i] = values[i] + sim::Exp(parameters[i]) * NormalDraw(random[row], i);
      }
    }
    log_probabilities[row] = LogProbability(values, parameters, action);
  }
}

void ActionHead::Measure(std::span<float> outputs, std::span<const float> parameters, int rows,
                         std::span<const float> actions, Memory& memory,
                         std::span<float> log_probabilities, std::span<float> entropies) const {
  const auto count = static_cast<std::size_t>(num_outputs_);
  if (is_discrete_) Normalise(outputs, rows, memory);
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const float* const values = &outputs[row * width()];
    log_probabilities[row] =
        LogProbability(values, parameters, &actions[row * static_cast<std::size_t>(action_size())]);
    float entropy = 0;
    for (std::size_t i = 0; i < count; ++i) {
      entropy += is_discrete_ ? -memory.probabilities[row * width() + i] * values[i]
                              : parameters[i] + 0.5f + kHalfLogTwoPi;
    }
    entropies[row] = entropy;
  }
}

void ActionHead::Differentiate(std::span<float> outputs, std::span<const float> parameters,
                               int rows, std::span<const float> actions, const Memory& memory,
                               std::span<const float> entropies,
                               std::span<const float> by_log_probability,
                               std::span<const float> by_entropy, std::span<float> gradient) const {
  const auto count = static_cast<std::size_t>(num_outputs_);
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    float* const values = &outputs[row * width()];
    if (is_discrete_) {
      const auto action = static_cast<std::size_t>(actions[row]);
      for (std::size_t i = 0; i < count; ++i) {
        const float share = memory.probabilities[row * width() + i];
        const float is_taken = i == action ? 1.0f : 0.0f;
        values[i] = by_log_probability[row] * (is_taken - share) -
                    by_entropy[row] * share * (values[i] + entropies[row]);
      }
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        const float inverse = sim::Exp(-parameters[i]);
        const float z = (actions[row * count + i] - values[i]) * inverse;
        values[i] = by_log_probability[row] * z * inverse;
        gradient[i] += by_log_probability[row] * (z * z - 1.0f) + by_entropy[row];
      }
    }
    std::fill(values + count, values + width(), 0.0f);
  }
}

void ActionHead::Write(std::span<const float> actions, int rows, ActionBuffer& buffer) const {
  if (is_discrete_) {
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      buffer.discrete[row] = static_cast<std::int32_t>(actions[row]);
    }
  } else {
    std::copy_n(actions.begin(), rows * num_outputs_, buffer.continuous.begin());
  }
}

}  // namespace hotlap::agents
