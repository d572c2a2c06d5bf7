#include "env/simulated_games.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "env/fnv1a.h"
#include "env/race_bounds.h"
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
constexpr std::uint32_t kSnapshotVersion = 3;
struct SnapshotHeader {
  std::uint32_t magic = kMagic;
  std::uint32_t version = kSnapshotVersion;
  std::uint64_t track_hash = 0;
  std::uint64_t vehicle_hash = 0;
};
static_assert(sizeof(SnapshotHeader) == 24);
static_assert(sizeof(RaceState) == 1348, "RaceState changed: bump kSnapshotVersion");
constexpr const char* kOutOfRange = "snapshot: out of range is ";
constexpr std::int32_t kLastMaterial = 30;
constexpr std::size_t kSnapshotSize =
    sizeof(SnapshotHeader) + sizeof(VehicleState) + sizeof(RaceRecord);

// Of settings, which are floats alone.
std::uint64_t HashOf(const sim::VehicleParams& vehicle) {
  std::array<float, sizeof(sim::VehicleParams) / sizeof(float)> words;
  static_assert(sizeof words == sizeof vehicle);
  std::memcpy(words.data(), &vehicle, sizeof words);
  Fnv1a hash;
  for (const float word : words) hash.Add(word);
  return hash.value();
}

bool IsWithin(float value, float limit) { return value >= -limit && value <= limit; }
bool IsWithin(Vec3 v, float limit) {
  return IsWithin(v.x, limit) && IsWithin(v.y, limit) && IsWithin(v.z, limit);
}
bool IsFlag(std::int32_t value) { return value == 0 || value == 1; }

const char* WrongField(const sim::BodyState& body) {
  const sim::Quaternion& q = body.orientation;
  const float square = q.w * q.w + q.x * q.x + q.y * q.y + q.z * q.z;
  if (!(square > 0.99f && square < 1.01f)) return "orientation";
  if (!IsWithin(body.position_m, sim::kWorldLimitM)) return "position";
  if (!IsWithin(body.velocity_mps, kMaxStateSpeedMps)) return "velocity";
  if (!IsWithin(body.angular_velocity_radps, kMaxStateSpinRadps)) return "angular_velocity";
  return nullptr;
}

const char* WrongField(const sim::VehicleState& car, const sim::Track& track) {
  constexpr float kAny = std::numeric_limits<float>::max();
  for (const sim::BodyState* body : {&car.body, &car.previous_body}) {
    if (const char* field = WrongField(*body)) return field;
  }
  for (const sim::WheelContact& wheel : car.wheels) {
    if (!IsWithin(wheel.extension_m, kAny)) return "wheels.extension";
    if (!IsWithin(wheel.angular_speed_radps, kAny)) return "wheels.angular_speed";
    if (!IsFlag(wheel.has_contact)) return "wheels.has_contact";
    if (!IsFlag(wheel.is_sliding)) return "wheels.is_sliding";
    if (wheel.material < 0 || wheel.material > kLastMaterial) return "wheels.material";
  }
  if (!IsWithin(car.steering, 1)) return "steering";
  if (!IsWithin(car.rpm, kMaxStateRpm)) return "rpm";
  if (car.gear < 0 || car.gear > sim::kNumGears) return "gear";
  if (car.shift_ticks_left < 0 || car.shift_ticks_left > kMaxStateShiftTicks) {
    return "shift_ticks_left";
  }
  if (car.held_keys < 0 || car.held_keys > 3) return "held_keys";
  if (car.steer_key < -1 || car.steer_key > 1) return "steer_key";
  if (!IsFlag(car.has_touched_down)) return "has_touched_down";
  if (!IsFlag(car.has_wall_contact)) return "has_wall_contact";
  if (car.turbo_ticks_left < 0 || car.turbo_ticks_left > kMaxStateTurboTicks) {
    return "turbo_ticks_left";
  }
  if (car.turbo_surface < 0 || car.turbo_surface > kLastMaterial) return "turbo_surface";
  if (!IsFlag(car.is_freewheeling)) return "is_freewheeling";
  if (!IsFlag(car.has_left_road)) return "has_left_road";
  if (!track.IsHint(car.road_index)) return "road_index";
  if (!IsWithin(car.force_mps2, kAny)) return "force";
  if (!IsWithin(car.torque, kAny)) return "torque";
  return nullptr;
}

// What the tick relies on, for bytes that may have been kept anywhere. nullptr: nothing is wrong.
const char* WrongField(const RaceState& state, const Race& race) {
  if (const char* field = WrongField(state.vehicle, race.track())) return field;
  if (!IsRaceClock(state.race_time_ms) || state.race_time_ms < 0) return "race_time";
  if (!IsRaceClock(state.clock_ms)) return "clock";
  if (!IsAnalogInput(state.inputs.steer)) return "inputs.steer";
  if (!IsAnalogInput(state.inputs.gas)) return "inputs.gas";
  if (state.num_passed < 0 || state.num_passed > race.target()) return "num_passed";
  if (!IsRespawnCount(state.num_respawns)) return "num_respawns";
  for (const std::int32_t time_ms : {state.last_turbo_ms, state.last_wall_ms}) {
    if (time_ms != -1 && !IsPassTime(time_ms)) return "last_times";
  }
  if (state.finished != (state.num_passed == race.target())) return "finished";
  const std::span<const std::int32_t> times_ms(state.times_ms);
  const auto passed = static_cast<std::size_t>(state.num_passed);
  if (!std::ranges::all_of(times_ms.first(passed), IsPassTime)) return "times";
  // Of the rest none is set. One by one they would take as long as the rest of a restore.
  constexpr std::array<std::int32_t, sim::kMaxPasses> kNone{};
  const auto rest = times_ms.subspan(passed);
  if (std::memcmp(rest.data(), kNone.data(), rest.size_bytes()) != 0) return "times";
  return nullptr;
}

// Empty, or why these bytes are no state of this race.
std::string Parse(std::span<const std::byte> bytes, const Race& race, std::uint64_t vehicle_hash,
                  RaceState& state) {
  SnapshotHeader header;
  if (bytes.size() != kSnapshotSize) return "snapshot: not of a simulated game (wrong size)";
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) return "snapshot: not of a simulated game (wrong magic)";
  if (header.version != kSnapshotVersion) return "snapshot: of another version";
  if (header.track_hash != race.track().hash()) return "snapshot: saved on another track";
  if (header.vehicle_hash != vehicle_hash) return "snapshot: saved with another vehicle";
  const std::byte* const vehicle = bytes.data() + sizeof header;
  const std::byte* const record = vehicle + sizeof(VehicleState);
  struct Bool {
    std::size_t offset;
    const char* field;
  };
  constexpr std::size_t kInputs = offsetof(RaceRecord, inputs);
  for (const auto& [offset, field] :
       {Bool{offsetof(RaceRecord, finished), "finished"},
        Bool{kInputs + offsetof(Inputs, left), "inputs.left"},
        Bool{kInputs + offsetof(Inputs, right), "inputs.right"},
        Bool{kInputs + offsetof(Inputs, accelerate), "inputs.accelerate"},
        Bool{kInputs + offsetof(Inputs, brake), "inputs.brake"}}) {
    if (record[offset] > std::byte{1}) return kOutOfRange + std::string(field);
  }
  std::memcpy(&state.vehicle, vehicle, sizeof state.vehicle);
  std::memcpy(static_cast<void*>(static_cast<RaceRecord*>(&state)), record, sizeof(RaceRecord));
  const char* const field = WrongField(state, race);
  return field == nullptr ? std::string() : kOutOfRange + std::string(field);
}

struct Slot {
  Slot(const SimulatedGame& game, std::shared_ptr<VehicleBlock> block, int lane)
      : race(game.track, game.vehicle, std::move(block), lane),
        settings(game.vehicle),
        vehicle_hash(HashOf(game.vehicle)),
        snapshot(kSnapshotSize) {
    race.Restart(/*with_countdown=*/false);
    race.WriteGameState(state);
    // A gate gives two events at most, and the finish ends the command.
    events.reserve(2 * static_cast<std::size_t>(race.target()) + 2);
  }
  void Vary(const VehicleFactors& vehicle) {
    if (vehicle == factors) return;
    factors = vehicle;
    race.Configure(sim::Varied(settings, factors));
  }
  // Of an advance: before which of the ticks after `tick` its inputs change or it is over.
  int NextChange(int tick) const {
    if (race.record().finished) return tick + 1;
    return tick < command.earlier_ticks ? command.earlier_ticks : command.ticks;
  }
  void PassTicksTo(int tick) {
    race.PassTicks(tick - ticks_done);
    ticks_done = tick;
  }

  Race race;
  sim::VehicleParams settings;  // which `factors` vary
  VehicleFactors factors;
  std::uint64_t vehicle_hash;
  GameState state;
  Command command;
  bool under_way = false;
  bool lost = false;
  int ticks_done = 0;  // of an advance
  std::vector<RaceEvent> events;
  std::vector<std::byte> snapshot;
};

// Games side by side, as many as a block has lanes, the last perhaps fewer.
struct Block {
  std::shared_ptr<VehicleBlock> cars;
  int first_slot = 0;
  sim::LaneMask running = 0;  // slots, from the first on, with ticks of an advance left
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
        blocks_.push_back({std::make_shared<VehicleBlock>(game.vehicle, *game.track), index});
      }
      slots_.emplace_back(game, blocks_.back().cars, lane);
    }
    started_.reserve(games.size());
    completions_.reserve(games.size());
  }

  int num_slots() const override { return static_cast<int>(slots_.size()); }
  const GameState& state(int slot) const override { return at(slot).state; }
  std::string_view kind() const override { return "simulated"; }
  bool can_vary_vehicle() const override { return true; }

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
      slot.ticks_done = 0;
      slot.events.clear();
      if (slot.command.kind != CommandKind::kAdvance || slot.lost) continue;
      assert(slot.command.ticks > std::max(slot.command.earlier_ticks, 0));
      slot.Vary(slot.command.vehicle);
      slot.race.set_inputs(slot.command.InputsOfTick(0));
      Block& block = blocks_[static_cast<std::size_t>(index / sim::kBlockLanes)];
      block.running |= static_cast<sim::LaneMask>(1 << index % sim::kBlockLanes);
    }
    for (Block& block : blocks_) Advance(block);
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

  // visit(slot, bit) of each of these lanes of a block.
  template <class Visit>
  void EachSlot(const Block& block, unsigned lanes, const Visit& visit) {
    for (; lanes != 0; lanes &= lanes - 1) {
      const int lane = std::countr_zero(lanes);
      visit(at(block.first_slot + lane), static_cast<sim::LaneMask>(1 << lane));
    }
  }

  // The slots of a block tick together until each has its ticks or its finish. A race hears of its
  // ticks when something happens in them.
  void Advance(Block& block) {
    for (int from = 0; block.running != 0;) {
      int until = std::numeric_limits<int>::max();
      EachSlot(block, block.running, [&](const Slot& slot, sim::LaneMask) {
        until = std::min(until, slot.NextChange(from));
      });
      for (int tick = from; tick < until && block.running != 0; ++tick) {
        const sim::TickResult noticed = block.cars->Advance(block.running);
        EachSlot(block, noticed.eventful(), [&](Slot& slot, sim::LaneMask bit) {
          slot.PassTicksTo(tick + 1);
          for (const RaceEvent& event : slot.race.EndTick(noticed)) slot.events.push_back(event);
          if (slot.race.record().finished) block.running &= static_cast<sim::LaneMask>(~bit);
        });
      }
      EachSlot(block, block.running, [&](Slot& slot, sim::LaneMask bit) {
        if (slot.NextChange(from) != until) return;
        slot.PassTicksTo(until);
        if (until == slot.command.earlier_ticks && !slot.race.record().finished) {
          slot.race.set_inputs(slot.command.inputs);
        } else {
          block.running &= static_cast<sim::LaneMask>(~bit);
        }
      });
      from = until;
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
        if (slot.command.start_offset_m != 0) slot.race.MoveLeft(slot.command.start_offset_m);
        break;
      case CommandKind::kSave:
        Save(slot);
        completion.snapshot = slot.snapshot;
        return completion;
      case CommandKind::kRestore: {
        RaceState state;
        if (std::string error = Parse(slot.command.snapshot, slot.race, slot.vehicle_hash, state);
            !error.empty()) {
          completion.status = CompletionStatus::kRejected;
          completion.error = std::move(error);
          return completion;
        }
        slot.race.set_state(state);
        break;
      }
    }
    slot.race.WriteGameState(slot.state);
    return completion;
  }

  static void Save(Slot& slot) {
    SnapshotHeader header;
    header.track_hash = slot.race.track().hash();
    header.vehicle_hash = slot.vehicle_hash;
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
