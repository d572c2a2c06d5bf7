#include "env/group_runner.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "env/sim/floating_point_guard.h"

namespace hotlap {

GroupRunner::GroupRunner(const BatchShape& shape, std::unique_ptr<GameGroup> games,
                         std::size_t first_row, std::span<RowConfig> rows)
    : shape_(shape), games_(std::move(games)), first_row_(first_row) {
  places_.reserve(rows.size());
  commands_.reserve(rows.size());
  for (RowConfig& row : rows) {
    assert(row.centreline != nullptr);
    const int slot = static_cast<int>(places_.size());
    places_.push_back(
        {Row(std::move(row.centreline), row.track_hash, row.seed, games_->state(slot))});
  }
}

void GroupRunner::Reset(const ResetOptions& options, const BatchView& out) {
  const sim::FloatingPointGuard guard;
  const Deadline now = Clock::now();
  for (std::size_t r = first_row(); r < end_row(); ++r) {
    if (!options.mask.empty() && options.mask[r] == 0) {
      WriteStatus(r, RowStatus::kSkipped, out);
      continue;
    }
    Place& place = at(r);
    place.seed.reset();
    if (!options.seeds.empty()) place.seed = options.seeds[r];
    if (options.snapshots.empty() || options.snapshots[r].empty()) {
      Assign(r, Task::kBegin, now);
      continue;
    }
    auto opened = OpenSnapshot(options.snapshots[r], OriginOf(place.row), place.row.line(),
                               SnapshotUse::kReset);
    if (!opened) {
      Reject(r, opened.error(), out);
      continue;
    }
    place.snapshot = *opened;
    AssignRestore(r, Task::kBeginAt, now);
  }
  Finish(out);
}

void GroupRunner::Step(const ActionView& actions, const BatchView& out) {
  const sim::FloatingPointGuard guard;
  const Deadline now = Clock::now();
  for (std::size_t r = first_row(); r < end_row(); ++r) {
    Place& place = at(r);
    place.seed.reset();
    place.has_final = false;
    const RowPhase phase = place.row.phase();
    if (phase == RowPhase::kNew ||
        (phase == RowPhase::kEnded && shape_.autoreset == Autoreset::kDisabled)) {
      WriteStatus(r, RowStatus::kNotReset, out);
      continue;
    }
    if (phase == RowPhase::kEnded) {
      Assign(r, Task::kBeginStep, now);
      continue;
    }
    const std::optional<Inputs> inputs = InputsAt(actions, r);
    if (!inputs) {
      WriteStatus(r, RowStatus::kBadAction, out);
      continue;
    }
    place.inputs = *inputs;
    if (place.row.is_lost()) {  // since the last step
      RowResult result;
      place.row.Lose(/*in_step=*/true, result);
      EndStep(r, result, out);
      continue;
    }
    Assign(r, Task::kAdvance, now);
  }
  Finish(out);
}

std::vector<std::byte> GroupRunner::Save(std::size_t row) {
  const sim::FloatingPointGuard guard;
  Place& place = at(row);
  if (place.row.is_lost() || place.row.phase() == RowPhase::kNew) return {};
  Assign(row, Task::kSave, Clock::now());
  Finish({});
  return std::exchange(place.saved, {});
}

tl::expected<void, std::string> GroupRunner::Restore(std::size_t row,
                                                     std::span<const std::byte> snapshot,
                                                     const BatchView& out) {
  const sim::FloatingPointGuard guard;
  Place& place = at(row);
  auto opened =
      OpenSnapshot(snapshot, OriginOf(place.row), place.row.line(), SnapshotUse::kRestore);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  place.snapshot = *opened;
  place.error.clear();
  AssignRestore(row, Task::kContinue, Clock::now());
  Finish(out);
  if (!place.error.empty()) return tl::unexpected(std::exchange(place.error, {}));
  return {};
}

SnapshotOrigin GroupRunner::OriginOf(const Row& row) const {
  return {games_->kind(), row.track_hash(), shape_.spec.policy_hash, shape_.spec.task_hash};
}

void GroupRunner::Assign(std::size_t row, Task task, Deadline now) {
  Place& place = at(row);
  assert(place.task == Task::kNone);
  ++num_waiting_;
  place.task = task;
  Command& command = commands_.emplace_back();
  command.slot = static_cast<int>(row - first_row_);
  auto limit = shape_.config.game_timeout;
  switch (task) {
    case Task::kNone:
      assert(false);
      break;
    case Task::kAdvance:
      command.kind = CommandKind::kAdvance;
      command.ticks = shape_.config.ticks_per_step;
      command.inputs = place.inputs;
      break;
    case Task::kBegin:
    case Task::kBeginStep:
    case Task::kBeginAfter:
    case Task::kRevive:
      command.kind = CommandKind::kRestart;
      limit = shape_.config.restart_timeout;
      break;
    case Task::kBeginAt:
    case Task::kContinue:
      command.kind = CommandKind::kRestore;
      command.snapshot = place.snapshot.game;
      break;
    case Task::kSave:
      command.kind = CommandKind::kSave;
      break;
  }
  place.deadline = now + limit;
}

void GroupRunner::AssignRestore(std::size_t row, Task task, Deadline now) {
  Place& place = at(row);
  place.after_revival = task;
  Assign(row, place.row.is_lost() ? Task::kRevive : task, now);
}

void GroupRunner::StartCommands() {
  if (commands_.empty()) return;
  games_->Start(commands_);
  commands_.clear();
}

void GroupRunner::EndTask(Place& place) {
  assert(place.task != Task::kNone);
  place.task = Task::kNone;
  --num_waiting_;
}

void GroupRunner::Finish(const BatchView& out) {
  StartCommands();
  while (num_waiting_ > 0) {
    Deadline earliest = kNoDeadline;
    for (const Place& place : places_) {
      if (place.task != Task::kNone) earliest = std::min(earliest, place.deadline);
    }
    const std::span<const Completion> completions = games_->Collect(earliest);
    for (const Completion& completion : completions) Handle(completion, out);
    if (completions.empty()) {
      const Deadline now = Clock::now();
      for (std::size_t r = first_row(); r < end_row(); ++r) {
        if (at(r).task == Task::kNone || at(r).deadline > now) continue;
        games_->Abandon(static_cast<int>(r - first_row_));
        Lose(r, "it did not answer in time", out);
      }
    }
    StartCommands();
  }
}

void GroupRunner::Handle(const Completion& completion, const BatchView& out) {
  const std::size_t r = first_row_ + static_cast<std::size_t>(completion.slot);
  Place& place = at(r);
  Row& row = place.row;
  const Task task = place.task;
  if (completion.status == CompletionStatus::kRejected &&
      (task == Task::kBeginAt || task == Task::kContinue)) {
    EndTask(place);
    Reject(r, completion.error, out);
    return;
  }
  if (completion.status != CompletionStatus::kOk) {
    Lose(r, completion.error, out);
    return;
  }

  const GameState& state = games_->state(completion.slot);
  RowResult result;
  bool is_good = true;
  switch (task) {
    case Task::kNone:
      assert(false);
      return;
    case Task::kAdvance:
      is_good = row.Advance(shape_.config, state, place.inputs, completion, result);
      break;
    case Task::kBegin:
    case Task::kBeginStep:
    case Task::kBeginAfter:
    case Task::kBeginAt:
      if (place.seed) row.Reseed(*place.seed);
      is_good = row.Begin(state, task == Task::kBeginAt ? &place.snapshot.record : nullptr, result);
      break;
    case Task::kRevive:
      EndTask(place);
      Assign(r, place.after_revival, Clock::now());
      return;
    case Task::kContinue:
      is_good = row.Continue(state, place.snapshot.record, result);
      break;
    case Task::kSave:
      EndTask(place);
      place.saved = PackSnapshot(OriginOf(row), row.record(), completion.snapshot);
      return;
  }
  if (!is_good) {
    Lose(r, "its state is not finite", out);
    return;
  }
  EndTask(place);
  switch (task) {
    case Task::kAdvance:
      EndStep(r, result, out);
      return;
    case Task::kBeginAfter:  // the flags are those of the end
      WriteObservation(r, out.observations);
      WriteInfo(r, result.info, out.info);
      return;
    default:
      WriteAll(r, result, out);
      return;
  }
}

void GroupRunner::Reject(std::size_t row, const std::string& error, const BatchView& out) {
  at(row).error = error;
  WriteStatus(row, RowStatus::kBadSnapshot, out);
}

void GroupRunner::Lose(std::size_t row, const std::string& error, const BatchView& out) {
  Place& place = at(row);
  const Task task = place.task;
  EndTask(place);
  const bool is_restore =
      task == Task::kContinue || (task == Task::kRevive && place.after_revival == Task::kContinue);
  if (is_restore || task == Task::kSave) {  // the next step tells of it
    place.row.MarkLost();
    place.error = "the game is lost: " + error;
    return;
  }
  if (place.seed) place.row.Reseed(*place.seed);
  RowResult result;
  place.row.Lose(task == Task::kAdvance, result);
  if (task == Task::kAdvance) {
    EndStep(row, result, out);
  } else if (task == Task::kBeginAfter) {
    WriteObservation(row, out.observations);
    WriteInfo(row, result.info, out.info);
  } else {
    if (task == Task::kBeginStep && shape_.autoreset == Autoreset::kSameStep) {
      WriteFinal(row, result, out);
    }
    WriteAll(row, result, out);
  }
}

// Writes the step of a row; in kSameStep mode the next episode begins when this one is over.
void GroupRunner::EndStep(std::size_t row, const RowResult& result, const BatchView& out) {
  const bool has_ended = result.terminated || result.truncated;
  if (!has_ended || shape_.autoreset != Autoreset::kSameStep) {
    WriteAll(row, result, out);
    return;
  }
  WriteFlags(row, result, out);
  WriteFinal(row, result, out);
  Assign(row, Task::kBeginAfter, Clock::now());
}

std::optional<Inputs> GroupRunner::InputsAt(const ActionView& actions, std::size_t row) const {
  if (shape_.config.actions.kind == ActionKind::kDiscrete) {
    return InputsOf(shape_.config.actions, actions.discrete[row]);
  }
  const std::size_t size = shape_.spec.action.names.size();
  return InputsOf(actions.continuous.subspan(row * size, size));
}

void GroupRunner::WriteStatus(std::size_t row, RowStatus status, const BatchView& out) const {
  out.status[row] = static_cast<std::uint8_t>(status);
}

void GroupRunner::WriteObservation(std::size_t row, std::span<float> observations) const {
  const std::size_t size = shape_.spec.observation.size();
  at(row).row.WriteObservation(shape_.observer, observations.subspan(row * size, size));
}

void GroupRunner::WriteInfo(std::size_t row, const InfoWords& words,
                            std::span<std::byte> info) const {
  std::byte* to = info.data() + row * 4;
  for (const std::size_t column : shape_.chosen_info) {
    std::memcpy(to, &words[column], 4);
    to += shape_.num_rows * 4;
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
