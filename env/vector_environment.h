// n environments over groups of games and a pool of threads: reset, step, save, restore, of all
// rows or of some. docs/step.md is the normative text of what they mean. Row i is the same
// environment for its whole life.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/centreline.h"
#include "env/deadline.h"
#include "env/environment_config.h"
#include "env/game_group.h"
#include "env/spec.h"
#include "env/state_archive.h"

namespace hotlap {

class WorkerPool;
struct RowRecord;

enum class Autoreset : std::uint8_t {
  kNextStep,
  kSameStep,
  kDisabled
};  // names and meaning as in Gymnasium 1.x

// Outcome of one row in one call; everything but kOk left the row as it was.
enum class RowStatus : std::uint8_t {
  kOk = 0,
  kNotReset = 1,     // stepped before the first reset, or ended in kDisabled mode
  kBadAction = 2,    // outside the discrete set, or not finite; continuous ones are clipped
  kBadSnapshot = 3,  // not of this kind of game, track or configuration
  kSkipped = 4,      // masked out of a reset
  kUnderWay = 5,     // sent, and not received yet
};

// The caller's memory for one reset or step, row-major, all of n rows: those of the environment, or
// the ones that a call is about, in its order. Of a row that is skipped or refused only the status
// is written; the rest is left as it was (a reply on the wire has zeros there).
struct BatchView {
  std::span<float> observations;       // [n, d]
  std::span<float> rewards;            // [n]
  std::span<std::uint8_t> terminated;  // [n], 0 or 1
  std::span<std::uint8_t> truncated;   // [n]; never both
  std::span<std::uint8_t> status;      // [n], RowStatus
  std::span<std::byte>
      info;  // [c, n] of 4 bytes: one contiguous column after another, in the order chosen
  // kSameStep: the ended episodes of this step, compact, in the order of their rows here; capacity
  // n each. Other modes do not touch them.
  std::span<std::int32_t> final_rows;   // [k], numbers of the environment's rows
  std::span<float> final_observations;  // [k, d]
  std::span<std::byte> final_info;  // [c, n]: column j starts at j * n, its first k entries are set
};

struct BatchResult {
  int num_final = 0;  // k
};

struct RecvResult {
  int num_rows = 0;   // that were received, the first ones of the batch
  int num_final = 0;  // k
};

// Settings of a row, beside the environment's.
struct RowConfig {
  std::shared_ptr<const Centreline> centreline;  // of the row's track
  std::uint64_t track_hash = 0;
  std::uint64_t seed = 0;
};

struct VectorEnvironmentConfig {
  EnvironmentConfig environment;
  Autoreset autoreset = Autoreset::kNextStep;
  std::vector<std::string> info_columns;  // names of EnvironmentSpec::info; empty: ticks ..
                                          // end_reason and the columns of an end
  ArchiveSettings archive;                // of states that rows keep for episodes to begin at
  Starts starts;                          // of every row, until a reset gives it others
  int num_threads = 1;                    // of the pool, the caller's included
  std::shared_ptr<WorkerPool> workers{};  // shared with others; null: a pool of its own
};

struct ResetOptions {
  std::span<const std::uint8_t> mask{};  // [n], 1 resets; empty: all
  std::span<const std::uint64_t>
      seeds{};  // [n], the rows' new base seeds; empty: go on with the next episode
  // [n] bytes of Save, empty span: from the start; or empty: where the rows' starts have it
  std::span<const std::span<const std::byte>> snapshots{};
  // Of the rows that are reset from now on, autoresets included; none: as before. REQUIRES: an
  // archive, unless at kStart.
  std::optional<Starts> starts{};
};

// REQUIRES: the one that the action set wants has its size, and the other is empty. Not checked but
// in debug builds: whoever takes actions from outside checks them.
struct ActionView {
  std::span<const std::int32_t> discrete;  // [n], of all rows or of those that a call is about
  std::span<const float> continuous;       // [n, k]
};

// Not thread-safe: one caller at a time. May only be destroyed after a call that threw, which
// happens where a GameGroup throws or memory is used up. Nothing here allocates in Step, Send and
// Recv after the first ones on simulated games, but for the first states of each row and at each
// place of an archive.
//
// A row is under way from its Send to the Recv that gives it. Meanwhile Step, Reset and Restore
// refuse it (kUnderWay) and Save has nothing of it; the other rows do not notice.
class VectorEnvironment {
 public:
  // Row r is slot r of the groups laid end to end. REQUIRES: as many rows as slots. Throws
  // std::invalid_argument on a bad configuration (unknown info column, marks, starts without an
  // archive, a randomised parameter that these games cannot apply).
  VectorEnvironment(const VectorEnvironmentConfig& config,
                    std::vector<std::unique_ptr<GameGroup>> groups, std::vector<RowConfig> rows);
  ~VectorEnvironment();
  VectorEnvironment(const VectorEnvironment&) = delete;
  VectorEnvironment& operator=(const VectorEnvironment&) = delete;

  int num_rows() const;
  const EnvironmentSpec& spec() const;
  std::span<const InfoColumn> info_columns() const;  // as chosen
  Autoreset autoreset() const;
  bool keeps_states() const;  // an archive

  // Begins new episodes: observations and infos; rewards 0 and flags false. A game that is lost is
  // asked for again; a row whose game does not come back in time stays lost: its observation is the
  // last good one, truncated is set and end_reason says game_lost.
  void Reset(const ResetOptions& options, const BatchView& out);
  // One step of every row. Blocks until all are done; a row whose game is lost is none of those
  // that are waited for.
  BatchResult Step(const ActionView& actions, const BatchView& out);
  // Likewise of some rows, each named once; actions and batch are theirs, in the same order.
  BatchResult Step(std::span<const std::int32_t> rows, const ActionView& actions,
                   const BatchView& out);

  // The halves of a step of some rows, so that slow games do not hold up fast ones. Send begins it,
  // without waiting or computing, and says nothing: a row that is refused arrives with its status.
  // Games in other processes get on from here as far as they come alone. REQUIRES: none of the rows
  // is under way or named twice.
  void Send(std::span<const std::int32_t> rows, const ActionView& actions);
  // Gives the first rows.size() rows that are done, and their numbers: fewer when no more are under
  // way or the deadline has passed (kAtOnce: those that are done after one look). They come in the
  // order in which they were done, those found done together in row order; of simulated games all
  // that are under way are done together. The batch is of rows.size() rows, of which the first
  // num_rows are set; column j of info begins at j * rows.size().
  RecvResult Recv(std::span<std::int32_t> rows, Deadline deadline, const BatchView& out);
  bool is_under_way(int row) const;
  int num_under_way() const;

  // The whole row: game and record. `out` is replaced and its memory used again. False, and `out`
  // as it was, when the row has no game now, was never reset or is under way.
  bool Save(int row, std::vector<std::byte>& out);
  std::vector<std::byte> Save(int row);  // likewise; empty instead of false
  // Continues the snapshots' episodes, bit for bit: writes observations and infos, reward 0 and
  // flags false. One per row, [n]; an empty one leaves its row alone (kSkipped). kBadSnapshot where
  // it is foreign or broken, or the row's game is lost and does not come back in time.
  void Restore(std::span<const std::span<const std::byte>> snapshots, const BatchView& out);
  // Likewise of one row, and nothing of the others is written. The error says what is wrong.
  tl::expected<void, std::string> Restore(int row, std::span<const std::byte> snapshot,
                                          const BatchView& out);

  // Gives the rows of the mask ([n], empty: all) the state of one row, which may be among them:
  // they go on with its episode as after Restore. kNotReset where that row has no state.
  void Branch(int row, std::span<const std::uint8_t> mask, const BatchView& out);
  // Whether these bytes fit one of the rows, at least for a reset. The error says what is wrong.
  // The game's part is left for the game to check.
  tl::expected<void, std::string> Check(std::span<const std::byte> snapshot) const;

  // What the game of a row told last, as far as it was good: for spectators, pictures and tests;
  // not part of the observation.
  const GameState& game_state(int row) const;
  // What the row knows of its episode: likewise.
  const RowRecord& record(int row) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Owns the arrays of a BatchView of all rows of this environment, or of as many as are told. For
// callers in process; the server writes into replies instead.
class BatchBuffer {
 public:
  explicit BatchBuffer(const VectorEnvironment& environment);
  BatchBuffer(const VectorEnvironment& environment, int num_rows);
  BatchView view();

  std::vector<float> observations, rewards, final_observations;
  std::vector<std::uint8_t> terminated, truncated, status;
  std::vector<std::byte> info, final_info;
  std::vector<std::int32_t> final_rows;
};

}  // namespace hotlap
