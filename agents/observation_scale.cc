#include "agents/observation_scale.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace hotlap::agents {

void ObservationScale::Apply(std::span<const float> observations, std::span<float> scaled) const {
  const std::size_t columns = mean.size();
  for (std::size_t first = 0; first < observations.size(); first += columns) {
    for (std::size_t i = 0; i < columns; ++i) {
      const float value = (observations[first + i] - mean[i]) * factor[i];
      scaled[first + i] = std::clamp(value, -kMaxScaled, kMaxScaled);
    }
  }
}

void ObservationStatistics::Add(std::span<const float> observations) {
  const std::size_t columns = mean.size();
  const std::size_t rows = columns == 0 ? 0 : observations.size() / columns;
  if (rows == 0) return;
  // Those of the new rows about their own mean, then both together.
  ObservationStatistics added(static_cast<int>(columns));
  std::vector<double>& sums = added.mean;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < columns; ++i) {
      sums[i] += static_cast<double>(observations[row * columns + i]);
    }
  }
  added.count = static_cast<double>(rows);
  for (double& sum : sums) sum /= added.count;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < columns; ++i) {
      const double distance = static_cast<double>(observations[row * columns + i]) - sums[i];
      added.squares[i] += distance * distance;
    }
  }
  Add(added);
}

void ObservationStatistics::Add(const ObservationStatistics& other) {
  assert(mean.size() == other.mean.size());
  if (other.count == 0) return;
  const double total = count + other.count;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double apart = other.mean[i] - mean[i];
    mean[i] += apart * other.count / total;
    squares[i] += other.squares[i] + apart * apart * count * other.count / total;
  }
  count = total;
}

ObservationScale ObservationStatistics::Scale() const {
  ObservationScale scale(static_cast<int>(mean.size()));
  if (count < 2) return scale;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    scale.mean[i] = static_cast<float>(mean[i]);
    scale.factor[i] =
        static_cast<float>(1 / std::max(std::sqrt(squares[i] / count), kLeastDeviation));
  }
  return scale;
}

}  // namespace hotlap::agents
