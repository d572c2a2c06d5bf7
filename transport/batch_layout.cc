#include "transport/batch_layout.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "env/vector_loops.h"

namespace hotlap::transport {
namespace {

constexpr std::size_t kLine = 64;

std::size_t Size(int count) { return static_cast<std::size_t>(count); }

template <typename T>
std::span<T> As(std::span<std::byte> bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

}  // namespace

std::size_t BatchShape::ArrayBytes(BatchArray array, int num_final) const {
  const std::size_t n = Size(rows), d = Size(observation_size), c = Size(info_columns);
  const std::size_t k = has_finals ? Size(num_final) : 0;
  switch (array) {
    case BatchArray::kObservations:
      return n * d * sizeof(float);
    case BatchArray::kRewards:
      return n * sizeof(float);
    case BatchArray::kTerminated:
    case BatchArray::kTruncated:
    case BatchArray::kStatus:
      return n;
    case BatchArray::kInfo:
      return c * n * 4;
    case BatchArray::kFinalRows:
      return k * sizeof(std::int32_t);
    case BatchArray::kFinalObservations:
      return k * d * sizeof(float);
    case BatchArray::kFinalInfo:
      return c * k * 4;
  }
  return 0;
}

BatchLayout::BatchLayout(const BatchShape& shape) : shape_(shape) {
  const auto place = [this](std::size_t bytes) {
    return std::exchange(total_bytes_, total_bytes_ + (bytes + kLine - 1) / kLine * kLine);
  };
  for (int a = 0; a < kNumBatchArrays; ++a) {
    const auto array = static_cast<BatchArray>(a);
    offsets_[Size(a)] = place(shape_.ArrayBytes(array, shape_.rows));
    if (shape_.is_half(array)) half_offsets_[Size(a)] = place(shape_.SentBytes(array, shape_.rows));
  }
}

BatchLayout BatchLayout::OfRows(int rows) const {
  BatchShape shape = shape_;
  shape.rows = rows;
  return BatchLayout(shape);
}

std::span<std::byte> BatchLayout::Array(std::byte* memory, BatchArray array, int num_final) const {
  return {memory + offsets_[static_cast<std::size_t>(array)], shape_.ArrayBytes(array, num_final)};
}

std::span<std::byte> BatchLayout::Sent(std::byte* memory, BatchArray array, int num_final) const {
  const std::span<std::byte> values = Array(memory, array, num_final);
  if (!shape_.is_half(array)) return values;
  const std::span<std::byte> halves(memory + half_offsets_[static_cast<std::size_t>(array)],
                                    shape_.SentBytes(array, num_final));
  ToHalf(As<float>(values), As<std::uint16_t>(halves));
  return halves;
}

BatchView BatchLayout::View(std::byte* memory) const {
  const auto array = [&](BatchArray which) { return Array(memory, which, shape_.rows); };
  return {.observations = As<float>(array(BatchArray::kObservations)),
          .rewards = As<float>(array(BatchArray::kRewards)),
          .terminated = As<std::uint8_t>(array(BatchArray::kTerminated)),
          .truncated = As<std::uint8_t>(array(BatchArray::kTruncated)),
          .status = As<std::uint8_t>(array(BatchArray::kStatus)),
          .info = array(BatchArray::kInfo),
          .final_rows = As<std::int32_t>(array(BatchArray::kFinalRows)),
          .final_observations = As<float>(array(BatchArray::kFinalObservations)),
          .final_info = array(BatchArray::kFinalInfo)};
}

void FinishBatch(const BatchShape& shape, int num_final, const BatchView& batch) {
  const std::size_t n = Size(shape.rows), d = Size(shape.observation_size);
  for (std::size_t row = 0; row < n; ++row) {
    if (batch.status[row] == static_cast<std::uint8_t>(RowStatus::kOk)) continue;
    std::fill_n(batch.observations.begin() + static_cast<std::ptrdiff_t>(row * d), d, 0.0f);
    batch.rewards[row] = 0;
    batch.terminated[row] = 0;
    batch.truncated[row] = 0;
    for (int column = 0; column < shape.info_columns; ++column) {
      std::memset(batch.info.data() + (Size(column) * n + row) * 4, 0, 4);
    }
  }
  if (!shape.has_finals) return;
  const std::size_t k = Size(num_final);
  for (int column = 1; column < shape.info_columns; ++column) {
    std::memmove(batch.final_info.data() + Size(column) * k * 4,
                 batch.final_info.data() + Size(column) * n * 4, k * 4);
  }
}

}  // namespace hotlap::transport
