// The rows that a session leases: their environments, and the requests on them turned into replies.
// One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "env/snapshot_store.h"
#include "env/vector_environment.h"
#include "env/worker_pool.h"
#include "transport/batch_layout.h"
#include "transport/catalogue.h"
#include "transport/game_pool.h"
#include "transport/protocol.h"
#include "transport/replies.h"
#include "transport/reply.h"
#include "transport/row_watch.h"
#include "transport/work.h"

namespace hotlap::transport {

// What every attached environment of a server shares.
struct AttachContext {
  Catalogue& catalogue;
  GamePool& games;
  SnapshotStore& snapshots;
  int max_rows = 0;
  std::size_t transfer_bytes = 0;         // of one export or import at most
  std::size_t kept_bytes = 0;             // of the states that one session's rows keep
  int window = 0;                         // replies that stay referenced
  std::shared_ptr<WorkerPool> workers{};  // share the steps of many rows
  // The game of an owner's row was lost and is replaced; called from any thread. May be empty.
  std::function<void(std::uint64_t owner, int row)> on_replaced{};
};

class AttachedEnvironment {
 public:
  // Borrows games and builds the environments; may take long (a track). `watch` has the rows until
  // they go back.
  // kBadArgument, kUnknownEnvironment, kUnknownTrack, kSpecMismatch, kServerFull.
  static tl::expected<std::unique_ptr<AttachedEnvironment>, Refusal> Attach(
      const Work& work, std::uint64_t owner, const AttachContext& context,
      std::shared_ptr<RowWatch> watch = std::make_shared<RowWatch>());
  ~AttachedEnvironment();
  AttachedEnvironment(const AttachedEnvironment&) = delete;
  AttachedEnvironment& operator=(const AttachedEnvironment&) = delete;

  AttachReply Describe() const;
  const EnvironmentSpec& spec() const { return environment_->spec(); }
  const std::string& settings() const { return settings_; }
  int num_rows() const { return layout_.shape().rows; }

  // An operation on the rows or on the session's saved states. Refusals become replies like
  // everything else.
  Reply Run(const Work& work);

  // No game behind a mapped buffer among the rows: nothing waits.
  bool is_simulated() const { return games_.num_behind_buffers() == 0; }
  // How long `work` will take by what its operation took before.
  double EstimateUs(const Work& work) const;

  // Shows the rows to whoever watches, unless it has shown them as they are.
  void Show();
  // Steps of rows since the last call.
  std::uint64_t TakeSteps();

 private:
  AttachedEnvironment(GameLoan games, std::uint64_t owner, const AttachContext& context,
                      std::shared_ptr<RowWatch> watch);

  // What a step or send is asked; no rows are all rows.
  struct RowActions {
    std::span<const std::int32_t> rows;
    ActionView actions;
  };
  tl::expected<RowActions, Refusal> ReadRowActions(const Work& work);
  tl::expected<std::span<const std::int32_t>, Refusal> ReadRows(const Work& work);
  int NumRows(const Work& work) const;  // that it is about

  tl::expected<Reply, Refusal> Reset(const Work& work);
  tl::expected<Reply, Refusal> Step(const Work& work);
  tl::expected<Reply, Refusal> Send(const Work& work);
  tl::expected<Reply, Refusal> Recv(const Work& work);
  tl::expected<Reply, Refusal> Save(const Work& work);
  tl::expected<Reply, Refusal> Restore(const Work& work);
  tl::expected<Reply, Refusal> Branch(const Work& work);
  tl::expected<Reply, Refusal> Export(const Work& work);
  tl::expected<Reply, Refusal> Import(const Work& work);
  tl::expected<Reply, Refusal> Drop(const Work& work);
  void CountSteps(const BatchView& batch);
  // That of a recv has rows_ before the batch.
  Reply MakeBatchReply(const Work& work, const BatchLayout& layout, int num_final,
                       ReplyBuffer& buffer) const;

  GameLoan games_;  // outlives the environment that drives them
  std::unique_ptr<VectorEnvironment> environment_;
  std::string name_, settings_;  // of the environment
  std::string warning_;
  BatchLayout layout_;
  std::uint64_t owner_;
  SnapshotStore& snapshots_;
  std::size_t transfer_bytes_;
  std::unique_ptr<ReplyRing> ring_;  // each buffer has room for all rows, so for any batch
  std::shared_ptr<RowWatch> watch_;
  bool is_shown_ = false;
  std::uint64_t steps_ = 0, taken_steps_ = 0;
  std::array<double, kNumOperations> cost_us_{};  // per row, smoothed; 0: never measured

  // Copies of a request's arrays, aligned as the environment reads them.
  std::vector<std::uint8_t> mask_;
  std::vector<std::uint64_t> seeds_, snapshot_ids_;
  std::vector<std::uint32_t> sizes_;
  std::vector<std::int32_t> rows_, discrete_;
  std::vector<float> continuous_;
};

}  // namespace hotlap::transport
