#include "agents/cma_es.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "agents/normal_draws.h"
#include "env/random.h"
#include "env/sim/scalar_math.h"

namespace hotlap::agents {
namespace {

// A cost that only looks at directions lets deviations grow forever: nothing overflows up to here.
constexpr double kMaxStepSize = 1e6, kMaxVariance = 1e12;

}  // namespace

// Numbers in brackets are the equations and constants of Ros and Hansen 2008, table 1.
CmaEs::CmaEs(std::size_t num_parameters, const CmaEsSettings& settings, std::uint64_t seed)
    : num_parameters_(num_parameters),
      population_(settings.population),
      first_deviation_(static_cast<double>(settings.first_deviation)),
      seed_(seed) {
  assert(num_parameters >= 1 && population_ >= 4 && first_deviation_ > 0);
  const auto n = static_cast<double>(num_parameters);
  const int parents = population_ / 2;
  double sum = 0, squares = 0;
  for (int i = 1; i <= parents; ++i) {  // w_i = ln(mu + 1) - ln(i), over their sum
    weights_.push_back(static_cast<double>(sim::Log(static_cast<float>(parents + 1)) -
                                           sim::Log(static_cast<float>(i))));
    sum += weights_.back();
  }
  for (double& weight : weights_) {
    weight /= sum;
    squares += weight * weight;
  }
  effective_parents_ = 1 / squares;

  const double mu = effective_parents_;
  step_rate_ = (mu + 2) / (n + mu + 3);
  step_damping_ = 1 + 2 * std::max(0.0, std::sqrt((mu - 1) / (n + 1)) - 1) + step_rate_;
  path_rate_ = 4 / (n + 4);
  // c_cov with mu_cov = mu_eff; a diagonal is learnt (n + 2) / 3 times as fast as a matrix. More
  // than all of it cannot be replaced, which few parameters and many parents would ask for.
  const double of_path = 2 / ((n + std::sqrt(2.0)) * (n + std::sqrt(2.0)));
  const double of_parents = std::min(1.0, (2 * mu - 1) / ((n + 2) * (n + 2) + mu));
  const double rate = std::min(1.0, (of_path / mu + (1 - 1 / mu) * of_parents) * (n + 2) / 3);
  path_variance_rate_ = rate / mu;
  parents_variance_rate_ = rate * (1 - 1 / mu);
  normal_length_ = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
}

CmaEsState CmaEs::Begin(std::span<const float> mean) const {
  assert(mean.size() == num_parameters_);
  CmaEsState state;
  state.mean.assign(mean.begin(), mean.end());
  state.variances.assign(num_parameters_, 1);
  state.path.assign(num_parameters_, 0);
  state.step_path.assign(num_parameters_, 0);
  state.step_size = first_deviation_;
  return state;
}

void CmaEs::Ask(const CmaEsState& state, int candidate, std::span<float> parameters) const {
  assert(candidate >= 0 && candidate < population_ && parameters.size() == num_parameters_);
  const RandomStream random(seed_, static_cast<std::uint64_t>(state.generations),
                            RandomPurpose::kCandidates);
  const std::uint64_t first = static_cast<std::uint64_t>(candidate) * num_parameters_;
  for (std::size_t j = 0; j < num_parameters_; ++j) {
    const auto draw = static_cast<double>(NormalDraw(random, first + j));
    parameters[j] =
        static_cast<float>(state.mean[j] + state.step_size * std::sqrt(state.variances[j]) * draw);
  }
}

void CmaEs::Tell(std::span<const double> costs, CmaEsState& state) const {
  assert(costs.size() == static_cast<std::size_t>(population_));
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return costs[i]; });

  // The parents' draws once more, which is cheaper than to keep them.
  const RandomStream random(seed_, static_cast<std::uint64_t>(state.generations),
                            RandomPurpose::kCandidates);
  std::vector<double> draws(num_parameters_, 0), squares(num_parameters_, 0);  // weighted sums
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const std::uint64_t first = order[i] * num_parameters_;
    for (std::size_t j = 0; j < num_parameters_; ++j) {
      const auto draw = static_cast<double>(NormalDraw(random, first + j));
      draws[j] += weights_[i] * draw;
      squares[j] += weights_[i] * draw * draw;
    }
  }

  const double step_gain = std::sqrt(step_rate_ * (2 - step_rate_) * effective_parents_);
  for (std::size_t j = 0; j < num_parameters_; ++j) {
    state.step_path[j] = (1 - step_rate_) * state.step_path[j] + step_gain * draws[j];
  }
  state.path_fade *= (1 - step_rate_) * (1 - step_rate_);
  // H_sigma: the other path stands still while the steps are so long that they are about to grow.
  const double ratio = StepRatio(state);
  const bool path_moves =
      ratio / std::sqrt(1 - state.path_fade) < 1.4 + 2 / (static_cast<double>(num_parameters_) + 1);
  const double path_gain =
      path_moves ? std::sqrt(path_rate_ * (2 - path_rate_) * effective_parents_) : 0;
  const double kept = 1 - path_variance_rate_ - parents_variance_rate_;
  for (std::size_t j = 0; j < num_parameters_; ++j) {
    const double step = std::sqrt(state.variances[j]) * draws[j];  // of the mean, over sigma
    state.mean[j] += state.step_size * step;
    state.path[j] = (1 - path_rate_) * state.path[j] + path_gain * step;
    const double variance = kept * state.variances[j] +
                            path_variance_rate_ * state.path[j] * state.path[j] +
                            parents_variance_rate_ * state.variances[j] * squares[j];
    state.variances[j] = std::min(kMaxVariance, variance);
  }
  const auto exponent = static_cast<float>(step_rate_ / step_damping_ * (ratio - 1));
  state.step_size =
      std::min(kMaxStepSize, state.step_size * static_cast<double>(sim::Exp(exponent)));
  ++state.generations;
}

double CmaEs::StepRatio(const CmaEsState& state) const {
  double squares = 0;
  for (const double value : state.step_path) squares += value * value;
  return std::sqrt(squares) / normal_length_;
}

}  // namespace hotlap::agents
