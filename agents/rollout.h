// Consecutive steps of some rows, gathered with one policy, and what they say of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotlap::agents {

// Row-major over (step, row): example i is row i % rows of step i / rows. Ends of episodes lie
// inside: `ended` says after which steps.
struct Rollout {
  Rollout(int num_steps, int num_rows, int observation_columns, int action_columns);
  std::size_t num_examples() const { return rewards.size(); }

  int steps, rows, observation_size, action_size;
  std::vector<float> observations;       // [steps, rows, observation_size], as the action saw them
  std::vector<float> actions;            // [steps, rows, action_size], ActionHead's
  std::vector<float> log_probabilities;  // [steps, rows], of the actions
  std::vector<float> values;             // [steps, rows], the critic's of the observations
  // [steps, rows]. An episode that was truncated would have gone on: its last reward has the
  // discounted value of its last observation added.
  std::vector<float> rewards;
  std::vector<std::uint8_t> ended;  // [steps, rows], 1: terminated or truncated
  std::vector<float> last_values;   // [rows], of the observations after the last step
  std::vector<float> advantages;    // [steps, rows], EstimateAdvantages'
  std::vector<float> returns;       // [steps, rows], what the values should have been
};

// Generalised advantage estimation (Schulman et al. 2016, equations 11 to 16): discount in [0, 1],
// decay (lambda) in [0, 1].
void EstimateAdvantages(float discount, float decay, Rollout& rollout);

}  // namespace hotlap::agents
