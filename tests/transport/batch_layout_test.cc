// Where the arrays of a batch lie, in memory and in the frames that are sent.
#include "transport/batch_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "env/vector_loops.h"

namespace hotlap::transport::batch_layout_test {
namespace {

using ::testing::Each;

constexpr int kRows = 3, kColumns = 2, kSize = 5;
constexpr BatchArray kInBatch[] = {BatchArray::kObservations, BatchArray::kRewards,
                                   BatchArray::kTerminated,   BatchArray::kTruncated,
                                   BatchArray::kStatus,       BatchArray::kInfo};

BatchShape Shape(ObservationType observations) {
  return {.rows = kRows,
          .observation_size = kSize,
          .info_columns = kColumns,
          .has_finals = true,
          .observations = observations};
}

struct alignas(64) Line {
  std::byte bytes[64]{};
};

struct Memory {
  explicit Memory(const BatchLayout& layout) : lines(layout.total_bytes() / sizeof(Line)) {}
  std::byte* data() { return lines.data()->bytes; }
  std::vector<Line> lines;
};

template <typename T>
std::vector<T> Read(std::span<const std::byte> frame, std::size_t offset, std::size_t count) {
  std::vector<T> values(count);
  std::memcpy(values.data(), frame.subspan(offset, count * sizeof(T)).data(), count * sizeof(T));
  return values;
}

class BatchLayoutTest : public ::testing::TestWithParam<ObservationType> {
 protected:
  const BatchLayout layout{Shape(GetParam())};
  Memory memory{layout};
};

TEST_P(BatchLayoutTest, EachArrayOfTheFrameBeginsOnTheNextLine) {
  std::size_t end = 0;
  for (const BatchArray array : kInBatch) {
    EXPECT_EQ(layout.SentOffset(array, 0), (end + 63) / 64 * 64);
    end = layout.SentOffset(array, 0) + layout.shape().SentBytes(array, 0);
  }
  EXPECT_EQ(layout.SentBytes(), end);
  EXPECT_EQ(layout.Sent(memory.data()).size(), end);
}

TEST_P(BatchLayoutTest, WhatLiesBetweenTwoArraysIsZero) {
  std::memset(memory.data(), 0xAB, layout.total_bytes());
  const std::span<const std::byte> sent = layout.Sent(memory.data());
  for (std::size_t a = 0; a + 1 < std::size(kInBatch); ++a) {
    const std::size_t end =
        layout.SentOffset(kInBatch[a], 0) + layout.shape().SentBytes(kInBatch[a], 0);
    const std::size_t next = layout.SentOffset(kInBatch[a + 1], 0);
    EXPECT_THAT(Read<std::uint8_t>(sent, end, next - end), Each(0)) << "after array " << a;
  }
}

TEST_P(BatchLayoutTest, WhatIsWrittenInMemoryIsSent) {
  const BatchView view = layout.View(memory.data());
  std::iota(view.observations.begin(), view.observations.end(), 1.0f);
  std::ranges::fill(view.rewards, 0.25f);
  std::ranges::fill(view.status, std::uint8_t{4});
  const std::span<const std::byte> sent = layout.Sent(memory.data());
  const auto offset = [&](BatchArray array) { return layout.SentOffset(array, 0); };
  std::vector<float> observations(std::size_t{kRows} * kSize);
  if (GetParam() == ObservationType::kFloat16) {
    FromHalf(Read<std::uint16_t>(sent, offset(BatchArray::kObservations), observations.size()),
             observations);
  } else {
    observations = Read<float>(sent, offset(BatchArray::kObservations), observations.size());
  }
  EXPECT_TRUE(std::ranges::equal(observations, view.observations));
  EXPECT_THAT(Read<float>(sent, offset(BatchArray::kRewards), kRows), Each(0.25f));
  EXPECT_THAT(Read<std::uint8_t>(sent, offset(BatchArray::kStatus), kRows), Each(4));
}

TEST_P(BatchLayoutTest, FinalsAreThoseOfTheRowsThatEndedAlone) {
  EXPECT_EQ(layout.FinalsBytes(0), 0u);
  const BatchView view = layout.View(memory.data());
  std::ranges::fill(view.final_observations, 2.0f);
  std::ranges::fill(view.final_info, std::byte{7});
  std::vector<Line> lines(layout.FinalsBytes(2) / sizeof(Line) + 1);
  const std::span<std::byte> finals(lines.data()->bytes, layout.FinalsBytes(2));
  layout.PackFinals(memory.data(), 2, finals.data());
  const std::size_t info = layout.SentOffset(BatchArray::kFinalInfo, 2);
  EXPECT_EQ(info % 64, 0u);
  if (GetParam() == ObservationType::kFloat32) {
    EXPECT_THAT(Read<float>(finals, 0, std::size_t{2} * kSize), Each(2.0f));
  } else {
    EXPECT_THAT(Read<std::uint16_t>(finals, 0, std::size_t{2} * kSize), Each(0x4000));
  }
  EXPECT_THAT(Read<std::uint8_t>(finals, info, finals.size() - info), Each(7));
  EXPECT_EQ(finals.size() - info, 2u * kColumns * 4u);
}

INSTANTIATE_TEST_SUITE_P(Types, BatchLayoutTest,
                         ::testing::Values(ObservationType::kFloat32, ObservationType::kFloat16));

}  // namespace
}  // namespace hotlap::transport::batch_layout_test
