// The driven lines of an evaluation as a panel of a picture.
#pragma once

#include <span>

#include "agents/evaluation_report.h"
#include "agents/track_picture.h"
#include "env/centreline.h"

namespace hotlap::agents {

// `reports` are of one track, one per kind of game, and `centreline` is the track's;
// the episodes began at its start.
PicturePanel MakePanel(std::span<const TrackReport> reports, const Centreline& centreline);

}  // namespace hotlap::agents
