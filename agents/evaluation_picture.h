// The driven lines of an evaluation as a panel of a picture.
#pragma once

#include <span>
#include <string>

#include "agents/evaluation_report.h"
#include "agents/ghost.h"
#include "agents/track_picture.h"
#include "env/centreline.h"

namespace hotlap::agents {

// Of the episodes of this track in all reports; they began at its start. `centreline` is the
// track's, and `ghost` is on it, or null.
PicturePanel MakePanel(const std::string& track, std::span<const EvaluationReport> reports,
                       const Centreline& centreline, const Ghost* ghost);

}  // namespace hotlap::agents
