// Driven lines over the tracks' outlines, coloured by speed: one self-contained SVG.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "env/centreline.h"
#include "env/vec3.h"

namespace hotlap::agents {

struct DrivenPoint {
  Vec3 position_m;
  float speed_mps = 0;
};
struct DrivenLine {
  std::vector<DrivenPoint> points;
  bool finished = false;  // else a cross marks where it ended
};

// The road from start to finish as the picture needs it.
struct TrackOutline {
  std::vector<LinePoint> road;         // evenly spaced
  std::vector<LinePoint> checkpoints;  // cross-sections; the finish is not among them
  LinePoint start, finish;
};
TrackOutline OutlineOf(const Centreline& centreline);

struct PicturePanel {
  std::string title;                 // the track's name
  std::vector<std::string> remarks;  // short texts under it
  TrackOutline outline;
  std::vector<DrivenLine> lines;
  std::vector<std::vector<Vec3>> references;  // lines to compare with, world; dashed
};

// Seen from above, north up or turned by a quarter to fit the panel, each panel with a scale bar of
// its own and all with one scale of speed. Lines drawn alike are drawn once.
void WritePicture(std::ostream& out, const std::string& title,
                  std::span<const PicturePanel> panels);

}  // namespace hotlap::agents
