#include "agents/evaluation.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <stdexcept>

#include "env/randomisation.h"

namespace hotlap::agents {
namespace {

using transport::Refusal;

void Check(const EvaluationRequest& request) {
  if (request.tracks.empty()) throw std::invalid_argument("tracks: there must be one at least");
  std::set<std::string> names;
  for (const std::string& track : request.tracks) {
    if (names.insert(track).second) continue;
    throw std::invalid_argument("tracks: '" + track + "' is named twice, must be named once");
  }
  const auto check = [](const char* name, int value) {
    if (value >= 1) return;
    throw std::invalid_argument(std::string(name) + " is " + std::to_string(value) +
                                ", must be at least 1");
  };
  check("episodes", request.episodes);
  check("rows", request.rows);
  check("max_ticks", request.max_ticks.value_or(1));
}

// Over the environment's own: episodes are cut after so many ticks, and begin within so many metres
// of the start, to either side. Empty when there is nothing to say.
std::string SettingsOf(std::optional<int> max_ticks, double most_offset_m) {
  std::vector<std::string> settings;
  if (max_ticks) {
    settings.push_back(fmt::format("rules: {{time_limit: {{flag: truncate, after_s: {}.{:02}}}}}",
                                   *max_ticks / 100, *max_ticks % 100));
  }
  if (most_offset_m > 0) {
    settings.push_back(
        fmt::format("randomisation: {{start_offset_m: [-{0}, {0}]}}", most_offset_m));
  }
  return settings.empty() ? "" : fmt::format("{{{}}}", fmt::join(settings, ", "));
}

// As many tracks at a time as there are rows.
class Evaluation {
 public:
  Evaluation(EvaluationVenue& venue, const EvaluationRequest& request,
             const std::function<void(const EvaluationProgress&)>& on_progress)
      : venue_(venue), request_(request), on_progress_(on_progress) {
    Check(request);
    venue_settings_ = {request.environment, {}, request.kind};
    driving_.deadline = request.deadline;
    if (request.first_runs) {
      const int share = kMostFirstRuns / static_cast<int>(request.tracks.size());
      driving_.first_runs = std::min(*request.first_runs, std::max(share, 8));
    }
  }

  tl::expected<EvaluationReport, Refusal> Run() {
    if (auto done = Describe(); !done) return tl::make_unexpected(done.error());
    std::optional<Refusal> lost;
    const auto end = request_.tracks.end();
    for (auto first = request_.tracks.begin(); first != end;) {
      const auto last = first + std::min<std::ptrdiff_t>(request_.rows, end - first);
      driving_.tracks.assign(first, last);
      tl::expected<EvaluatorResult, Refusal> found =
          lost ? tl::expected<EvaluatorResult, Refusal>(tl::make_unexpected(*lost)) : Drive();
      if (!found) {
        if (first == request_.tracks.begin()) return tl::make_unexpected(found.error());
        found = {LostEpisodes(driving_, spec_.ticks_per_step, found.error()), found.error()};
      }
      lost = found->lost;
      std::ranges::move(found->episodes, std::back_inserter(report_.episodes));
      first = last;
    }
    for (std::size_t track = 0; track < request_.tracks.size(); ++track) {
      report_.tracks.push_back(Summarise(request_.tracks[track], report_.episodes,
                                         report_.reward_terms.size(), bounds_ms_[track]));
    }
    return std::move(report_);
  }

 private:
  // What is driven and how, as far as it is known before there are rows.
  tl::expected<void, Refusal> Describe() {
    if (auto done = AskSpec(); !done) return done;
    report_.own_task_hash = spec_.task_hash;
    driving_.perturbation = MakePerturbation(request_.perturbation, request_.sizes, spec_);
    if (request_.max_ticks) {
      const int step = spec_.ticks_per_step;
      report_.max_ticks = (*request_.max_ticks - 1) / step * step + step;
    }
    venue_settings_.settings = SettingsOf(report_.max_ticks, driving_.perturbation.most_offset_m);
    if (!venue_settings_.settings.empty()) {
      if (auto done = AskSpec(); !done) return done;
    }
    const bool is_sampled = request_.make_policy(spec_)->is_sampled();
    driving_.starts =
        DrawStarts(request_.episodes, request_.seed, driving_.perturbation, spec_, is_sampled);

    report_.policy = request_.policy;
    report_.environment = request_.environment;
    report_.policy_hash = spec_.policy_hash;
    report_.task_hash = spec_.task_hash;
    report_.ticks_per_step = spec_.ticks_per_step;
    report_.seed = request_.seed;
    report_.episodes_per_track = request_.episodes;
    report_.perturbation = driving_.perturbation;
    if (is_sampled) report_.policy_seed = request_.policy_seed;
    for (const RewardTermSpec& term : spec_.reward) report_.reward_terms.push_back(term.name);
    return {};
  }

  tl::expected<void, Refusal> AskSpec() {
    auto spec = venue_.Spec(venue_settings_);
    if (!spec) return tl::make_unexpected(spec.error());
    spec_ = std::move(*spec);
    return {};
  }

  // The episodes of driving_.tracks.
  tl::expected<EvaluatorResult, Refusal> Drive() {
    const std::size_t most_rows = driving_.tracks.size() * driving_.starts.size();
    const int num_rows =
        static_cast<int>(std::min(static_cast<std::size_t>(request_.rows), most_rows));
    const auto rows = venue_.Open(venue_settings_, driving_.tracks, num_rows);
    if (!rows) return tl::make_unexpected(rows.error());
    if (report_.kind.empty()) {
      if (auto done = TakeKind(rows->kind); !done) return tl::make_unexpected(done.error());
    }
    const int all_episodes = static_cast<int>(request_.tracks.size() * driving_.starts.size());
    const std::int64_t steps_before = steps_;
    driving_.kind = rows->kind;
    const auto policy = request_.make_policy(rows->environment->spec());
    return DriveEpisodes(*rows->environment, *policy, driving_, [&](EvaluationProgress progress) {
      progress.episodes_done += static_cast<int>(report_.episodes.size());
      progress.episodes = all_episodes;
      progress.steps += steps_before;
      steps_ = progress.steps;
      if (on_progress_) on_progress_(progress);
    });
  }

  // That of the first rows is that of all others. The bound is that of the venue's own car as its
  // settings are. What is drawn beside the car leaves it: noise and a late input make nobody
  // faster, and the car of the bound stands anywhere across the road at the start
  // (env/sim/lap_bound.h).
  tl::expected<void, Refusal> TakeKind(const std::string& kind) {
    report_.kind = kind;
    const bool is_simulated = kind == transport::GameKindName(transport::GameKind::kSimulated);
    venue_settings_.kind =
        is_simulated ? transport::GameKind::kSimulated : transport::GameKind::kTMInterface;
    bounds_ms_.resize(request_.tracks.size());
    if (!is_simulated || VariesVehicle(spec_.randomisation)) return {};
    for (std::size_t track = 0; track < bounds_ms_.size(); ++track) {
      const auto bound_ms = venue_.LowerBoundMs(request_.tracks[track]);
      if (!bound_ms) return tl::make_unexpected(bound_ms.error());
      bounds_ms_[track] = *bound_ms;
    }
    return {};
  }

  EvaluationVenue& venue_;
  const EvaluationRequest& request_;
  const std::function<void(const EvaluationProgress&)>& on_progress_;
  VenueSettings venue_settings_;
  EnvironmentSpec spec_;
  EvaluatorSettings driving_;
  EvaluationReport report_;
  std::vector<std::optional<std::uint64_t>> bounds_ms_;  // of each track
  std::int64_t steps_ = 0;
};

}  // namespace

tl::expected<EvaluationReport, Refusal> Evaluate(
    EvaluationVenue& venue, const EvaluationRequest& request,
    const std::function<void(const EvaluationProgress&)>& progress) {
  return Evaluation(venue, request, progress).Run();
}

}  // namespace hotlap::agents
