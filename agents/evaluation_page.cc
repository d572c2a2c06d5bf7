#include "agents/evaluation_page.h"

#include <spdlog/fmt/fmt.h>

#include <optional>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include "agents/evaluation_picture.h"
#include "agents/evaluation_text.h"
#include "agents/kept_runs.h"
#include "agents/run_picture.h"
#include "agents/track_picture.h"

namespace hotlap::agents {
namespace {

constexpr const char* kUnknown = "-";

std::string Fixed(const std::optional<double>& value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : kUnknown;
}

std::string Describe(const EvaluationReport& report) {
  std::string text = fmt::format(
      "{} in {}, {} games, steps of {} ms; {} episodes asked for on each track, seed {}, "
      "perturbation {}",
      report.policy.empty() ? "a policy" : report.policy, report.environment, report.kind,
      10 * report.ticks_per_step, report.episodes_per_track, report.seed,
      PerturbationName(report.perturbation.kind));
  if (report.max_ticks) text += fmt::format(", cut after {} ticks", *report.max_ticks);
  if (report.policy_seed) text += fmt::format(", actions drawn from seed {}", *report.policy_seed);
  return text + '.';
}

std::string ReasonsOf(const TrackReport& track) {
  std::string text;
  for (const auto& [reason, count] : track.end_reasons) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, reason);
  }
  return text.empty() ? kUnknown : text;
}

HtmlTable TracksTable(const EvaluationReport& report) {
  HtmlTable table{.title = "",
                  .columns = {"track", "episodes", "finished", "rate", "95 %", "best (s)",
                              "quartile", "median", "quartile", "bound (s)", "best over bound",
                              "median over bound", "progress (m)", "return", "ends", "errors"},
                  .rows = {}};
  for (const TrackReport& track : report.tracks) {
    const auto& rate = track.finish_rate;
    const auto& times = track.finish_time_ms;
    const auto& means = track.means;
    const auto time = [&](auto member) {
      return times ? FormatTime(static_cast<double>((*times).*member)) : kUnknown;
    };
    table.rows.push_back(
        {track.track, std::to_string(track.episodes), std::to_string(track.finished),
         rate ? Fixed(rate->value, 2) : kUnknown,
         rate ? Fixed(rate->low, 2) + " to " + Fixed(rate->high, 2) : kUnknown,
         time(&TimeFigures::best), time(&TimeFigures::lower_quartile), time(&TimeFigures::median),
         time(&TimeFigures::upper_quartile),
         track.lower_bound_ms ? FormatTime(static_cast<double>(*track.lower_bound_ms)) : kUnknown,
         Fixed(track.best_over_bound, 3), Fixed(track.median_over_bound, 3),
         means ? Fixed(means->progress_m, 0) : kUnknown,
         means ? Fixed(means->episode_return, 2) : kUnknown, ReasonsOf(track),
         std::to_string(track.errors)});
  }
  return table;
}

HtmlTable SplitsTable(const TrackReport& track) {
  HtmlTable table{.title = "Splits",
                  .columns = {"checkpoint"},
                  .rows = {{"best (s)"}, {"median (s)"}, {"passes"}}};
  for (const SplitFigures& split : track.splits) {
    table.columns.push_back(std::to_string(split.checkpoint));
    table.rows[0].push_back(FormatTime(split.best_ms));
    table.rows[1].push_back(FormatTime(split.median_ms));
    table.rows[2].push_back(std::to_string(split.passes));
  }
  return table;
}

HtmlTable RewardTable(const EvaluationReport& report, const TrackReport& track) {
  HtmlTable table{
      .title = "Reward by term, mean of an episode", .columns = {"term", "mean"}, .rows = {}};
  for (std::size_t term = 0; term < report.reward_terms.size(); ++term) {
    const double mean = track.means->reward.at(term);
    if (mean != 0) table.rows.push_back({report.reward_terms[term], Fixed(mean, 3)});
  }
  return table;
}

// Its notable runs, the ghost's first.
std::string RunsPicture(const EvaluationReport& report, const std::string& track,
                        const Centreline& centreline, const Ghost* ghost) {
  std::vector<NamedRun> runs;
  std::optional<ReferenceLine> line;
  if (ghost != nullptr && ghost->run) runs.push_back({ghost->name, &*ghost->run});
  if (ghost != nullptr && !ghost->run) {
    line = PlaceOnTrack(ghost->name, ghost->points_m, centreline);
  }
  for (const NotableRun& notable : NotableRuns(report, track)) {
    const EpisodeReport& episode = *notable.episode;
    runs.push_back(
        {fmt::format("{}: episode {}, {}", notable.name, episode.episode,
                     episode.finish_time_ms ? FormatTime(*episode.finish_time_ms) + " s"
                                            : std::string(EndReasonName(episode.end_reason))),
         &episode.run});
  }
  if (runs.empty()) return {};
  std::ostringstream out;
  WriteRunPicture(out, track, runs, line ? &*line : nullptr, CheckpointsOf(centreline));
  return out.str();
}

}  // namespace

HtmlPage MakePage(const EvaluationReport& report, const TrackLines& lines, const Ghost* ghost) {
  HtmlPage page;
  page.title = fmt::format("{}: how it drives", report.policy.empty() ? "A policy" : report.policy);
  HtmlSection& all = page.sections.emplace_back();
  all.title = "All tracks";
  all.paragraphs = {Describe(report)};
  all.tables = {TracksTable(report)};

  std::vector<PicturePanel> panels;
  std::vector<HtmlSection> tracks;
  for (const TrackReport& track : report.tracks) {
    const Centreline& centreline = *lines.at(track.track);
    const Ghost* const seen = ghost != nullptr && ghost->IsOn(track.track) ? ghost : nullptr;
    HtmlSection& section = tracks.emplace_back();
    section.title = track.track;
    panels.push_back(MakePanel(track.track, {&report, 1}, centreline, seen));
    if (!track.splits.empty()) section.tables.push_back(SplitsTable(track));
    if (track.means) section.tables.push_back(RewardTable(report, track));
    if (std::string runs = RunsPicture(report, track.track, centreline, seen); !runs.empty()) {
      section.pictures.push_back(std::move(runs));
    }
  }
  if (!panels.empty()) {
    std::ostringstream picture;
    WritePicture(picture, "Driven lines, coloured by speed", panels);
    all.pictures = {picture.str()};
  }
  page.sections.insert(page.sections.end(), std::make_move_iterator(tracks.begin()),
                       std::make_move_iterator(tracks.end()));
  return page;
}

}  // namespace hotlap::agents
