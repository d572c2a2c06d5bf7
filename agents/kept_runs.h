// The runs of an evaluation that are worth a second look, and their files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/evaluation_report.h"

namespace hotlap::agents {

enum class Keep : std::uint8_t { kNone, kBest, kAll };
std::span<const std::string_view> KeepNames();  // "none", "best", "all"
Keep KeepNamed(std::string_view name);          // REQUIRES: one of the names

struct NotableRun {
  std::string name;                        // "best", "median", "farthest"
  const EpisodeReport* episode = nullptr;  // of the report
};

// Of a track: the fastest run, and the one in the middle of those that finished (of two, the faster
// one), where it is another and its run was kept. Without a finish, the one that came farthest; of
// equals the first. None where nothing was driven.
std::vector<NotableRun> NotableRuns(const EvaluationReport& report, const std::string& track);

// Writes runs/<track>-<episode>.csv and .txt into a folder that there is: of every track the
// notable runs, or all; those that were in runs/ before go. What is no plain character of a track's
// name becomes '_'; of two names that are the same then the later one has a '~' more. Gives the
// reasons why runs have no script, once for each track. Throws std::runtime_error that names the
// file which cannot be written.
std::vector<std::string> WriteRuns(const std::filesystem::path& folder,
                                   const EvaluationReport& report, Keep keep);

}  // namespace hotlap::agents
