#include "agents/ppo.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "env/random.h"
#include "env/sim/scalar_math.h"

namespace hotlap::agents {
namespace {

// Of the returns, the share that the values tell of.
double ExplainedVariance(const Rollout& rollout) {
  const auto n = static_cast<double>(rollout.num_examples());
  double mean_return = 0, mean_rest = 0;
  for (std::size_t i = 0; i < rollout.num_examples(); ++i) {
    mean_return += static_cast<double>(rollout.returns[i]) / n;
    mean_rest += static_cast<double>(rollout.advantages[i]) / n;
  }
  double variance = 0, rest = 0;
  for (std::size_t i = 0; i < rollout.num_examples(); ++i) {
    const double of_return = static_cast<double>(rollout.returns[i]) - mean_return;
    const double of_rest = static_cast<double>(rollout.advantages[i]) - mean_rest;
    variance += of_return * of_return;
    rest += of_rest * of_rest;
  }
  return variance > 0 ? 1 - rest / variance : 0;
}

double Norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

}  // namespace

PpoUpdate::PpoUpdate(const ActorCritic& network, const PpoSettings& settings, WorkerPool& workers)
    : network_(network),
      settings_(settings),
      workers_(workers),
      gradient_(network.num_parameters()) {}

PpoUpdate::Shard PpoUpdate::MakeShard() const {
  Shard shard;
  shard.memory = network_.MakeMemory(kShard, true);
  shard.actions.resize(kShard * static_cast<std::size_t>(network_.head().action_size()));
  shard.gradient.resize(network_.num_parameters());
  for (auto* array :
       {&shard.log_probabilities, &shard.entropies, &shard.by_log_probability, &shard.by_entropy}) {
    array->resize(kShard);
  }
  shard.by_value.resize(kShard * static_cast<std::size_t>(PaddedWidth(1)));
  return shard;
}

void PpoUpdate::RunShard(const Rollout& rollout, std::span<const std::uint32_t> examples,
                         std::size_t batch_size, float mean, float factor, const Weights& weights,
                         Shard& shard) const {
  const ActionHead& head = network_.head();
  const auto columns = static_cast<std::size_t>(rollout.observation_size);
  const auto action_size = static_cast<std::size_t>(rollout.action_size);
  const std::size_t n = examples.size();
  const int rows = static_cast<int>(n);
  const std::span<float> scaled = std::span(shard.memory.scaled).first(n * columns);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(&rollout.observations[examples[i] * columns], columns, &scaled[i * columns]);
    std::copy_n(&rollout.actions[examples[i] * action_size], action_size,
                &shard.actions[i * action_size]);
  }
  weights.scale.Apply(scaled, scaled);

  const std::span<const float> all(weights.parameters);
  const auto outputs = network_.actor().Forward(network_.ActorPart(all), scaled.data(), columns,
                                                rows, shard.memory.actor);
  const auto values = network_.critic().Forward(network_.CriticPart(all), scaled.data(), columns,
                                                rows, shard.memory.critic);
  head.Measure(outputs, network_.HeadPart(all), rows, shard.actions, shard.memory.head,
               shard.log_probabilities, shard.entropies);

  const float share = 1.0f / static_cast<float>(batch_size);
  const auto value_width = static_cast<std::size_t>(PaddedWidth(1));
  const std::span<float> by_value = std::span(shard.by_value).first(n * value_width);
  std::ranges::fill(by_value, 0.0f);
  shard.sums = {};
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t example = examples[i];
    const float log_ratio = shard.log_probabilities[i] - rollout.log_probabilities[example];
    const float ratio = sim::Exp(log_ratio);
    const float advantage = (rollout.advantages[example] - mean) * factor;
    const float clipped = std::clamp(ratio, 1 - settings_.clip, 1 + settings_.clip);
    // Where the clipped side is the smaller one, the loss does not depend on the action's
    // probability.
    const bool is_cut = clipped * advantage < ratio * advantage;
    shard.by_log_probability[i] = is_cut ? 0.0f : -advantage * ratio * share;
    shard.by_entropy[i] = -settings_.entropy_weight * share;

    const float value = values[i * value_width];
    const float error = value - rollout.returns[example];
    float value_error = error, slope = error;
    if (settings_.value_clip > 0) {
      const float moved = value - rollout.values[example];
      const float kept = std::clamp(moved, -settings_.value_clip, settings_.value_clip);
      const float clipped_error = rollout.values[example] + kept - rollout.returns[example];
      if (clipped_error * clipped_error > error * error) {
        value_error = clipped_error;
        slope = kept == moved ? clipped_error : 0.0f;
      }
    }
    by_value[i * value_width] = settings_.value_weight * slope * share;

    shard.sums.policy_loss -= static_cast<double>(is_cut ? clipped * advantage : ratio * advantage);
    shard.sums.value_loss +=
        0.5 * static_cast<double>(value_error) * static_cast<double>(value_error);
    shard.sums.entropy += static_cast<double>(shard.entropies[i]);
    shard.sums.kl += static_cast<double>((ratio - 1) - log_ratio);
    shard.sums.clipped += clipped != ratio ? 1 : 0;
  }

  const std::span<float> gradient(shard.gradient);
  std::ranges::fill(gradient, 0.0f);
  head.Differentiate(outputs, network_.HeadPart(all), rows, shard.actions, shard.memory.head,
                     shard.entropies, shard.by_log_probability, shard.by_entropy,
                     network_.HeadPart(gradient));
  network_.actor().Backward(network_.ActorPart(all), scaled.data(), columns, rows, outputs,
                            shard.memory.actor, network_.ActorPart(gradient));
  network_.critic().Backward(network_.CriticPart(all), scaled.data(), columns, rows, by_value,
                             shard.memory.critic, network_.CriticPart(gradient));
}

double PpoUpdate::Differentiate(const Rollout& rollout, std::span<const std::uint32_t> examples,
                                const Weights& weights, std::span<float> gradient, Sums& sums) {
  const auto n = static_cast<double>(examples.size());
  double mean = 0, variance = 0;
  for (const std::uint32_t i : examples) mean += static_cast<double>(rollout.advantages[i]) / n;
  for (const std::uint32_t i : examples) {
    const double apart = static_cast<double>(rollout.advantages[i]) - mean;
    variance += apart * apart / n;
  }
  constexpr double kLeastDeviation = 1e-8;
  const auto factor = static_cast<float>(1 / (std::sqrt(variance) + kLeastDeviation));

  const std::size_t num_shards = (examples.size() + kShard - 1) / kShard;
  while (shards_.size() < num_shards) shards_.push_back(MakeShard());
  workers_.Run(static_cast<int>(num_shards), [&](int s) {
    const std::size_t first = static_cast<std::size_t>(s) * kShard;
    RunShard(rollout, examples.subspan(first, std::min(kShard, examples.size() - first)),
             examples.size(), static_cast<float>(mean), factor, weights,
             shards_[static_cast<std::size_t>(s)]);
  });
  sums = {};
  std::ranges::fill(gradient, 0.0f);
  for (std::size_t s = 0; s < num_shards; ++s) {
    const Shard& shard = shards_[s];
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += shard.gradient[i];
    sums.policy_loss += shard.sums.policy_loss;
    sums.value_loss += shard.sums.value_loss;
    sums.entropy += shard.sums.entropy;
    sums.kl += shard.sums.kl;
    sums.clipped += shard.sums.clipped;
  }
  return (sums.policy_loss + static_cast<double>(settings_.value_weight) * sums.value_loss -
          static_cast<double>(settings_.entropy_weight) * sums.entropy) /
         n;
}

PpoReport PpoUpdate::Run(const Rollout& rollout, float learning_rate, std::uint64_t seed,
                         PpoState& state) {
  const std::size_t n = rollout.num_examples();
  const std::size_t minibatch = std::min(static_cast<std::size_t>(settings_.minibatch), n);
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), 0u);

  PpoReport report;
  report.explained_variance = ExplainedVariance(rollout);
  Sums all;
  double used = 0, steps = 0;
  bool has_gone_far = false;
  for (int epoch = 0; epoch < settings_.epochs && !has_gone_far; ++epoch) {
    const RandomStream random(seed, static_cast<std::uint64_t>(epoch), RandomPurpose::kMinibatch);
    for (std::size_t i = n; i-- > 1;) {  // Fisher and Yates
      std::swap(order_[i], order_[((random.Bits(i) >> 32) * (i + 1)) >> 32]);
    }
    // What is left over at the end makes the last minibatch smaller.
    for (std::size_t first = 0; first < n && !has_gone_far; first += minibatch) {
      const auto examples = std::span(order_).subspan(first, std::min(minibatch, n - first));
      Sums sums;
      Differentiate(rollout, examples, state.weights, gradient_, sums);
      const double norm = Norm(gradient_);
      if (!std::isfinite(norm)) {
        report.gradient_norm = norm;
        return report;
      }
      if (settings_.max_gradient_norm > 0 &&
          norm > static_cast<double>(settings_.max_gradient_norm)) {
        const auto factor =
            static_cast<float>(static_cast<double>(settings_.max_gradient_norm) / norm);
        for (float& value : gradient_) value *= factor;
      }
      TakeAdamStep({}, learning_rate, gradient_, state.adam, state.weights.parameters);

      const auto size = static_cast<double>(examples.size());
      all.policy_loss += sums.policy_loss;
      all.value_loss += sums.value_loss;
      all.entropy += sums.entropy;
      all.kl += sums.kl;
      all.clipped += sums.clipped;
      report.gradient_norm += norm;
      used += size;
      ++steps;
      has_gone_far =
          settings_.target_kl > 0 && sums.kl / size > static_cast<double>(settings_.target_kl);
    }
  }
  report.policy_loss = all.policy_loss / used;
  report.value_loss = all.value_loss / used;
  report.entropy = all.entropy / used;
  report.kl = all.kl / used;
  report.clipped_share = all.clipped / used;
  report.gradient_norm /= steps;
  return report;
}

}  // namespace hotlap::agents
