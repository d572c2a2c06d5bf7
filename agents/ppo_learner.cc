#include "agents/ppo_learner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "agents/learner_workers.h"
#include "agents/record.h"
#include "agents/row_seed.h"
#include "env/random.h"

namespace hotlap::agents {

using transport::Refusal;

PpoLearner::PpoLearner(const ActorCritic& network, const PpoLearnerSettings& settings,
                       std::vector<std::unique_ptr<RolloutWorker>> workers)
    : network_(network),
      settings_(settings),
      workers_(std::move(workers)),
      threads_(static_cast<int>(workers_.size())),
      update_(network, settings.ppo, threads_),
      state_{network.Initial(settings.seed, settings.ppo.log_deviation),
             AdamState(network.num_parameters())},
      statistics_(network.observation_size()),
      rollout_(settings.ppo.rollout_steps, NumRows(workers_), network.observation_size(),
               network.head().action_size()) {}

tl::expected<void, Refusal> PpoLearner::ChangeRows(const RowOpener& open) {
  return ReplaceWorkers(open, network_, workers_).map([this] {
    ++num_row_changes_;
    has_begun_ = false;
  });
}

float PpoLearner::learning_rate() const {
  const double share =
      std::min(1.0, static_cast<double>(steps_) / static_cast<double>(settings_.total_steps));
  const auto first = static_cast<double>(settings_.ppo.first_learning_rate);
  const auto last = static_cast<double>(settings_.ppo.last_learning_rate);
  return static_cast<float>(first + share * (last - first));
}

std::uint64_t PpoLearner::row_seed() const {
  return FirstRowSeed(settings_.seed) +
         static_cast<std::uint64_t>(num_row_changes_) * static_cast<std::uint64_t>(rollout_.rows);
}

tl::expected<IterationReport, Refusal> PpoLearner::Iterate() {
  const auto began = Clock::now();
  if (!has_begun_) {
    if (auto done =
            OnWorkers(threads_, workers_,
                      [&](RolloutWorker& worker, std::size_t) { return worker.Begin(row_seed()); });
        !done) {
      return tl::unexpected(done.error());
    }
    has_begun_ = true;
  }
  const std::int64_t first_step = iterations_ * rollout_.steps;
  const auto collected = OnWorkers(threads_, workers_, [&](RolloutWorker& worker, std::size_t) {
    return worker.Collect(network_, state_.weights, FirstRowSeed(settings_.seed), first_step,
                          settings_.ppo.discount, rollout_);
  });
  if (!collected) return tl::unexpected(collected.error());

  const auto updating = Clock::now();
  EstimateAdvantages(settings_.ppo.discount, settings_.ppo.gae_decay, rollout_);
  const float rate = learning_rate();
  const RandomStream seeds(settings_.seed, static_cast<std::uint64_t>(iterations_),
                           RandomPurpose::kMinibatch);
  const PpoReport done = update_.Run(rollout_, rate, seeds.Bits(0), state_);
  if (!std::isfinite(done.gradient_norm)) {
    return transport::Refuse(transport::Status::kUnknownError,
                             "the gradient of the loss is not finite after " +
                                 std::to_string(steps_) +
                                 " steps; a smaller learning rate or max_gradient_norm may help");
  }
  if (settings_.scale_observations) {
    statistics_.Add(rollout_.observations);
    state_.weights.scale = statistics_.Scale();
  }
  ++iterations_;
  steps_ += static_cast<std::int64_t>(rollout_.num_examples());

  IterationReport report;
  for (const auto& worker : workers_) {
    report.ends.insert(report.ends.end(), worker->ends().begin(), worker->ends().end());
    report.rollout.environment += worker->times().environment;
    report.rollout.policy += worker->times().policy;
  }
  report.measures = {{"learning_rate", static_cast<double>(rate)},
                     {"policy_loss", done.policy_loss},
                     {"value_loss", done.value_loss},
                     {"entropy", done.entropy},
                     {"kl", done.kl},
                     {"clipped_share", done.clipped_share},
                     {"gradient_norm", done.gradient_norm},
                     {"explained_variance", done.explained_variance}};
  const auto now = Clock::now();
  report.update = now - updating;
  report.wall = now - began;
  return report;
}

tl::expected<nlohmann::json, Refusal> PpoLearner::Save() {
  nlohmann::json rows = nlohmann::json::array();
  if (has_begun_) {
    std::vector<std::vector<std::vector<std::byte>>> states(workers_.size());
    const auto saved = OnWorkers(threads_, workers_, [&](RolloutWorker& worker, std::size_t i) {
      return worker.Save().map(
          [&](std::vector<std::vector<std::byte>> found) { states[i] = std::move(found); });
    });
    if (!saved) return tl::unexpected(saved.error());
    for (const auto& of_worker : states) {
      for (const auto& state : of_worker) rows.push_back(PackArray(state));
    }
  }
  return nlohmann::json{{"iterations", iterations_},
                        {"steps", steps_},
                        {"row_changes", num_row_changes_},
                        {"parameters", PackArray(state_.weights.parameters)},
                        {"scale_mean", PackArray(state_.weights.scale.mean)},
                        {"scale_factor", PackArray(state_.weights.scale.factor)},
                        {"adam_first", PackArray(state_.adam.first)},
                        {"adam_second", PackArray(state_.adam.second)},
                        {"adam_steps", state_.adam.steps},
                        {"statistics_count", statistics_.count},
                        {"statistics_mean", PackArray(statistics_.mean)},
                        {"statistics_squares", PackArray(statistics_.squares)},
                        {"rows", std::move(rows)}};
}

tl::expected<void, Refusal> PpoLearner::Load(const nlohmann::json& saved) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 2;
  constexpr double kLargest = std::numeric_limits<double>::max();
  constexpr double kLargestFloat = std::numeric_limits<float>::max();
  const std::size_t size = network_.num_parameters();
  const auto columns = static_cast<std::size_t>(network_.observation_size());
  PpoState state;
  state.weights.parameters = UnpackFinite<float>(saved, "parameters", size);
  state.weights.scale.mean = UnpackFinite<float>(saved, "scale_mean", columns);
  state.weights.scale.factor =
      UnpackWithin<float>(saved, "scale_factor", columns, 0, kLargestFloat);
  state.adam.first = UnpackFinite<float>(saved, "adam_first", size);
  state.adam.second = UnpackWithin<float>(saved, "adam_second", size, 0, kLargestFloat);
  state.adam.steps = UnpackInt(saved, "adam_steps", 0, kMost);
  ObservationStatistics statistics;
  statistics.count = UnpackNumber(saved, "statistics_count", 0, kLargest);
  statistics.mean = UnpackFinite<double>(saved, "statistics_mean", columns);
  statistics.squares = UnpackWithin<double>(saved, "statistics_squares", columns, 0, kLargest);
  const std::int64_t iterations = UnpackInt(saved, "iterations", 0, kMost);
  const std::int64_t steps = UnpackInt(saved, "steps", 0, kMost);
  const std::int64_t row_changes = UnpackInt(saved, "row_changes", 0, kMost);

  const nlohmann::json& rows = Field(saved, "rows");
  if (!rows.is_array() ||
      (!rows.empty() && rows.size() != static_cast<std::size_t>(rollout_.rows))) {
    throw std::runtime_error("the field 'rows' has not the states of " +
                             std::to_string(rollout_.rows) + " rows");
  }
  num_row_changes_ = row_changes;
  if (!rows.empty()) {
    std::vector<std::vector<std::vector<std::byte>>> states(workers_.size());
    std::size_t row = 0;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      for (int k = 0; k < workers_[i]->num_rows(); ++k, ++row) {
        if (!rows[row].is_binary()) throw std::runtime_error("the field 'rows' has no bytes");
        const auto& bytes = rows[row].get_binary();
        const auto* const first = reinterpret_cast<const std::byte*>(bytes.data());
        states[i].emplace_back(first, first + bytes.size());
      }
    }
    auto restored = OnWorkers(threads_, workers_, [&](RolloutWorker& worker, std::size_t i) {
      return worker.Restore(states[i], row_seed());
    });
    if (!restored) return restored;
  }
  state_ = std::move(state);
  statistics_ = std::move(statistics);
  iterations_ = iterations;
  steps_ = steps;
  has_begun_ = !rows.empty();
  return {};
}

}  // namespace hotlap::agents
