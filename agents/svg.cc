#include "agents/svg.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace hotlap::agents {
namespace {

constexpr float kTolerance = 0.1f;  // pixels

float DistanceToSegment(Pixel p, Pixel from, Pixel to) {
  const Pixel along = {to.x - from.x, to.y - from.y};
  const Pixel offset = {p.x - from.x, p.y - from.y};
  const float square = along.x * along.x + along.y * along.y;
  const float dot = offset.x * along.x + offset.y * along.y;
  const float share = square > 0 ? std::clamp(dot / square, 0.0f, 1.0f) : 0.0f;
  return std::hypot(offset.x - share * along.x, offset.y - share * along.y);
}

// All points that the path needs. Without recursion: a path may have as many points as a file.
std::vector<Pixel> Needed(std::span<const Pixel> points) {
  std::vector<Pixel> needed = {points.front()};
  std::vector<std::pair<std::size_t, std::size_t>> open = {{0, points.size() - 1}};
  while (!open.empty()) {  // the stretch that comes next is the last
    const auto [first, last] = open.back();
    open.pop_back();
    std::size_t farthest = first;
    float distance = kTolerance;
    for (std::size_t i = first + 1; i < last; ++i) {
      const float d = DistanceToSegment(points[i], points[first], points[last]);
      if (d > distance) {
        distance = d;
        farthest = i;
      }
    }
    if (farthest == first) {
      needed.push_back(points[last]);
    } else {
      open.emplace_back(farthest, last);
      open.emplace_back(first, farthest);
    }
  }
  return needed;
}

}  // namespace

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) escaped += c;
    }
  }
  return escaped;
}

std::string Tenth(float value) {
  std::array<char, 48> text;
  const float rounded = std::round(value * 10) / 10 + 0.0f;  // no -0
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), rounded, std::chars_format::fixed);
  return error == std::errc() ? std::string(text.data(), end) : "0";
}

std::string PathData(std::span<const Pixel> points) {
  if (points.empty()) return {};
  std::string data;
  char separator = 'M';
  for (const Pixel& p : points.size() > 1 ? Needed(points) : std::vector{points.front()}) {
    data += separator + Tenth(p.x) + ',' + Tenth(p.y);
    separator = separator == 'M' ? 'L' : ' ';
  }
  return data;
}

void WriteText(std::ostream& out, Pixel at, std::string_view attributes, std::string_view text) {
  out << "<text x=\"" << Tenth(at.x) << "\" y=\"" << Tenth(at.y) << "\" " << attributes << '>'
      << EscapeXml(text) << "</text>\n";
}

void WritePath(std::ostream& out, std::span<const Pixel> points, std::string_view attributes) {
  out << "<path d=\"" << PathData(points) << "\" " << attributes << "/>\n";
}

}  // namespace hotlap::agents
