#include "agents/chart.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>

#include "agents/svg.h"

namespace hotlap::agents {
namespace {

// Pixels.
constexpr float kWidth = 1180, kLeft = 64, kRight = 26, kTop = 48, kKeyHeight = 24;
constexpr float kChartTitle = 28, kAxisHeight = 44;
constexpr float kPlotWidth = kWidth - kLeft - kRight;

constexpr const char* kStyle =
    ".charts text{font-family:'Inter','Segoe UI','Helvetica Neue',Arial,sans-serif;font-size:12px;"
    "fill:#93a4b5}"
    ".charts .title{font-size:19px;font-weight:600;fill:#f2f6fa}"
    ".charts .chart{font-size:13px;font-weight:600;fill:#c9d4e0}"
    ".charts .key{fill:#c9d4e0}"
    ".charts path{fill:none}"
    ".charts .grid{stroke:#242f3b}"
    ".charts .zero{stroke:#54667a}"
    ".charts .mark{stroke:#54667a;stroke-dasharray:2 5}"
    ".charts .curve{stroke-width:1.6;stroke-linejoin:round}";

// The least of 1, 2, 5, 10 .. and their decimal fractions that cuts the span into at most so many.
float RoundStep(float span, int pieces) {
  const float least = span / static_cast<float>(pieces);
  const float decade = std::pow(10.0f, std::floor(std::log10(least)));
  for (const float factor : {1.0f, 2.0f, 5.0f}) {
    if (factor * decade >= least * 0.999f) return factor * decade;
  }
  return 10 * decade;
}

std::string Number(float value, float step) {
  const float shown = std::fabs(value) < step / 1000 ? 0.0f : value;
  const int digits = step >= 0.999f ? 0 : step >= 0.0999f ? 1 : 2;
  std::array<char, 48> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), shown,
                                          std::chars_format::fixed, digits);
  return error == std::errc() ? std::string(text.data(), end) : "";
}

// From values to the pixels of one chart.
class Frame {
 public:
  Frame(const Chart& chart, float x_high, float top)
      : x_high_(x_high), top_(top), height_(chart.height), low_(chart.low), high_(chart.high) {
    for (const ChartCurve& curve : chart.curves) {
      for (const ChartPoint& p : curve.points) {
        if (!std::isfinite(p.y)) continue;
        low_ = std::min(low_, p.y);
        high_ = std::max(high_, p.y);
      }
    }
    const float margin = (high_ - low_) * 0.04f;
    if (low_ < chart.low) low_ -= margin;
    if (high_ > chart.high) high_ += margin;
    if (!(high_ - low_ > 1e-3f)) {  // a curve that is level
      low_ -= 0.5f;
      high_ += 0.5f;
    }
  }

  float low() const { return low_; }
  float high() const { return high_; }
  float top() const { return top_; }
  float bottom() const { return top_ + height_; }
  float X(float x) const { return kLeft + std::clamp(x / x_high_, 0.0f, 1.0f) * kPlotWidth; }
  float Y(float y) const { return top_ + (high_ - y) / (high_ - low_) * height_; }

 private:
  float x_high_, top_, height_, low_, high_;
};

void WriteLine(std::ostream& out, Pixel from, Pixel to, std::string_view attributes) {
  const Pixel ends[] = {from, to};
  WritePath(out, ends, attributes);
}

// Of the points in one column of pixels the first, the lowest, the highest and the last: what is
// drawn looks the same, however many points there are.
class PixelPath {
 public:
  void Add(Pixel p) {
    if (column_.empty() || std::floor(p.x) != std::floor(column_.front().x)) Flush();
    column_.push_back(p);
  }
  std::vector<Pixel> Take() {
    Flush();
    return std::move(path_);
  }

 private:
  void Flush() {
    if (column_.size() > 4) {
      const auto [low, high] = std::ranges::minmax_element(column_, {}, &Pixel::y);
      const auto [first, second] = std::minmax(low, high);
      column_ = {column_.front(), *first, *second, column_.back()};
    }
    path_.insert(path_.end(), column_.begin(), column_.end());
    column_.clear();
  }
  std::vector<Pixel> path_, column_;
};

void WriteCurve(std::ostream& out, const Frame& frame, float x_high, const ChartCurve& curve) {
  PixelPath path;
  float last_y = 0;
  bool has_last = false;
  for (const ChartPoint& p : curve.points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y) || p.x < 0 || p.x > x_high) continue;
    const Pixel at = {frame.X(p.x), frame.Y(p.y)};
    if (curve.is_stepped && has_last) path.Add({at.x, last_y});
    path.Add(at);
    last_y = at.y;
    has_last = true;
  }
  const std::vector<Pixel> pixels = path.Take();
  if (pixels.size() < 2) return;
  WritePath(out, pixels,
            "class=\"curve\" stroke=\"" + curve.colour + "\"" +
                (curve.is_dashed ? " stroke-dasharray=\"6 4\"" : ""));
}

void WriteChart(std::ostream& out, const Chart& chart, const ChartPicture& picture, float top) {
  const Frame frame(chart, picture.x_high, top + kChartTitle);
  WriteText(out, {kLeft, top + kChartTitle - 9}, "class=\"chart\"", chart.title);
  const float step = RoundStep(frame.high() - frame.low(), 4);
  const auto first = std::llround(std::ceil(frame.low() / step));
  const auto last = std::llround(std::floor(frame.high() / step + 0.01f));
  for (auto line = first; line <= last; ++line) {
    const float y = static_cast<float>(line) * step;
    WriteLine(out, {kLeft, frame.Y(y)}, {kLeft + kPlotWidth, frame.Y(y)}, "class=\"grid\"");
    WriteText(out, {kLeft - 8, frame.Y(y) + 4}, "text-anchor=\"end\"", Number(y, step));
  }
  for (const float x : picture.marks) {
    WriteLine(out, {frame.X(x), frame.top()}, {frame.X(x), frame.bottom()}, "class=\"mark\"");
  }
  if (chart.has_zero) {
    WriteLine(out, {kLeft, frame.Y(0)}, {kLeft + kPlotWidth, frame.Y(0)}, "class=\"zero\"");
  }
  for (const ChartCurve& curve : chart.curves) WriteCurve(out, frame, picture.x_high, curve);
}

}  // namespace

void WriteCharts(std::ostream& out, const ChartPicture& picture) {
  const float head = kTop + (picture.keys.empty() ? 0 : kKeyHeight);
  float height = head + kAxisHeight;
  for (const Chart& chart : picture.charts) height += kChartTitle + chart.height;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"charts\" viewBox=\"0 0 "
      << Tenth(kWidth) << ' ' << Tenth(height) << "\">\n<title>" << EscapeXml(picture.title)
      << "</title>\n<style>" << kStyle
      << "</style>\n<rect width=\"100%\" height=\"100%\" rx=\"14\" fill=\"#0e141b\"/>\n";
  WriteText(out, {24, 34}, "class=\"title\"", picture.title);
  float x = kLeft;
  for (const ChartKey& key : picture.keys) {
    WriteLine(out, {x, kTop + 6}, {x + 26, kTop + 6},
              "class=\"curve\" stroke=\"" + key.colour + "\"" +
                  (key.is_dashed ? " stroke-dasharray=\"6 4\"" : ""));
    WriteText(out, {x + 34, kTop + 10}, "class=\"key\"", key.text);
    x += 60 + 7 * static_cast<float>(key.text.size());
  }
  float top = head;
  for (const Chart& chart : picture.charts) {
    WriteChart(out, chart, picture, top);
    top += kChartTitle + chart.height;
  }
  const float step = RoundStep(picture.x_high, 12);
  const auto last = std::llround(std::floor(picture.x_high / step));
  for (long long mark = 0; mark <= last; ++mark) {
    const float at = static_cast<float>(mark) * step;
    WriteText(out, {kLeft + at / picture.x_high * kPlotWidth, top + 18}, "text-anchor=\"middle\"",
              Number(at, step));
  }
  WriteText(out, {kLeft + kPlotWidth, top + 36}, "text-anchor=\"end\"", picture.x_title);
  out << "</svg>\n";
}

}  // namespace hotlap::agents
