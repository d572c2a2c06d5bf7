// Rows that are those of another environment, for tests that put something between: all calls go
// to it as they are.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "transport/learner_environment.h"

namespace hotlap::agents {

class ForwardedRows : public transport::LearnerEnvironment {
 public:
  using Refusal = transport::Refusal;
  using SnapshotId = transport::SnapshotId;
  using Batch = tl::expected<transport::ConstBatchView, Refusal>;
  using Rows = std::span<const std::int32_t>;

  explicit ForwardedRows(std::unique_ptr<transport::LearnerEnvironment> rows)
      : rows_(std::move(rows)) {}

  int num_rows() const override { return rows_->num_rows(); }
  const EnvironmentSpec& spec() const override { return rows_->spec(); }
  std::span<const InfoColumn> info_columns() const override { return rows_->info_columns(); }
  Autoreset autoreset() const override { return rows_->autoreset(); }
  Batch Reset(const transport::ResetRequest& request, Deadline deadline) override {
    return rows_->Reset(request, deadline);
  }
  Batch Step(const ActionView& actions, Deadline deadline) override {
    return rows_->Step(actions, deadline);
  }
  Batch Step(Rows rows, const ActionView& actions, Deadline deadline) override {
    return rows_->Step(rows, actions, deadline);
  }
  tl::expected<void, Refusal> Send(Rows rows, const ActionView& actions,
                                   Deadline deadline) override {
    return rows_->Send(rows, actions, deadline);
  }
  Batch Recv(int count, Deadline deadline) override { return rows_->Recv(count, deadline); }
  tl::expected<std::vector<SnapshotId>, Refusal> Save(std::span<const std::uint8_t> mask,
                                                      Deadline deadline) override {
    return rows_->Save(mask, deadline);
  }
  Batch Restore(std::span<const SnapshotId> snapshots, Deadline deadline) override {
    return rows_->Restore(snapshots, deadline);
  }
  Batch Branch(int row, std::span<const std::uint8_t> mask, Deadline deadline) override {
    return rows_->Branch(row, mask, deadline);
  }
  tl::expected<std::vector<std::vector<std::byte>>, Refusal> Export(
      std::span<const SnapshotId> snapshots, Deadline deadline) override {
    return rows_->Export(snapshots, deadline);
  }
  tl::expected<std::vector<SnapshotId>, Refusal> Import(
      std::span<const std::vector<std::byte>> states, Deadline deadline) override {
    return rows_->Import(states, deadline);
  }
  tl::expected<void, Refusal> Drop(std::span<const SnapshotId> snapshots,
                                   Deadline deadline) override {
    return rows_->Drop(snapshots, deadline);
  }

 private:
  std::unique_ptr<transport::LearnerEnvironment> rows_;
};

}  // namespace hotlap::agents
