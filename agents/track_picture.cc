#include "agents/track_picture.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <unordered_set>

#include "agents/speed_scale.h"
#include "agents/svg.h"

namespace hotlap::agents {
namespace {

// Pixels.
constexpr float kMargin = 22, kGap = 18, kPanelWidth = 400, kPanelHeight = 400;
constexpr float kTitleHeight = 44, kLegendHeight = 62;
constexpr float kHeadHeight = 50, kFootHeight = 30, kPanelPadding = 20;
constexpr int kMostColumns = 3;
// Consecutive points of a drawn line are at least this far apart.
constexpr float kShortestStroke = 1.2f;
// Of the outline, metres.
constexpr float kRoadSpacing = 3;
constexpr std::size_t kRoadPiece = 12;  // points of the road that are drawn as one piece

// Under a class of its own: several pictures may stand in one page.
constexpr const char* kStyle =
    ".lines text{font-family:'Inter','Segoe UI','Helvetica Neue',Arial,sans-serif;fill:#c9d4e0}"
    ".lines .title{font-size:19px;font-weight:600;fill:#f2f6fa}"
    ".lines .track{font-size:16px;font-weight:600;fill:#f2f6fa}"
    ".lines .small{font-size:12px;fill:#93a4b5}"
    ".lines .edge{fill:none;stroke:#54667a}"
    ".lines .road{fill:none;stroke:#242f3b;stroke-linejoin:round}"
    ".lines .gap{fill:none;stroke:#54667a;stroke-dasharray:2 5}"
    ".lines .line{fill:none;stroke-linecap:round;stroke-linejoin:round;stroke-width:2.2}"
    ".lines "
    ".reference{fill:none;stroke:#f2f6fa;stroke-opacity:.8;stroke-width:1;stroke-dasharray:5 4}"
    ".lines .gate{stroke:#e8eef5;stroke-opacity:.75;stroke-width:1.5}"
    ".lines .start{fill:#3ddc84;stroke:#10161d;stroke-width:1.2}"
    ".lines .end{fill:none;stroke:#ff5c8a;stroke-width:2.4;stroke-linecap:round}"
    ".lines .scale{fill:none;stroke:#93a4b5;stroke-width:1.4}";

// From the world seen from above to one panel: north (+z) up and west (+x) left, or all of that
// turned by a quarter.
class Plan {
 public:
  Plan(const PicturePanel& panel, Pixel corner) {
    Extent(panel);
    const float width = kPanelWidth - 2 * kPanelPadding;
    const float height = kPanelHeight - kHeadHeight - kFootHeight - 2 * kPanelPadding;
    const float upright = std::min(width / Wide(), height / High());
    const float on_its_side = std::min(width / High(), height / Wide());
    turned_ = on_its_side > upright;
    pixels_per_m_ = std::max(upright, on_its_side);
    centre_ = {corner.x + kPanelWidth / 2,
               corner.y + kHeadHeight + (kPanelHeight - kHeadHeight - kFootHeight) / 2};
  }

  float pixels_per_m() const { return pixels_per_m_; }

  Pixel operator()(Vec3 world_m) const {
    const float right = (middle_.x - world_m.x) * pixels_per_m_;
    const float down = (middle_.z - world_m.z) * pixels_per_m_;
    return turned_ ? Pixel{centre_.x - down, centre_.y + right}
                   : Pixel{centre_.x + right, centre_.y + down};
  }

 private:
  void Extent(const PicturePanel& panel) {
    const auto include = [this](Vec3 p, float reach) {
      low_ = {std::min(low_.x, p.x - reach), 0, std::min(low_.z, p.z - reach)};
      high_ = {std::max(high_.x, p.x + reach), 0, std::max(high_.z, p.z + reach)};
    };
    for (const LinePoint& p : panel.outline.road) {
      include(p.position_m, std::max(p.half_width_left_m, p.half_width_right_m));
    }
    for (const DrivenLine& line : panel.lines) {
      for (const DrivenPoint& p : line.points) include(p.position_m, 1);
    }
    if (low_.x > high_.x) low_ = high_ = {};
    middle_ = (low_ + high_) * 0.5f;
  }
  float Wide() const { return std::max(high_.x - low_.x, 1.0f); }
  float High() const { return std::max(high_.z - low_.z, 1.0f); }

  Vec3 low_{1e9f, 0, 1e9f}, high_{-1e9f, 0, -1e9f}, middle_;
  float pixels_per_m_ = 1;
  bool turned_ = false;
  Pixel centre_;
};

std::string Attribute(const char* name, float value) {
  return std::string(name) + "=\"" + Tenth(value) + "\"";
}

// A piece of road with its edges. The fill reaches into its neighbours, so that the order of
// drawing shows only where the road crosses itself.
void WriteRoadPiece(std::ostream& out, const Plan& plan, std::span<const LinePoint> road,
                    std::size_t first, std::size_t last) {
  const LinePoint& middle = road[(first + last) / 2];
  const float shift = 0.5f * (middle.half_width_left_m - middle.half_width_right_m);
  const float width = (middle.half_width_left_m + middle.half_width_right_m) * plan.pixels_per_m();
  const auto pixels = [&](std::size_t from, std::size_t to) {
    std::vector<Pixel> path;
    for (std::size_t i = from; i <= to; ++i) {
      path.push_back(plan(road[i].position_m + road[i].left * shift));
    }
    return path;
  };
  if (middle.is_gap) {
    WritePath(out, pixels(first, last), "class=\"gap\"");
    return;
  }
  WritePath(out, pixels(first, last), "class=\"edge\" " + Attribute("stroke-width", width + 1.6f));
  WritePath(out, pixels(first > 0 ? first - 1 : 0, std::min(last + 1, road.size() - 1)),
            "class=\"road\" " + Attribute("stroke-width", width));
}

// Lower pieces first: a bridge lies over the road under it.
void WriteRoad(std::ostream& out, const Plan& plan, std::span<const LinePoint> road) {
  struct Piece {
    std::size_t first, last;
    float height_m;
  };
  std::vector<Piece> pieces;
  for (std::size_t first = 0; first + 1 < road.size();) {
    std::size_t last = first + 1;
    while (last + 1 < road.size() && last < first + kRoadPiece &&
           road[last].is_gap == road[first].is_gap) {
      ++last;
    }
    pieces.push_back({first, last, road[first].position_m.y + road[last].position_m.y});
    first = last;
  }
  std::ranges::stable_sort(pieces, {}, &Piece::height_m);
  for (const Piece& piece : pieces) WriteRoadPiece(out, plan, road, piece.first, piece.last);
}

void WriteGate(std::ostream& out, const Plan& plan, const LinePoint& gate,
               const std::string& attributes) {
  const Pixel ends[] = {plan(gate.position_m + gate.left * gate.half_width_left_m),
                        plan(gate.position_m - gate.left * gate.half_width_right_m)};
  WritePath(out, ends, attributes);
}

void WriteStart(std::ostream& out, const Plan& plan, const LinePoint& start) {
  const Pixel at = plan(start.position_m);
  const Pixel ahead = plan(start.position_m + start.tangent);
  const float length = std::max(std::hypot(ahead.x - at.x, ahead.y - at.y), 1e-3f);
  const Pixel u = {(ahead.x - at.x) / length, (ahead.y - at.y) / length};
  constexpr float kSize = 7;
  const Pixel arrow[] = {{at.x + u.x * kSize, at.y + u.y * kSize},
                         {at.x - u.x * kSize - u.y * kSize, at.y - u.y * kSize + u.x * kSize},
                         {at.x - u.x * kSize + u.y * kSize, at.y - u.y * kSize - u.x * kSize}};
  WritePath(out, arrow, "class=\"start\"");
}

// Two rows of chequers across the road.
void WriteFinish(std::ostream& out, const Plan& plan, const LinePoint& finish) {
  const float wide =
      (finish.half_width_left_m + finish.half_width_right_m) * plan.pixels_per_m() + 6;
  const Pixel at = plan(finish.position_m);
  const Pixel left = plan(finish.position_m + finish.left);
  const float length = std::max(std::hypot(left.x - at.x, left.y - at.y), 1e-3f);
  const Pixel across = {(left.x - at.x) / length, (left.y - at.y) / length};
  constexpr float kSquare = 2.6f;
  for (const float row : {-0.5f, 0.5f}) {
    const Pixel along = {-across.y * row * kSquare, across.x * row * kSquare};
    const Pixel ends[] = {
        {at.x + along.x + across.x * wide / 2, at.y + along.y + across.y * wide / 2},
        {at.x + along.x - across.x * wide / 2, at.y + along.y - across.y * wide / 2}};
    const std::string attributes = "fill=\"none\" stroke-width=\"" + Tenth(kSquare) + "\" stroke=";
    WritePath(out, ends, attributes + "\"#10161d\"");
    WritePath(out, ends,
              attributes + "\"#ffffff\" stroke-dasharray=\"" + Tenth(kSquare) + "\"" +
                  (row > 0 ? " stroke-dashoffset=\"" + Tenth(kSquare) + "\"" : std::string()));
  }
}

void WriteEnd(std::ostream& out, Pixel at) {
  constexpr float kSize = 4.5f;
  const Pixel falling[] = {{at.x - kSize, at.y - kSize}, {at.x + kSize, at.y + kSize}};
  const Pixel rising[] = {{at.x - kSize, at.y + kSize}, {at.x + kSize, at.y - kSize}};
  WritePath(out, falling, "class=\"end\"");
  WritePath(out, rising, "class=\"end\"");
}

// One path per stretch of equal colour; each begins where the one before ended.
void WriteDrivenLine(std::ostream& out, const Plan& plan, const SpeedScale& scale,
                     const DrivenLine& line) {
  std::vector<Pixel> stretch;
  int level = -1;
  const auto flush = [&] {
    if (stretch.size() > 1) {
      WritePath(out, stretch, "class=\"line\" stroke=\"" + SpeedScale::Colour(level) + "\"");
    }
  };
  for (const DrivenPoint& point : line.points) {
    const Pixel pixel = plan(point.position_m);
    const bool is_last = &point == &line.points.back();
    if (!stretch.empty() && !is_last &&
        std::hypot(pixel.x - stretch.back().x, pixel.y - stretch.back().y) < kShortestStroke) {
      continue;
    }
    stretch.push_back(pixel);
    if (const int next = scale.Level(point.speed_mps); next != level) {
      flush();
      stretch.assign(1, pixel);
      level = next;
    }
  }
  flush();
  if (!line.finished && !line.points.empty()) WriteEnd(out, plan(line.points.back().position_m));
}

// A bar of a round length, at most a third of the panel wide.
void WriteScaleBar(std::ostream& out, const Plan& plan, Pixel corner) {
  float length_m = 1;
  for (const float next : {2.f, 5.f, 10.f, 20.f, 50.f, 100.f, 200.f, 500.f, 1000.f, 2000.f}) {
    if (next * plan.pixels_per_m() <= kPanelWidth / 3) length_m = next;
  }
  const float x = corner.x + kPanelPadding;
  const float y = corner.y + kPanelHeight - 14;
  const float end = x + length_m * plan.pixels_per_m();
  const Pixel bar[] = {{x, y - 4}, {x, y}, {end, y}, {end, y - 4}};
  WritePath(out, bar, "class=\"scale\"");
  WriteText(out, {end + 8, y + 1}, "class=\"small\"", Tenth(length_m) + " m");
}

void WritePanel(std::ostream& out, const PicturePanel& panel, const SpeedScale& scale,
                Pixel corner) {
  const Plan plan(panel, corner);
  out << "<g>\n<rect x=\"" << Tenth(corner.x) << "\" y=\"" << Tenth(corner.y) << "\" width=\""
      << Tenth(kPanelWidth) << "\" height=\"" << Tenth(kPanelHeight)
      << "\" rx=\"10\" fill=\"#161e27\"/>\n";
  WriteText(out, {corner.x + kPanelPadding, corner.y + 28}, "class=\"track\"", panel.title);
  std::string remarks;
  for (const std::string& remark : panel.remarks) {
    remarks += (remarks.empty() ? "" : "  ·  ") + remark;
  }
  WriteText(out, {corner.x + kPanelPadding, corner.y + 46}, "class=\"small\"", remarks);

  WriteRoad(out, plan, panel.outline.road);
  for (const LinePoint& gate : panel.outline.checkpoints) {
    WriteGate(out, plan, gate, "class=\"gate\"");
  }
  WriteFinish(out, plan, panel.outline.finish);
  for (const std::vector<Vec3>& reference : panel.references) {
    std::vector<Pixel> pixels;
    pixels.reserve(reference.size());
    for (const Vec3 point_m : reference) pixels.push_back(plan(point_m));
    WritePath(out, pixels, "class=\"reference\"");
  }
  std::unordered_set<std::string> drawn;
  for (const DrivenLine& line : panel.lines) {
    std::ostringstream text;
    WriteDrivenLine(text, plan, scale, line);
    if (drawn.insert(text.str()).second) out << text.str();
  }
  WriteStart(out, plan, panel.outline.start);
  WriteScaleBar(out, plan, corner);
  out << "</g>\n";
}

void WriteLegend(std::ostream& out, const SpeedScale& scale, Pixel corner) {
  constexpr float kLong = 300, kBar = 10;
  out << "<defs><linearGradient id=\"speed\">";
  for (int level = 0; level < SpeedScale::kLevels; ++level) {
    out << "<stop offset=\"" << level * 100 / (SpeedScale::kLevels - 1) << "%\" stop-color=\""
        << SpeedScale::Colour(level) << "\"/>";
  }
  out << "</linearGradient></defs>\n<rect x=\"" << Tenth(corner.x) << "\" y=\"" << Tenth(corner.y)
      << "\" width=\"" << Tenth(kLong) << "\" height=\"" << Tenth(kBar)
      << "\" rx=\"3\" fill=\"url(#speed)\"/>\n";
  const int top_kmh = static_cast<int>(scale.top_kmh());
  for (int kmh = 0; kmh <= top_kmh; kmh += top_kmh > 300 ? 100 : 50) {
    WriteText(out,
              {corner.x + kLong * static_cast<float>(kmh) / scale.top_kmh(), corner.y + kBar + 15},
              "class=\"small\" text-anchor=\"middle\"", std::to_string(kmh));
  }
  WriteText(out, {corner.x + kLong + 22, corner.y + kBar}, "class=\"small\"", "km/h");

  // A sample of each symbol, drawn on a stretch of plan of its own.
  const PicturePanel nothing;
  const auto symbol = [&](float x, const char* text, auto draw) {
    const Plan plan(nothing,
                    {x - kPanelWidth / 2, corner.y + kBar / 2 - kHeadHeight -
                                              (kPanelHeight - kHeadHeight - kFootHeight) / 2});
    draw(plan);
    WriteText(out, {x + 14, corner.y + kBar}, "class=\"small\"", text);
  };
  const float unit = 1 / Plan(nothing, {}).pixels_per_m();
  LinePoint east;
  east.tangent = {-1, 0, 0};
  east.left = {0, 0, 1};
  east.half_width_left_m = east.half_width_right_m = 7 * unit;
  const float x = corner.x + kLong + 100;
  symbol(x, "start", [&](const Plan& plan) { WriteStart(out, plan, east); });
  symbol(x + 80, "checkpoint",
         [&](const Plan& plan) { WriteGate(out, plan, east, "class=\"gate\""); });
  symbol(x + 190, "finish", [&](const Plan& plan) { WriteFinish(out, plan, east); });
  symbol(x + 270, "ended before the finish",
         [&](const Plan& plan) { WriteEnd(out, plan(Vec3{})); });
}

}  // namespace

TrackOutline OutlineOf(const Centreline& centreline) {
  TrackOutline outline;
  const float start = centreline.start_s_m();
  const float lap_end =
      centreline.closed() ? start + centreline.length_m() : centreline.finish_s_m();
  const auto pieces = std::max(1, static_cast<int>(std::ceil((lap_end - start) / kRoadSpacing)));
  for (int i = 0; i <= pieces; ++i) {
    const float share = static_cast<float>(i) / static_cast<float>(pieces);
    outline.road.push_back(centreline.At(start + share * (lap_end - start)));
  }
  const auto gates = centreline.gates_s_m();
  for (std::size_t i = 0; i + 1 < gates.size(); ++i) {
    outline.checkpoints.push_back(centreline.At(gates[i]));
  }
  outline.start = centreline.At(start);
  outline.finish = centreline.At(lap_end);
  return outline;
}

void WritePicture(std::ostream& out, const std::string& title,
                  std::span<const PicturePanel> panels) {
  float fastest_mps = 0;
  for (const PicturePanel& panel : panels) {
    for (const DrivenLine& line : panel.lines) {
      for (const DrivenPoint& p : line.points) fastest_mps = std::max(fastest_mps, p.speed_mps);
    }
  }
  const SpeedScale scale(fastest_mps);
  // The legend takes the width of two panels.
  const int columns = std::clamp(static_cast<int>(panels.size()), 2, kMostColumns);
  const int rows = (static_cast<int>(panels.size()) + columns - 1) / columns;
  const float width = 2 * kMargin + static_cast<float>(columns) * (kPanelWidth + kGap) - kGap;
  const float height = 2 * kMargin + kTitleHeight + kLegendHeight +
                       static_cast<float>(rows) * (kPanelHeight + kGap) - kGap;

  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lines\" viewBox=\"0 0 "
      << Tenth(width) << ' ' << Tenth(height) << "\" width=\"" << Tenth(width) << "\" height=\""
      << Tenth(height) << "\">\n<title>" << EscapeXml(title) << "</title>\n<style>" << kStyle
      << "</style>\n<rect width=\"100%\" height=\"100%\" rx=\"14\" fill=\"#0e141b\"/>\n";
  WriteText(out, {kMargin + 2, kMargin + 20}, "class=\"title\"", title);
  for (int i = 0; i < static_cast<int>(panels.size()); ++i) {
    const auto column = static_cast<float>(i % columns);
    const int row = i / columns;
    WritePanel(out, panels[static_cast<std::size_t>(i)], scale,
               {kMargin + column * (kPanelWidth + kGap),
                kMargin + kTitleHeight + static_cast<float>(row) * (kPanelHeight + kGap)});
  }
  WriteLegend(out, scale, {kMargin + 4, height - kMargin - 28});
  out << "</svg>\n";
}

}  // namespace hotlap::agents
