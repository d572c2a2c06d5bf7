// The rows of one group of games: gives the games their commands, waits for them, and writes each
// row's part of the batch. One thread at a time; different runners touch different rows and share
// only what is constant.
//
// A game that is lost is asked for again by the next reset of its row. A reset of the caller's
// waits for it. Autoreset does not: it leaves the restart under way from step to step, and until
// the new game stands at its start the row tells that it has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/environment_snapshot.h"
#include "env/row.h"
#include "env/state_archive.h"
#include "env/vector_environment.h"

namespace hotlap {

// What all rows of a VectorEnvironment have in common.
struct BatchSettings {
  EnvironmentConfig config;
  EnvironmentSpec spec;
  Observer observer;
  Autoreset autoreset = Autoreset::kNextStep;
  std::vector<std::size_t> chosen_info;  // indices of spec.info
  std::size_t num_rows = 0;
  Starts starts{};                  // of every row at first
  StateArchive* archive = nullptr;  // null: no state is kept
};

class GroupRunner {
 public:
  // Its rows are first_row on, one per slot. `settings` outlives it.
  GroupRunner(const BatchSettings& settings, std::unique_ptr<GameGroup> games,
              std::size_t first_row, std::span<RowConfig> rows);

  std::size_t first_row() const { return first_row_; }
  std::size_t end_row() const { return first_row_ + places_.size(); }

  // As in VectorEnvironment, for these rows; `row` counts over the whole batch.
  void Reset(const ResetOptions& options, const BatchView& out);
  // The final observation and info of an episode that ended in kSameStep mode are written in the
  // row's own place.
  void Step(const ActionView& actions, const BatchView& out);
  bool has_final(std::size_t row) const { return at(row).has_final; }  // of the last Step
  bool Save(std::size_t row, std::vector<std::byte>& out);
  void Restore(std::span<const std::span<const std::byte>> snapshots, const BatchView& out);
  tl::expected<void, std::string> Restore(std::size_t row, std::span<const std::byte> snapshot,
                                          const BatchView& out);
  const GameState& state(std::size_t row) const { return at(row).row.state(); }
  const Centreline& line(std::size_t row) const { return at(row).row.line(); }
  SnapshotOrigin OriginOf(std::size_t row) const;  // of its snapshots

 private:
  // What a row waits for.
  enum class Task : std::uint8_t {
    kNone,
    kAdvance,
    kBegin,       // reset: the game restarts or goes to a snapshot, then an episode begins
    kBeginStep,   // step after an end: likewise
    kBeginAfter,  // in the step of the end (kSameStep): likewise
    kLook,        // step of a row without a game: likewise, but nobody waits for the restart
    kRevive,      // a lost game restarts, then `after_revival`
    kContinue,    // restore: a snapshot is restored, and its episode goes on
    kSave,
    kKeep,  // in a step that has come to a mark of the archive: its state is saved
  };
  struct Place {
    Row row;
    bool has_final = false;
    bool is_restarting = false;  // a kRestart is under way, for the call under way or for none
    Starts starts{};
    // Of the call under way.
    Task task = Task::kNone;
    Task after_revival = Task::kNone;
    Inputs inputs{};                      // kAdvance
    OpenedSnapshot snapshot{};            // kRevive, kContinue; of the episode that begins
    bool at_snapshot = false;             // the episode that begins does so at `snapshot`
    bool is_drawn = false;                // `snapshot` is, from the archive
    std::optional<std::uint64_t> seed{};  // of the episode that begins
    std::optional<Starts> new_starts{};   // from the episode that begins on
    std::string error{};                  // why the snapshot was rejected
    std::vector<std::byte>* saved{};      // kSave: where to; of the caller
  };

  Place& at(std::size_t row) { return places_[row - first_row_]; }
  const Place& at(std::size_t row) const { return places_[row - first_row_]; }
  int SlotOf(std::size_t row) const { return static_cast<int>(row - first_row_); }

  // Gives the row a task; its command starts with StartCommands, unless it is a restart that is
  // under way already.
  void Assign(std::size_t row, Task task);
  // The tasks that begin an episode: where the row's starts have it begin.
  void AssignBegin(std::size_t row, Task task, const BatchView& out);
  // Those at a snapshot, or kContinue: unless the snapshot is rejected at once; a lost game
  // restarts first.
  void AssignRestore(std::size_t row, std::span<const std::byte> snapshot, Task task,
                     const BatchView& out);
  void StartCommands();
  void EndTask(Place& place);
  // Returns when no row has a task.
  void Finish(const BatchView& out);
  void Handle(std::span<const Completion> completions, const BatchView& out);
  void Handle(const Completion& completion, const BatchView& out);
  void Restarted(std::size_t row, const Completion& completion, const BatchView& out);
  // Seed and starts; not those of a reset that is rejected.
  static void TakeWhatResetGave(Place& place);
  void Begin(std::size_t row, const RowRecord* snapshot, const BatchView& out);
  void Reject(std::size_t row, const std::string& error, const BatchView& out);
  // The group does not know that this game is of no use.
  void Abandon(std::size_t row, const std::string& error, const BatchView& out);
  void Lose(std::size_t row, const std::string& error, const BatchView& out);
  void EndStep(std::size_t row, const RowResult& result, const BatchView& out);
  // What a step has brought for the archive.
  void TellArchive(std::size_t row, bool has_failed);

  std::optional<Inputs> InputsAt(const ActionView& actions, std::size_t row) const;
  void WriteStatus(std::size_t row, RowStatus status, const BatchView& out) const;
  void WriteObservation(std::size_t row, std::span<float> observations) const;
  void WriteInfo(std::size_t row, const InfoWords& words, std::span<std::byte> info) const;
  void WriteFlags(std::size_t row, const RowResult& result, const BatchView& out) const;
  void WriteFinal(std::size_t row, const RowResult& result, const BatchView& out);
  void WriteAll(std::size_t row, const RowResult& result, const BatchView& out) const;

  const BatchSettings& settings_;
  std::unique_ptr<GameGroup> games_;
  std::size_t first_row_;
  std::vector<Place> places_;      // by slot
  std::vector<Command> commands_;  // about to start
  int num_waiting_ = 0;            // rows with a task other than kLook
  int num_looking_ = 0;            // rows with kLook
};

}  // namespace hotlap
