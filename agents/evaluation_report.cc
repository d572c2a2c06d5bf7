#include "agents/evaluation_report.h"

#include <algorithm>
#include <cmath>

namespace hotlap::agents {
namespace {

// Quartile `number` of times in ascending order: at (n - 1) * number / 4, in proportion between the
// two that are next to it.
double Quartile(std::span<const int> ordered, std::size_t number) {
  const std::size_t place = (ordered.size() - 1) * number / 4;
  const std::size_t part = (ordered.size() - 1) * number % 4;
  const double below = ordered[place];
  if (part == 0) return below;
  return (4 * below + static_cast<double>(part) * (ordered[place + 1] - below)) / 4;
}

// What an episode has, added up in their order.
template <typename Value>
double Mean(std::span<const EpisodeReport* const> episodes, Value value) {
  double sum = 0;
  for (const EpisodeReport* episode : episodes) sum += value(*episode);
  return sum / static_cast<double>(episodes.size());
}

std::vector<SplitFigures> Splits(std::span<const EpisodeReport* const> episodes) {
  std::vector<SplitFigures> splits;
  for (std::size_t place = 0;; ++place) {
    std::vector<int> passes_ms;
    for (const EpisodeReport* episode : episodes) {
      if (episode->splits_ms.size() > place) passes_ms.push_back(episode->splits_ms[place]);
    }
    if (passes_ms.empty()) return splits;
    const TimeFigures times = FiguresOf(passes_ms);
    splits.push_back({static_cast<int>(place) + 1, static_cast<int>(passes_ms.size()), times.best,
                      times.median});
  }
}

}  // namespace

const char* EpisodeErrorName(EpisodeError error) {
  switch (error) {
    case EpisodeError::kNone:
      return "none";
    case EpisodeError::kGameLost:
      return "game_lost";
    case EpisodeError::kRowRefused:
      return "row_refused";
    case EpisodeError::kServerLost:
      return "server_lost";
  }
  return "unknown";
}

FinishRate FinishRateOf(int finished, int n) {
  constexpr double z = 1.959963984540054;  // the normal distribution's 0.975 quantile
  const double count = n;
  const double p = finished / count;
  const double w = 1 + z * z / count;
  const double centre = (p + z * z / (2 * count)) / w;
  const double half = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / w;
  return {p, finished == 0 ? 0 : centre - half, finished == n ? 1 : centre + half};
}

TimeFigures FiguresOf(std::vector<int> times_ms) {
  std::ranges::sort(times_ms);
  return {times_ms.front(), Quartile(times_ms, 1), Quartile(times_ms, 2), Quartile(times_ms, 3)};
}

TrackReport Summarise(const std::string& track, std::span<const EpisodeReport> episodes,
                      std::size_t num_terms, std::optional<std::uint64_t> lower_bound_ms) {
  TrackReport report;
  report.track = track;
  report.lower_bound_ms = lower_bound_ms;
  std::vector<const EpisodeReport*> driven;  // without an error
  std::vector<int> times_ms;
  for (const EpisodeReport& episode : episodes) {
    if (episode.track != track) continue;
    ++report.episodes;
    if (episode.error != EpisodeError::kNone) {
      ++report.errors;
      continue;
    }
    driven.push_back(&episode);
    ++report.end_reasons[EndReasonName(episode.end_reason)];
    ++(episode.finished() ? report.finished : report.failed);
    if (episode.finish_time_ms) times_ms.push_back(*episode.finish_time_ms);
  }
  if (!times_ms.empty()) {
    report.finish_time_ms = FiguresOf(times_ms);
    if (lower_bound_ms) {
      const auto bound = static_cast<double>(*lower_bound_ms);
      report.best_over_bound = report.finish_time_ms->best / bound;
      report.median_over_bound = report.finish_time_ms->median / bound;
    }
  }
  report.splits = Splits(driven);
  if (driven.empty()) return report;
  report.finish_rate = FinishRateOf(report.finished, static_cast<int>(driven.size()));
  EpisodeMeans& means = report.means.emplace();
  means.progress_m = Mean(driven, [](const EpisodeReport& e) { return e.progress_m; });
  means.checkpoints =
      Mean(driven, [](const EpisodeReport& e) { return static_cast<double>(e.checkpoints); });
  means.episode_return =
      Mean(driven, [](const EpisodeReport& e) { return e.episode_return.value_or(0); });
  for (std::size_t term = 0; term < num_terms; ++term) {
    means.reward.push_back(
        Mean(driven, [term](const EpisodeReport& e) { return e.reward.at(term); }));
  }
  return report;
}

int EvaluationReport::errors() const {
  int errors = 0;
  for (const TrackReport& track : tracks) errors += track.errors;
  return errors;
}

}  // namespace hotlap::agents
