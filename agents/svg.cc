#include "agents/svg.h"

#include <array>
#include <charconv>
#include <cmath>

namespace hotlap::agents {

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
  std::string data;
  char separator = 'M';
  for (const Pixel& p : points) {
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
