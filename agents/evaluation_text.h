// A report as the texts that docs/evaluation.md defines: the same bytes as the Python package's.
#pragma once

#include <filesystem>
#include <string>

#include "agents/evaluation_report.h"

namespace hotlap::agents {

std::string ReportJson(const EvaluationReport& report);
// A line per episode, below one of the columns' names.
std::string EpisodesCsv(const EvaluationReport& report);
// For people: a line per track, then the median splits. Terms that were never paid are left out.
std::string ReportTable(const EvaluationReport& report);

// 1:14.10 or 17.23.
std::string FormatTime(double time_ms);

// Writes report.json, episodes.csv and table.txt into a folder that there is. Throws
// std::runtime_error that names the file which cannot be written.
void WriteReport(const std::filesystem::path& folder, const EvaluationReport& report);

}  // namespace hotlap::agents
