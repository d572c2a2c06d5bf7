#include "agents/track_description.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "env/track_config.h"

namespace hotlap::agents {
namespace {

constexpr float kStraightPerM = 1.0f / 500;  // a road that bends less is straight
constexpr int kSpan = 4;  // points on either side over which curvature is measured

// Counts a bend at its end: where the road turns straight or the other way.
class BendCounter {
 public:
  explicit BendCounter(TrackDescription& description) : description_(description) {}
  void Add(float curvature_per_m) {
    if (curvature_per_m * sharpest_ < 0 || std::fabs(curvature_per_m) < kStraightPerM) End();
    if (std::fabs(curvature_per_m) >= kStraightPerM &&
        std::fabs(curvature_per_m) > std::fabs(sharpest_)) {
      sharpest_ = curvature_per_m;
    }
  }
  void End() {
    if (sharpest_ == 0) return;
    const float radius = 1 / std::fabs(sharpest_);
    const auto bound = std::ranges::upper_bound(kBendClassesM, radius);
    ++description_.num_bends[static_cast<std::size_t>(bound - kBendClassesM.begin())];
    sharpest_ = 0;
  }

 private:
  TrackDescription& description_;
  float sharpest_ = 0;
};

std::string Fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

// To a thousandth, as exact as the figures are.
double Thousandths(double value) { return std::round(value * 1000) / 1000; }

std::string HexOf(std::uint64_t hash) {
  std::ostringstream text;
  text << std::hex << std::setw(16) << std::setfill('0') << hash;
  return text.str();
}

}  // namespace

TrackDescription Describe(const sim::Track& track, const sim::LapBound& bound) {
  TrackDescription d;
  d.name = track.name();
  d.hash = track.hash();
  d.laps = track.laps();
  d.num_gates = track.num_gates();
  d.bronze_s = 0.001 * track.bronze_ms();
  d.bound_s = bound.time_s;
  for (const sim::LapBoundPoint& p : bound.widest) {
    d.bound_top_mps = std::max(d.bound_top_mps, double{p.speed_mps});
  }

  const auto points = track.points();
  const int n = static_cast<int>(points.size());
  const auto index = [&](float s_m) { return static_cast<int>(s_m / track.spacing_m()); };
  const auto at = [&](int i) -> const sim::RoadPoint& {
    return points[static_cast<std::size_t>(track.closed() ? (i % n + n) % n
                                                          : std::clamp(i, 0, n - 1))];
  };
  const int first = index(track.start_s_m());
  const int last = track.closed() ? first + n : std::min(index(track.finish_s_m()), n - 1);
  d.length_m = static_cast<double>(track.finish_s_m()) - track.start_s_m();
  BendCounter bends(d);
  double gap_m = 0;
  for (int i = first; i < last; ++i) {
    const sim::RoadPoint& here = at(i);
    const double rise = double{at(i + 1).position_m.y} - here.position_m.y;
    (rise > 0 ? d.climb_m : d.descent_m) += std::abs(rise);
    const Vec3 turn = at(i + kSpan).tangent - at(i - kSpan).tangent;
    bends.Add(Dot(turn, here.left) / (2 * kSpan * track.spacing_m()));
    if (here.is_gap) {
      if (gap_m == 0) ++d.num_gaps;
      gap_m += track.spacing_m();
      d.longest_gap_m = std::max(d.longest_gap_m, gap_m);
    } else {
      gap_m = 0;
      d.surfaces_m[std::string(SurfaceName(here.surface))] += track.spacing_m();
    }
  }
  bends.End();
  return d;
}

void PrintDescription(std::ostream& out, const TrackDescription& d) {
  const auto row = [&out](const char* name, const std::string& text) {
    out << std::left << std::setw(14) << name << text << '\n';
  };
  row("name", d.name);
  row("hash", HexOf(d.hash));
  row("length", Fixed(d.length_m, 0) + " m" + (d.laps > 1 ? " a lap" : ""));
  row("laps", std::to_string(d.laps));
  row("gates", std::to_string(d.num_gates) + ", the finish included");
  std::string bends;
  for (std::size_t i = 0; i < d.num_bends.size(); ++i) {
    bends += (i > 0 ? ", " : "") + std::to_string(d.num_bends[i]) + " of " +
             (i < kBendClassesM.size() ? "less than " + Fixed(kBendClassesM[i], 0)
                                       : "at least " + Fixed(kBendClassesM.back(), 0)) +
             " m";
  }
  row("bends", bends);
  std::string surfaces;
  for (const auto& [name, length_m] : d.surfaces_m) {
    surfaces += (surfaces.empty() ? "" : ", ") + name + ' ' + Fixed(length_m, 0) + " m";
  }
  row("surfaces", surfaces);
  row("gaps", d.num_gaps == 0 ? "none"
                              : std::to_string(d.num_gaps) + ", the longest " +
                                    Fixed(d.longest_gap_m, 0) + " m");
  row("climb", Fixed(d.climb_m, 1) + " m up, " + Fixed(d.descent_m, 1) + " m down");
  row("bronze", d.bronze_s > 0 ? Fixed(d.bronze_s, 2) + " s" : "none");
  row("lower bound", Fixed(d.bound_s, 2) + " s, up to " + Fixed(d.bound_top_mps * 3.6, 0) +
                         " km/h on the widest line");
}

void PrintJson(std::ostream& out, const TrackDescription& d) {
  using Json = nlohmann::ordered_json;
  Json bends = Json::array();
  for (std::size_t i = 0; i < d.num_bends.size(); ++i) {
    const Json below = i < kBendClassesM.size() ? Json(kBendClassesM[i]) : Json();
    bends.push_back({{"below_radius_m", below}, {"count", d.num_bends[i]}});
  }
  Json surfaces = Json::object();
  for (const auto& [name, length_m] : d.surfaces_m) surfaces[name] = Thousandths(length_m);
  const Json json = {{"name", d.name},
                     {"hash", HexOf(d.hash)},
                     {"length_m", Thousandths(d.length_m)},
                     {"laps", d.laps},
                     {"gates", d.num_gates},
                     {"bends", bends},
                     {"surfaces_m", surfaces},
                     {"gaps", d.num_gaps},
                     {"longest_gap_m", Thousandths(d.longest_gap_m)},
                     {"climb_m", Thousandths(d.climb_m)},
                     {"descent_m", Thousandths(d.descent_m)},
                     {"bronze_s", d.bronze_s > 0 ? Json(Thousandths(d.bronze_s)) : Json()},
                     {"bound_s", Thousandths(d.bound_s)},
                     {"bound_top_mps", Thousandths(d.bound_top_mps)}};
  // A name from a file may be anything: what is no UTF-8 is replaced.
  out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace hotlap::agents
