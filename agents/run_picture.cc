#include "agents/run_picture.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <string_view>
#include <utility>

#include "agents/chart.h"
#include "agents/time_gap.h"
#include "env/action.h"

namespace hotlap::agents {
namespace {

constexpr float kKmhPerMps = 3.6f;
constexpr float kSmallHeight = 90, kGapHeight = 120;
// Told apart by those who see few colours too (Okabe and Ito's, brightened for a dark ground).
constexpr std::array<std::string_view, 6> kColours = {"#56b4e9", "#ffb000", "#3ddc84",
                                                      "#ff5c8a", "#f0e442", "#b18cff"};
constexpr std::string_view kLineColour = "#93a4b5";

std::string ColourOf(std::size_t run) { return std::string(kColours[run % kColours.size()]); }

// A curve for each run; `value` gives std::optional<float> of the run's point i.
template <class Value>
Chart MakeChart(std::string title, std::span<const NamedRun> runs, bool is_stepped, Value value) {
  Chart chart;
  chart.title = std::move(title);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    ChartCurve curve{.points = {}, .colour = ColourOf(r), .is_stepped = is_stepped};
    const Run& run = *runs[r].run;
    for (std::size_t i = 0; i < run.points.size(); ++i) {
      if (const std::optional<float> y = value(run, i)) {
        curve.points.push_back({run.points[i].progress_m, *y});
      }
    }
    chart.curves.push_back(std::move(curve));
  }
  return chart;
}

bool HasCurves(const Chart& chart) {
  return std::ranges::any_of(chart.curves, [](const ChartCurve& c) { return c.points.size() > 1; });
}

Chart SpeedChart(std::span<const NamedRun> runs) {
  Chart chart = MakeChart("speed, km/h", runs, false, [](const Run& run, std::size_t i) {
    const std::optional<float> speed_mps = run.points[i].speed_mps;
    return speed_mps ? std::optional(*speed_mps * kKmhPerMps) : std::nullopt;
  });
  chart.high = 100;
  return chart;
}

Chart GapChart(std::span<const NamedRun> runs) {
  Chart chart;
  chart.title = "time gap to " + runs[0].name + ", s: above 0 is behind it, below 0 ahead";
  chart.height = kGapHeight;
  chart.has_zero = true;
  chart.low = -0.05f;
  chart.high = 0.05f;
  for (std::size_t r = 1; r < runs.size(); ++r) {
    ChartCurve curve{.points = {}, .colour = ColourOf(r)};
    for (const TimeGap& gap : TimeGapOf(*runs[r].run, *runs[0].run)) {
      curve.points.push_back({gap.distance_m, gap.gap_s});
    }
    chart.curves.push_back(std::move(curve));
  }
  return chart;
}

Chart SteeringChart(std::span<const NamedRun> runs) {
  Chart chart =
      MakeChart("steering: 1 is full right", runs, true, [](const Run& run, std::size_t i) {
        return i < run.inputs.size() ? std::optional(AppliedActionOf(run.inputs[i]).steer)
                                     : std::nullopt;
      });
  chart.low = -1;
  chart.high = 1;
  chart.height = kSmallHeight;
  chart.has_zero = true;
  return chart;
}

Chart PedalChart(std::span<const NamedRun> runs) {
  Chart chart = MakeChart("pedals: 1 is full throttle, -1 the brake", runs, true,
                          [](const Run& run, std::size_t i) -> std::optional<float> {
                            if (i >= run.inputs.size()) return std::nullopt;
                            const AppliedAction applied = AppliedActionOf(run.inputs[i]);
                            return applied.brake > 0 ? -applied.brake : applied.gas;
                          });
  chart.low = -1;
  chart.high = 1;
  chart.height = kSmallHeight;
  chart.has_zero = true;
  return chart;
}

Chart GearChart(std::span<const NamedRun> runs) {
  Chart chart = MakeChart("gear", runs, true, [](const Run& run, std::size_t i) {
    const std::optional<int> gear = run.points[i].gear;
    return gear ? std::optional(static_cast<float>(*gear)) : std::nullopt;
  });
  chart.high = 5;
  chart.height = kSmallHeight;
  return chart;
}

Chart OffsetChart(std::span<const NamedRun> runs, const ReferenceLine* line) {
  Chart chart = MakeChart("offset from the track's line, m: left is positive", runs, false,
                          [](const Run& run, std::size_t i) { return run.points[i].lateral_m; });
  chart.has_zero = true;
  chart.low = -1;
  chart.high = 1;
  if (line != nullptr) {
    ChartCurve curve{.points = {}, .colour = std::string(kLineColour), .is_dashed = true};
    for (const ReferencePoint& point : line->points) {
      curve.points.push_back({point.progress_m, point.lateral_m});
    }
    chart.curves.push_back(std::move(curve));
  }
  return chart;
}

}  // namespace

void WriteRunPicture(std::ostream& out, const std::string& title, std::span<const NamedRun> runs,
                     const ReferenceLine* line, std::span<const float> checkpoints_m) {
  assert(!runs.empty());
  ChartPicture picture;
  picture.title = title;
  picture.x_title = "distance along the track, m";
  for (std::size_t r = 0; r < runs.size(); ++r) {
    picture.keys.push_back({runs[r].name, ColourOf(r)});
    for (const RunPoint& point : runs[r].run->points) {
      picture.x_high = std::max(picture.x_high, point.progress_m);
    }
  }
  if (line != nullptr) picture.keys.push_back({line->name, std::string(kLineColour), true});
  for (const float at_m : checkpoints_m) {
    if (at_m <= picture.x_high) picture.marks.push_back(at_m);
  }

  for (Chart chart : {SpeedChart(runs), GapChart(runs), SteeringChart(runs), PedalChart(runs),
                      GearChart(runs), OffsetChart(runs, line)}) {
    if (HasCurves(chart)) picture.charts.push_back(std::move(chart));
  }
  WriteCharts(out, picture);
}

std::vector<float> CheckpointsOf(const Centreline& centreline) {
  std::vector<float> distances_m;
  const int passes = centreline.num_gates() * centreline.laps();
  for (int passed = 0; passed + 1 < passes; ++passed) {
    distances_m.push_back(centreline.next_gate_s_m(passed) - centreline.start_s_m());
  }
  return distances_m;
}

}  // namespace hotlap::agents
