#include "agents/evaluation_text.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

using Json = nlohmann::ordered_json;

// The fewest digits that give the same double again, written as Python writes them.
std::string Shortest(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// With each member and element on a line of its own, one more space in front than what holds it.
void Append(const Json& value, std::size_t depth, std::string& out) {
  if (value.is_number_float()) {
    out += Shortest(value.get<double>());
    return;
  }
  if (!value.is_structured() || value.empty()) {
    out += value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
    return;
  }
  const auto end_line = [&out](std::size_t spaces) { out.append(1, '\n').append(spaces, ' '); };
  out += value.is_object() ? '{' : '[';
  bool is_first = true;
  for (const auto& item : value.items()) {
    if (!is_first) out += ',';
    is_first = false;
    end_line(depth + 1);
    if (value.is_object()) {
      Append(item.key(), depth + 1, out);
      out += ": ";
    }
    Append(item.value(), depth + 1, out);
  }
  end_line(depth);
  out += value.is_object() ? '}' : ']';
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

std::string Hexadecimal(std::uint64_t value) { return fmt::format("{:016x}", value); }

Json ByTerm(const std::vector<std::string>& terms, std::span<const double> values) {
  Json json = Json::object();
  for (std::size_t term = 0; term < terms.size(); ++term) {
    json[terms[term]] = term < values.size() ? Json(values[term]) : Json();
  }
  return json;
}

Json ToJson(const Perturbation& perturbation) {
  const bool is_idle = perturbation.kind == PerturbationKind::kIdleStart;
  const bool is_noise = perturbation.kind == PerturbationKind::kObservationNoise;
  const bool is_offset = perturbation.kind == PerturbationKind::kStartOffset;
  return {{"name", PerturbationName(perturbation.kind)},
          {"most_ticks", is_idle ? Json(perturbation.most_ticks) : Json()},
          {"deviation", is_noise ? Json(perturbation.deviation) : Json()},
          {"most_offset_m", is_offset ? Json(perturbation.most_offset_m) : Json()}};
}

Json ToJson(const TrackReport& track, const std::vector<std::string>& terms) {
  Json rate = {{"value", nullptr}, {"low", nullptr}, {"high", nullptr}};
  if (const auto& r = track.finish_rate) {
    rate = {{"value", r->value}, {"low", r->low}, {"high", r->high}};
  }
  Json times = {{"best", nullptr},
                {"lower_quartile", nullptr},
                {"median", nullptr},
                {"upper_quartile", nullptr}};
  if (const auto& t = track.finish_time_ms) {
    times = {{"best", t->best},
             {"lower_quartile", t->lower_quartile},
             {"median", t->median},
             {"upper_quartile", t->upper_quartile}};
  }
  Json splits = Json::array();
  for (const SplitFigures& split : track.splits) {
    splits.push_back({{"checkpoint", split.checkpoint},
                      {"passes", split.passes},
                      {"best", split.best_ms},
                      {"median", split.median_ms}});
  }
  Json reasons = Json::object();
  for (const auto& [reason, count] : track.end_reasons) reasons[reason] = count;
  Json json = {{"track", track.track},
               {"episodes", track.episodes},
               {"finished", track.finished},
               {"failed", track.failed},
               {"errors", track.errors},
               {"end_reasons", reasons},
               {"finish_rate", rate},
               {"finish_time_ms", times},
               {"lower_bound_ms", OrNull(track.lower_bound_ms)},
               {"best_over_bound", OrNull(track.best_over_bound)},
               {"median_over_bound", OrNull(track.median_over_bound)},
               {"splits_ms", splits}};
  const auto& means = track.means;
  json["mean_progress_m"] = means ? Json(means->progress_m) : Json();
  json["mean_checkpoints"] = means ? Json(means->checkpoints) : Json();
  json["mean_return"] = means ? Json(means->episode_return) : Json();
  json["mean_reward"] = ByTerm(terms, means ? std::span(means->reward) : std::span<const double>());
  return json;
}

Json ToJson(const EpisodeReport& episode, const std::vector<std::string>& terms) {
  const bool has_error = episode.error != EpisodeError::kNone;
  return {{"track", episode.track},
          {"episode", episode.episode},
          {"seed", Hexadecimal(episode.seed)},
          {"idle_ticks", episode.idle_ticks},
          {"end_reason", has_error ? Json() : Json(EndReasonName(episode.end_reason))},
          {"error", has_error ? Json(EpisodeErrorName(episode.error)) : Json()},
          {"message", episode.message},
          {"finish_time_ms", OrNull(episode.finish_time_ms)},
          {"ticks", episode.ticks},
          {"progress_m", episode.progress_m},
          {"checkpoints", episode.checkpoints},
          {"splits_ms", episode.splits_ms},
          {"invalid_steps", episode.invalid_steps},
          {"episode_return", OrNull(episode.episode_return)},
          {"reward", episode.episode_return ? ByTerm(terms, episode.reward) : Json()}};
}

// Quoted where the text would break the row.
std::string CsvText(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

std::string Fixed(const std::optional<double>& value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

// A term that was never paid only makes the table wide.
std::vector<std::size_t> PaidTerms(const EvaluationReport& report) {
  std::vector<std::size_t> paid;
  for (std::size_t term = 0; term < report.reward_terms.size(); ++term) {
    const auto is_paid = [term](const TrackReport& track) {
      return track.means && track.means->reward.at(term) != 0;
    };
    if (std::ranges::any_of(report.tracks, is_paid)) paid.push_back(term);
  }
  return paid;
}

std::vector<std::string> TableRow(const TrackReport& track, const std::vector<std::size_t>& terms) {
  const auto& rate = track.finish_rate;
  std::vector<std::string> cells = {
      track.track,
      std::to_string(track.episodes),
      std::to_string(track.finished),
      std::to_string(track.errors),
      rate ? Fixed(rate->value, 2) : "-",
      rate ? Fixed(rate->low, 2) + " to " + Fixed(rate->high, 2) : "-",
  };
  const auto& times = track.finish_time_ms;
  cells.push_back(times ? FormatTime(times->best) : "-");
  cells.push_back(times ? FormatTime(times->lower_quartile) : "-");
  cells.push_back(times ? FormatTime(times->median) : "-");
  cells.push_back(times ? FormatTime(times->upper_quartile) : "-");
  cells.push_back(Fixed(track.median_over_bound, 3));
  const auto& means = track.means;
  cells.push_back(means ? Fixed(means->progress_m, 0) : "-");
  cells.push_back(means ? Fixed(means->episode_return, 2) : "-");
  for (const std::size_t term : terms) {
    cells.push_back(means ? Fixed(means->reward.at(term), 2) : "-");
  }
  return cells;
}

// In code points of UTF-8.
std::size_t Width(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(text, begins));
}

std::string Padding(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, Width(text)), ' ');
}

}  // namespace

std::string ReportJson(const EvaluationReport& report) {
  Json tracks = Json::array(), episodes = Json::array();
  for (const TrackReport& track : report.tracks) {
    tracks.push_back(ToJson(track, report.reward_terms));
  }
  for (const EpisodeReport& episode : report.episodes) {
    episodes.push_back(ToJson(episode, report.reward_terms));
  }
  const Json json = {{"version", kReportVersion},
                     {"policy", report.policy},
                     {"environment", report.environment},
                     {"kind", report.kind},
                     {"policy_hash", Hexadecimal(report.policy_hash)},
                     {"task_hash", Hexadecimal(report.task_hash)},
                     {"ticks_per_step", report.ticks_per_step},
                     {"max_ticks", OrNull(report.max_ticks)},
                     {"seed", report.seed},
                     {"episodes_per_track", report.episodes_per_track},
                     {"perturbation", ToJson(report.perturbation)},
                     {"sampled", report.policy_seed.has_value()},
                     {"policy_seed", OrNull(report.policy_seed)},
                     {"reward_terms", report.reward_terms},
                     {"tracks", tracks},
                     {"episodes", episodes}};
  std::string text;
  Append(json, 0, text);
  return text + '\n';
}

std::string EpisodesCsv(const EvaluationReport& report) {
  std::string text =
      "track,episode,seed,idle_ticks,end_reason,error,message,finish_time_ms,ticks,progress_m,"
      "checkpoints,splits_ms,invalid_steps,return";
  for (const std::string& term : report.reward_terms) text += ',' + CsvText("reward_" + term);
  text += '\n';
  for (const EpisodeReport& e : report.episodes) {
    const bool has_error = e.error != EpisodeError::kNone;
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{},{:.3f},{},{},{},{}", CsvText(e.track), e.episode,
                    Hexadecimal(e.seed), e.idle_ticks, has_error ? "" : EndReasonName(e.end_reason),
                    has_error ? EpisodeErrorName(e.error) : "", CsvText(e.message),
                    e.finish_time_ms ? std::to_string(*e.finish_time_ms) : "", e.ticks,
                    e.progress_m, e.checkpoints, fmt::join(e.splits_ms, " "), e.invalid_steps,
                    e.episode_return ? fmt::format("{:.6f}", *e.episode_return) : "");
    for (std::size_t term = 0; term < report.reward_terms.size(); ++term) {
      text += ',';
      if (term < e.reward.size()) text += fmt::format("{:.6f}", e.reward[term]);
    }
    text += '\n';
  }
  return text;
}

std::string ReportTable(const EvaluationReport& report) {
  const std::vector<std::size_t> terms = PaidTerms(report);
  std::vector<std::vector<std::string>> table = {
      {"track", "episodes", "finished", "errors", "rate", "95 %", "best (s)", "quartile", "median",
       "quartile", "over bound", "progress (m)", "return"}};
  for (const std::size_t term : terms) table.front().push_back("r:" + report.reward_terms[term]);
  for (const TrackReport& track : report.tracks) table.push_back(TableRow(track, terms));

  std::vector<std::size_t> widths(table.front().size(), 0);
  for (const auto& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : table) {
    std::string line = row[0] + Padding(row[0], widths[0]);  // the numbers are to the right
    for (std::size_t i = 1; i < row.size(); ++i) line += "  " + Padding(row[i], widths[i]) + row[i];
    text += line + '\n';
    if (&row == &table.front()) text += std::string(line.size(), '-') + '\n';
  }
  text += "\nmedian splits (s)\n";
  for (const TrackReport& track : report.tracks) {
    text += track.track + Padding(track.track, widths[0]) + ' ';
    for (const SplitFigures& split : track.splits) text += ' ' + FormatTime(split.median_ms);
    text += track.splits.empty() ? " -\n" : "\n";
  }
  return text;
}

std::string FormatTime(double time_ms) {
  const auto hundredths = static_cast<long long>(std::floor(time_ms / 10 + 0.5));
  const long long minutes = hundredths / 6000;
  if (minutes == 0) return fmt::format("{:.2f}", static_cast<double>(hundredths) / 100);
  return fmt::format("{}:{:05.2f}", minutes, static_cast<double>(hundredths % 6000) / 100);
}

void WriteReport(const std::filesystem::path& folder, const EvaluationReport& report) {
  WriteWholeFile(folder / "report.json", ReportJson(report));
  WriteWholeFile(folder / "episodes.csv", EpisodesCsv(report));
  WriteWholeFile(folder / "table.txt", ReportTable(report));
}

}  // namespace hotlap::agents
