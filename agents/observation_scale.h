// Brings each observation column to mean 0 and deviation 1 over what has been seen so far.
#pragma once

#include <span>
#include <vector>

namespace hotlap::agents {

// What a policy keeps of it: value -> clip((value - mean) * factor, -kMaxScaled, kMaxScaled).
struct ObservationScale {
  static constexpr float kMaxScaled = 10;

  explicit ObservationScale(int columns = 0)
      : mean(static_cast<std::size_t>(columns), 0), factor(static_cast<std::size_t>(columns), 1) {}
  // observations and scaled: [rows, columns]; they may be the same memory.
  void Apply(std::span<const float> observations, std::span<float> scaled) const;

  std::vector<float> mean, factor;
  friend bool operator==(const ObservationScale&, const ObservationScale&) = default;
};

// Mean and spread of each column of all rows that it was shown, in double precision.
struct ObservationStatistics {
  // The environment has scaled its columns already: none is blown up more than by 1 / this.
  static constexpr double kLeastDeviation = 0.05;

  explicit ObservationStatistics(int columns = 0)
      : mean(static_cast<std::size_t>(columns), 0), squares(static_cast<std::size_t>(columns), 0) {}
  // [rows, columns]. The rows are taken in their order (Chan, Golub, LeVeque 1983).
  void Add(std::span<const float> observations);
  // What other rows have shown. REQUIRES: as many columns.
  void Add(const ObservationStatistics& other);
  ObservationScale Scale() const;  // 0 and 1 of less than two rows

  double count = 0;
  std::vector<double> mean, squares;  // of distances from the mean, summed
  friend bool operator==(const ObservationStatistics&, const ObservationStatistics&) = default;
};

}  // namespace hotlap::agents
