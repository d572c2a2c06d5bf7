#include "env/group_runner.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "env/sim/floating_point_guard.h"
#include "env/sim/vehicle_model.h"

namespace hotlap {
namespace {

constexpr const char* kNotFinite = "its state is not finite";

}  // namespace

GroupRunner::GroupRunner(const BatchSettings& settings, std::unique_ptr<GameGroup> games,
                         std::size_t first_row, std::span<RowConfig> rows)
    : settings_(settings), games_(std::move(games)), first_row_(first_row) {
  const std::size_t num_final_columns =
      settings_.autoreset == Autoreset::kSameStep ? settings_.spec.observation.size() : 0;
  places_.reserve(rows.size());
  commands_.reserve(rows.size());
  finished_.reserve(rows.size());
  arrived_.reserve(rows.size());
  searches_.reserve(rows.size());
  for (RowConfig& row : rows) {
    assert(row.centreline != nullptr);
    const int slot = static_cast<int>(places_.size());
    places_.push_back(
        {Row(std::move(row.centreline), row.track_hash, row.seed, games_->state(slot)),
         std::vector<float>(num_final_columns)});
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
    if (is_sent(r)) {
      WriteStatus(r, RowStatus::kUnderWay, out);
      continue;
    }
    Place& place = Ask(r, r);
    if (!options.seeds.empty()) place.seed = options.seeds[r];
    place.new_starts = options.starts;
    if (options.snapshots.empty()) {
      AssignBegin(r, Task::kBegin);
    } else if (options.snapshots[r].empty()) {
      Assign(r, Task::kBegin);
    } else {
      AssignRestore(r, options.snapshots[r], Task::kBegin);
    }
  }
  Finish(out);
}

void GroupRunner::Step(const ActionView& actions, const BatchView& out) {
  const sim::FloatingPointGuard guard;
  for (std::size_t r = first_row(); r < end_row(); ++r) BeginStep(r, actions, r, out);
  Finish(out);
}

bool GroupRunner::Save(std::size_t row, std::vector<std::byte>& out) {
  const sim::FloatingPointGuard guard;
  if (is_sent(row) || !at(row).row.has_game() || at(row).is_game_new) return false;
  Place& place = Ask(row, row);
  place.saved = &out;
  Assign(row, Task::kSave);
  Finish({});
  return place.row.has_game();
}

tl::expected<void, std::string> GroupRunner::Restore(std::size_t row,
                                                     std::span<const std::byte> snapshot,
                                                     const BatchView& out) {
  const sim::FloatingPointGuard guard;
  if (is_sent(row)) {
    WriteStatus(row, RowStatus::kUnderWay, out);
    return tl::unexpected(std::string("the row is under way"));
  }
  Place& place = Ask(row, row);
  AssignRestore(row, snapshot, Task::kContinue);
  Finish(out);
  if (place.status == RowStatus::kOk) return {};
  return tl::unexpected(std::exchange(place.error, {}));
}

void GroupRunner::Restore(std::span<const std::span<const std::byte>> snapshots,
                          const BatchView& out) {
  const sim::FloatingPointGuard guard;
  for (std::size_t r = first_row(); r < end_row(); ++r) {
    if (snapshots[r].empty()) {
      WriteStatus(r, RowStatus::kSkipped, out);
    } else if (is_sent(r)) {
      WriteStatus(r, RowStatus::kUnderWay, out);
    } else {
      Ask(r, r);
      AssignRestore(r, snapshots[r], Task::kContinue);
    }
  }
  Finish(out);
}

void GroupRunner::BeginStep(std::size_t row, const ActionView& actions, std::size_t index,
                            const BatchView& out) {
  if (is_sent(row)) return WriteStatus(index, RowStatus::kUnderWay, out);
  AssignStep(row, actions, index, /*is_sent=*/false);
}

void GroupRunner::Send(std::size_t row, const ActionView& actions, std::size_t index) {
  AssignStep(row, actions, index, /*is_sent=*/true);
}

void GroupRunner::Collect(Deadline deadline) {
  const sim::FloatingPointGuard guard;
  StartCommands();
  Handle(games_->Collect(num_looking_ > 0 ? kAtOnce : deadline));
  LoseLooking();
  FollowUp();
}

// What began to be done in the look: rows whose next episode begins at once are done with the
// others.
void GroupRunner::FollowUp() {
  while (!commands_.empty()) {
    StartCommands();
    Handle(games_->Collect(kAtOnce));
  }
}

void GroupRunner::TakeArrived(std::vector<std::int32_t>& rows) {
  for (const std::size_t row : arrived_) rows.push_back(static_cast<std::int32_t>(row));
  arrived_.clear();
}

void GroupRunner::Receive(std::size_t row, std::size_t index, const BatchView& out) {
  const sim::FloatingPointGuard guard;
  at(row).is_sent = false;
  Write(row, index, out);
}

SnapshotOrigin GroupRunner::OriginOf(std::size_t row) const {
  return {games_->kind(), at(row).row.track_hash(), settings_.spec.policy_hash,
          settings_.spec.task_hash};
}

GroupRunner::Place& GroupRunner::Ask(std::size_t row, std::size_t index) {
  Place& place = at(row);
  assert(!place.is_sent && place.task == Task::kNone);
  place.index = index;
  place.seed.reset();
  place.new_starts.reset();
  place.at_snapshot = place.is_drawn = false;
  place.status = RowStatus::kOk;
  return place;
}

void GroupRunner::AssignStep(std::size_t row, const ActionView& actions, std::size_t index,
                             bool is_sent) {
  Place& place = Ask(row, index);
  place.is_sent = is_sent;
  place.has_final = false;
  const RowPhase phase = place.row.phase();
  if (phase == RowPhase::kNew ||
      (phase == RowPhase::kEnded && settings_.autoreset == Autoreset::kDisabled)) {
    place.status = RowStatus::kNotReset;
    return Tell(row);
  }
  if (phase == RowPhase::kEnded) {
    return place.row.has_game() ? AssignBegin(row, Task::kBeginStep) : Assign(row, Task::kLook);
  }
  if (!ReadInputs(actions, index, place.inputs)) {
    place.status = RowStatus::kBadAction;
    return Tell(row);
  }
  if (place.row.has_game()) return Assign(row, Task::kAdvance);
  place.row.Lose(/*in_step=*/true, place.result);  // it was lost after the last step
  EndStep(row);
}

void GroupRunner::Assign(std::size_t row, Task task) {
  Place& place = at(row);
  assert(place.task == Task::kNone);
  place.task = task;
  ++NumWith(place);
  switch (task) {
    case Task::kNone:
      assert(false);
      return;
    case Task::kAdvance:
      return place.row.Drive(settings_.config, place.inputs,
                             AddCommand(row, CommandKind::kAdvance));
    case Task::kBegin:
    case Task::kBeginStep:
    case Task::kBeginAfter:
    case Task::kLook:
    case Task::kContinue:
      return place.at_snapshot && place.row.has_game() ? AddRestore(row) : AddRestart(row);
    case Task::kSave:
    case Task::kKeep:
      AddCommand(row, CommandKind::kSave);
      return;
  }
}

Command& GroupRunner::AddCommand(std::size_t row, CommandKind kind) {
  assert(!at(row).is_restarting);
  Command& command = commands_.emplace_back();
  command.slot = SlotOf(row);
  command.kind = kind;
  return command;
}

void GroupRunner::AddRestart(std::size_t row) {
  Place& place = at(row);
  if (place.is_restarting) return;
  place.start_offset_m = StartOffsetOf(place);
  AddCommand(row, CommandKind::kRestart).start_offset_m = place.start_offset_m;
  place.is_restarting = true;
}

float GroupRunner::StartOffsetOf(const Place& place) const {
  return place.at_snapshot ? 0 : place.row.NextStartOffset(settings_.config, place.seed);
}

void GroupRunner::AddRestore(std::size_t row) {
  AddCommand(row, CommandKind::kRestore).snapshot = at(row).snapshot.game;
}

void GroupRunner::AssignBegin(std::size_t row, Task task) {
  Place& place = at(row);
  if (settings_.archive != nullptr && place.row.has_game() && !place.is_game_new) {
    const std::span<const std::byte> drawn =
        settings_.archive->Draw(row, place.new_starts.value_or(place.starts),
                                place.row.NextStream(place.seed, RandomPurpose::kStart));
    if (!drawn.empty()) {
      place.drawn.assign(drawn.begin(), drawn.end());  // it may be gone before the game is there
      const auto opened = OpenSnapshot(place.drawn, OriginOf(row), line(row), SnapshotUse::kReset);
      if (opened) place.snapshot = *opened;
      place.at_snapshot = place.is_drawn = opened.has_value();
    }
  }
  Assign(row, task);
}

void GroupRunner::AssignRestore(std::size_t row, std::span<const std::byte> snapshot, Task task) {
  const auto use = task == Task::kContinue ? SnapshotUse::kRestore : SnapshotUse::kReset;
  const auto opened = OpenSnapshot(snapshot, OriginOf(row), line(row), use);
  if (!opened) return Reject(row, opened.error());
  Place& place = at(row);
  place.snapshot = *opened;
  place.at_snapshot = true;
  Assign(row, task);
}

void GroupRunner::StartCommands() {
  if (commands_.empty()) return;
  games_->Start(commands_);
  commands_.clear();
}

void GroupRunner::EndTask(Place& place) {
  assert(place.task != Task::kNone);
  --NumWith(place);
  place.task = Task::kNone;
}

int& GroupRunner::NumWith(const Place& place) {
  if (place.task == Task::kLook) return num_looking_;
  return place.is_sent ? num_sent_ : num_waiting_;
}

void GroupRunner::Tell(std::size_t row) { (at(row).is_sent ? arrived_ : finished_).push_back(row); }

void GroupRunner::Finish(const BatchView& out) {
  const sim::FloatingPointGuard guard;
  StartCommands();
  // Rows that were sent are looked at too: where simulated ones are computed, and so what they find
  // in the archive, depends on no group.
  if (num_looking_ + num_sent_ > 0) Handle(games_->Collect(kAtOnce));
  while (num_waiting_ > 0) {
    StartCommands();
    Handle(games_->Collect(kNoDeadline));
  }
  LoseLooking();
  FollowUp();
  for (const std::size_t row : finished_) Write(row, at(row).index, out);
  finished_.clear();
}

void GroupRunner::LoseLooking() {
  for (std::size_t r = first_row(); num_looking_ > 0; ++r) {
    if (at(r).task == Task::kLook) Lose(r, "no game has come yet");
  }
}

void GroupRunner::Handle(std::span<const Completion> completions) {
  FollowLines(completions);
  for (const Completion& completion : completions) Handle(completion);
}

void GroupRunner::FollowLines(std::span<const Completion> completions) {
  searches_.clear();
  for (const Completion& completion : completions) {
    Place& place = places_[static_cast<std::size_t>(completion.slot)];
    if (place.task != Task::kAdvance || completion.status != CompletionStatus::kOk) continue;
    const bool is_good = place.row.Advance(games_->state(completion.slot), place.inputs, completion,
                                           searches_.emplace_back());
    place.found = is_good ? &searches_.back() : nullptr;
    if (!is_good) searches_.pop_back();
  }
  Centreline::Project(searches_);
}

void GroupRunner::Handle(const Completion& completion) {
  const std::size_t r = first_row_ + static_cast<std::size_t>(completion.slot);
  Place& place = at(r);
  Row& row = place.row;
  const bool is_restart = std::exchange(place.is_restarting, false);
  if (completion.status == CompletionStatus::kRejected && !is_restart) {
    return FindRejected(r, completion.error);
  }
  if (completion.status != CompletionStatus::kOk) return FindLost(r, completion.error);
  if (is_restart) return Restarted(r);

  const GameState& state = games_->state(completion.slot);
  switch (place.task) {
    case Task::kAdvance:
      if (place.found == nullptr) return Abandon(r, kNotFinite);
      row.FinishAdvance(settings_.config, completion, *place.found, place.result);
      EndTask(place);
      return TellArchive(r) ? Assign(r, Task::kKeep) : EndStep(r);
    case Task::kKeep:
      EndTask(place);
      settings_.archive->Keep(r, {OriginOf(r), state.race_time_ms / sim::kTickMs}, row.record(),
                              completion.snapshot);
      return EndStep(r);
    case Task::kBegin:
    case Task::kBeginStep:
    case Task::kBeginAfter:
      return Begin(r);
    case Task::kContinue:
      if (!row.Continue(settings_.config, state, place.snapshot.record, place.result)) {
        return Abandon(r, kNotFinite);
      }
      place.is_game_new = false;
      EndTask(place);
      if (settings_.archive != nullptr) {
        settings_.archive->Begin(r, row.record(), place.snapshot.bytes);
      }
      return Tell(r);
    case Task::kSave:
      EndTask(place);
      PackSnapshot({OriginOf(r), state.race_time_ms / sim::kTickMs}, row.record(),
                   completion.snapshot, *place.saved);
      return;
    default:
      assert(false);
  }
}

void GroupRunner::Restarted(std::size_t row) {
  Place& place = at(row);
  if (place.task == Task::kNone) {  // nobody looked; the row's next step or reset begins with it
    place.row.set_has_game(true);
    place.is_game_new = true;
    return;
  }
  if (place.at_snapshot) return AddRestore(row);
  // It may have been on its way to the start of another episode when this one was asked for.
  return place.start_offset_m == StartOffsetOf(place) ? Begin(row) : AddRestart(row);
}

void GroupRunner::FindLost(std::size_t row, const std::string& error) {
  Place& place = at(row);
  if (place.task == Task::kNone) return;  // the row's next step or reset asks again
  const bool is_patient = place.task == Task::kBegin || place.task == Task::kContinue;
  if (!is_patient || !place.row.has_game()) return Lose(row, error);
  // It had died while it stood; the caller waits for the one that takes its place.
  place.row.set_has_game(false);
  if (place.is_drawn) place.at_snapshot = false;
  AddRestart(row);
}

void GroupRunner::FindRejected(std::size_t row, const std::string& error) {
  Place& place = at(row);
  if (!place.at_snapshot) return Abandon(row, error);
  if (place.is_drawn) {  // kept from a game that was another
    place.at_snapshot = false;
    return AddRestart(row);
  }
  EndTask(place);
  Reject(row, error);
}

void GroupRunner::TakeWhatResetGave(Place& place) {
  if (place.seed) place.row.Reseed(*place.seed);
  if (place.new_starts) place.starts = *place.new_starts;
}

void GroupRunner::Begin(std::size_t row) {
  Place& place = at(row);
  TakeWhatResetGave(place);
  RowResult result;
  const RowRecord* const snapshot = place.at_snapshot ? &place.snapshot.record : nullptr;
  if (!place.row.Begin(settings_.config, games_->state(SlotOf(row)), snapshot, result)) {
    return Abandon(row, kNotFinite);
  }
  place.is_game_new = false;
  if (settings_.archive != nullptr) {
    settings_.archive->Begin(
        row, place.row.record(),
        place.at_snapshot ? place.snapshot.bytes : std::span<const std::byte>());
  }
  const bool is_after_end = place.task == Task::kBeginAfter;
  EndTask(place);
  if (!is_after_end) place.result = result;  // else reward and flags are those of the end
  place.result.info = result.info;
  Tell(row);
}

void GroupRunner::Reject(std::size_t row, const std::string& error) {
  at(row).error = error;
  at(row).status = RowStatus::kBadSnapshot;
  Tell(row);
}

void GroupRunner::Abandon(std::size_t row, const std::string& error) {
  games_->Abandon(SlotOf(row));
  Lose(row, error);
}

void GroupRunner::Lose(std::size_t row, const std::string& error) {
  Place& place = at(row);
  const Task task = place.task;
  place.is_game_new = false;
  EndTask(place);
  if (task == Task::kContinue || task == Task::kSave || task == Task::kKeep) {
    place.row.set_has_game(false);  // the next step tells of it
    if (task == Task::kContinue) Reject(row, "the game is lost: " + error);
    if (task == Task::kKeep) EndStep(row);
    return;
  }
  TakeWhatResetGave(place);
  if (task == Task::kAdvance) {
    place.row.Lose(/*in_step=*/true, place.result);
    return EndStep(row);
  }
  RowResult result;
  place.row.Lose(/*in_step=*/false, result);
  if (task != Task::kBeginAfter)
    place.result = result;  // else reward and flags are those of the end
  place.result.info = result.info;
  const bool is_step = task == Task::kBeginStep || task == Task::kLook;
  if (is_step && settings_.autoreset == Autoreset::kSameStep) KeepFinal(place);
  Tell(row);
}

bool GroupRunner::TellArchive(std::size_t row) {
  if (settings_.archive == nullptr) return false;
  const Place& place = at(row);
  if (place.result.failed) settings_.archive->Fail(row);
  return place.row.phase() == RowPhase::kRunning &&
         settings_.archive->Passes(row, place.row.record());
}

// In kSameStep mode the next episode begins when this one is over.
void GroupRunner::EndStep(std::size_t row) {
  Place& place = at(row);
  const bool has_ended = place.result.terminated || place.result.truncated;
  if (!has_ended || settings_.autoreset != Autoreset::kSameStep) return Tell(row);
  KeepFinal(place);
  if (place.row.has_game()) return AssignBegin(row, Task::kBeginAfter);
  RowResult next;  // it cannot begin yet
  place.row.Lose(/*in_step=*/false, next);
  place.result.info = next.info;
  Tell(row);
}

void GroupRunner::KeepFinal(Place& place) {
  place.has_final = true;
  place.final_info = place.result.info;
  place.row.WriteObservation(settings_.observer, place.final_observation);
}

bool GroupRunner::ReadInputs(const ActionView& actions, std::size_t index, Inputs& inputs) const {
  const ActionSet& set = settings_.config.actions;
  if (set.kind == ActionKind::kDiscrete) {
    const Inputs* const keys = InputsOf(set, actions.discrete[index]);
    if (keys != nullptr) inputs = *keys;
    return keys != nullptr;
  }
  const std::size_t size = settings_.spec.action.names.size();
  const auto analog = InputsOf(actions.continuous.subspan(index * size, size));
  if (analog) inputs = *analog;
  return analog.has_value();
}

void GroupRunner::WriteStatus(std::size_t index, RowStatus status, const BatchView& out) {
  out.status[index] = static_cast<std::uint8_t>(status);
}

void GroupRunner::Write(std::size_t row, std::size_t index, const BatchView& out) const {
  const Place& place = at(row);
  WriteStatus(index, place.status, out);
  if (place.status != RowStatus::kOk) return;
  out.rewards[index] = place.result.reward;
  out.terminated[index] = place.result.terminated ? 1 : 0;
  out.truncated[index] = place.result.truncated ? 1 : 0;
  const std::size_t size = settings_.spec.observation.size();
  place.row.WriteObservation(settings_.observer, out.observations.subspan(index * size, size));
  WriteInfo(place.result.info, index, out.status.size(), out.info);
}

void GroupRunner::WriteFinal(std::size_t row, std::size_t index, const BatchView& out) const {
  const Place& place = at(row);
  const std::vector<float>& observation = place.final_observation;
  out.final_rows[index] = static_cast<std::int32_t>(row);
  std::ranges::copy(observation, &out.final_observations[index * observation.size()]);
  WriteInfo(place.final_info, index, out.status.size(), out.final_info);
}

void GroupRunner::WriteInfo(const InfoWords& words, std::size_t index, std::size_t num_rows,
                            std::span<std::byte> info) const {
  std::byte* to = info.data() + index * 4;
  for (const std::size_t column : settings_.chosen_info) {
    std::memcpy(to, &words[column], 4);
    to += num_rows * 4;
  }
}

}  // namespace hotlap
