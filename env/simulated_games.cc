#include "env/simulated_games.h"

#include <cassert>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include "env/sim/floating_point_guard.h"
#include "env/sim/race.h"
#include "env/sim/vehicle_model.h"

namespace hotlap {
namespace {

using sim::Race;
using sim::RaceState;

// Snapshot bytes: this header, then the RaceState. Bump the version whenever a field of RaceState
// or VehicleState moves or changes its meaning.
constexpr std::uint32_t kMagic = 0x47534C48;  // "HLSG"
constexpr std::uint32_t kSnapshotVersion = 1;
struct SnapshotHeader {
  std::uint32_t magic = kMagic;
  std::uint32_t version = kSnapshotVersion;
  std::uint64_t track_hash = 0;
};
static_assert(sizeof(SnapshotHeader) == 16);
static_assert(sizeof(RaceState) == 1324, "RaceState changed: bump kSnapshotVersion");
constexpr std::size_t kSnapshotSize = sizeof(SnapshotHeader) + sizeof(RaceState);

bool AllFinite(const sim::BodyState& body) {
  const float values[] = {body.orientation.w,
                          body.orientation.x,
                          body.orientation.y,
                          body.orientation.z,
                          body.position_m.x,
                          body.position_m.y,
                          body.position_m.z,
                          body.velocity_mps.x,
                          body.velocity_mps.y,
                          body.velocity_mps.z,
                          body.angular_velocity_radps.x,
                          body.angular_velocity_radps.y,
                          body.angular_velocity_radps.z};
  for (float value : values) {
    if (!(std::fabs(value) <= 2 * sim::kWorldLimitM)) return false;
  }
  return true;
}

// What the tick relies on, for bytes that may have been kept anywhere.
bool IsUsable(const RaceState& state, const Race& race) {
  const sim::VehicleState& car = state.vehicle;
  for (const sim::WheelContact& wheel : car.wheels) {
    if (!std::isfinite(wheel.extension_m) || !std::isfinite(wheel.angular_speed_radps))
      return false;
  }
  return AllFinite(car.body) && AllFinite(car.previous_body) && std::isfinite(car.steering) &&
         std::fabs(car.steering) <= 1 && std::isfinite(car.rpm) && car.gear >= 0 &&
         car.gear <= sim::kNumGears && race.track().IsHint(car.road_index) &&
         state.race_time_ms % sim::kTickMs == 0 && state.num_passed >= 0 &&
         state.num_passed <= race.target() && state.finished == (state.num_passed == race.target());
}

// nullptr, or why these bytes are no state of this race.
const char* Parse(std::span<const std::byte> bytes, const Race& race, RaceState& state) {
  SnapshotHeader header;
  if (bytes.size() != kSnapshotSize) return "snapshot: not of a simulated game (wrong size)";
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) return "snapshot: not of a simulated game (wrong magic)";
  if (header.version != kSnapshotVersion) return "snapshot: of another version";
  if (header.track_hash != race.track().hash()) return "snapshot: saved on another track";
  const std::byte* race_bytes = bytes.data() + sizeof header;
  for (const std::size_t offset :
       {offsetof(RaceState, finished), offsetof(RaceState, inputs) + offsetof(Inputs, left),
        offsetof(RaceState, inputs) + offsetof(Inputs, right),
        offsetof(RaceState, inputs) + offsetof(Inputs, accelerate),
        offsetof(RaceState, inputs) + offsetof(Inputs, brake)}) {
    if (race_bytes[offset] > std::byte{1}) return "snapshot: damaged";
  }
  std::memcpy(static_cast<void*>(&state), race_bytes, sizeof state);
  return IsUsable(state, race) ? nullptr : "snapshot: damaged";
}

struct Slot {
  explicit Slot(const SimulatedGame& game)
      : race(game.track, game.vehicle), snapshot(kSnapshotSize) {
    race.Restart(/*with_countdown=*/false);
    state = race.game_state();
    // A gate gives two events at most, and the finish ends the command.
    events.reserve(2 * static_cast<std::size_t>(race.target()) + 2);
  }
  Race race;
  GameState state;
  Command command;
  bool under_way = false;
  bool lost = false;
  std::vector<RaceEvent> events;
  std::vector<std::byte> snapshot;
};

class SimulatedGames final : public GameGroup {
 public:
  explicit SimulatedGames(const std::vector<SimulatedGame>& games) {
    const sim::FloatingPointGuard guard;
    slots_.reserve(games.size());
    for (const SimulatedGame& game : games) slots_.emplace_back(game);
    started_.reserve(games.size());
    completions_.reserve(games.size());
  }

  int num_slots() const override { return static_cast<int>(slots_.size()); }
  const GameState& state(int slot) const override { return at(slot).state; }
  std::string_view kind() const override { return "simulated"; }

  void Start(std::span<const Command> commands) override {
    for (const Command& command : commands) {
      Slot& slot = at(command.slot);
      assert(!slot.under_way);
      slot.command = command;
      slot.under_way = true;
      started_.push_back(command.slot);
    }
  }

  std::span<const Completion> Collect(Deadline) override {
    const sim::FloatingPointGuard guard;
    completions_.clear();
    for (int index : started_) {
      Slot& slot = at(index);
      if (!slot.under_way) continue;  // abandoned
      slot.under_way = false;
      completions_.push_back(Run(slot));
    }
    started_.clear();
    return completions_;
  }

  void Abandon(int slot) override {
    at(slot).under_way = false;
    at(slot).lost = true;
    std::erase(started_, slot);
  }

 private:
  Slot& at(int slot) { return slots_[static_cast<std::size_t>(slot)]; }
  const Slot& at(int slot) const { return slots_[static_cast<std::size_t>(slot)]; }

  static Completion Run(Slot& slot) {
    Completion completion;
    completion.slot = slot.command.slot;
    slot.events.clear();
    if (slot.lost && slot.command.kind != CommandKind::kRestart) {
      completion.status = CompletionStatus::kGameLost;
      completion.error = "abandoned; restart it first";
      return completion;
    }
    switch (slot.command.kind) {
      case CommandKind::kAdvance:
        Advance(slot, completion);
        break;
      case CommandKind::kRestart:
        slot.lost = false;
        slot.race.Restart(/*with_countdown=*/false);
        break;
      case CommandKind::kSave:
        Save(slot);
        completion.snapshot = slot.snapshot;
        break;
      case CommandKind::kRestore: {
        RaceState state;
        if (const char* error = Parse(slot.command.snapshot, slot.race, state)) {
          completion.status = CompletionStatus::kRejected;
          completion.error = error;
          return completion;
        }
        slot.race.set_state(state);
        break;
      }
    }
    slot.state = slot.race.game_state();
    return completion;
  }

  static void Advance(Slot& slot, Completion& completion) {
    assert(slot.command.ticks >= 1);
    while (completion.ticks < slot.command.ticks && !completion.finished) {
      for (const RaceEvent& event : slot.race.Tick(slot.command.inputs)) {
        slot.events.push_back(event);
      }
      ++completion.ticks;
      completion.finished = slot.race.state().finished;
    }
    // The game stays usable: the next command drives on past the finish.
    slot.race.PreventFinish();
    completion.events = slot.events;
  }

  static void Save(Slot& slot) {
    SnapshotHeader header;
    header.track_hash = slot.race.track().hash();
    std::memcpy(slot.snapshot.data(), &header, sizeof header);
    std::memcpy(slot.snapshot.data() + sizeof header, &slot.race.state(), sizeof(RaceState));
  }

  std::vector<Slot> slots_;
  std::vector<int> started_;
  std::vector<Completion> completions_;
};

}  // namespace

std::unique_ptr<GameGroup> MakeSimulatedGames(const std::vector<SimulatedGame>& games) {
  return std::make_unique<SimulatedGames>(games);
}

}  // namespace hotlap
