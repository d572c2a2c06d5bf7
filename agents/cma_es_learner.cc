#include "agents/cma_es_learner.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>

#include "agents/learner_workers.h"
#include "agents/record.h"
#include "agents/row_seed.h"

namespace hotlap::agents {

using transport::Refusal;

namespace {

// Of continuous actions, for who draws from the policy all the same: it was searched without.
constexpr float kLogDeviation = -5;

Weights FirstWeights(const ActorCritic& network, std::uint64_t seed) {
  Weights weights = network.Initial(seed, kLogDeviation);
  std::ranges::fill(network.CriticPart(std::span(weights.parameters)), 0.0f);
  return weights;
}

// No search gets so far, and a float holds what comes of it.
constexpr double kLargest = 1e18;

}  // namespace

CmaEsLearner::CmaEsLearner(const ActorCritic& network, const CmaEsLearnerSettings& settings,
                           std::vector<std::unique_ptr<CandidateWorker>> workers,
                           std::function<bool()> gives_up)
    : network_(network),
      settings_(settings),
      workers_(std::move(workers)),
      gives_up_(std::move(gives_up)),
      num_rows_(NumRows(workers_)),
      threads_(static_cast<int>(workers_.size())),
      weights_(FirstWeights(network, settings.seed)),
      search_(network.actor().num_packed(), settings.search, settings.seed),
      state_(search_.Begin(
          network.actor().Pack(network.ActorPart(std::span<const float>(weights_.parameters))))) {
  if (num_rows_ < settings_.tracks) {
    throw std::invalid_argument("a search over " + std::to_string(settings_.tracks) +
                                " tracks needs as many rows, not " + std::to_string(num_rows_));
  }
  const auto population = static_cast<std::size_t>(search_.population());
  actors_.resize(population * network_.actor().num_parameters());
  ends_.resize(static_cast<std::size_t>(settings_.tracks) * episodes_per_track());
}

std::size_t CmaEsLearner::episodes_per_track() const {
  return static_cast<std::size_t>(settings_.episodes) *
         static_cast<std::size_t>(search_.population());
}

tl::expected<void, Refusal> CmaEsLearner::ChangeRows(const RowOpener& open) {
  return ReplaceWorkers(open, network_, workers_);
}

std::vector<std::vector<CandidateEpisode>> CmaEsLearner::DealEpisodes(
    const CandidateWorker& worker) const {
  const auto population = static_cast<std::size_t>(search_.population());
  // Episodes of other seeds in each generation.
  const auto generation_episodes =
      static_cast<std::uint64_t>(settings_.episodes) * static_cast<std::uint64_t>(settings_.tracks);
  const std::uint64_t first_seed =
      FirstRowSeed(settings_.seed) +
      static_cast<std::uint64_t>(state_.generations) * generation_episodes;
  std::vector<std::vector<CandidateEpisode>> dealt(static_cast<std::size_t>(worker.num_rows()));
  for (std::size_t i = 0; i < dealt.size(); ++i) {
    const int row = worker.first_row() + static_cast<int>(i);
    const int track = row % settings_.tracks;
    const int rows_of_track = (num_rows_ - track + settings_.tracks - 1) / settings_.tracks;
    for (auto k = static_cast<std::size_t>(row / settings_.tracks); k < episodes_per_track();
         k += static_cast<std::size_t>(rows_of_track)) {
      const std::size_t number = static_cast<std::size_t>(track) * episodes_per_track() + k;
      dealt[i].push_back({number, k % population, first_seed + number / population});
    }
  }
  return dealt;
}

std::vector<double> CmaEsLearner::Costs() const {
  const auto population = static_cast<std::size_t>(search_.population());
  std::vector<double> costs;
  for (std::size_t candidate = 0; candidate < population; ++candidate) {
    double sum = 0, count = 0;
    for (std::size_t number = candidate; number < ends_.size(); number += population) {
      if (ends_[number].reason == EndReason::kGameLost) continue;
      sum += ends_[number].episode_return;
      ++count;
    }
    costs.push_back(count == 0 ? std::numeric_limits<double>::infinity() : -sum / count);
  }
  return costs;
}

void CmaEsLearner::TakeMean() {
  const std::vector<float> mean(state_.mean.begin(), state_.mean.end());
  network_.actor().Unpack(mean, network_.ActorPart(std::span(weights_.parameters)));
}

tl::expected<IterationReport, Refusal> CmaEsLearner::Iterate() {
  const auto began = Clock::now();
  const auto population = static_cast<std::size_t>(search_.population());
  const std::size_t actor_size = network_.actor().num_parameters();
  threads_.Run(search_.population(), [&](int candidate) {
    std::vector<float> drawn(network_.actor().num_packed());
    search_.Ask(state_, candidate, drawn);
    const std::size_t at = static_cast<std::size_t>(candidate) * actor_size;
    network_.actor().Unpack(drawn, std::span(actors_).subspan(at, actor_size));
  });
  const auto driving = Clock::now();
  std::vector<ObservationStatistics> seen;
  if (is_first_look())
    seen.assign(ends_.size(), ObservationStatistics(network_.observation_size()));
  std::atomic<bool> is_given_up = false;  // by one of them, then by all
  const auto gives_up = [&] {
    if (gives_up_()) is_given_up = true;
    return is_given_up.load();
  };
  const auto driven = OnWorkers(threads_, workers_, [&](CandidateWorker& worker, std::size_t) {
    return worker.Drive(network_, weights_.scale, actors_, DealEpisodes(worker), ends_, seen,
                        gives_up);
  });
  if (!driven) return tl::unexpected(driven.error());
  IterationReport report;
  report.is_given_up = is_given_up;
  if (is_given_up) return report;

  if (std::ranges::all_of(
          ends_, [](const EpisodeEnd& end) { return end.reason == EndReason::kGameLost; })) {
    return transport::Refuse(transport::Status::kUnknownError,
                             "every game of generation " + std::to_string(state_.generations) +
                                 " was lost: nothing says which candidates are better");
  }

  const auto updating = Clock::now();
  const std::vector<double> costs = Costs();
  if (is_first_look()) {
    ObservationStatistics all(network_.observation_size());
    for (const ObservationStatistics& of_episode : seen) all.Add(of_episode);
    weights_.scale = all.Scale();
    has_scale_ = true;
  } else {
    search_.Tell(costs, state_);
    TakeMean();
  }
  report.ends = ends_;
  for (const EpisodeEnd& end : ends_) steps_ += end.steps;
  for (const auto& worker : workers_) {
    report.rollout.environment += worker->times().environment;
    report.rollout.policy += worker->times().policy;
  }
  std::vector<double> sorted = costs;
  std::ranges::sort(sorted);
  report.measures = {{"best_return", -sorted.front()},
                     {"median_return", -sorted[(population - 1) / 2]},
                     {"step_size", state_.step_size},
                     {"step_ratio", search_.StepRatio(state_)}};
  const auto now = Clock::now();
  report.update = (driving - began) + (now - updating);
  report.wall = now - began;
  return report;
}

// Between two generations no episode is under way: there are no states of rows.
tl::expected<nlohmann::json, Refusal> CmaEsLearner::Save() {
  return nlohmann::json{{"steps", steps_},
                        {"has_scale", has_scale_ ? 1 : 0},
                        {"scale_mean", PackArray(weights_.scale.mean)},
                        {"scale_factor", PackArray(weights_.scale.factor)},
                        {"generations", state_.generations},
                        {"mean", PackArray(state_.mean)},
                        {"variances", PackArray(state_.variances)},
                        {"path", PackArray(state_.path)},
                        {"step_path", PackArray(state_.step_path)},
                        {"step_size", state_.step_size},
                        {"path_fade", state_.path_fade}};
}

tl::expected<void, Refusal> CmaEsLearner::Load(const nlohmann::json& saved) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 2;
  const std::size_t size = network_.actor().num_packed();
  CmaEsState state;
  state.mean = UnpackWithin<double>(saved, "mean", size, -kLargest, kLargest);
  state.variances = UnpackWithin<double>(saved, "variances", size, 0, kLargest);
  state.path = UnpackWithin<double>(saved, "path", size, -kLargest, kLargest);
  state.step_path = UnpackWithin<double>(saved, "step_path", size, -kLargest, kLargest);
  state.step_size = UnpackNumber(saved, "step_size", 0, kLargest);
  state.path_fade = UnpackNumber(saved, "path_fade", 0, 1);
  state.generations = UnpackInt(saved, "generations", 0, kMost);
  const auto columns = static_cast<std::size_t>(network_.observation_size());
  ObservationScale scale;
  scale.mean = UnpackWithin<float>(saved, "scale_mean", columns, -kLargest, kLargest);
  scale.factor = UnpackWithin<float>(saved, "scale_factor", columns, 0, kLargest);
  const bool has_scale = UnpackInt(saved, "has_scale", 0, 1) != 0;
  steps_ = UnpackInt(saved, "steps", 0, kMost);
  has_scale_ = has_scale;
  state_ = std::move(state);
  weights_.scale = std::move(scale);
  TakeMean();
  return {};
}

}  // namespace hotlap::agents
