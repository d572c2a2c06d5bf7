// The rows of one group of games: gives the games their commands, waits for them, keeps what each
// row gave, and writes it into a batch. One thread at a time; different runners touch different
// rows and share only what is constant.
//
// A row takes part in the call under way, which waits for it and writes it, or it is sent: then it
// may be done in any call, has arrived, and is written when it is received.
//
// A game that is lost is asked for again by the next reset of its row. A reset or restore of the
// caller's waits for it, also where it only then finds that the game is gone. Autoreset does not:
// it leaves the restart under way from step to step, and until the new game stands at its start the
// row tells that it has none.
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

  // As in VectorEnvironment, for these rows; `row` counts over all rows.
  void Reset(const ResetOptions& options, const BatchView& out);
  void Step(const ActionView& actions, const BatchView& out);
  bool Save(std::size_t row, std::vector<std::byte>& out);
  void Restore(std::span<const std::span<const std::byte>> snapshots, const BatchView& out);
  tl::expected<void, std::string> Restore(std::size_t row, std::span<const std::byte> snapshot,
                                          const BatchView& out);
  const GameState& state(std::size_t row) const { return at(row).row.state(); }
  const RowRecord& record(std::size_t row) const { return at(row).row.record(); }
  const Centreline& line(std::size_t row) const { return at(row).row.line(); }
  SnapshotOrigin OriginOf(std::size_t row) const;  // of its snapshots

  // A step of some rows: each begins with one of the actions, and Finish waits for all of them and
  // writes each in the batch's place of that index.
  void BeginStep(std::size_t row, const ActionView& actions, std::size_t index,
                 const BatchView& out);
  void Finish(const BatchView& out);

  // Likewise, but nobody waits for the row. REQUIRES: it is not sent already.
  void Send(std::size_t row, const ActionView& actions, std::size_t index);
  void StartCommands();  // of those sent since the last call
  // One turn of the games that sent rows wait for: as GameGroup::Collect.
  void Collect(Deadline deadline);
  bool has_sent() const { return num_sent_ + num_looking_ > 0; }  // rows that are not done
  bool has_arrived() const { return !arrived_.empty(); }          // rows that are
  // Moves the numbers of those to the end of `rows`, in the order in which they were done.
  void TakeArrived(std::vector<std::int32_t>& rows);
  // Writes a row that has arrived; it may be sent again.
  void Receive(std::size_t row, std::size_t index, const BatchView& out);
  bool is_sent(std::size_t row) const { return at(row).is_sent; }  // and not received

  // Whether an episode of the row ended in its last step (kSameStep), and what it showed last.
  bool has_final(std::size_t row) const { return at(row).has_final; }
  void WriteFinal(std::size_t row, std::size_t index, const BatchView& out) const;

 private:
  // What a row waits for.
  enum class Task : std::uint8_t {
    kNone,
    kAdvance,
    kBegin,       // reset: the game restarts or goes to a snapshot, then an episode begins
    kBeginStep,   // step after an end: likewise
    kBeginAfter,  // in the step of the end (kSameStep): likewise
    kLook,        // step of a row without a game: likewise, but nobody waits for the restart
    kContinue,    // restore: the game goes to a snapshot, and its episode goes on
    kSave,
    kKeep,  // in a step that has come to a mark of the archive: its state is saved
  };
  struct Place {
    Row row;
    std::vector<float> final_observation;  // kSameStep; empty in the other modes
    bool is_restarting = false;            // a kRestart is under way, for some task or for none
    float start_offset_m = 0;              // of that one, or of the last
    bool is_sent = false;
    bool is_game_new = false;  // it came unseen: the record is of the one before
    Starts starts{};
    std::vector<std::byte> drawn{};  // what `snapshot` looks into when is_drawn
    // What it was asked.
    std::size_t index = 0;  // in the batch of the call under way
    Task task = Task::kNone;
    Inputs inputs{};                      // kAdvance
    OpenedSnapshot snapshot{};            // at_snapshot
    bool at_snapshot = false;             // there its episode begins or goes on; else at the start
    bool is_drawn = false;                // `snapshot` is, from the archive
    std::optional<std::uint64_t> seed{};  // of the episode that begins
    std::optional<Starts> new_starts{};   // from the episode that begins on
    std::string error{};                  // why the snapshot was rejected
    std::vector<std::byte>* saved{};      // kSave: where to; of the caller
    const LineSearch* found{};            // kAdvance that is done; null: its state is not finite
    // What it gave. All of it is there when the row is told, but the observation, which the row can
    // give until it is asked again.
    RowStatus status = RowStatus::kOk;
    RowResult result{};
    bool has_final = false;
    InfoWords final_info{};
  };

  Place& at(std::size_t row) { return places_[row - first_row_]; }
  const Place& at(std::size_t row) const { return places_[row - first_row_]; }
  int SlotOf(std::size_t row) const { return static_cast<int>(row - first_row_); }

  // The row's place, cleared for what it is asked now.
  Place& Ask(std::size_t row, std::size_t index);
  void AssignStep(std::size_t row, const ActionView& actions, std::size_t index, bool is_sent);
  // The tasks that begin an episode: where the row's starts have it begin. The first episode of a
  // game does so at the start.
  void AssignBegin(std::size_t row, Task task);
  // Those at a snapshot, or kContinue, unless the snapshot is rejected at once.
  void AssignRestore(std::size_t row, std::span<const std::byte> snapshot, Task task);
  // Gives the row a task; its command starts with StartCommands. An episode that begins or goes on
  // at a snapshot restarts the game first where there is none.
  void Assign(std::size_t row, Task task);
  Command& AddCommand(std::size_t row, CommandKind kind);
  void AddRestart(std::size_t row);  // unless one is under way
  // Where an episode that begins now begins, in m to the left of s(0).
  float StartOffsetOf(const Place& place) const;
  void AddRestore(std::size_t row);  // to the row's snapshot
  void EndTask(Place& place);
  int& NumWith(const Place& place);  // rows with a task of this one's kind
  void Tell(std::size_t row);        // that it is done

  void Handle(std::span<const Completion> completions);
  // Of all rows that have advanced, together.
  void FollowLines(std::span<const Completion> completions);
  void Handle(const Completion& completion);
  void Restarted(std::size_t row);
  void FindLost(std::size_t row, const std::string& error);
  void FindRejected(std::size_t row, const std::string& error);
  // Seed and starts; not those of a reset that is rejected.
  static void TakeWhatResetGave(Place& place);
  void Begin(std::size_t row);
  void Reject(std::size_t row, const std::string& error);
  // The group does not know that this game is of no use.
  void Abandon(std::size_t row, const std::string& error);
  void Lose(std::size_t row, const std::string& error);
  void LoseLooking();
  void FollowUp();
  // What a step has brought for the archive. Whether the row's state is to be kept.
  bool TellArchive(std::size_t row);
  void EndStep(std::size_t row);
  void KeepFinal(Place& place);

  // False, and `inputs` as they were, when the action is none of the set.
  bool ReadInputs(const ActionView& actions, std::size_t index, Inputs& inputs) const;
  static void WriteStatus(std::size_t index, RowStatus status, const BatchView& out);
  void Write(std::size_t row, std::size_t index, const BatchView& out) const;
  void WriteInfo(const InfoWords& words, std::size_t index, std::size_t num_rows,
                 std::span<std::byte> info) const;

  const BatchSettings& settings_;
  std::unique_ptr<GameGroup> games_;
  std::size_t first_row_;
  std::vector<Place> places_;          // by slot
  std::vector<Command> commands_;      // about to start
  std::vector<std::size_t> finished_;  // rows of the call under way that are done
  std::vector<std::size_t> arrived_;   // rows that were sent and are done
  std::vector<LineSearch> searches_;   // of the completions that are handled now
  int num_looking_ = 0;                // rows with kLook
  int num_sent_ = 0;                   // rows that were sent, with another task
  int num_waiting_ = 0;                // rows of the call under way, with another task
};

}  // namespace hotlap
