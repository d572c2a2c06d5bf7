#include "agents/candidate_worker.h"

#include <algorithm>
#include <cassert>
#include <stdexcept>

namespace hotlap::agents {

using transport::ConstBatchView;
using transport::Refusal;

CandidateWorker::CandidateWorker(std::unique_ptr<transport::LearnerEnvironment> environment,
                                 int first_row, const ActorCritic& network,
                                 std::chrono::milliseconds timeout)
    : environment_(std::move(environment)),
      first_row_(first_row),
      timeout_(timeout),
      observation_size_(static_cast<std::size_t>(environment_->spec().observation_size())),
      end_(*environment_),
      memory_(network.MakeMemory(1, false)),
      actions_(environment_->spec().action, environment_->num_rows()) {
  if (environment_->autoreset() != Autoreset::kDisabled) {
    throw std::invalid_argument("a search resets its rows itself: autoreset must be disabled");
  }
  const auto rows = static_cast<std::size_t>(num_rows());
  chosen_.resize(rows * static_cast<std::size_t>(network.head().action_size()));
  observations_.resize(rows * observation_size_);
  seeds_.resize(rows);
}

tl::expected<void, Refusal> CandidateWorker::Drive(
    const ActorCritic& network, const ObservationScale& scale, std::span<const float> actors,
    std::span<const std::vector<CandidateEpisode>> episodes, std::span<EpisodeEnd> ends,
    std::span<ObservationStatistics> seen, const std::function<bool()>& gives_up) {
  const auto rows = static_cast<std::size_t>(num_rows());
  assert(episodes.size() == rows);
  const std::size_t actor_size = network.actor().num_parameters();
  const auto action_size = static_cast<std::size_t>(network.head().action_size());
  times_ = {};
  LapClock clock;
  places_.assign(rows, 0);
  mask_.assign(rows, 1);
  while (true) {
    if (auto begun = Reset(episodes, ends); !begun) return begun;
    rows_.clear();
    for (std::size_t row = 0; row < rows; ++row) {
      if (places_[row] < episodes[row].size()) rows_.push_back(static_cast<std::int32_t>(row));
    }
    if (rows_.empty() || gives_up()) return {};
    clock.AddTo(times_.environment);

    for (std::size_t line = 0; line < rows_.size(); ++line) {
      const auto row = static_cast<std::size_t>(rows_[line]);
      const CandidateEpisode& episode = episodes[row][places_[row]];
      const auto observation =
          std::span<const float>(observations_).subspan(row * observation_size_, observation_size_);
      if (!seen.empty()) seen[episode.number].Add(observation);
      scale.Apply(observation, memory_.scaled);
      const auto outputs =
          network.actor().Forward(actors.subspan(episode.candidate * actor_size, actor_size),
                                  memory_.scaled.data(), observation_size_, 1, memory_.actor);
      network.head().Choose(outputs, 1,
                            std::span(chosen_).subspan(line * action_size, action_size));
    }
    network.head().Write(chosen_, static_cast<int>(rows_.size()), actions_);
    ActionView actions = actions_.view();
    if (network.head().is_discrete()) {
      actions.discrete = actions.discrete.first(rows_.size());
    } else {
      actions.continuous = actions.continuous.first(rows_.size() * action_size);
    }
    clock.AddTo(times_.policy);

    const auto batch = environment_->Step(rows_, actions, deadline());
    if (!batch) return tl::unexpected(batch.error());
    for (std::size_t line = 0; line < rows_.size(); ++line) {
      const auto row = static_cast<std::size_t>(rows_[line]);
      if (auto taken = Take(*batch, line, row, episodes[row][places_[row]], ends); !taken) {
        return taken;
      }
    }
    clock.AddTo(times_.environment);
  }
}

tl::expected<void, Refusal> CandidateWorker::Reset(
    std::span<const std::vector<CandidateEpisode>> episodes, std::span<EpisodeEnd> ends) {
  // Again where a game was lost at the reset: that episode has ended.
  while (true) {
    for (std::size_t row = 0; row < mask_.size(); ++row) {
      if (places_[row] == episodes[row].size()) mask_[row] = 0;
      if (mask_[row] != 0) seeds_[row] = episodes[row][places_[row]].seed;
    }
    if (std::ranges::count(mask_, 1) == 0) return {};
    const auto batch =
        environment_->Reset({.mask = mask_, .seeds = seeds_, .snapshots = {}}, deadline());
    if (!batch) return tl::unexpected(batch.error());
    for (std::size_t row = 0; row < mask_.size(); ++row) {
      if (mask_[row] == 0) continue;
      mask_[row] = 0;
      if (auto taken = Take(*batch, row, row, episodes[row][places_[row]], ends); !taken) {
        return taken;
      }
    }
  }
}

tl::expected<void, Refusal> CandidateWorker::Take(const ConstBatchView& batch, std::size_t line,
                                                  std::size_t row, const CandidateEpisode& episode,
                                                  std::span<EpisodeEnd> ends) {
  const int number = first_row_ + static_cast<int>(row);
  if (auto fine = CheckRow(batch, line, number); !fine) return fine;
  std::ranges::copy(batch.observations.subspan(line * observation_size_, observation_size_),
                    observations_.begin() + static_cast<std::ptrdiff_t>(row * observation_size_));
  if (batch.terminated[line] == 0 && batch.truncated[line] == 0) return {};
  ends[episode.number] = end_(batch, line, number);
  ++places_[row];
  mask_[row] = 1;
  return {};
}

}  // namespace hotlap::agents
