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
using sim::RaceRecord;
using sim::RaceState;
using sim::VehicleBlock;
using sim::VehicleState;

// Snapshot bytes: this header, then the RaceState. Bump the version whenever a field of RaceState
// or VehicleState moves or changes its meaning.
constexpr std::uint32_t kMagic = 0x47534C48;  // "HLSG"
constexpr std::uint32_t kSnapshotVersion = 2;
struct SnapshotHeader {
  std::uint32_t magic = kMagic;
  std::uint32_t version = kSnapshotVersion;
  std::uint64_t track_hash = 0;
};
static_assert(sizeof(SnapshotHeader) == 16);
static_assert(sizeof(RaceState) == 1340, "RaceState changed: bump kSnapshotVersion");
constexpr std::size_t kSnapshotSize =
    sizeof(SnapshotHeader) + sizeof(VehicleState) + sizeof(RaceRecord);

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
         car.gear <= sim::kNumGears && car.shift_ticks_left >= 0 && car.turbo_ticks_left >= 0 &&
         race.track().IsHint(car.road_index) && state.race_time_ms % sim::kTickMs == 0 &&
         state.num_passed >= 0 && state.num_passed <= race.target() &&
         state.finished == (state.num_passed == race.target());
}

// nullptr, or why these bytes are no state of this race.
const char* Parse(std::span<const std::byte> bytes, const Race& race, RaceState& state) {
  SnapshotHeader header;
  if (bytes.size() != kSnapshotSize) return "snapshot: not of a simulated game (wrong size)";
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) return "snapshot: not of a simulated game (wrong magic)";
  if (header.version != kSnapshotVersion) return "snapshot: of another version";
  if (header.track_hash != race.track().hash()) return "snapshot: saved on another track";
  const std::byte* const vehicle = bytes.data() + sizeof header;
  const std::byte* const record = vehicle + sizeof(VehicleState);
  for (const std::size_t offset :
       {offsetof(RaceRecord, finished), offsetof(RaceRecord, inputs) + offsetof(Inputs, left),
        offsetof(RaceRecord, inputs) + offsetof(Inputs, right),
        offsetof(RaceRecord, inputs) + offsetof(Inputs, accelerate),
        offsetof(RaceRecord, inputs) + offsetof(Inputs, brake)}) {
    if (record[offset] > std::byte{1}) return "snapshot: damaged";
  }
  std::memcpy(&state.vehicle, vehicle, sizeof state.vehicle);
  std::memcpy(static_cast<RaceRecord*>(&state), record, sizeof(RaceRecord));
  return IsUsable(state, race) ? nullptr : "snapshot: damaged";
}

struct Slot {
  Slot(const SimulatedGame& game, std::shared_ptr<VehicleBlock> block, int lane)
      : race(game.track, game.vehicle, std::move(block), lane), snapshot(kSnapshotSize) {
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
  int ticks_left = 0, ticks_done = 0;  // of an advance
  std::vector<RaceEvent> events;
  std::vector<std::byte> snapshot;
};

// Eight games side by side, the last block perhaps fewer.
struct Block {
  std::shared_ptr<VehicleBlock> cars;
  int first_slot = 0, num_slots = 0;
};

class SimulatedGames final : public GameGroup {
 public:
  explicit SimulatedGames(const std::vector<SimulatedGame>& games) {
    const sim::FloatingPointGuard guard;
    slots_.reserve(games.size());
    for (const SimulatedGame& game : games) {
      const int index = num_slots();
      const int lane = index % sim::kBlockLanes;
      if (lane == 0) {
        blocks_.push_back({std::make_shared<VehicleBlock>(game.vehicle, *game.track), index, 0});
      }
      slots_.emplace_back(game, blocks_.back().cars, lane);
      ++blocks_.back().num_slots;
    }
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
    bool any_advances = false;
    for (int index : started_) {
      Slot& slot = at(index);
      const bool advances = slot.command.kind == CommandKind::kAdvance && !slot.lost;
      slot.ticks_left = advances ? slot.command.ticks : 0;
      any_advances |= advances;
      assert(!advances || slot.command.ticks >= 1);
      slot.ticks_done = 0;
      slot.events.clear();
    }
    if (any_advances) {
      for (const Block& block : blocks_) Advance(block);
    }
    for (int index : started_) {
      Slot& slot = at(index);
      slot.under_way = false;
      completions_.push_back(Complete(slot));
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

  // The slots of a block tick together until each has its ticks or its finish.
  void Advance(const Block& block) {
    const std::span<Slot> slots = std::span(slots_).subspan(
        static_cast<std::size_t>(block.first_slot), static_cast<std::size_t>(block.num_slots));
    for (;;) {
      std::uint8_t lanes = 0;
      bool any = false;
      for (Slot& slot : slots) {
        if (slot.ticks_left == 0) continue;
        any = true;
        lanes = static_cast<std::uint8_t>(lanes | slot.race.BeginTick(slot.command.inputs));
      }
      if (!any) return;
      block.cars->Advance(lanes);
      for (Slot& slot : slots) {
        if (slot.ticks_left == 0) continue;
        for (const RaceEvent& event : slot.race.EndTick()) slot.events.push_back(event);
        ++slot.ticks_done;
        slot.ticks_left = slot.race.record().finished ? 0 : slot.ticks_left - 1;
      }
    }
  }

  static Completion Complete(Slot& slot) {
    Completion completion;
    completion.slot = slot.command.slot;
    if (slot.lost && slot.command.kind != CommandKind::kRestart) {
      completion.status = CompletionStatus::kGameLost;
      completion.error = "abandoned; restart it first";
      return completion;
    }
    switch (slot.command.kind) {
      case CommandKind::kAdvance:
        completion.ticks = slot.ticks_done;
        completion.finished = slot.race.record().finished;
        completion.events = slot.events;
        // The game stays usable: the next command drives on past the finish.
        slot.race.PreventFinish();
        break;
      case CommandKind::kRestart:
        slot.lost = false;
        slot.race.Restart(/*with_countdown=*/false);
        break;
      case CommandKind::kSave:
        Save(slot);
        completion.snapshot = slot.snapshot;
        return completion;
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

  static void Save(Slot& slot) {
    SnapshotHeader header;
    header.track_hash = slot.race.track().hash();
    const VehicleState vehicle = slot.race.vehicle();
    std::byte* out = slot.snapshot.data();
    std::memcpy(out, &header, sizeof header);
    std::memcpy(out + sizeof header, &vehicle, sizeof vehicle);
    std::memcpy(out + sizeof header + sizeof vehicle, &slot.race.record(), sizeof(RaceRecord));
  }

  std::vector<Slot> slots_;
  std::vector<Block> blocks_;
  std::vector<int> started_;
  std::vector<Completion> completions_;
};

}  // namespace

std::unique_ptr<GameGroup> MakeSimulatedGames(const std::vector<SimulatedGame>& games) {
  return std::make_unique<SimulatedGames>(games);
}

}  // namespace hotlap
