// Speed as colour: blue is slow, red is fast; one scale for a whole picture.
#pragma once

#include <string>

namespace hotlap::agents {

class SpeedScale {
 public:
  static constexpr int kLevels = 32;

  // From standstill to the next 50 km/h above the fastest.
  explicit SpeedScale(float fastest_mps);

  float top_kmh() const { return top_kmh_; }
  int Level(float speed_mps) const;      // [0, kLevels)
  static std::string Colour(int level);  // "#rrggbb"

 private:
  float top_kmh_;
};

}  // namespace hotlap::agents
