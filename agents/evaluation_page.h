// A report as one HTML page with its pictures.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "agents/evaluation_report.h"
#include "agents/ghost.h"
#include "agents/html_page.h"
#include "env/centreline.h"

namespace hotlap::agents {

// The line of each track, by name.
using TrackLines = std::map<std::string, std::shared_ptr<const Centreline>>;

// Figures of all tracks, the driven lines, then for each track its splits, its reward by term and
// its notable runs, beside the ghost if there is one on the track (it may be null). REQUIRES: the
// line of each track. Throws std::invalid_argument when the ghost's line is not on the track.
HtmlPage MakePage(const EvaluationReport& report, const TrackLines& lines, const Ghost* ghost);

}  // namespace hotlap::agents
