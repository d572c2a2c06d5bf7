// What a learner drives, wherever the environments are: LocalVectorEnvironment has them in this
// process, RemoteVectorEnvironment (client.h) behind a server. Equal seeds and actions give equal
// bits from both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/deadline.h"
#include "env/snapshot_store.h"
#include "env/vector_environment.h"
#include "transport/batch_layout.h"
#include "transport/status.h"

namespace hotlap::transport {

// Id of a saved state in the store of its source; 0 is none.
using SnapshotId = std::uint64_t;

struct ResetRequest {
  std::span<const std::uint8_t> mask{};  // [n], 1 resets; empty: all
  std::span<const std::uint64_t>
      seeds{};  // [n], new base seeds; empty: go on with the next episode
  std::span<const SnapshotId>
      snapshots{};  // [n], where to begin, 0: at the start; empty: where the rows' starts have it
  std::optional<Starts> starts{};  // of these rows from now on; none: as before
};

// Not thread-safe. Deadlines: a call gives up with kTimedOut once its own has passed, and with
// kServerLost before that when the server is gone; in process
// it takes as long as it takes.
class LearnerEnvironment {
 public:
  virtual ~LearnerEnvironment() = default;

  virtual int num_rows() const = 0;
  virtual const EnvironmentSpec& spec() const = 0;
  virtual std::span<const InfoColumn> info_columns() const = 0;  // as chosen
  virtual Autoreset autoreset() const = 0;

  // What the views hold stays valid until the next call that gives one.
  virtual tl::expected<ConstBatchView, Refusal> Reset(const ResetRequest& request,
                                                      Deadline deadline) = 0;
  virtual tl::expected<ConstBatchView, Refusal> Step(const ActionView& actions,
                                                     Deadline deadline) = 0;
  // Likewise of some rows, each named once (none: of all); actions and batch are theirs, in the
  // same order.
  virtual tl::expected<ConstBatchView, Refusal> Step(std::span<const std::int32_t> rows,
                                                     const ActionView& actions,
                                                     Deadline deadline) = 0;
  // The halves of a step, as in VectorEnvironment: Send begins the steps of some rows (none: of
  // all), Recv gives the first `count` of the rows under way that are done, and says which.
  virtual tl::expected<void, Refusal> Send(std::span<const std::int32_t> rows,
                                           const ActionView& actions, Deadline deadline) = 0;
  virtual tl::expected<ConstBatchView, Refusal> Recv(int count, Deadline deadline) = 0;
  // One id per row; 0 for rows that are masked out ([n], 1 saves; empty: all) or have no state.
  virtual tl::expected<std::vector<SnapshotId>, Refusal> Save(std::span<const std::uint8_t> mask,
                                                              Deadline deadline) = 0;
  // Continues the snapshots' episodes ([n], 0 leaves the row alone: its status is kSkipped).
  virtual tl::expected<ConstBatchView, Refusal> Restore(std::span<const SnapshotId> snapshots,
                                                        Deadline deadline) = 0;
  // Gives the rows of the mask ([n]; empty: all) the state of one row: they go on with its episode,
  // bit for bit. kNotReset where that row has none, kUnderWay where it is under way.
  virtual tl::expected<ConstBatchView, Refusal> Branch(int row, std::span<const std::uint8_t> mask,
                                                       Deadline deadline) = 0;

  // The states as bytes, for a file or another source; empty under id 0.
  virtual tl::expected<std::vector<std::vector<std::byte>>, Refusal> Export(
      std::span<const SnapshotId> snapshots, Deadline deadline) = 0;
  // An id for each. kBadArgument, and none is kept, when one of them fits no row here.
  virtual tl::expected<std::vector<SnapshotId>, Refusal> Import(
      std::span<const std::vector<std::byte>> states, Deadline deadline) = 0;
  // Frees them; ids that name nothing any more are passed over.
  virtual tl::expected<void, Refusal> Drop(std::span<const SnapshotId> snapshots,
                                           Deadline deadline) = 0;
};

// The interface over a VectorEnvironment of this process.
class LocalVectorEnvironment : public LearnerEnvironment {
 public:
  // Keeps at most `snapshot_bytes` of saved states, then drops the oldest.
  explicit LocalVectorEnvironment(std::unique_ptr<VectorEnvironment> environment,
                                  std::size_t snapshot_bytes = std::size_t{256} << 20);

  int num_rows() const override { return layout_.shape().rows; }
  const EnvironmentSpec& spec() const override { return environment_->spec(); }
  std::span<const InfoColumn> info_columns() const override { return environment_->info_columns(); }
  Autoreset autoreset() const override { return environment_->autoreset(); }
  tl::expected<ConstBatchView, Refusal> Reset(const ResetRequest& request,
                                              Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Step(const ActionView& actions, Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Step(std::span<const std::int32_t> rows,
                                             const ActionView& actions, Deadline deadline) override;
  tl::expected<void, Refusal> Send(std::span<const std::int32_t> rows, const ActionView& actions,
                                   Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Recv(int count, Deadline deadline) override;
  tl::expected<std::vector<SnapshotId>, Refusal> Save(std::span<const std::uint8_t> mask,
                                                      Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Restore(std::span<const SnapshotId> snapshots,
                                                Deadline deadline) override;
  tl::expected<ConstBatchView, Refusal> Branch(int row, std::span<const std::uint8_t> mask,
                                               Deadline deadline) override;
  tl::expected<std::vector<std::vector<std::byte>>, Refusal> Export(
      std::span<const SnapshotId> snapshots, Deadline deadline) override;
  tl::expected<std::vector<SnapshotId>, Refusal> Import(
      std::span<const std::vector<std::byte>> states, Deadline deadline) override;
  tl::expected<void, Refusal> Drop(std::span<const SnapshotId> snapshots,
                                   Deadline deadline) override;

 private:
  struct FreeAligned {
    void operator()(std::byte* memory) const;
  };
  // What was written into layout.View(memory_).
  ConstBatchView Finished(const BatchLayout& layout, int num_final,
                          std::span<const std::int32_t> rows);

  std::unique_ptr<VectorEnvironment> environment_;
  SnapshotStore snapshots_;
  BatchLayout layout_;
  std::unique_ptr<std::byte[], FreeAligned> memory_;
  BatchView view_;                  // of memory_, for all rows
  std::vector<std::int32_t> rows_;  // of the latest batch of some rows
};

// Whether arguments have the sizes that so many rows and the action set want; names the one that
// has not.
tl::expected<void, Refusal> CheckSizes(const ResetRequest& request, int rows);
tl::expected<void, Refusal> CheckSizes(const ActionView& actions, const ActionSpec& spec, int rows);
// Of some of n rows, or of all when none are named; each must be named once.
tl::expected<void, Refusal> CheckSizes(std::span<const std::int32_t> rows,
                                       const ActionView& actions, const ActionSpec& spec,
                                       int num_rows);
// Rows that a recv may ask for: [1, rows].
tl::expected<void, Refusal> CheckCount(int count, int rows);
tl::expected<void, Refusal> CheckSize(const char* name, std::size_t size, int rows,
                                      bool may_be_empty);
// Whether episodes can begin there: at kept states only those of rows that keep some.
tl::expected<void, Refusal> CheckStarts(const std::optional<Starts>& starts, bool keeps_states);
// Whether it is one of n rows.
tl::expected<void, Refusal> CheckRow(int row, int rows);

}  // namespace hotlap::transport
