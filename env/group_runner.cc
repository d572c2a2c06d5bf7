#include "env/group_runner.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "env/sim/floating_point_guard.h"

namespace hotlap {
namespace {

constexpr const char* kNotFinite = "its state is not finite";
constexpr std::int32_t kTickMs = 10;

}  // namespace

GroupRunner::GroupRunner(const BatchSettings& settings, std::unique_ptr<GameGroup> games,
                         std::size_t first_row, std::span<RowConfig> rows)
    : settings_(settings), games_(std::move(games)), first_row_(first_row) {
  places_.reserve(rows.size());
  commands_.reserve(rows.size());
  for (RowConfig& row : rows) {
    assert(row.centreline != nullptr);
    const int slot = static_cast<int>(places_.size());
    places_.push_back(
        {Row(std::move(row.centreline), row.track_hash, row.seed, games_->state(slot))});
    places_.back().starts = settings.starts;
  }
}

void GroupRunner::Reset(const ResetOptions& options, const BatchView& out) {
  const sim::FloatingPointGuard guard;
  for (std::size_t r = first_row(); r < end_row(); ++r) {
    if (!options.mask.empty() && options.mask[r] == 0) {
      WriteStatus(r, RowStatus::kSkipped, out);
      continue;
    }
    Place& place = at(r);
    place.seed.reset();
    place.at_snapshot = false;
    if (!options.seeds.empty()) place.seed = options.seeds[r];
    place.new_starts = options.starts;
    if (options.snapshots.empty()) {
      AssignBegin(r, Task::kBegin, out);
    } else if (options.snapshots[r].empty()) {
      Assign(r, Task::kBegin);
    } else {
      AssignRestore(r, options.snapshots[r], Task::kBegin, out);
    }
  }
  Finish(out);
}

void GroupRunner::Step(const ActionView& actions, const BatchView& out) {
  const sim::FloatingPointGuard guard;
  for (std::size_t r = first_row(); r < end_row(); ++r) {
    Place& place = at(r);
    place.seed.reset();
    place.new_starts.reset();
    place.at_snapshot = false;
    place.has_final = false;
    const RowPhase phase = place.row.phase();
    if (phase == RowPhase::kNew ||
        (phase == RowPhase::kEnded && settings_.autoreset == Autoreset::kDisabled)) {
      WriteStatus(r, RowStatus::kNotReset, out);
      continue;
    }
    if (phase == RowPhase::kEnded) {
      if (place.row.has_game()) {
        AssignBegin(r, Task::kBeginStep, out);
      } else {
        Assign(r, Task::kLook);
      }
      continue;
    }
    const std::optional<Inputs> inputs = InputsAt(actions, r);
    if (!inputs) {
      WriteStatus(r, RowStatus::kBadAction, out);
      continue;
    }
    place.inputs = *inputs;
    if (!place.row.has_game()) {  // it was lost after the last step
      RowResult result;
      place.row.Lose(/*in_step=*/true, result);
      EndStep(r, result, out);
      continue;
    }
    Assign(r, Task::kAdvance);
  }
  Finish(out);
}

bool GroupRunner::Save(std::size_t row, std::vector<std::byte>& out) {
  const sim::FloatingPointGuard guard;
  Place& place = at(row);
  if (!place.row.has_game()) return false;
  place.saved = &out;
  Assign(row, Task::kSave);
  Finish({});
  return place.row.has_game();
}

tl::expected<void, std::string> GroupRunner::Restore(std::size_t row,
                                                     std::span<const std::byte> snapshot,
                                                     const BatchView& out) {
  const sim::FloatingPointGuard guard;
  AssignRestore(row, snapshot, Task::kContinue, out);
  Finish(out);
  if (out.status[row] == static_cast<std::uint8_t>(RowStatus::kOk)) return {};
  return tl::unexpected(std::exchange(at(row).error, {}));
}

void GroupRunner::Restore(std::span<const std::span<const std::byte>> snapshots,
                          const BatchView& out) {
  const sim::FloatingPointGuard guard;
  for (std::size_t r = first_row(); r < end_row(); ++r) {
    if (snapshots[r].empty()) {
      WriteStatus(r, RowStatus::kSkipped, out);
    } else {
      AssignRestore(r, snapshots[r], Task::kContinue, out);
    }
  }
  Finish(out);
}

SnapshotOrigin GroupRunner::OriginOf(std::size_t row) const {
  return {games_->kind(), at(row).row.track_hash(), settings_.spec.policy_hash,
          settings_.spec.task_hash};
}

void GroupRunner::Assign(std::size_t row, Task task) {
  Place& place = at(row);
  assert(place.task == Task::kNone);
  place.task = task;
  ++(task == Task::kLook ? num_looking_ : num_waiting_);
  if (place.is_restarting) {
    assert(task == Task::kBegin || task == Task::kLook || task == Task::kRevive);
    return;
  }
  Command& command = commands_.emplace_back();
  command.slot = SlotOf(row);
  switch (task) {
    case Task::kNone:
      assert(false);
      break;
    case Task::kAdvance:
      command.kind = CommandKind::kAdvance;
      place.row.Drive(settings_.config, place.inputs, command);
      break;
    case Task::kBegin:
    case Task::kBeginStep:
    case Task::kBeginAfter:
      if (place.at_snapshot) {
        command.kind = CommandKind::kRestore;
        command.snapshot = place.snapshot.game;
        break;
      }
      [[fallthrough]];
    case Task::kLook:
    case Task::kRevive:
      command.kind = CommandKind::kRestart;
      place.is_restarting = true;
      break;
    case Task::kContinue:
      command.kind = CommandKind::kRestore;
      command.snapshot = place.snapshot.game;
      break;
    case Task::kSave:
    case Task::kKeep:
      command.kind = CommandKind::kSave;
      break;
  }
}

void GroupRunner::AssignBegin(std::size_t row, Task task, const BatchView& out) {
  Place& place = at(row);
  if (settings_.archive != nullptr) {
    const std::span<const std::byte> drawn =
        settings_.archive->Draw(row, place.new_starts.value_or(place.starts),
                                place.row.NextStream(place.seed, RandomPurpose::kStart));
    if (!drawn.empty()) {
      AssignRestore(row, drawn, task, out);
      place.is_drawn = true;
      return;
    }
  }
  Assign(row, task);
}

void GroupRunner::AssignRestore(std::size_t row, std::span<const std::byte> snapshot, Task task,
                                const BatchView& out) {
  Place& place = at(row);
  const auto use = task == Task::kContinue ? SnapshotUse::kRestore : SnapshotUse::kReset;
  const auto opened = OpenSnapshot(snapshot, OriginOf(row), line(row), use);
  if (!opened) return Reject(row, opened.error(), out);
  place.snapshot = *opened;
  place.at_snapshot = task != Task::kContinue;
  place.is_drawn = false;
  place.after_revival = task;
  Assign(row, place.row.has_game() ? task : Task::kRevive);
}

void GroupRunner::StartCommands() {
  if (commands_.empty()) return;
  games_->Start(commands_);
  commands_.clear();
}

void GroupRunner::EndTask(Place& place) {
  assert(place.task != Task::kNone);
  --(place.task == Task::kLook ? num_looking_ : num_waiting_);
  place.task = Task::kNone;
}

void GroupRunner::Finish(const BatchView& out) {
  StartCommands();
  if (num_looking_ > 0) Handle(games_->Collect(kAtOnce), out);
  while (num_waiting_ > 0) {
    StartCommands();
    Handle(games_->Collect(kNoDeadline), out);
  }
  for (std::size_t r = first_row(); num_looking_ > 0; ++r) {
    if (at(r).task == Task::kLook) Lose(r, "no game has come yet", out);
  }
}

void GroupRunner::Handle(std::span<const Completion> completions, const BatchView& out) {
  for (const Completion& completion : completions) Handle(completion, out);
}

void GroupRunner::Handle(const Completion& completion, const BatchView& out) {
  const std::size_t r = first_row_ + static_cast<std::size_t>(completion.slot);
  Place& place = at(r);
  Row& row = place.row;
  if (std::exchange(place.is_restarting, false)) return Restarted(r, completion, out);
  const Task task = place.task;
  if (completion.status == CompletionStatus::kGameLost) return Lose(r, completion.error, out);
  if (completion.status == CompletionStatus::kRejected) {
    if (task == Task::kAdvance || task == Task::kSave || task == Task::kKeep) {
      return Abandon(r, completion.error, out);
    }
    EndTask(place);
    if (!place.is_drawn) return Reject(r, completion.error, out);
    place.is_drawn = place.at_snapshot = false;  // kept from a game that was another
    return Assign(r, task);
  }

  const GameState& state = games_->state(completion.slot);
  RowResult result;
  switch (task) {
    case Task::kAdvance:
      if (!row.Advance(settings_.config, state, place.inputs, completion, result)) {
        return Abandon(r, kNotFinite, out);
      }
      EndTask(place);
      EndStep(r, result, out);
      return TellArchive(r, result.failed);
    case Task::kBegin:
    case Task::kBeginStep:
    case Task::kBeginAfter:
      return Begin(r, &place.snapshot.record, out);
    case Task::kContinue:
      if (!row.Continue(settings_.config, state, place.snapshot.record, result)) {
        return Abandon(r, kNotFinite, out);
      }
      EndTask(place);
      if (settings_.archive != nullptr) {
        settings_.archive->Begin(r, row.record(), place.snapshot.bytes);
      }
      return WriteAll(r, result, out);
    case Task::kKeep:
      EndTask(place);
      return settings_.archive->Keep(r, {OriginOf(r), state.race_time_ms / kTickMs}, row.record(),
                                     completion.snapshot);
    case Task::kSave:
      EndTask(place);
      PackSnapshot({OriginOf(r), state.race_time_ms / kTickMs}, row.record(), completion.snapshot,
                   *place.saved);
      return;
    default:
      assert(false);
  }
}

void GroupRunner::Restarted(std::size_t row, const Completion& completion, const BatchView& out) {
  Place& place = at(row);
  if (completion.status != CompletionStatus::kOk) {
    if (place.task == Task::kNone) return;  // the row's next step or reset asks again
    if (place.task != Task::kBegin || !place.row.has_game()) {
      return Lose(row, completion.error, out);
    }
    // It had died while it stood; the caller's reset waits for the one that takes its place.
    place.row.set_has_game(false);
    EndTask(place);
    return Assign(row, Task::kBegin);
  }
  switch (place.task) {
    case Task::kNone:  // nobody looked; the row's next step or reset begins with it
      place.row.set_has_game(true);
      return;
    case Task::kRevive:
      EndTask(place);
      return Assign(row, place.after_revival);
    default:
      return Begin(row, nullptr, out);
  }
}

void GroupRunner::TakeWhatResetGave(Place& place) {
  if (place.seed) place.row.Reseed(*place.seed);
  if (place.new_starts) place.starts = *place.new_starts;
}

void GroupRunner::Begin(std::size_t row, const RowRecord* snapshot, const BatchView& out) {
  Place& place = at(row);
  TakeWhatResetGave(place);
  RowResult result;
  if (!place.row.Begin(settings_.config, games_->state(SlotOf(row)), snapshot, result)) {
    return Abandon(row, kNotFinite, out);
  }
  if (settings_.archive != nullptr) {
    settings_.archive->Begin(
        row, place.row.record(),
        snapshot == nullptr ? std::span<const std::byte>() : place.snapshot.bytes);
  }
  const bool is_after_end = place.task == Task::kBeginAfter;
  EndTask(place);
  if (!is_after_end) WriteFlags(row, result, out);  // else they are those of the end
  WriteObservation(row, out.observations);
  WriteInfo(row, result.info, out.info);
}

void GroupRunner::Reject(std::size_t row, const std::string& error, const BatchView& out) {
  at(row).error = error;
  WriteStatus(row, RowStatus::kBadSnapshot, out);
}

void GroupRunner::Abandon(std::size_t row, const std::string& error, const BatchView& out) {
  games_->Abandon(SlotOf(row));
  Lose(row, error, out);
}

void GroupRunner::Lose(std::size_t row, const std::string& error, const BatchView& out) {
  Place& place = at(row);
  const Task task = place.task;
  EndTask(place);
  const bool is_restore =
      task == Task::kContinue || (task == Task::kRevive && place.after_revival == Task::kContinue);
  if (is_restore || task == Task::kSave || task == Task::kKeep) {  // the next step tells of it
    place.row.set_has_game(false);
    if (is_restore) Reject(row, "the game is lost: " + error, out);
    return;
  }
  TakeWhatResetGave(place);
  RowResult result;
  place.row.Lose(task == Task::kAdvance, result);
  if (task == Task::kAdvance) return EndStep(row, result, out);
  if (task != Task::kBeginAfter) WriteFlags(row, result, out);  // else they are those of the end
  const bool is_step = task == Task::kBeginStep || task == Task::kLook;
  if (is_step && settings_.autoreset == Autoreset::kSameStep) WriteFinal(row, result, out);
  WriteObservation(row, out.observations);
  WriteInfo(row, result.info, out.info);
}

// Writes the step of a row; in kSameStep mode the next episode begins when this one is over.
void GroupRunner::EndStep(std::size_t row, const RowResult& result, const BatchView& out) {
  const bool has_ended = result.terminated || result.truncated;
  if (!has_ended || settings_.autoreset != Autoreset::kSameStep) {
    WriteAll(row, result, out);
    return;
  }
  WriteFlags(row, result, out);
  WriteFinal(row, result, out);
  Place& place = at(row);
  if (place.row.has_game()) return AssignBegin(row, Task::kBeginAfter, out);
  RowResult next;  // it cannot begin yet
  place.row.Lose(/*in_step=*/false, next);
  WriteObservation(row, out.observations);
  WriteInfo(row, next.info, out.info);
}

void GroupRunner::TellArchive(std::size_t row, bool has_failed) {
  if (settings_.archive == nullptr) return;
  if (has_failed) settings_.archive->Fail(row);
  const Row& its = at(row).row;
  if (its.phase() == RowPhase::kRunning && settings_.archive->Passes(row, its.record())) {
    Assign(row, Task::kKeep);
  }
}

std::optional<Inputs> GroupRunner::InputsAt(const ActionView& actions, std::size_t row) const {
  if (settings_.config.actions.kind == ActionKind::kDiscrete) {
    return InputsOf(settings_.config.actions, actions.discrete[row]);
  }
  const std::size_t size = settings_.spec.action.names.size();
  return InputsOf(actions.continuous.subspan(row * size, size));
}

void GroupRunner::WriteStatus(std::size_t row, RowStatus status, const BatchView& out) const {
  out.status[row] = static_cast<std::uint8_t>(status);
}

void GroupRunner::WriteObservation(std::size_t row, std::span<float> observations) const {
  const std::size_t size = settings_.spec.observation.size();
  at(row).row.WriteObservation(settings_.observer, observations.subspan(row * size, size));
}

void GroupRunner::WriteInfo(std::size_t row, const InfoWords& words,
                            std::span<std::byte> info) const {
  std::byte* to = info.data() + row * 4;
  for (const std::size_t column : settings_.chosen_info) {
    std::memcpy(to, &words[column], 4);
    to += settings_.num_rows * 4;
  }
}

void GroupRunner::WriteFlags(std::size_t row, const RowResult& result, const BatchView& out) const {
  out.rewards[row] = result.reward;
  out.terminated[row] = result.terminated ? 1 : 0;
  out.truncated[row] = result.truncated ? 1 : 0;
  WriteStatus(row, RowStatus::kOk, out);
}

void GroupRunner::WriteFinal(std::size_t row, const RowResult& result, const BatchView& out) {
  at(row).has_final = true;
  WriteObservation(row, out.final_observations);
  WriteInfo(row, result.info, out.final_info);
}

void GroupRunner::WriteAll(std::size_t row, const RowResult& result, const BatchView& out) const {
  WriteFlags(row, result, out);
  WriteObservation(row, out.observations);
  WriteInfo(row, result.info, out.info);
}

}  // namespace hotlap
