// Curves over one distance axis, a chart under another: one self-contained SVG.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace hotlap::agents {

struct ChartPoint {
  float x = 0, y = 0;
};

struct ChartCurve {
  std::vector<ChartPoint> points;  // x ascends
  std::string colour;              // "#rrggbb"
  bool is_stepped = false;         // a value holds until the next point's x; else linear in between
  bool is_dashed = false;
};

struct Chart {
  std::string title;  // what y is, with its unit
  std::vector<ChartCurve> curves;
  float low = 0, high = 0;  // y that is always shown; the curves may add to it
  bool has_zero = false;    // a line at y = 0
  float height = 150;       // pixels, without its title
};

struct ChartKey {
  std::string text, colour;
  bool is_dashed = false;
};

struct ChartPicture {
  std::string title;
  std::vector<ChartKey> keys;  // what the colours are
  std::string x_title;         // what x is, with its unit
  float x_high = 1;            // the axis goes from 0 to it; above 0
  std::vector<float> marks;    // x of vertical lines: checkpoints
  std::vector<Chart> charts;
};

// Texts may be anybody's: they are escaped. Values that are not finite are left out.
void WriteCharts(std::ostream& out, const ChartPicture& picture);

}  // namespace hotlap::agents
