#include "transport/learner_environment.h"

#include <algorithm>
#include <new>
#include <utility>

#include "transport/row_snapshots.h"
#include "transport/row_steps.h"

namespace hotlap::transport {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::uint64_t kOwner = 1;

}  // namespace

tl::expected<void, Refusal> CheckSize(const char* name, std::size_t size, int rows,
                                      bool may_be_empty) {
  if (size == static_cast<std::size_t>(rows) || (may_be_empty && size == 0)) return {};
  return Refuse(Status::kBadArgument, "'" + std::string(name) + "' has " + std::to_string(size) +
                                          " elements, must have " + std::to_string(rows) +
                                          (may_be_empty ? " or none" : ""));
}

tl::expected<void, Refusal> CheckRow(int row, int rows) {
  if (row >= 0 && row < rows) return {};
  return Refuse(Status::kBadArgument,
                "'row' is " + std::to_string(row) + ", must be below " + std::to_string(rows));
}

tl::expected<void, Refusal> CheckStarts(const std::optional<Starts>& starts, bool keeps_states) {
  if (!starts || starts->at == StartPlace::kStart || keeps_states) return {};
  return Refuse(Status::kBadArgument,
                "field 'starts' is at kept states, but the rows keep none: attach them with "
                "'keep_every_m'");
}

tl::expected<void, Refusal> CheckCount(int count, int rows) {
  if (count >= 1 && count <= rows) return {};
  return Refuse(Status::kBadArgument, "'count' is " + std::to_string(count) +
                                          ", must be at least 1 and at most " +
                                          std::to_string(rows));
}

tl::expected<void, Refusal> CheckSizes(const ResetRequest& request, int rows) {
  return CheckSize("mask", request.mask.size(), rows, true)
      .and_then([&] { return CheckSize("seeds", request.seeds.size(), rows, true); })
      .and_then([&] { return CheckSize("snapshots", request.snapshots.size(), rows, true); });
}

tl::expected<void, Refusal> CheckSizes(const ActionView& actions, const ActionSpec& spec,
                                       int rows) {
  if (spec.kind == ActionKind::kDiscrete) {
    return CheckSize("actions.discrete", actions.discrete.size(), rows, false);
  }
  return CheckSize("actions.continuous", actions.continuous.size(), rows * spec.size(), false);
}

tl::expected<void, Refusal> CheckSizes(std::span<const std::int32_t> rows,
                                       const ActionView& actions, const ActionSpec& spec,
                                       int num_rows) {
  return CheckRows(rows, num_rows).and_then([&] {
    return CheckSizes(actions, spec, rows.empty() ? num_rows : static_cast<int>(rows.size()));
  });
}

void LocalVectorEnvironment::FreeAligned::operator()(std::byte* memory) const {
  ::operator delete(memory, kAlignment);
}

LocalVectorEnvironment::LocalVectorEnvironment(std::unique_ptr<VectorEnvironment> environment,
                                               std::size_t snapshot_bytes)
    : environment_(std::move(environment)),
      snapshots_(snapshot_bytes),
      layout_({.rows = environment_->num_rows(),
               .observation_size = environment_->spec().observation_size(),
               .info_columns = static_cast<int>(environment_->info_columns().size()),
               .has_finals = environment_->autoreset() == Autoreset::kSameStep}),
      memory_(static_cast<std::byte*>(::operator new(layout_.total_bytes(), kAlignment))),
      view_(layout_.View(memory_.get())) {}

ConstBatchView LocalVectorEnvironment::Finished(const BatchLayout& layout, int num_final,
                                                std::span<const std::int32_t> rows) {
  const BatchShape& shape = layout.shape();
  const BatchView view = layout.View(memory_.get());
  FinishBatch(shape, num_final, view);
  const auto final_elements = [&](BatchArray array) {
    return shape.ArrayBytes(array, num_final) / 4;
  };
  return {.observations = view.observations,
          .rewards = view.rewards,
          .terminated = view.terminated,
          .truncated = view.truncated,
          .status = view.status,
          .info = view.info,
          .final_rows = view.final_rows.first(final_elements(BatchArray::kFinalRows)),
          .final_observations =
              view.final_observations.first(final_elements(BatchArray::kFinalObservations)),
          .final_info = view.final_info.first(shape.ArrayBytes(BatchArray::kFinalInfo, num_final)),
          .rows = rows};
}

tl::expected<ConstBatchView, Refusal> LocalVectorEnvironment::Reset(const ResetRequest& request,
                                                                    Deadline) {
  if (auto good = CheckSizes(request, num_rows()); !good) {
    return tl::make_unexpected(good.error());
  }
  const ResetOptions options{
      .mask = request.mask, .seeds = request.seeds, .snapshots = {}, .starts = request.starts};
  return ResetRows(*environment_, options, request.snapshots, snapshots_, kOwner, view_).map([&] {
    return Finished(layout_, 0, {});
  });
}

tl::expected<ConstBatchView, Refusal> LocalVectorEnvironment::Step(const ActionView& actions,
                                                                   Deadline deadline) {
  return Step({}, actions, deadline);
}

tl::expected<ConstBatchView, Refusal> LocalVectorEnvironment::Step(
    std::span<const std::int32_t> rows, const ActionView& actions, Deadline) {
  if (auto good = CheckSizes(rows, actions, spec().action, num_rows()); !good) {
    return tl::make_unexpected(good.error());
  }
  const BatchLayout layout = rows.empty() ? layout_ : layout_.OfRows(static_cast<int>(rows.size()));
  return StepRows(*environment_, rows, actions, layout.View(memory_.get()))
      .map([&](BatchResult result) {
        rows_ = std::vector<std::int32_t>(rows.begin(), rows.end());
        return Finished(layout, result.num_final, rows_);
      });
}

tl::expected<void, Refusal> LocalVectorEnvironment::Send(std::span<const std::int32_t> rows,
                                                         const ActionView& actions, Deadline) {
  return CheckSizes(rows, actions, spec().action, num_rows()).and_then([&] {
    return SendRows(*environment_, rows, actions);
  });
}

tl::expected<ConstBatchView, Refusal> LocalVectorEnvironment::Recv(int count, Deadline) {
  if (auto good = CheckCount(count, num_rows()); !good) return tl::make_unexpected(good.error());
  const int num_rows = std::min(count, environment_->num_under_way());
  const BatchLayout layout = layout_.OfRows(num_rows);
  rows_.resize(static_cast<std::size_t>(num_rows));
  const RecvResult result = environment_->Recv(rows_, kNoDeadline, layout.View(memory_.get()));
  return Finished(layout, result.num_final, rows_);
}

tl::expected<std::vector<SnapshotId>, Refusal> LocalVectorEnvironment::Save(
    std::span<const std::uint8_t> mask, Deadline) {
  if (auto good = CheckSize("mask", mask.size(), num_rows(), true); !good) {
    return tl::make_unexpected(good.error());
  }
  return SaveRows(*environment_, mask, snapshots_, kOwner).ids;
}

tl::expected<ConstBatchView, Refusal> LocalVectorEnvironment::Restore(
    std::span<const SnapshotId> snapshots, Deadline) {
  if (auto good = CheckSize("snapshots", snapshots.size(), num_rows(), false); !good) {
    return tl::make_unexpected(good.error());
  }
  return RestoreRows(*environment_, snapshots, snapshots_, kOwner, view_).map([&] {
    return Finished(layout_, 0, {});
  });
}

tl::expected<ConstBatchView, Refusal> LocalVectorEnvironment::Branch(
    int row, std::span<const std::uint8_t> mask, Deadline) {
  return CheckRow(row, num_rows())
      .and_then([&] { return CheckSize("mask", mask.size(), num_rows(), true); })
      .map([&] {
        environment_->Branch(row, mask, view_);
        return Finished(layout_, 0, {});
      });
}

tl::expected<std::vector<std::vector<std::byte>>, Refusal> LocalVectorEnvironment::Export(
    std::span<const SnapshotId> snapshots, Deadline) {
  return FindSnapshots(snapshots_, kOwner, snapshots).map([](const auto& held) {
    std::vector<std::vector<std::byte>> states(held.size());
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (held[i] != nullptr) states[i] = *held[i];
    }
    return states;
  });
}

tl::expected<std::vector<SnapshotId>, Refusal> LocalVectorEnvironment::Import(
    std::span<const std::vector<std::byte>> states, Deadline) {
  const std::vector<std::span<const std::byte>> spans(states.begin(), states.end());
  return ImportSnapshots(*environment_, spans, snapshots_, kOwner);
}

tl::expected<void, Refusal> LocalVectorEnvironment::Drop(std::span<const SnapshotId> snapshots,
                                                         Deadline) {
  return DropSnapshots(snapshots_, kOwner, snapshots);
}

}  // namespace hotlap::transport
