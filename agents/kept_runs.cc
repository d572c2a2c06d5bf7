#include "agents/kept_runs.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <set>
#include <sstream>
#include <stdexcept>

#include "agents/run_csv.h"
#include "agents/run_script.h"
#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

constexpr std::array<std::string_view, 3> kKeepNames = {"none", "best", "all"};

bool IsPlain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.';
}

// Names of tracks may come from a server, and must not lead to another folder.
std::string PlainName(std::string track) {
  std::ranges::replace_if(
      track, [](char c) { return !IsPlain(c); }, '_');
  if (track.starts_with('.')) track[0] = '_';
  return track;
}

std::vector<const EpisodeReport*> DrivenOn(const EvaluationReport& report,
                                           const std::string& track) {
  std::vector<const EpisodeReport*> driven;
  for (const EpisodeReport& episode : report.episodes) {
    if (episode.track == track && !episode.run.inputs.empty()) driven.push_back(&episode);
  }
  return driven;
}

// Those of an earlier evaluation.
void RemoveRuns(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) return;
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".csv" || extension == ".txt")) {
      old.push_back(entry.path());
    }
  }
  for (const auto& path : old) std::filesystem::remove(path);
}

}  // namespace

std::span<const std::string_view> KeepNames() { return kKeepNames; }

Keep KeepNamed(std::string_view name) {
  const auto found = std::ranges::find(kKeepNames, name);
  assert(found != kKeepNames.end());
  return static_cast<Keep>(found - kKeepNames.begin());
}

std::vector<NotableRun> NotableRuns(const EvaluationReport& report, const std::string& track) {
  const std::vector<const EpisodeReport*> driven = DrivenOn(report, track);
  if (driven.empty()) return {};
  std::vector<const EpisodeReport*> finished;
  for (const EpisodeReport& episode : report.episodes) {
    if (episode.track == track && episode.finished()) finished.push_back(&episode);
  }
  if (finished.empty()) {
    return {{"farthest", *std::ranges::max_element(driven, {}, &EpisodeReport::progress_m)}};
  }
  std::ranges::stable_sort(finished, {}, &EpisodeReport::finish_time_ms);
  std::vector<NotableRun> notable = {{"best", finished.front()}};
  const EpisodeReport* const median = finished[(finished.size() - 1) / 2];
  const bool is_another = median != finished.front();
  if (is_another && !median->run.inputs.empty()) notable.push_back({"median", median});
  return notable;
}

std::vector<std::string> WriteRuns(const std::filesystem::path& folder,
                                   const EvaluationReport& report, Keep keep) {
  std::vector<std::string> reasons;
  RemoveRuns(folder / "runs");
  if (keep == Keep::kNone) return reasons;
  std::filesystem::create_directories(folder / "runs");
  std::set<std::string> names;
  for (const TrackReport& track : report.tracks) {
    std::string name = PlainName(track.track);
    while (!names.insert(name).second) name += '~';  // two tracks that differ in what is not plain
    std::vector<const EpisodeReport*> kept = DrivenOn(report, track.track);
    if (keep == Keep::kBest) {
      kept.clear();
      for (const NotableRun& run : NotableRuns(report, track.track)) kept.push_back(run.episode);
    }
    std::string reason;
    for (const EpisodeReport* episode : kept) {
      const auto path = folder / "runs" / (name + '-' + std::to_string(episode->episode));
      std::ostringstream table;
      WriteRun(table, episode->run);
      WriteWholeFile(path.string() + ".csv", table.str());
      const auto script = ScriptText(episode->run);
      if (!script) {
        if (reason.empty()) reason = path.filename().string() + " has no script: " + script.error();
        continue;
      }
      WriteWholeFile(path.string() + ".txt", *script);
    }
    if (!reason.empty()) reasons.push_back(reason);
  }
  return reasons;
}

}  // namespace hotlap::agents
