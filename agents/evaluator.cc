#include "agents/evaluator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "agents/info_reader.h"

namespace hotlap::agents {
namespace {

using transport::ConstBatchView;
using transport::LearnerEnvironment;
using transport::Refusal;

// Runs the episodes of one evaluation: which row is at which episode, and what it has told so far.
class Evaluation {
 public:
  Evaluation(LearnerEnvironment& environment, Policy& policy, const EvaluationSettings& settings)
      : environment_(environment),
        policy_(policy),
        settings_(settings),
        observation_size_(static_cast<std::size_t>(environment.spec().observation_size())),
        actions_(environment.spec().action, environment.num_rows()),
        velocity_{FindColumn(environment.spec(), "velocity.x", kName),
                  FindColumn(environment.spec(), "velocity.y", kName),
                  FindColumn(environment.spec(), "velocity.z", kName)},
        ticks_(environment, "ticks"),
        progress_(environment, "progress"),
        checkpoint_(environment, "checkpoint"),
        end_reason_(environment, "end_reason"),
        finish_time_ms_(environment, "finish_time") {
    if (environment.autoreset() != Autoreset::kDisabled) {
      throw std::invalid_argument(
          "the evaluation resets its rows itself: autoreset must be disabled");
    }
    if (HasColumn(environment.spec(), "lateral_offset")) {
      lateral_ = FindColumn(environment.spec(), "lateral_offset", kName);
    }
    for (const RewardTermSpec& term : environment.spec().reward) {
      reward_terms_.push_back(term.name);
      reward_.emplace_back(environment, "episode_reward." + term.name);
    }
    const auto rows = static_cast<std::size_t>(environment.num_rows());
    episodes_.resize(static_cast<std::size_t>(settings.episodes));
    driven_.resize(episodes_.size());
    observations_.assign(rows * observation_size_, 0);
    episode_.assign(rows, kNone);
    discount_.assign(rows, 1);
    mask_.assign(rows, 0);
    seeds_.assign(rows, 0);
  }

  tl::expected<std::vector<TrackReport>, Refusal> Run(
      const std::function<void(const EvaluationProgress&)>& on_progress) {
    const auto start = Clock::now();
    for (std::size_t row = 0; row < mask_.size(); ++row) Assign(row, row);
    if (auto done = Reset(); !done) return tl::unexpected(done.error());
    while (episodes_done_ < settings_.episodes) {
      policy_.Act(observations_, actions_);
      if (auto done = Step(); !done) return tl::unexpected(done.error());
      if (auto done = Reset(); !done) return tl::unexpected(done.error());
      if (on_progress) on_progress({episodes_done_, settings_.episodes, steps_, furthest_m_});
    }
    const std::chrono::duration<double> wall_s = Clock::now() - start;
    return Reports(std::max(wall_s.count(), 1e-9));
  }

 private:
  static constexpr const char* kName = "the evaluation";
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // The row's next episode, if there is one, begins with the next Reset().
  void Assign(std::size_t row, std::size_t episode) {
    if (episode >= episodes_.size()) {
      episode_[row] = kNone;
      return;
    }
    episode_[row] = episode;
    mask_[row] = 1;
    seeds_[row] = settings_.seed + episode;
  }

  // A row whose game is lost at its reset ends that episode and tries the next.
  tl::expected<void, Refusal> Reset() {
    while (std::ranges::count(mask_, 1) > 0) {
      const auto batch = environment_.Reset({.mask = mask_, .seeds = seeds_, .snapshots = {}},
                                            DeadlineIn(settings_.deadline));
      if (!batch) return tl::unexpected(batch.error());
      for (std::size_t row = 0; row < mask_.size(); ++row) {
        if (mask_[row] == 0) continue;
        mask_[row] = 0;
        if (auto fine = CheckStatus(*batch, row); !fine) return fine;
        discount_[row] = 1;
        EpisodeReport& episode = episodes_[episode_[row]];
        episode.row = static_cast<int>(row);
        episode.seed = seeds_[row];
        policy_.BeginEpisode(episode.row, episode.seed);
        Observe(*batch, row);
      }
    }
    return {};
  }

  tl::expected<void, Refusal> Step() {
    const auto batch = environment_.Step(actions_.view(), DeadlineIn(settings_.deadline));
    if (!batch) return tl::unexpected(batch.error());
    furthest_m_ = 0;
    for (std::size_t row = 0; row < episode_.size(); ++row) {
      if (episode_[row] == kNone) continue;
      if (auto fine = CheckStatus(*batch, row); !fine) return fine;
      ++steps_;
      EpisodeReport& episode = episodes_[episode_[row]];
      const double reward = static_cast<double>(batch->rewards[row]);
      episode.ticks += std::llround(ticks_(*batch, row));
      episode.episode_return += reward;
      episode.discounted_return += discount_[row] * reward;
      discount_[row] *= settings_.discount;
      episode.progress_m = progress_(*batch, row);
      episode.checkpoints = static_cast<int>(checkpoint_(*batch, row));
      furthest_m_ = std::max(furthest_m_, episode.progress_m);
      Observe(*batch, row);
    }
    return {};
  }

  static tl::expected<void, Refusal> CheckStatus(const ConstBatchView& batch, std::size_t row) {
    if (batch.status[row] == static_cast<std::uint8_t>(RowStatus::kOk)) return {};
    return tl::unexpected(Refusal{transport::Status::kUnknownError,
                                  "row " + std::to_string(row) + " was refused with row status " +
                                      std::to_string(batch.status[row])});
  }

  // Keeps the observation (a reset of some rows tells nothing of the others) and the place.
  void Observe(const ConstBatchView& batch, std::size_t row) {
    const auto columns = batch.observations.subspan(row * observation_size_, observation_size_);
    std::ranges::copy(columns,
                      observations_.begin() + static_cast<std::ptrdiff_t>(row * observation_size_));
    const Vec3 velocity = {velocity_[0](columns), velocity_[1](columns), velocity_[2](columns)};
    driven_[episode_[row]].push_back({static_cast<float>(progress_(batch, row)),
                                      lateral_ ? (*lateral_)(columns) : 0.0f, Length(velocity)});
    if (batch.terminated[row] != 0 || batch.truncated[row] != 0) End(batch, row);
  }

  void End(const ConstBatchView& batch, std::size_t row) {
    EpisodeReport& episode = episodes_[episode_[row]];
    episode.end_reason = static_cast<EndReason>(std::llround(end_reason_(batch, row)));
    if (episode.finished()) episode.finish_time_s = finish_time_ms_(batch, row) / 1000;
    for (const InfoReader& term : reward_) episode.reward_by_term.push_back(term(batch, row));
    ++episodes_done_;
    Assign(row, episode_[row] + episode_.size());
  }

  // One per kind of game, in the order of their first rows.
  std::vector<TrackReport> Reports(double wall_s) {
    std::vector<TrackReport> reports;
    for (std::size_t e = 0; e < episodes_.size(); ++e) {
      const std::string& kind = settings_.kinds.at(static_cast<std::size_t>(episodes_[e].row));
      auto report = std::ranges::find(reports, kind, &TrackReport::kind);
      if (report == reports.end()) {
        report = reports.insert(reports.end(), TrackReport{});
        report->track = settings_.track;
        report->kind = kind;
        report->reward_terms = reward_terms_;
      }
      report->steps_per_s += static_cast<double>(driven_[e].size() - 1) / wall_s;
      report->episodes.push_back(std::move(episodes_[e]));
      report->driven.push_back(std::move(driven_[e]));
    }
    return reports;
  }

  LearnerEnvironment& environment_;
  Policy& policy_;
  const EvaluationSettings& settings_;
  std::size_t observation_size_;
  ActionBuffer actions_;
  std::array<ColumnReader, 3> velocity_;
  std::optional<ColumnReader> lateral_;
  InfoReader ticks_, progress_, checkpoint_, end_reason_, finish_time_ms_;
  std::vector<std::string> reward_terms_;
  std::vector<InfoReader> reward_;

  std::vector<EpisodeReport> episodes_;
  std::vector<std::vector<LinePlace>> driven_;
  std::vector<float> observations_;   // [n, d]
  std::vector<std::size_t> episode_;  // of each row; kNone: no more
  std::vector<double> discount_;
  std::vector<std::uint8_t> mask_;  // rows that wait for a reset
  std::vector<std::uint64_t> seeds_;
  int episodes_done_ = 0;
  std::int64_t steps_ = 0;
  double furthest_m_ = 0;
};

}  // namespace

tl::expected<std::vector<TrackReport>, Refusal> Evaluate(
    LearnerEnvironment& environment, Policy& policy, const EvaluationSettings& settings,
    const std::function<void(const EvaluationProgress&)>& progress) {
  return Evaluation(environment, policy, settings).Run(progress);
}

}  // namespace hotlap::agents
