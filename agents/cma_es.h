// Separable CMA-ES (Ros, Hansen 2008, "A Simple Modification in CMA-ES Achieving Linear Time and
// Space Complexity"): searches the vector of least cost by drawing candidates about a mean, with a
// deviation of each parameter's own, and moving both to where the better half was. Time and memory
// of a generation go with the number of parameters.
//
// The same bits on every machine: draws are counter-based, and of libm there is sqrt alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hotlap::agents {

struct CmaEsSettings {
  int population = 32;           // candidates of a generation, at least 4
  float first_deviation = 0.1f;  // of each parameter, above 0
  friend bool operator==(const CmaEsSettings&, const CmaEsSettings&) = default;
};

// What a search changes. Candidates have the deviations step_size * sqrt(variances).
struct CmaEsState {
  std::vector<double> mean, variances;
  std::vector<double> path;       // p_c: where the mean has gone lately
  std::vector<double> step_path;  // p_sigma: likewise, in deviations
  double step_size = 0;           // sigma
  double path_fade = 1;           // (1 - c_sigma)^(2 * generations)
  std::int64_t generations = 0;   // that were told of
  friend bool operator==(const CmaEsState&, const CmaEsState&) = default;
};

// The rules of a search of one size; they do not change, so threads may share them.
class CmaEs {
 public:
  // REQUIRES: settings as they say, at least one parameter.
  CmaEs(std::size_t num_parameters, const CmaEsSettings& settings, std::uint64_t seed);

  std::size_t num_parameters() const { return num_parameters_; }
  int population() const { return population_; }

  // A search that begins about here. REQUIRES: num_parameters() values.
  CmaEsState Begin(std::span<const float> mean) const;
  // Draws a candidate, [0, population()), of the state's generation: a function of the seed, its
  // number and the state.
  void Ask(const CmaEsState& state, int candidate, std::span<float> parameters) const;
  // Moves on to the next generation. Costs: of each candidate, less is better; of equal ones the
  // first. REQUIRES: no NaN.
  void Tell(std::span<const double> costs, CmaEsState& state) const;
  // |p_sigma| / E|N(0, I)|: above 1 the step size has just grown, below it has shrunk.
  double StepRatio(const CmaEsState& state) const;

 private:
  std::size_t num_parameters_;
  int population_;
  double first_deviation_;
  std::uint64_t seed_;
  std::vector<double> weights_;                  // of the better half, best first; their sum is 1
  double effective_parents_;                     // mu_eff
  double step_rate_, step_damping_, path_rate_;  // c_sigma, d_sigma, c_c
  double path_variance_rate_, parents_variance_rate_;  // parts of c_cov
  double normal_length_;                               // E|N(0, I)|
};

}  // namespace hotlap::agents
