#include "agents/rollout.h"

namespace hotlap::agents {

Rollout::Rollout(int num_steps, int num_rows, int observation_columns, int action_columns)
    : steps(num_steps),
      rows(num_rows),
      observation_size(observation_columns),
      action_size(action_columns) {
  const std::size_t n = static_cast<std::size_t>(steps) * static_cast<std::size_t>(rows);
  observations.resize(n * static_cast<std::size_t>(observation_size));
  actions.resize(n * static_cast<std::size_t>(action_size));
  for (auto* array : {&log_probabilities, &values, &rewards, &advantages, &returns}) {
    array->resize(n);
  }
  ended.resize(n);
  last_values.resize(static_cast<std::size_t>(rows));
}

void EstimateAdvantages(float discount, float decay, Rollout& rollout) {
  const auto rows = static_cast<std::size_t>(rollout.rows);
  for (std::size_t row = 0; row < rows; ++row) {
    float advantage = 0;
    float next_value = rollout.last_values[row];
    for (std::size_t step = static_cast<std::size_t>(rollout.steps); step-- > 0;) {
      const std::size_t i = step * rows + row;
      const float goes_on = rollout.ended[i] != 0 ? 0.0f : 1.0f;
      const float error = rollout.rewards[i] + discount * goes_on * next_value - rollout.values[i];
      advantage = error + discount * decay * goes_on * advantage;
      rollout.advantages[i] = advantage;
      rollout.returns[i] = advantage + rollout.values[i];
      next_value = rollout.values[i];
    }
  }
}

}  // namespace hotlap::agents
