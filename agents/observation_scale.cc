#include "agents/observation_scale.h"

#include <algorithm>
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
  std::vector<double> sums(columns, 0), new_squares(columns, 0);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < columns; ++i) {
      sums[i] += static_cast<double>(observations[row * columns + i]);
    }
  }
  const auto added = static_cast<double>(rows);
  for (double& sum : sums) sum /= added;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < columns; ++i) {
      const double distance = static_cast<double>(observations[row * columns + i]) - sums[i];
      new_squares[i] += distance * distance;
    }
  }
  const double total = count + added;
  for (std::size_t i = 0; i < columns; ++i) {
    const double apart = sums[i] - mean[i];
    mean[i] += apart * added / total;
    squares[i] += new_squares[i] + apart * apart * count * added / total;
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
