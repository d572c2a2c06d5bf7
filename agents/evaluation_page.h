// A report as one HTML page with its pictures.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agents/evaluation_report.h"
#include "agents/ghost.h"
#include "agents/html_page.h"
#include "env/centreline.h"

namespace hotlap::agents {

// The centreline of a track; null where it is not known here.
using CentrelineFinder = std::function<std::shared_ptr<const Centreline>(const std::string& track)>;

// Figures of all tracks, the driven lines, then for each track its splits, its reward by term and
// its notable runs, beside the ghost if there is one on the track (it may be null). Throws
// std::invalid_argument when the ghost's line is not on the track.
HtmlPage MakePage(const EvaluationReport& report, const CentrelineFinder& find_centreline,
                  const Ghost* ghost);

}  // namespace hotlap::agents
