#include "agents/training_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "agents/chart.h"
#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

constexpr const char* kDrawn = "#56b4e9";  // with random actions
constexpr const char* kBest = "#2f6f94";
constexpr const char* kTrial = "#ffb000";

struct Curve {
  const char* column;
  const char* colour;
  bool is_stepped = false;  // a value holds until the next
};
struct Panel {
  const char* title;
  std::vector<Curve> curves;
};

std::array<Panel, 3> Panels() {
  return {{{"Return of an episode", {{"mean_return", kDrawn}}},
           {"Share of episodes that finish",
            {{"finish_rate", kDrawn}, {"trial_finish_rate", kTrial, true}}},
           {"Finish time, s",
            {{"best_time_s", kBest}, {"median_time_s", kDrawn}, {"trial_time_s", kTrial, true}}}}};
}

Chart ChartOf(const Panel& panel, const std::vector<double>& steps, const TrainingLog& log) {
  Chart chart{.title = panel.title, .curves = {}};
  bool is_known = false;
  for (const Curve& curve : panel.curves) {
    ChartCurve& drawn = chart.curves.emplace_back();
    drawn.colour = curve.colour;
    drawn.is_stepped = curve.is_stepped;
    const std::vector<double> values = log.Column(curve.column);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      const auto y = static_cast<float>(values[i]);
      drawn.points.push_back({static_cast<float>(steps[i] / 1e6), y});
      chart.low = is_known ? std::min(chart.low, y) : y;
      chart.high = is_known ? std::max(chart.high, y) : y;
      is_known = true;
    }
  }
  return chart;
}

}  // namespace

void WriteTrainingPicture(const std::filesystem::path& path, const TrainingLog& log) {
  const std::vector<double> steps = log.Column("steps");
  ChartPicture picture{.title = "Training",
                       .keys = {{"episodes with random actions", kDrawn},
                                {"the best of them", kBest},
                                {"a trial without", kTrial}},
                       .x_title = "million steps",
                       .marks = {},
                       .charts = {}};
  if (!steps.empty()) picture.x_high = static_cast<float>(std::max(steps.back(), 1.0) / 1e6);
  for (const Panel& panel : Panels()) picture.charts.push_back(ChartOf(panel, steps, log));
  std::ostringstream out;
  WriteCharts(out, picture);
  WriteWholeFile(path, out.str());
}

}  // namespace hotlap::agents
