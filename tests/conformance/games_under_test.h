// Groups of games of either kind on the test tracks, and the verbs to drive them with.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "env/game_group.h"
#include "env/simulated_games.h"
#include "env/tminterface_games.h"
#include "env/track_config.h"
#include "tests/env/sim/road_place.h"
#include "tests/process.h"

namespace hotlap {

inline constexpr std::chrono::seconds kLongEnough{30};  // for anything that must happen

inline std::filesystem::path TrackFile(const std::string& name) {
  return std::filesystem::path(HOTLAP_SOURCE_DIR) / "tests/data/tracks" / (name + ".yaml");
}

inline std::shared_ptr<const sim::Track> LoadTestTrack(const std::string& name) {
  return sim::Track::Build(LoadTrackSpec(TrackFile(name)));
}

// A hotlap-game with a name that nobody else uses, as fast as it goes unless a speed is given.
class RunningGame {
 public:
  explicit RunningGame(const std::string& track, const std::string& speed = "max")
      : name_("hotlap-test-" + std::to_string(getpid()) + "-" + std::to_string(next_number_++)),
        track_(track),
        speed_(speed),
        process_(Start()) {}
  ~RunningGame() {
    process_->Signal(SIGTERM);
    process_->Wait(std::chrono::seconds(2));
    shm_unlink(("/" + name_).c_str());  // what a killed one left behind
  }
  RunningGame(const RunningGame&) = delete;
  RunningGame& operator=(const RunningGame&) = delete;

  const std::string& name() const { return name_; }
  Process& process() { return *process_; }
  // A new process under the same name.
  void StartAgain() { process_ = Start(); }

 private:
  std::unique_ptr<Process> Start() const {
    auto process = std::make_unique<Process>(std::vector<std::string>{
        std::string(HOTLAP_PROGRAM_DIR) + "/hotlap-game", "--name", name_, "--track",
        TrackFile(track_).string(), "--speed", speed_, "--exit-with-parent",
        std::to_string(getpid()), "--log-level", "error"});
    if (process->ReadLine() != "ready " + name_)
      throw std::runtime_error("hotlap-game is not ready");
    return process;
  }

  static inline std::atomic<int> next_number_{0};
  const std::string name_, track_, speed_;
  std::unique_ptr<Process> process_;
};

// A completion with all that it points to.
struct Outcome {
  int slot = 0;
  CompletionStatus status = CompletionStatus::kOk;
  bool finished = false, inputs_missed = false;
  int ticks = 0;
  std::vector<RaceEvent> events;
  std::vector<std::byte> snapshot;
  std::string error;

  explicit Outcome(const Completion& completion)
      : slot(completion.slot),
        status(completion.status),
        finished(completion.finished),
        inputs_missed(completion.inputs_missed),
        ticks(completion.ticks),
        events(completion.events.begin(), completion.events.end()),
        snapshot(completion.snapshot.begin(), completion.snapshot.end()),
        error(completion.error) {}
};

// Every bit of a state, floats as their bits.
inline std::vector<std::uint32_t> BitsOf(const GameState& state) {
  std::vector<std::uint32_t> bits;
  const auto number = [&](auto value) { bits.push_back(static_cast<std::uint32_t>(value)); };
  const auto real = [&](float value) { bits.push_back(std::bit_cast<std::uint32_t>(value)); };
  const auto vector = [&](Vec3 v) { real(v.x), real(v.y), real(v.z); };
  number(state.race_time_ms);
  vector(state.position_m);
  for (const auto& row : state.rotation.m) std::for_each(std::begin(row), std::end(row), real);
  vector(state.velocity_mps);
  vector(state.angular_velocity_radps);
  for (const WheelState& wheel : state.wheels) {
    number(wheel.has_contact), number(wheel.is_sliding), number(wheel.material);
    real(wheel.damper_absorb_m);
  }
  number(state.gear), real(state.rpm), number(state.is_changing_gear), number(state.is_turbo);
  number(state.is_freewheeling), number(state.has_lateral_contact);
  number(state.inputs.steer), number(state.inputs.gas), number(state.inputs.left);
  number(state.inputs.right), number(state.inputs.accelerate), number(state.inputs.brake);
  number(state.checkpoints_passed), number(state.checkpoints_target);
  number(state.checkpoints_per_lap), number(state.num_respawns);
  return bits;
}

// A group of games of one kind, a track's name for each slot. Games behind buffers go as fast as
// they can, or as fast as the settings tell them.
class GamesUnderTest {
 public:
  GamesUnderTest(const std::string& kind, const std::vector<std::string>& tracks,
                 TMInterfaceSettings settings = {}, bool minds_speed = false) {
    if (kind == "simulated") {
      std::vector<SimulatedGame> games;
      games.reserve(tracks.size());
      for (const std::string& track : tracks) games.push_back({LoadTestTrack(track), {}});
      group_ = MakeSimulatedGames(games);
      return;
    }
    std::vector<TMInterfaceGame> games;
    for (const std::string& track : tracks) {
      running_.push_back(std::make_unique<RunningGame>(track, minds_speed ? "1" : "max"));
      games.push_back({running_.back()->name(), "", 0});
    }
    group_ = MakeTMInterfaceGames(std::move(games), std::move(settings));
  }

  GameGroup& group() { return *group_; }
  const GameState& state(int slot = 0) const { return group_->state(slot); }
  RunningGame& running(int slot) { return *running_.at(static_cast<std::size_t>(slot)); }
  // For those who drive it through rows; the games run on as long as this is here.
  std::unique_ptr<GameGroup> TakeGroup() { return std::move(group_); }

  Outcome Do(const Command& command) { return DoAll({&command, 1}).front(); }
  // In the order of the commands.
  std::vector<Outcome> DoAll(std::span<const Command> commands) {
    group_->Start(commands);
    std::vector<Outcome> outcomes;
    const Deadline deadline = DeadlineIn(kLongEnough);
    while (outcomes.size() < commands.size()) {
      if (Clock::now() >= deadline) throw std::runtime_error("commands do not complete");
      for (const Completion& completion : group_->Collect(deadline)) {
        outcomes.emplace_back(completion);
      }
    }
    const auto place = [&](int slot) {
      return std::find_if(commands.begin(), commands.end(),
                          [&](const Command& command) { return command.slot == slot; });
    };
    std::sort(outcomes.begin(), outcomes.end(),
              [&](const Outcome& a, const Outcome& b) { return place(a.slot) < place(b.slot); });
    return outcomes;
  }

  Outcome Advance(int ticks, const Inputs& inputs, int slot = 0) {
    return Do({.slot = slot, .kind = CommandKind::kAdvance, .ticks = ticks, .inputs = inputs});
  }
  Outcome Restart(int slot = 0, float start_offset_m = 0) {
    return Do({.slot = slot,
               .kind = CommandKind::kRestart,
               .inputs = {},
               .start_offset_m = start_offset_m});
  }
  void RestartAll() {
    std::vector<Command> commands;
    commands.reserve(static_cast<std::size_t>(group_->num_slots()));
    for (int slot = 0; slot < group_->num_slots(); ++slot) {
      commands.push_back({.slot = slot, .kind = CommandKind::kRestart, .inputs = {}});
    }
    for (const Outcome& outcome : DoAll(commands)) {
      if (outcome.status != CompletionStatus::kOk) throw std::runtime_error(outcome.error);
    }
  }
  std::vector<std::byte> Save(int slot = 0) {
    return Do({.slot = slot, .kind = CommandKind::kSave, .inputs = {}}).snapshot;
  }
  Outcome Restore(std::span<const std::byte> snapshot, int slot = 0) {
    return Do({.slot = slot, .kind = CommandKind::kRestore, .inputs = {}, .snapshot = snapshot});
  }

 private:
  std::vector<std::unique_ptr<RunningGame>> running_;
  std::unique_ptr<GameGroup> group_;
};

// Seeded numbers for random tests (splitmix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  int Below(int bound) { return static_cast<int>(Next() % static_cast<std::uint64_t>(bound)); }
  bool OneIn(int n) { return Below(n) == 0; }

  Inputs RandomInputs() {
    Inputs inputs;
    inputs.steer = OneIn(2) ? 0 : Below(2 * kMaxAnalog + 1) - kMaxAnalog;
    inputs.gas = OneIn(2) ? 0 : Below(2 * kMaxAnalog + 1) - kMaxAnalog;
    inputs.left = OneIn(4);
    inputs.right = OneIn(4);
    inputs.accelerate = !OneIn(4);
    inputs.brake = OneIn(5);
    return inputs;
  }

 private:
  std::uint64_t state_;
};

inline const Inputs kThrottle{.accelerate = true};

// Steers along the middle of the road at a modest speed: enough to lap the ring.
inline Inputs FollowRoad(const sim::Track& track, const GameState& state) {
  const sim::RoadPlace road = sim::PlaceOn(track, state.position_m, track.Locate(state.position_m));
  const sim::RoadPoint& ahead =
      track.points()[static_cast<std::size_t>(road.index + 4) % track.points().size()];
  const float to_the_left = Dot(state.rotation.Column(2), ahead.left) + 0.1f * road.lateral_m;
  Inputs inputs;
  inputs.steer = std::clamp(static_cast<std::int32_t>(2.0f * kMaxAnalog * to_the_left), -kMaxAnalog,
                            kMaxAnalog);
  inputs.accelerate = Length(state.velocity_mps) < 14.0f;
  return inputs;
}

}  // namespace hotlap
