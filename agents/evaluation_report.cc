#include "agents/evaluation_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>

namespace hotlap::agents {
namespace {

std::string Number(double value, int decimals) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

// Over the episodes whose game was not lost.
std::string Mean(const TrackReport& report, int decimals,
                 const std::function<double(const EpisodeReport&)>& value) {
  double sum = 0;
  int count = 0;
  for (const EpisodeReport& episode : report.episodes) {
    if (episode.lost()) continue;
    sum += value(episode);
    ++count;
  }
  return count == 0 ? "-" : Number(sum / count, decimals);
}

// Reward terms of all reports, in order of appearance.
std::vector<std::string> AllTerms(std::span<const TrackReport> reports) {
  std::vector<std::string> terms;
  for (const TrackReport& report : reports) {
    for (const std::string& term : report.reward_terms) {
      if (std::ranges::find(terms, term) == terms.end()) terms.push_back(term);
    }
  }
  return terms;
}

// A term that was never paid in any report only makes the table wide.
std::vector<std::string> PaidTerms(std::span<const TrackReport> reports) {
  std::vector<std::string> terms = AllTerms(reports);
  std::erase_if(terms, [&](const std::string& term) {
    return std::ranges::none_of(reports, [&](const TrackReport& report) {
      const auto at = std::ranges::find(report.reward_terms, term) - report.reward_terms.begin();
      return std::ranges::any_of(report.episodes, [&](const EpisodeReport& episode) {
        const auto index = static_cast<std::size_t>(at);
        return index < episode.reward_by_term.size() && episode.reward_by_term[index] != 0;
      });
    });
  });
  return terms;
}

std::vector<std::string> TableRow(const TrackReport& report,
                                  const std::vector<std::string>& terms) {
  std::vector<double> times;
  for (const EpisodeReport& episode : report.episodes) {
    if (episode.finished()) times.push_back(episode.finish_time_s);
  }
  std::vector<std::string> cells = {
      report.track,
      report.kind,
      std::to_string(report.episodes.size()),
      std::to_string(times.size()),
      std::to_string(std::ranges::count_if(report.episodes, &EpisodeReport::lost)),
      times.empty() ? "-" : FormatTime(std::ranges::min(times)),
      times.empty() ? "-" : FormatTime(Median(times)),
      Mean(report, 1, [](const EpisodeReport& e) { return e.checkpoints; }),
      Mean(report, 0, [](const EpisodeReport& e) { return e.progress_m; }),
      Mean(report, 2, [](const EpisodeReport& e) { return e.episode_return; })};
  for (const std::string& term : terms) {
    const auto found = std::ranges::find(report.reward_terms, term);
    const auto index = static_cast<std::size_t>(found - report.reward_terms.begin());
    cells.push_back(
        found == report.reward_terms.end() ? "-" : Mean(report, 2, [index](const EpisodeReport& e) {
          return index < e.reward_by_term.size() ? e.reward_by_term[index] : 0.0;
        }));
  }
  cells.push_back(Number(report.steps_per_s, 0));
  return cells;
}

// Quoted where the text would break the row.
std::string CsvText(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

}  // namespace

std::string FormatTime(double seconds) {
  const auto hundredths = std::llround(seconds * 100);
  const auto minutes = hundredths / 6000;
  std::array<char, 64> text;
  if (minutes > 0) {
    std::snprintf(text.data(), text.size(), "%lld:%05.2f", minutes,
                  static_cast<double>(hundredths % 6000) / 100);
  } else {
    std::snprintf(text.data(), text.size(), "%.2f", static_cast<double>(hundredths) / 100);
  }
  return text.data();
}

void PrintTable(std::ostream& out, std::span<const TrackReport> reports) {
  constexpr std::size_t kTextColumns = 2;  // to the left; numbers to the right
  const std::vector<std::string> terms = PaidTerms(reports);
  std::vector<std::vector<std::string>> table = {{"track", "kind", "episodes", "finished", "lost",
                                                  "best (s)", "median (s)", "checkpoints",
                                                  "progress (m)", "return"}};
  for (const std::string& term : terms) table.front().push_back("r:" + term);
  table.front().push_back("steps/s");
  for (const TrackReport& report : reports) table.push_back(TableRow(report, terms));

  std::vector<std::size_t> widths(table.front().size(), 0);
  for (const auto& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (std::size_t r = 0; r < table.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < table[r].size(); ++i) {
      const std::string padding(widths[i] - table[r][i].size(), ' ');
      if (i > 0) line += "  ";
      line += i < kTextColumns ? table[r][i] + padding : padding + table[r][i];
    }
    out << line << '\n';
    if (r == 0) out << std::string(line.size(), '-') << '\n';
  }
}

void WriteCsv(std::ostream& out, std::span<const TrackReport> reports) {
  const std::vector<std::string> terms = AllTerms(reports);
  out << "track,kind,row,seed,finish_time_s,end_reason,ticks,checkpoints,progress_m,return,"
         "discounted_return";
  for (const std::string& term : terms) out << ",reward_" << term;
  out << '\n';
  for (const TrackReport& report : reports) {
    for (const EpisodeReport& e : report.episodes) {
      out << CsvText(report.track) << ',' << CsvText(report.kind) << ',' << e.row << ',' << e.seed
          << ',' << (e.finished() ? Number(e.finish_time_s, 2) : "") << ','
          << EndReasonName(e.end_reason) << ',' << e.ticks << ',' << e.checkpoints << ','
          << Number(e.progress_m, 3) << ',' << Number(e.episode_return, 6) << ','
          << Number(e.discounted_return, 6);
      for (const std::string& term : terms) {
        const auto found = std::ranges::find(report.reward_terms, term);
        const auto index = static_cast<std::size_t>(found - report.reward_terms.begin());
        out << ',';
        if (index < e.reward_by_term.size()) out << Number(e.reward_by_term[index], 6);
      }
      out << '\n';
    }
  }
}

}  // namespace hotlap::agents
