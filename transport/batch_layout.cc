#include "transport/batch_layout.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "env/vector_loops.h"

namespace hotlap::transport {
namespace {

constexpr std::size_t kLine = 64;

std::size_t Size(int count) { return static_cast<std::size_t>(count); }
std::size_t InLines(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

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
    return std::exchange(total_bytes_, total_bytes_ + InLines(bytes));
  };
  for (int a = 0; a < kNumBatchArrays; ++a) {
    const auto array = static_cast<BatchArray>(a);
    offsets_[Size(a)] = place(shape_.ArrayBytes(array, shape_.rows));
    if (array == BatchArray::kObservations && shape_.is_half(array)) {
      sent_offset_ = place(shape_.SentBytes(array, shape_.rows));
    }
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

std::size_t BatchLayout::SentOffset(BatchArray array, int num_final) const {
  switch (array) {
    case BatchArray::kObservations:
    case BatchArray::kFinalRows:
    case BatchArray::kFinalObservations:
      return 0;
    case BatchArray::kFinalInfo:
      return InLines(shape_.SentBytes(BatchArray::kFinalObservations, num_final));
    default:
      return offsets_[static_cast<std::size_t>(array)] - sent_offset_;
  }
}

std::span<std::byte> BatchLayout::Sent(std::byte* memory) const {
  const std::span<std::byte> sent(memory + sent_offset_, SentBytes());
  for (int a = 1; a <= static_cast<int>(BatchArray::kInfo); ++a) {
    std::fill(sent.begin() + static_cast<std::ptrdiff_t>(End(static_cast<BatchArray>(a - 1), 0)),
              sent.begin() + static_cast<std::ptrdiff_t>(SentOffset(static_cast<BatchArray>(a), 0)),
              std::byte{});
  }
  if (shape_.is_half(BatchArray::kObservations)) {
    const std::size_t bytes = shape_.SentBytes(BatchArray::kObservations, 0);
    ToHalf(As<float>(Array(memory, BatchArray::kObservations, 0)),
           As<std::uint16_t>(sent.first(bytes)));
  }
  return sent;
}

void BatchLayout::PackFinals(std::byte* memory, int num_final, std::byte* out) const {
  const auto observations = Array(memory, BatchArray::kFinalObservations, num_final);
  const auto info = Array(memory, BatchArray::kFinalInfo, num_final);
  const std::size_t sent_bytes = shape_.SentBytes(BatchArray::kFinalObservations, num_final);
  const std::size_t info_offset = SentOffset(BatchArray::kFinalInfo, num_final);
  if (shape_.is_half(BatchArray::kFinalObservations)) {
    ToHalf(As<float>(observations), As<std::uint16_t>(std::span(out, sent_bytes)));
  } else {
    std::ranges::copy(observations, out);
  }
  std::fill(out + sent_bytes, out + info_offset, std::byte{});
  std::ranges::copy(info, out + info_offset);
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
