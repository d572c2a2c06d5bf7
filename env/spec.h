// What an environment offers, as data: it sizes the buffers, names the columns, answers a client's
// `spec` request and writes the documentation table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hotlap {

// One observation column. The value is clip(physical * scale, low, high), always finite.
struct ObservationColumn {
  std::string name;  // "velocity.z", "wheel0.contact", "ahead3.x"
  std::string unit;  // of the physical value: "m/s", "rad/s", "m", "1"
  float scale = 1;
  float low = -1;
  float high = 1;
  // Observation noise is added to it, where that is randomised. Flags, counts and past actions are
  // exact.
  bool is_measured = false;
};

enum class ActionKind : std::uint8_t { kDiscrete, kContinuous };
struct ActionSpec {
  ActionKind kind = ActionKind::kDiscrete;
  std::string name;  // "keys" or "continuous"
  std::vector<std::string>
      names;  // discrete: one per action ("accelerate+left"); continuous: one per component
  std::vector<float> low, high;  // continuous: per component
  int size() const { return static_cast<int>(names.size()); }
};

enum class InfoType : std::uint8_t { kInt32, kFloat32 };  // 4 bytes each
struct InfoColumn {
  std::string name;
  InfoType type = InfoType::kInt32;
  std::string unit;
  bool only_at_end = false;  // 0 while the episode runs
};

struct RewardTermSpec {
  std::string name;
  float weight = 0;
  std::string unit;  // of what the weight multiplies: "m", "s", "1"
};
struct EpisodeRuleSpec {
  std::string name;        // "no_progress"
  bool terminates = true;  // else truncates
};

// Drawn anew for each episode, evenly from low to high.
struct RandomisedParameterSpec {
  std::string name;  // "mass"
  float low = 0, high = 0;
  std::string unit;  // "1", "10 ms"
};

struct EnvironmentSpec {
  int ticks_per_step = 5;
  std::vector<ObservationColumn> observation;
  ActionSpec action;
  std::vector<InfoColumn> info;  // every column that can be chosen
  std::vector<RewardTermSpec> reward;
  std::vector<EpisodeRuleSpec> rules;
  std::vector<RandomisedParameterSpec> randomisation;  // empty: nothing is drawn
  std::uint64_t policy_hash = 0;                       // observation, action, ticks per step
  std::uint64_t task_hash = 0;                         // reward, rules, randomisation
  int observation_size() const { return static_cast<int>(observation.size()); }
};

// Why an episode ended; a value of the info column `end_reason`. Wire values: add at the end.
enum class EndReason : std::int32_t {
  kNone = 0,
  kFinish = 1,
  kNoProgress = 2,
  kOffRoad = 3,
  kFall = 4,
  kRoof = 5,
  kTimeLimit = 6,
  kGameLost = 7,
};
const char* EndReasonName(EndReason reason);  // "finish", "no_progress", ...

}  // namespace hotlap
