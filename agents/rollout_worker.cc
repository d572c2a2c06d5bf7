#include "agents/rollout_worker.h"

#include <algorithm>
#include <stdexcept>

#include "env/random.h"

namespace hotlap::agents {

using transport::ConstBatchView;
using transport::Refusal;

RolloutWorker::RolloutWorker(std::unique_ptr<transport::LearnerEnvironment> environment,
                             int first_row, const ActorCritic& network,
                             std::chrono::milliseconds timeout)
    : environment_(std::move(environment)),
      first_row_(first_row),
      timeout_(timeout),
      observation_size_(static_cast<std::size_t>(environment_->spec().observation_size())),
      end_(*environment_),
      ticks_(*environment_, "ticks"),
      memory_(network.MakeMemory(environment_->num_rows(), false)),
      actions_(environment_->spec().action, environment_->num_rows()),
      observations_(static_cast<std::size_t>(environment_->num_rows()) * observation_size_) {
  if (environment_->autoreset() != Autoreset::kSameStep) {
    throw std::invalid_argument("learning needs rows that reset in the same step");
  }
}

tl::expected<void, Refusal> RolloutWorker::Take(const ConstBatchView& batch,
                                                std::span<const std::uint8_t> mask) {
  for (std::size_t row = 0; row < batch.status.size(); ++row) {
    if (!mask.empty() && mask[row] == 0) continue;
    if (auto fine = CheckRow(batch, row, first_row_ + static_cast<int>(row)); !fine) return fine;
    std::ranges::copy(batch.observations.subspan(row * observation_size_, observation_size_),
                      &observations_[row * observation_size_]);
  }
  return {};
}

tl::expected<void, Refusal> RolloutWorker::Begin(std::uint64_t seed) { return Begin(seed, {}); }

tl::expected<void, Refusal> RolloutWorker::Begin(std::uint64_t seed,
                                                 std::span<const std::uint8_t> mask) {
  std::vector<std::uint64_t> seeds;
  seeds.reserve(static_cast<std::size_t>(num_rows()));
  for (int row = 0; row < num_rows(); ++row) {
    seeds.push_back(seed + static_cast<std::uint64_t>(first_row_ + row));
  }
  return environment_->Reset({.mask = mask, .seeds = seeds, .snapshots = {}}, deadline())
      .and_then([&](const ConstBatchView& batch) { return Take(batch, mask); });
}

tl::expected<void, Refusal> RolloutWorker::Collect(const ActorCritic& network,
                                                   const Weights& weights, std::uint64_t seed,
                                                   std::int64_t first_step, float discount,
                                                   Rollout& rollout) {
  const std::span<const float> all(weights.parameters);
  const auto rows = static_cast<std::size_t>(num_rows());
  const auto all_rows = static_cast<std::size_t>(rollout.rows);
  const auto action_size = static_cast<std::size_t>(rollout.action_size);
  const std::size_t value_width = PaddedWidth(1);
  const auto estimate = [&](std::span<const float> observations, std::size_t count) {
    const std::span<float> scaled = std::span(memory_.scaled).first(count * observation_size_);
    weights.scale.Apply(observations, scaled);
    return network.critic().Forward(network.CriticPart(all), scaled.data(), observation_size_,
                                    static_cast<int>(count), memory_.critic);
  };
  ends_.clear();
  times_ = {};
  LapClock clock;
  for (std::size_t step = 0; step < static_cast<std::size_t>(rollout.steps); ++step) {
    const std::size_t first = step * all_rows + static_cast<std::size_t>(first_row_);
    std::ranges::copy(observations_, &rollout.observations[first * observation_size_]);
    const auto values = estimate(observations_, rows);
    for (std::size_t row = 0; row < rows; ++row) {
      rollout.values[first + row] = values[row * value_width];
    }
    const auto outputs = network.actor().Forward(network.ActorPart(all), memory_.scaled.data(),
                                                 observation_size_, num_rows(), memory_.actor);
    const std::uint64_t step_number =
        static_cast<std::uint64_t>(first_step) + static_cast<std::uint64_t>(step);
    random_.clear();
    for (std::size_t row = 0; row < rows; ++row) {
      random_.emplace_back(seed + static_cast<std::uint64_t>(first_row_) + row, step_number,
                           RandomPurpose::kPolicy);
    }
    const auto drawn = std::span(rollout.actions).subspan(first * action_size, rows * action_size);
    network.head().Draw(outputs, network.HeadPart(all), num_rows(), random_, memory_.head, drawn,
                        std::span(rollout.log_probabilities).subspan(first, rows));
    network.head().Write(drawn, num_rows(), actions_);
    clock.AddTo(times_.policy);

    const auto batch = environment_->Step(actions_.view(), deadline());
    if (!batch) return tl::unexpected(batch.error());
    if (auto fine = Take(*batch, {}); !fine) return fine;
    clock.AddTo(times_.environment);

    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t i = first + row;
      rollout.rewards[i] = batch->rewards[row];
      rollout.ended[i] = batch->terminated[row] | batch->truncated[row];
      if (rollout.ended[i] == 0 && ticks_(*batch, row) == 0) {
        // It began the episode of a game that came back: nobody took the action.
        rollout.rewards[i] = rollout.values[i];
        rollout.ended[i] = 1;
      }
    }
    const std::size_t num_ends = batch->final_rows.size();
    if (num_ends == 0) continue;
    const auto final_values = estimate(batch->final_observations, num_ends);
    for (std::size_t end = 0; end < num_ends; ++end) {
      const auto row = static_cast<std::size_t>(batch->final_rows[end]);
      const EpisodeEnd told = end_.AtEnd(*batch, end, first_row_ + static_cast<int>(row));
      if (told.reason == EndReason::kGameLost && told.steps == 0) {
        // Still waiting for its new game: nothing was driven, and what was expected is no error.
        rollout.rewards[first + row] = rollout.values[first + row];
        continue;
      }
      if (batch->truncated[row] != 0) {
        rollout.rewards[first + row] += discount * final_values[end * value_width];
      }
      ends_.push_back(told);
    }
  }
  const auto values = estimate(observations_, rows);
  for (std::size_t row = 0; row < rows; ++row) {
    rollout.last_values[static_cast<std::size_t>(first_row_) + row] = values[row * value_width];
  }
  clock.AddTo(times_.policy);
  return {};
}

tl::expected<std::vector<std::vector<std::byte>>, Refusal> RolloutWorker::Save() {
  const auto ids = environment_->Save({}, deadline());
  if (!ids) return tl::unexpected(ids.error());
  auto states = environment_->Export(*ids, deadline());
  if (auto dropped = environment_->Drop(*ids, deadline()); !dropped) {
    return tl::unexpected(dropped.error());
  }
  return states;
}

tl::expected<void, Refusal> RolloutWorker::Restore(std::span<const std::vector<std::byte>> states,
                                                   std::uint64_t seed) {
  std::vector<std::uint8_t> has_state, has_none;
  std::vector<std::vector<std::byte>> there;
  for (const std::vector<std::byte>& state : states) {
    has_state.push_back(state.empty() ? 0 : 1);
    has_none.push_back(state.empty() ? 1 : 0);
    if (!state.empty()) there.push_back(state);
  }
  if (there.size() < states.size()) {
    if (auto begun = Begin(seed, has_none); !begun || there.empty()) return begun;
  }
  const auto imported = environment_->Import(there, deadline());
  if (!imported) return tl::unexpected(imported.error());
  std::vector<transport::SnapshotId> ids(states.size(), 0);
  std::size_t next = 0;
  for (std::size_t row = 0; row < states.size(); ++row) {
    if (has_state[row] != 0) ids[row] = (*imported)[next++];
  }
  return environment_->Restore(ids, deadline())
      .and_then([&](const ConstBatchView& batch) { return Take(batch, has_state); })
      .and_then([&] { return environment_->Drop(*imported, deadline()); });
}

}  // namespace hotlap::agents
