// The arrays of a batch as they lie in a reply: their order, their sizes, and where each begins in
// one buffer, so that an environment writes its results straight into what will be sent. A batch is
// one frame, for each costs both ends as much as some thousand bytes; the ends of episodes are
// another, which is empty as a rule.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "env/vector_environment.h"

namespace hotlap::transport {

// How observations are sent; names as on the wire, in this order: "f32", "f16".
enum class ObservationType : std::uint8_t {
  kFloat32,
  kFloat16  // the nearest half; half the bytes
};

// Order in memory. The last three are there only with Autoreset::kSameStep; of these the rows are
// not sent, for the flags tell them.
enum class BatchArray : std::uint8_t {
  kObservations,       // f32 or f16 [n, d]
  kRewards,            // f32 [n]
  kTerminated,         // u8 [n]
  kTruncated,          // u8 [n]
  kStatus,             // u8 [n], RowStatus
  kInfo,               // 4 bytes [c, n]
  kFinalRows,          // i32 [k]
  kFinalObservations,  // f32 or f16 [k, d]
  kFinalInfo,          // 4 bytes [c, k]
};
inline constexpr int kNumBatchArrays = 9;

struct BatchShape {
  int rows = 0, observation_size = 0, info_columns = 0;
  bool has_finals = false;  // Autoreset::kSameStep
  ObservationType observations = ObservationType::kFloat32;

  bool is_half(BatchArray array) const {
    return observations == ObservationType::kFloat16 &&
           (array == BatchArray::kObservations || array == BatchArray::kFinalObservations);
  }
  // Bytes of one array in memory, and as it is sent, when `num_final` episodes ended; for the first
  // six it does not matter.
  std::size_t ArrayBytes(BatchArray array, int num_final) const;
  std::size_t SentBytes(BatchArray array, int num_final) const {
    return is_half(array) ? ArrayBytes(array, num_final) / 2 : ArrayBytes(array, num_final);
  }
};

// What a learner reads after a reset, step, recv or restore. Rows whose status is not
// RowStatus::kOk hold zeros.
struct ConstBatchView {
  std::span<const float> observations;        // [n, d]
  std::span<const float> rewards;             // [n]
  std::span<const std::uint8_t> terminated;   // [n]
  std::span<const std::uint8_t> truncated;    // [n]
  std::span<const std::uint8_t> status;       // [n], RowStatus
  std::span<const std::byte> info;            // [c, n] of 4 bytes
  std::span<const std::int32_t> final_rows;   // [k]
  std::span<const float> final_observations;  // [k, d]
  std::span<const std::byte> final_info;      // [c, k] of 4 bytes
  std::span<const std::int32_t> rows{};       // [n], their numbers; empty: all rows in their order
};

// Places of the arrays in one buffer, each on a line of its own (64 bytes), with room for n finals;
// and in the two frames that are sent.
class BatchLayout {
 public:
  explicit BatchLayout(const BatchShape& shape);

  const BatchShape& shape() const { return shape_; }
  // Of another number of rows; not larger when these are fewer.
  BatchLayout OfRows(int rows) const;
  std::size_t total_bytes() const { return total_bytes_; }
  // REQUIRES: memory is total_bytes() long and aligned to 64.
  BatchView View(std::byte* memory) const;

  // The frame `batch`: the part of memory that it is. The call makes halves, and zeros between
  // arrays.
  std::span<std::byte> Sent(std::byte* memory) const;
  // The frame `finals`, written to `out`, which is FinalsBytes(num_final) long and aligned to 4.
  void PackFinals(std::byte* memory, int num_final, std::byte* out) const;

  // Where an array lies in the frame that it is sent in, of frames that may come from anywhere:
  // REQUIRES: these are SentBytes() and FinalsBytes(num_final) long.
  std::size_t SentBytes() const { return End(BatchArray::kInfo, 0); }
  std::size_t FinalsBytes(int num_final) const { return End(BatchArray::kFinalInfo, num_final); }
  std::size_t SentOffset(BatchArray array, int num_final) const;

 private:
  std::span<std::byte> Array(std::byte* memory, BatchArray array, int num_final) const;
  std::size_t End(BatchArray array, int num_final) const {
    return SentOffset(array, num_final) + shape_.SentBytes(array, num_final);
  }

  BatchShape shape_;
  std::array<std::size_t, kNumBatchArrays> offsets_{};
  std::size_t sent_offset_ = 0;  // of the frame `batch`
  std::size_t total_bytes_ = 0;
};

// Makes a written batch what a reply promises: zeros in rows that were not served, final_info
// compact.
void FinishBatch(const BatchShape& shape, int num_final, const BatchView& batch);

}  // namespace hotlap::transport
