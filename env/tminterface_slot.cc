#include "env/tminterface_slot.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>
#include <variant>

#include "env/fnv1a.h"
#include "env/race_bounds.h"
#include "env/tminterface/mapped_buffer.h"
#include "env/tminterface/sim_state.h"

namespace hotlap {
namespace {

using namespace std::chrono_literals;
namespace tmi = tminterface;

constexpr auto kOpenEvery = 5ms;
constexpr auto kCheckAliveEvery = 2ms;
constexpr auto kLeaveWithin = 50ms;
// A request that is gone for so long is answered by nobody.
constexpr Clock::duration kWipedAfter = 50ms;
// Only time in which somebody looked counts as waiting for a start: nobody may look for minutes.
constexpr auto kLongestLook = 100ms;
// A map command takes effect at one of the game's next frames, and a new race begins. Where none is
// seen to, it may have begun before the first run step; then the command's second time shows.
constexpr int kStepsForMapToLoad = 500;

constexpr const char* kGone = "the game is gone";

constexpr std::uint32_t kSnapshotMagic = 0x534D5448;  // "HTMS"
constexpr std::uint32_t kSnapshotVersion = 1;

struct SnapshotHeader {
  std::uint32_t magic = kSnapshotMagic;
  std::uint32_t version = kSnapshotVersion;
  std::int32_t checkpoints_target = 0;
  std::uint32_t state_size = 0;
  std::uint64_t start = 0;  // FingerprintOf the track's start
};
static_assert(sizeof(SnapshotHeader) == 24, "SnapshotHeader changed: bump kSnapshotVersion");

// Tells tracks apart: where the car stands at race time 0, and what is to be passed.
std::uint64_t FingerprintOf(const GameState& start) {
  Fnv1a hash;
  for (const float number : {start.position_m.x, start.position_m.y, start.position_m.z}) {
    hash.Add(number);
  }
  for (const auto& line : start.rotation.m) {
    for (const float number : line) hash.Add(number);
  }
  hash.Add(start.checkpoints_target);
  hash.Add(start.checkpoints_per_lap);
  return hash.value();
}

// nullptr: none.
const char* FieldOutOfRange(const GameState& state, const tmi::SimStateView& view) {
  if (!IsRaceClock(state.race_time_ms) || state.race_time_ms < 0) return "race_time";
  if (!IsRaceClock(view.time_ms())) return "time";
  if (!IsAnalogInput(state.inputs.steer)) return "input_steer";
  if (!IsAnalogInput(state.inputs.gas)) return "input_gas";
  if (!IsRespawnCount(state.num_respawns)) return "num_respawns";
  return nullptr;
}

tmi::SetInputStates ToWire(const Inputs& inputs) {
  tmi::SetInputStates set;
  set.left = inputs.left;
  set.right = inputs.right;
  set.accelerate = inputs.accelerate;
  set.brake = inputs.brake;
  set.steer = inputs.steer;
  set.gas = inputs.gas;
  return set;
}

}  // namespace

TMInterfaceSlot::TMInterfaceSlot(int slot, TMInterfaceGame game,
                                 const TMInterfaceSettings& settings)
    : game_(std::move(game)), settings_(settings), slot_(slot) {
  events_.reserve(64);
}

TMInterfaceSlot::~TMInterfaceSlot() {
  // A game in the middle of an answer would overwrite the deregistration: let it come to rest at
  // its next run step.
  command_.ticks = completion_.ticks + 1;
  tmi::Backoff backoff;
  const Deadline deadline = DeadlineIn(kLeaveWithin);
  while (client_ && is_under_way_ && (Poll() || backoff.Pause(deadline))) {
  }
  if (client_) client_->Deregister();
}

void TMInterfaceSlot::Start(const Command& command) {
  assert(!is_under_way_);
  command_ = command;
  is_under_way_ = true;
  has_moved_ = true;  // a stop counts from here
  has_come_back_ = false;
  events_.clear();
  completion_ = Completion{};
  completion_.slot = slot_;
  // The game may begin at once; everything else waits for the first Poll.
  has_begun_ = command.kind == CommandKind::kAdvance && phase_ == Phase::kHeld;
  if (has_begun_) BeginAdvance();
}

bool TMInterfaceSlot::Poll() {
  if (!has_begun_) {
    has_begun_ = true;
    Begin();
    return true;
  }
  if (!client_) return false;
  const auto incoming = client_->Poll();
  if (!incoming) return false;
  if (const auto* call = std::get_if<tmi::ServerCall>(&incoming->message)) {
    Handle(*call);
  } else if (const auto* response = std::get_if<tmi::Response>(&incoming->message)) {
    HandleResponse(*response);
  } else if (const auto* error = std::get_if<tmi::DecodeError>(&incoming->message)) {
    Lose("the game sent a bad message: " + error->ToString());
  }
  return true;
}

void TMInterfaceSlot::Begin() {
  if (command_.kind == CommandKind::kRestart) {
    BeginRestart();
  } else if (phase_ == Phase::kLost) {
    completion_.status = CompletionStatus::kGameLost;
    completion_.error = "there is no game yet; the slot waits for kRestart";
    is_under_way_ = false;
  } else if (command_.kind == CommandKind::kRestore) {
    BeginRestore();
  } else {
    assert(command_.kind == CommandKind::kSave);
    completion_.snapshot = snapshot_;
    is_under_way_ = false;
  }
}

void TMInterfaceSlot::BeginAdvance() {
  assert(command_.ticks > std::max(command_.earlier_ticks, 0));
  assert(command_.vehicle == VehicleFactors{});
  phase_ = Phase::kRunning;
  holds_game_ = false;
  GoOnFromState();
  SayNext();
}

void TMInterfaceSlot::GoOnFromState() {
  expected_time_ms_ = state_.race_time_ms + 10;
  if (rewind_is_pending_) Say(tmi::SimRewindToState{state_bytes()});
  Say(ToWire(command_.InputsOfTick(0)));
}

void TMInterfaceSlot::ComeBack() {
  has_come_back_ = true;
  num_sayings_ = num_said_ = 0;
  events_.clear();
  completion_ = Completion{};
  completion_.slot = slot_;
  rewind_is_pending_ = true;
  phase_ = Phase::kRegistering;
  client_->RegisterAgain();
}

void TMInterfaceSlot::BeginRestart() {
  if (phase_ == Phase::kHeld && client_->game_alive()) {
    state_ = start_state_;
    snapshot_ = start_snapshot_;
    rewind_is_pending_ = true;
    MoveFromStart();
    is_under_way_ = false;
    return;
  }
  if (phase_ == Phase::kHeld) return Lose(kGone);
  since_ = last_look_ = Clock::now();
  time_to_start_ = settings_.start_timeout;
  next_open_ = last_look_ + kOpenEvery;
  phase_ = Phase::kOpening;
  TryToOpen();
}

void TMInterfaceSlot::MoveFromStart() {
  if (command_.start_offset_m == 0) return;
  const Vec3 by_m = StartOffset(state_.rotation, command_.start_offset_m);
  state_.position_m += by_m;
  tmi::MoveCar(std::span(snapshot_).subspan(sizeof(SnapshotHeader)), by_m);
  rewind_is_pending_ = true;
}

void TMInterfaceSlot::BeginRestore() {
  const auto reject = [this](std::string why) {
    completion_.status = CompletionStatus::kRejected;
    completion_.error = std::move(why);
    is_under_way_ = false;
  };
  const std::span<const std::byte> bytes = command_.snapshot;
  SnapshotHeader header;
  if (bytes.size() < sizeof header) return reject("the snapshot is shorter than its header");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kSnapshotMagic) return reject("the snapshot is not of a TMInterface game");
  if (header.version != kSnapshotVersion) {
    return reject("the snapshot has version " + std::to_string(header.version) + ", not " +
                  std::to_string(kSnapshotVersion));
  }
  if (header.start != FingerprintOf(start_state_) ||
      header.checkpoints_target != start_state_.checkpoints_target) {
    return reject("the snapshot is of another track");
  }
  const auto parsed = tmi::SimStateView::Parse(bytes.subspan(sizeof header));
  if (const auto* error = std::get_if<tmi::DecodeError>(&parsed)) {
    return reject("the snapshot's state: " + error->ToString());
  }
  const auto& view = std::get<tmi::SimStateView>(parsed);
  if (view.bytes().size() != header.state_size ||
      bytes.size() != sizeof header + header.state_size) {
    return reject("the snapshot's size is not that of its state");
  }
  const GameState state = ReadGameState(view);
  if (!FinitePhysics(state)) return reject("the snapshot's state is not finite");
  if (state.checkpoints_target != start_state_.checkpoints_target) {
    return reject("the snapshot's state is not of a race on this track");
  }
  if (const char* field = FieldOutOfRange(state, view)) {
    return reject(std::string("the snapshot's state has a wrong ") + field);
  }
  if (!client_->game_alive()) return Lose(kGone);
  state_ = state;
  snapshot_.assign(bytes.begin(), bytes.end());
  rewind_is_pending_ = true;
  is_under_way_ = false;
}

void TMInterfaceSlot::TryToOpen() {
  const Clock::time_point now = Clock::now();
  auto buffer = tmi::MappedBuffer::Open(game_.buffer_name, settings_.buffer_size, why_not_open_);
  if (!buffer) return;
  since_ = now;
  client_.emplace(std::move(*buffer));
  client_->Send(tmi::Register{});  // takes a game over that is held for an older client
  phase_ = Phase::kRegistering;
}

void TMInterfaceSlot::CheckTime(Clock::time_point now) {
  if (!is_under_way_ || !has_begun_) return;
  if (std::exchange(has_moved_, false)) last_move_ = now;
  if (command_.kind == CommandKind::kAdvance) return CheckAdvance(now);

  const Clock::duration looked =
      std::min<Clock::duration>(now - std::exchange(last_look_, now), kLongestLook);
  time_to_start_ -= looked;
  if (time_to_start_ <= Clock::duration::zero()) {
    const std::string within = std::to_string(settings_.start_timeout.count()) + " ms";
    return Lose(client_ ? "the game came to no start within " + within
                        : "no game came within " + within + ": " + why_not_open_);
  }
  if (client_ && now - last_move_ >= kCheckAliveEvery && !client_->game_alive()) {
    Drop();
    phase_ = Phase::kOpening;
  }
  if (phase_ == Phase::kOpening && now >= next_open_) {
    next_open_ = now + kOpenEvery;
    TryToOpen();
  }
}

void TMInterfaceSlot::CheckAdvance(Clock::time_point now) {
  const Clock::duration stood = now - last_move_;
  if (stood < kCheckAliveEvery) return;
  if (!client_->game_alive()) return Lose(kGone);
  if (stood >= settings_.game_timeout) {
    return Lose("the game made no tick for " + std::to_string(settings_.game_timeout.count()) +
                " ms");
  }
  // Whether it has dropped us or is only slow, to begin anew changes no bit.
  const Clock::duration patience = settings_.game_timeout / 2;
  const bool is_gone = client_->request_is_gone();
  if (!has_come_back_ && stood >= (is_gone ? std::min(patience, kWipedAfter) : patience)) {
    ComeBack();
  }
}

void TMInterfaceSlot::Abandon() {
  const bool is_busy = is_under_way_ && phase_ != Phase::kLost && phase_ != Phase::kHeld;
  is_under_way_ = false;
  Drop();
  if (is_busy) Tell(game_.buffer_name + ": the game is of no use");
}

void TMInterfaceSlot::Handle(const tmi::ServerCall& call) {
  if (std::holds_alternative<tmi::Shutdown>(call)) return Lose("the game is shutting down");
  pending_call_ = tmi::TypeOf(call);
  holds_game_ = false;
  if (std::holds_alternative<tmi::OnRegistered>(call)) {
    if (phase_ != Phase::kSettingUp) return Lose("the game registered us a second time");
    phase_ = has_come_back_ ? Phase::kComingBack : Phase::kComingToStart;
    num_steps_seen_ = 0;
    is_fresh_ = has_repeated_map_ = false;
    Say(tmi::SetTimeout{static_cast<std::int32_t>(settings_.client_timeout.count())});
    Say(tmi::SetGameSpeed{settings_.speed});
    if (!game_.map_command.empty() && phase_ == Phase::kComingToStart) {
      Say(tmi::ExecuteCommand{game_.map_command});
    }
  } else if (const auto* step = std::get_if<tmi::OnRunStep>(&call)) {
    HandleRunStep(step->race_time_ms);
  } else if (const auto* pass = std::get_if<tmi::OnCheckpointCountChanged>(&call)) {
    HandleCheckpoint(pass->current, pass->target);
  } else if (const auto* lap = std::get_if<tmi::OnLapsCountChanged>(&call)) {
    if (phase_ == Phase::kRunning && !completion_.finished) {
      events_.push_back({RaceEventKind::kLap, expected_time_ms_, lap->current});
    }
  }
  if (client_) SayNext();
}

void TMInterfaceSlot::HandleRunStep(std::int32_t race_time_ms) {
  has_moved_ = true;
  if (phase_ == Phase::kComingToStart) return HandleRunStepBeforeStart(race_time_ms);
  if (phase_ == Phase::kComingBack) {
    Say(tmi::SimGetState{});
    return GoOnFromState();
  }
  if (phase_ != Phase::kRunning) return;
  if (race_time_ms != expected_time_ms_) {
    return Lose("the race went to " + std::to_string(race_time_ms) + " ms instead of " +
                std::to_string(expected_time_ms_) + " ms");
  }
  expected_time_ms_ += 10;
  ++completion_.ticks;
  if (completion_.finished || completion_.ticks == command_.ticks) {
    Say(tmi::SimGetState{});
    holds_game_ = true;
  } else if (completion_.ticks == command_.earlier_ticks) {
    Say(ToWire(command_.inputs));
  }
}

void TMInterfaceSlot::HandleRunStepBeforeStart(std::int32_t race_time_ms) {
  ++num_steps_seen_;
  const bool is_first = num_steps_seen_ == 1;
  const bool brings_map = !game_.map_command.empty();
  // The race that is seen first may still be that of the map before.
  const bool is_new_race = is_first ? !brings_map : race_time_ms <= last_time_ms_;
  if (race_time_ms < 0 && is_new_race) {
    // A race in its countdown; what an older client pressed must not reach its start.
    is_fresh_ = true;
    Say(ToWire(Inputs{}));
  } else if (race_time_ms == 0 && is_fresh_) {
    Say(tmi::SimGetState{});
    holds_game_ = true;
  } else if (!is_fresh_ && !brings_map && is_first) {
    Say(tmi::GiveUp{});
  } else if (!is_fresh_ && brings_map && num_steps_seen_ % kStepsForMapToLoad == 0) {
    if (std::exchange(has_repeated_map_, true)) {
      return Lose("the game begins no race after the command " + game_.map_command);
    }
    Say(tmi::ExecuteCommand{game_.map_command});
  }
  last_time_ms_ = race_time_ms;
}

void TMInterfaceSlot::HandleCheckpoint(std::int32_t current, std::int32_t target) {
  if (phase_ != Phase::kRunning) return;
  if (target != state_.checkpoints_target) {
    return Lose("the game counts " + std::to_string(target) + " passes instead of " +
                std::to_string(state_.checkpoints_target));
  }
  if (current < target) {
    events_.push_back({RaceEventKind::kCheckpoint, expected_time_ms_, current});
    return;
  }
  events_.push_back({RaceEventKind::kFinish, expected_time_ms_, current});
  completion_.finished = true;
  Say(tmi::PreventSimulationFinish{});
}

void TMInterfaceSlot::HandleResponse(const tmi::Response& response) {
  if (phase_ == Phase::kRegistering) {
    if (response.error != tmi::ErrorCode::kNone) return Lose("the game refused the registration");
    phase_ = Phase::kSettingUp;
    return;
  }
  if (num_said_ == 0) return;  // of nothing that we asked inside a call
  const tmi::ClientCall& asked = sayings_[num_said_ - 1];
  if (response.error != tmi::ErrorCode::kNone) {
    return Lose("the game refused " + std::string(tmi::MessageName(tmi::TypeOf(asked))) +
                " with error " + std::to_string(static_cast<int>(response.error)));
  }
  if (std::holds_alternative<tmi::SimGetState>(asked)) {
    const auto* bytes = std::get_if<std::span<const std::byte>>(&response.content);
    const auto state = bytes == nullptr ? std::span<const std::byte>{} : *bytes;
    phase_ == Phase::kComingBack ? CheckTrack(state) : ReadState(state);
    if (!client_) return;
  }
  SayNext();
  if (holds_game_ && num_said_ == 0) Complete();
}

void TMInterfaceSlot::Say(tmi::ClientCall call) {
  assert(num_sayings_ < sayings_.size());
  sayings_[num_sayings_++] = std::move(call);
}

void TMInterfaceSlot::SayNext() {
  if (num_said_ < num_sayings_) {
    client_->Send(sayings_[num_said_++]);
    return;
  }
  num_sayings_ = num_said_ = 0;
  if (!holds_game_) client_->SendProcessed(pending_call_);
}

void TMInterfaceSlot::CheckTrack(std::span<const std::byte> state) {
  const auto parsed = tmi::SimStateView::Parse(state);
  if (const auto* error = std::get_if<tmi::DecodeError>(&parsed)) {
    return Lose("the game sent a bad state: " + error->ToString());
  }
  const int target = ReadGameState(std::get<tmi::SimStateView>(parsed)).checkpoints_target;
  if (target != state_.checkpoints_target) {
    return Lose("the game went to a track of " + std::to_string(target) +
                " passes while it was alone");
  }
  phase_ = Phase::kRunning;
}

void TMInterfaceSlot::ReadState(std::span<const std::byte> bytes) {
  const auto parsed = tmi::SimStateView::Parse(bytes);
  if (const auto* error = std::get_if<tmi::DecodeError>(&parsed)) {
    return Lose("the game sent a bad state: " + error->ToString());
  }
  const auto& view = std::get<tmi::SimStateView>(parsed);
  const GameState state = ReadGameState(view);
  if (!FinitePhysics(state)) return Lose("the game sent a state that is not finite");
  const std::int32_t time_ms = phase_ == Phase::kRunning ? expected_time_ms_ - 10 : 0;
  if (state.race_time_ms != time_ms) {
    return Lose("the game sent a state of " + std::to_string(state.race_time_ms) +
                " ms instead of " + std::to_string(time_ms) + " ms");
  }
  const int target = phase_ == Phase::kRunning       ? state_.checkpoints_target
                     : game_.checkpoints_target != 0 ? game_.checkpoints_target
                                                     : state.checkpoints_target;
  if (state.checkpoints_target != target) {
    return Lose("the game is on a track of " + std::to_string(state.checkpoints_target) +
                " passes instead of " + std::to_string(target));
  }
  state_ = state;
  SnapshotHeader header;
  header.checkpoints_target = state.checkpoints_target;
  header.state_size = static_cast<std::uint32_t>(view.bytes().size());
  header.start = FingerprintOf(phase_ == Phase::kRunning ? start_state_ : state);
  snapshot_.resize(sizeof header + view.bytes().size());
  std::memcpy(snapshot_.data(), &header, sizeof header);
  std::memcpy(snapshot_.data() + sizeof header, view.bytes().data(), view.bytes().size());
}

void TMInterfaceSlot::Complete() {
  rewind_is_pending_ = false;
  if (phase_ == Phase::kComingToStart) {
    start_state_ = state_;
    start_snapshot_ = snapshot_;
    MoveFromStart();
  } else {
    completion_.inputs_missed = state_.inputs != command_.InputsOfTick(completion_.ticks - 1);
    completion_.events = events_;
  }
  phase_ = Phase::kHeld;
  is_under_way_ = false;
}

void TMInterfaceSlot::Lose(std::string why) {
  completion_ = Completion{};
  completion_.slot = slot_;
  completion_.status = CompletionStatus::kGameLost;
  completion_.error = game_.buffer_name + ": " + std::move(why);
  is_under_way_ = false;
  Drop();
  Tell(completion_.error);
}

void TMInterfaceSlot::Tell(std::string why) const {
  if (settings_.on_lost) settings_.on_lost(slot_, {since_, std::move(why)});
}

void TMInterfaceSlot::Drop() {
  if (client_) client_->Send(tmi::Deregister{});
  client_.reset();
  phase_ = Phase::kLost;
  num_sayings_ = num_said_ = 0;
}

std::span<const std::byte> TMInterfaceSlot::state_bytes() const {
  return std::span(snapshot_).subspan(sizeof(SnapshotHeader));
}

}  // namespace hotlap
