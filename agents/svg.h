// The few SVG elements that the pictures are made of. Coordinates are pixels, y down.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <string_view>

namespace hotlap::agents {

struct Pixel {
  float x = 0, y = 0;
  friend bool operator==(const Pixel&, const Pixel&) = default;
};

// The text with the five characters that mean something to XML escaped and control characters left
// out.
std::string EscapeXml(std::string_view text);

// A number as short as it stays exact to a tenth.
std::string Tenth(float value);

// "M1,2L3,4 5,6": the data of a path that passes each point within a tenth of a pixel, with points
// left out where the path is as good as straight (Douglas and Peucker's way).
std::string PathData(std::span<const Pixel> points);

// `attributes` is written as it stands: our own text, never one from outside.
void WriteText(std::ostream& out, Pixel at, std::string_view attributes, std::string_view text);
void WritePath(std::ostream& out, std::span<const Pixel> points, std::string_view attributes);

}  // namespace hotlap::agents
