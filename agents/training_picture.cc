#include "agents/training_picture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "agents/svg.h"
#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

struct Curve {
  const char* column;
  const char* label;
  const char* colour;
};
struct Panel {
  const char* title;
  std::vector<Curve> curves;
};

constexpr float kWidth = 720, kHeight = 220, kLeft = 64, kRight = 16, kTop = 40, kBottom = 30;
constexpr int kTicks = 4;

const std::vector<Panel>& Panels() {
  static const std::vector<Panel> panels = {
      {"Return of an episode", {{"mean_return", "mean", "#1f5fbf"}}},
      {"Share of episodes that finish",
       {{"finish_rate", "with random actions", "#1f5fbf"},
        {"trial_finish_rate", "without", "#c43b1d"}}},
      {"Finish time, s",
       {{"median_time_s", "median with random actions", "#1f5fbf"},
        {"best_time_s", "best of these so far", "#7aa6e8"},
        {"trial_time_s", "without", "#c43b1d"}}}};
  return panels;
}

// Three digits that say something.
std::string Short(double value) {
  std::ostringstream text;
  text.precision(3);
  text << value;
  return text.str();
}

void WritePanel(std::ostream& out, const Panel& panel, const TrainingLog& log, float top) {
  const std::vector<double> steps = log.Column("steps");
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
  for (const Curve& curve : panel.curves) {
    for (const double value : log.Column(curve.column)) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  WriteText(out, {kLeft, top + 16}, "class=\"title\"", panel.title);
  if (steps.empty() || low > high) return;  // nothing is known yet
  if (high - low < 1e-9) high = low + 1;
  const double last = std::max(steps.back(), 1.0);
  const auto at = [&](double x, double y) {
    return Pixel{
        kLeft + static_cast<float>(x / last) * (kWidth - kLeft - kRight),
        top + kTop + static_cast<float>((high - y) / (high - low)) * (kHeight - kTop - kBottom)};
  };
  const Pixel frame[] = {at(0, high), at(0, low), at(last, low)};
  WritePath(out, frame, "fill=\"none\" stroke=\"#888\"");
  for (int i = 0; i <= kTicks; ++i) {
    const double share = static_cast<double>(i) / kTicks;
    const double x = last * share, y = low + (high - low) * share;
    WriteText(out, {at(x, low).x, top + kHeight - 12}, "text-anchor=\"middle\"",
              Short(x / 1e6) + (i == kTicks ? " million steps" : ""));
    WriteText(out, {kLeft - 6, at(0, y).y + 4}, "text-anchor=\"end\"", Short(y));
  }
  float label_x = kLeft + 260;
  for (const Curve& curve : panel.curves) {
    const std::string colour = curve.colour;
    WriteText(out, {label_x, top + 16}, "fill=\"" + colour + "\"", curve.label);
    label_x += 170;
    const std::vector<double> values = log.Column(curve.column);
    std::vector<Pixel> line;
    for (std::size_t i = 0; i <= values.size(); ++i) {
      if (i < values.size() && std::isfinite(values[i])) {
        line.push_back(at(steps[i], values[i]));
      } else {  // a gap
        WritePath(out, line, "fill=\"none\" stroke-width=\"1.5\" stroke=\"" + colour + "\"");
        line.clear();
      }
    }
  }
}

}  // namespace

void WriteTrainingPicture(const std::filesystem::path& path, const TrainingLog& log) {
  std::ostringstream out;
  const float height = kHeight * static_cast<float>(Panels().size());
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << Tenth(kWidth) << ' '
      << Tenth(height) << "\" font-family=\"sans-serif\" font-size=\"11\">\n"
      << "<style>.title{font-size:13px;font-weight:bold}</style>\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  for (std::size_t i = 0; i < Panels().size(); ++i) {
    WritePanel(out, Panels()[i], log, kHeight * static_cast<float>(i));
  }
  out << "</svg>\n";
  WriteWholeFile(path, out.str());
}

}  // namespace hotlap::agents
