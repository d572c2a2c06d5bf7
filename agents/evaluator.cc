#include "agents/evaluator.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <stdexcept>
#include <string_view>

#include "agents/info_reader.h"
#include "agents/run_memory.h"
#include "agents/run_recorder.h"

namespace hotlap::agents {
namespace {

using transport::ConstBatchView;
using transport::LearnerEnvironment;
using transport::Refusal;

const char* RowStatusName(std::uint8_t status) {
  constexpr std::array kNames = {"ok",           "not_reset", "bad_action",
                                 "bad_snapshot", "skipped",   "under_way"};
  return status < kNames.size() ? kNames[status] : "unknown";
}

// By track and number; none has been driven.
std::vector<EpisodeReport> Undriven(const EvaluatorSettings& settings, int ticks_per_step) {
  std::vector<EpisodeReport> episodes;
  for (const std::string& track : settings.tracks) {
    for (const EpisodeStart& start : settings.starts) {
      EpisodeReport& episode = episodes.emplace_back();
      episode.track = track;
      episode.episode = start.episode;
      episode.seed = start.seed;
      episode.idle_ticks = start.idle_steps * ticks_per_step;
    }
  }
  return episodes;
}

void Lose(EpisodeReport& episode, const Refusal& lost) {
  episode.error = EpisodeError::kServerLost;
  episode.message = std::string(transport::StatusName(lost.status)) + ": " + lost.text;
}

// Which row is at which episode, and what it has told so far.
class Evaluator {
 public:
  Evaluator(LearnerEnvironment& environment, Policy& policy, const EvaluatorSettings& settings)
      : environment_(environment),
        policy_(policy),
        settings_(settings),
        observation_size_(static_cast<std::size_t>(environment.spec().observation_size())),
        num_components_(environment.spec().action.kind == ActionKind::kDiscrete
                            ? 1
                            : static_cast<std::size_t>(environment.spec().action.size())),
        neutral_(NeutralAction(environment.spec().action)),
        noise_(environment.spec(), settings.perturbation.deviation),
        chosen_(environment.spec().action, environment.num_rows()),
        sent_(environment.spec().action, environment.num_rows()),
        recorder_(environment),
        ticks_(environment, "ticks"),
        race_time_ms_(environment, "race_time"),
        progress_(environment, "progress"),
        checkpoint_(environment, "checkpoint"),
        valid_(environment, "valid"),
        end_reason_(environment, "end_reason"),
        return_(environment, "episode_return"),
        finish_time_ms_(environment, "finish_time") {
    const EnvironmentSpec& spec = environment.spec();
    if (environment.autoreset() != Autoreset::kDisabled) {
      throw std::invalid_argument(
          "the evaluation resets its rows itself: autoreset must be disabled");
    }
    const auto rows = static_cast<std::size_t>(environment.num_rows());
    if (rows < settings.tracks.size()) {
      throw std::invalid_argument(std::to_string(settings.tracks.size()) + " tracks on " +
                                  std::to_string(rows) + " rows: each wants one");
    }
    for (const RewardTermSpec& term : spec.reward) {
      reward_.emplace_back(environment, "episode_reward." + term.name);
    }
    episodes_ = Undriven(settings, spec.ticks_per_step);
    num_begun_.assign(settings.tracks.size(), 0);
    memories_.assign(settings.tracks.size(), RunMemory(settings.first_runs.value_or(INT_MAX)));
    shown_.assign(rows * observation_size_, 0);
    runs_.resize(rows);
    mask_.assign(rows, 0);
    seeds_.assign(rows, 0);
  }

  tl::expected<EvaluatorResult, Refusal> Run(
      const std::function<void(const EvaluationProgress&)>& on_progress) {
    tl::expected<void, Refusal> done = Begin();
    if (!done) return tl::make_unexpected(done.error());
    while (done && FindDriving()) {
      policy_.Act(shown_, chosen_);
      done = Step();
      if (done) done = Begin();
      if (on_progress) {
        on_progress({episodes_done_, static_cast<int>(episodes_.size()), steps_, furthest_m_});
      }
    }
    EvaluatorResult result;
    if (!done) {
      for (EpisodeReport& episode : episodes_) {
        const bool has_ended =
            episode.end_reason != EndReason::kNone || episode.error != EpisodeError::kNone;
        if (!has_ended) Lose(episode, done.error());
      }
      result.lost = done.error();
    }
    result.episodes = std::move(episodes_);
    return result;
  }

 private:
  struct EpisodeRun {
    std::size_t episode;  // place in episodes_
    int idle_steps;       // that are left
  };

  // Gives the free rows the next episodes of their tracks. One that loses its game at the reset has
  // ended, and its row takes the next.
  tl::expected<void, Refusal> Begin() {
    while (TakeNext()) {
      const auto batch = environment_.Reset({.mask = mask_, .seeds = seeds_, .snapshots = {}},
                                            DeadlineIn(settings_.deadline));
      if (!batch) return tl::make_unexpected(batch.error());
      for (std::size_t row = 0; row < mask_.size(); ++row) {
        if (mask_[row] == 0) continue;
        mask_[row] = 0;
        if (IsRefused(*batch, row, row)) continue;
        policy_.BeginEpisode(static_cast<int>(row), seeds_[row]);
        EpisodeReport& episode = episodes_[runs_[row]->episode];
        episode.run = recorder_.Begin(episode.track, settings_.kind, *batch, row);
        See(*batch, row, row);
        if (ReasonIn(*batch, row) == EndReason::kGameLost) End(*batch, row, row);
      }
    }
    return {};
  }

  // Whether there is something to reset: the rows of the mask.
  bool TakeNext() {
    bool has_taken = false;
    for (std::size_t row = 0; row < runs_.size(); ++row) {
      const std::size_t track = row % settings_.tracks.size();
      if (runs_[row] || num_begun_[track] == settings_.starts.size()) continue;
      const EpisodeStart& start = settings_.starts[num_begun_[track]];
      runs_[row] = {track * settings_.starts.size() + num_begun_[track]++, start.idle_steps};
      mask_[row] = 1;
      seeds_[row] = start.seed;
      has_taken = true;
    }
    return has_taken;
  }

  // The rows that have an episode, in driving_; false when none has.
  bool FindDriving() {
    driving_.clear();
    for (std::size_t row = 0; row < runs_.size(); ++row) {
      if (runs_[row]) driving_.push_back(static_cast<std::int32_t>(row));
    }
    return !driving_.empty();
  }

  tl::expected<void, Refusal> Step() {
    const ActionView actions = ActionsOfDriving();
    const auto batch = environment_.Step(driving_, actions, DeadlineIn(settings_.deadline));
    if (!batch) return tl::make_unexpected(batch.error());
    furthest_m_ = 0;
    for (std::size_t place = 0; place < driving_.size(); ++place) {
      const auto row = static_cast<std::size_t>(driving_[place]);
      if (IsRefused(*batch, place, row)) continue;
      ++steps_;
      EpisodeReport& episode = episodes_[runs_[row]->episode];
      Advance(*batch, place, episode);
      recorder_.Add(actions, *batch, place, episode.run);
      See(*batch, place, row);
      if (batch->terminated[place] != 0 || batch->truncated[place] != 0) End(*batch, place, row);
    }
    return {};
  }

  // What the policy has chosen, but where a row has to wait.
  ActionView ActionsOfDriving() {
    const bool is_discrete = !chosen_.discrete.empty();
    for (std::size_t place = 0; place < driving_.size(); ++place) {
      const auto row = static_cast<std::size_t>(driving_[place]);
      const bool is_idle = runs_[row]->idle_steps > 0;
      if (is_idle) --runs_[row]->idle_steps;
      if (is_discrete) {
        sent_.discrete[place] = is_idle ? neutral_ : chosen_.discrete[row];
        continue;
      }
      for (std::size_t c = 0; c < num_components_; ++c) {
        sent_.continuous[place * num_components_ + c] =
            is_idle ? 0.0f : chosen_.continuous[row * num_components_ + c];
      }
    }
    const std::size_t n = driving_.size();
    if (is_discrete) return {std::span(sent_.discrete).first(n), {}};
    return {{}, std::span(sent_.continuous).first(n * num_components_)};
  }

  // Takes what a step has told.
  void Advance(const ConstBatchView& batch, std::size_t place, EpisodeReport& episode) {
    episode.ticks += std::llround(ticks_(batch, place));
    episode.progress_m = progress_(batch, place);
    episode.checkpoints = static_cast<int>(checkpoint_(batch, place));
    episode.invalid_steps += valid_(batch, place) == 0 ? 1 : 0;
    furthest_m_ = std::max(furthest_m_, episode.progress_m);
    const auto finish_ms = static_cast<int>(finish_time_ms_(batch, place));
    const int now_ms = finish_ms != 0 ? finish_ms : static_cast<int>(race_time_ms_(batch, place));
    while (static_cast<int>(episode.splits_ms.size()) < episode.checkpoints) {
      episode.splits_ms.push_back(now_ms);
    }
  }

  bool IsRefused(const ConstBatchView& batch, std::size_t place, std::size_t row) {
    const std::uint8_t status = batch.status[place];
    if (status == static_cast<std::uint8_t>(RowStatus::kOk)) return false;
    EpisodeReport& episode = episodes_[runs_[row]->episode];
    episode.error = EpisodeError::kRowRefused;
    episode.message = RowStatusName(status);
    Free(row);
    return true;
  }

  // Keeps what the policy is shown: a batch tells nothing of the rows that are not in it.
  void See(const ConstBatchView& batch, std::size_t place, std::size_t row) {
    const auto columns = batch.observations.subspan(place * observation_size_, observation_size_);
    const auto shown = std::span(shown_).subspan(row * observation_size_, observation_size_);
    std::ranges::copy(columns, shown.begin());
    const EpisodeReport& episode = episodes_[runs_[row]->episode];
    if (settings_.perturbation.kind == PerturbationKind::kObservationNoise) {
      noise_.Disturb(episode.seed, episode.ticks, shown);
    }
  }

  EndReason ReasonIn(const ConstBatchView& batch, std::size_t place) const {
    return static_cast<EndReason>(std::llround(end_reason_(batch, place)));
  }

  void End(const ConstBatchView& batch, std::size_t place, std::size_t row) {
    EpisodeReport& episode = episodes_[runs_[row]->episode];
    const EndReason reason = ReasonIn(batch, place);
    if (reason == EndReason::kGameLost) {
      episode.error = EpisodeError::kGameLost;
    } else {
      episode.end_reason = reason;
      const auto finish_ms = static_cast<int>(finish_time_ms_(batch, place));
      if (finish_ms != 0) episode.finish_time_ms = finish_ms;
      episode.episode_return = return_(batch, place);
      for (const InfoReader& term : reward_) episode.reward.push_back(term(batch, place));
    }
    Free(row);
  }

  void Free(std::size_t row) {
    const std::size_t episode = runs_[row]->episode;
    memories_[episode / settings_.starts.size()].Take(episodes_[episode]);
    runs_[row].reset();
    ++episodes_done_;
  }

  LearnerEnvironment& environment_;
  Policy& policy_;
  const EvaluatorSettings& settings_;
  std::size_t observation_size_, num_components_;
  std::int32_t neutral_;
  ObservationNoise noise_;
  ActionBuffer chosen_;  // of all rows
  ActionBuffer sent_;    // of those that drive, at the front
  RunRecorder recorder_;
  InfoReader ticks_, race_time_ms_, progress_, checkpoint_, valid_, end_reason_, return_,
      finish_time_ms_;
  std::vector<InfoReader> reward_;

  std::vector<EpisodeReport> episodes_;
  std::vector<std::size_t> num_begun_;           // of each track
  std::vector<RunMemory> memories_;              // likewise
  std::vector<float> shown_;                     // [n, d]
  std::vector<std::optional<EpisodeRun>> runs_;  // of each row; none: it stands still
  std::vector<std::int32_t> driving_;            // rows
  std::vector<std::uint8_t> mask_;               // rows that wait for a reset
  std::vector<std::uint64_t> seeds_;
  int episodes_done_ = 0;
  std::int64_t steps_ = 0;
  double furthest_m_ = 0;
};

}  // namespace

tl::expected<EvaluatorResult, Refusal> DriveEpisodes(
    LearnerEnvironment& environment, Policy& policy, const EvaluatorSettings& settings,
    const std::function<void(const EvaluationProgress&)>& progress) {
  return Evaluator(environment, policy, settings).Run(progress);
}

std::vector<EpisodeReport> LostEpisodes(const EvaluatorSettings& settings, int ticks_per_step,
                                        const Refusal& lost) {
  std::vector<EpisodeReport> episodes = Undriven(settings, ticks_per_step);
  for (EpisodeReport& episode : episodes) Lose(episode, lost);
  return episodes;
}

}  // namespace hotlap::agents
