#include "agents/observation_scale.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/agents/drawn.h"

namespace hotlap::agents {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr int kColumns = 3;

// Rows of three columns: about 0, far from 0 beside its spread, and always the same.
std::vector<float> Rows(std::size_t count) {
  std::vector<float> rows;
  const std::vector<float> drawn = Drawn(2 * count, 1);
  for (std::size_t row = 0; row < count; ++row) {
    rows.insert(rows.end(), {drawn[2 * row], 1000 + 3 * drawn[2 * row + 1], 0.75f});
  }
  return rows;
}

TEST(ObservationStatisticsTest, BatchesAddedInPartsGiveWhatOneGives) {
  const std::vector<float> rows = Rows(500);
  ObservationStatistics whole(kColumns), parts(kColumns);
  whole.Add(rows);
  std::size_t at = 0;
  for (const std::size_t size : {1u, 2u, 97u, 0u, 400u}) {
    parts.Add(std::span(rows).subspan(at * kColumns, size * kColumns));
    at += size;
  }
  EXPECT_EQ(parts.count, 500);
  EXPECT_EQ(whole.count, 500);
  for (std::size_t i = 0; i < kColumns; ++i) {
    EXPECT_NEAR(parts.mean[i], whole.mean[i], 1e-9);
    EXPECT_NEAR(parts.squares[i], whole.squares[i], 1e-7);
  }
}

TEST(ObservationStatisticsTest, ScaledColumnsHaveMeanZeroAndDeviationOne) {
  const std::vector<float> rows = Rows(500);
  ObservationStatistics statistics(kColumns);
  statistics.Add(rows);
  std::vector<float> scaled(rows.size());
  statistics.Scale().Apply(rows, scaled);
  for (std::size_t column : {0u, 1u}) {
    double sum = 0, square = 0;
    for (std::size_t at = column; at < scaled.size(); at += kColumns) {
      sum += static_cast<double>(scaled[at]);
      square += static_cast<double>(scaled[at]) * static_cast<double>(scaled[at]);
    }
    EXPECT_NEAR(sum / 500, 0, 1e-4);
    EXPECT_NEAR(square / 500, 1, 1e-4);
  }
}

TEST(ObservationStatisticsTest, AColumnThatHardlyChangesIsNotBlownUp) {
  ObservationStatistics statistics(kColumns);
  statistics.Add(Rows(500));
  const ObservationScale scale = statistics.Scale();
  EXPECT_FLOAT_EQ(scale.mean[2], 0.75f);
  EXPECT_FLOAT_EQ(scale.factor[2], 20);
}

TEST(ObservationStatisticsTest, ASingleRowSaysNothingOfASpread) {
  ObservationStatistics statistics(kColumns);
  EXPECT_EQ(statistics.Scale(), ObservationScale(kColumns));
  statistics.Add(Rows(1));
  EXPECT_EQ(statistics.Scale(), ObservationScale(kColumns));
  EXPECT_THAT(statistics.Scale().mean, Each(0));
  EXPECT_THAT(statistics.Scale().factor, Each(1));
}

TEST(ObservationScaleTest, ClipsWhatIsFarFromAnythingSeen) {
  ObservationScale scale(2);
  scale.mean = {1, 0};
  scale.factor = {2, 1};
  std::vector<float> rows = {1.5f, -3, 100, -1e6f};
  scale.Apply(rows, rows);  // in place
  EXPECT_THAT(rows, ElementsAre(1, -3, 10, -10));
}

}  // namespace
}  // namespace hotlap::agents
