#include "env/spec.h"

#include <bit>
#include <set>
#include <stdexcept>
#include <string_view>

#include "env/environment_config.h"
#include "env/fnv1a.h"

namespace hotlap {
namespace {

// 64-bit FNV-1a over fields in a fixed order; equal settings give equal hashes on every machine.
class Hash {
 public:
  void Add(std::uint64_t number) { hash_.Add(number); }
  void Add(int number) { Add(static_cast<std::uint64_t>(static_cast<std::int64_t>(number))); }
  void Add(bool flag) { Add(std::uint64_t{flag}); }
  void Add(float number) {  // + 0: the two zeros are one setting
    Add(std::uint64_t{std::bit_cast<std::uint32_t>(number + 0.0f)});
  }
  void Add(std::string_view text) {
    Add(std::uint64_t{text.size()});
    for (const char c : text) hash_.AddByte(static_cast<std::uint8_t>(c));
  }
  std::uint64_t value() const { return hash_.value(); }

 private:
  Fnv1a hash_;
};

// What a policy depends on.
std::uint64_t PolicyHash(const EnvironmentConfig& config, const EnvironmentSpec& spec) {
  Hash hash;
  hash.Add(config.ticks_per_step);
  for (const ObservationColumn& column : spec.observation) {
    hash.Add(std::string_view(column.name));
    hash.Add(std::string_view(column.unit));
    hash.Add(column.scale);
    hash.Add(column.low);
    hash.Add(column.high);
  }
  // The names of the columns do not tell how far ahead they look.
  for (const ObservationTerm& term : config.observation) {
    for (const float distance : term.distances_m) hash.Add(distance);
  }
  hash.Add(std::string_view(spec.action.name));
  for (const std::string& name : spec.action.names) hash.Add(std::string_view(name));
  for (const float bound : spec.action.low) hash.Add(bound);
  for (const float bound : spec.action.high) hash.Add(bound);
  return hash.value();
}

// What its score depends on beyond that.
std::uint64_t TaskHash(const EnvironmentConfig& config, const EnvironmentSpec& spec) {
  Hash hash;
  for (const RewardTermSpec& term : spec.reward) {
    hash.Add(std::string_view(term.name));
    hash.Add(term.weight);
  }
  for (const EpisodeRuleSpec& rule : spec.rules) {
    hash.Add(std::string_view(rule.name));
    hash.Add(rule.terminates);
  }
  const EpisodeRules& rules = config.rules;
  hash.Add(rules.no_progress_ticks);
  hash.Add(rules.no_progress_gain_m);
  hash.Add(rules.off_road_ticks);
  hash.Add(rules.off_road_margin_m);
  hash.Add(rules.fall_drop_m);
  hash.Add(rules.roof_ticks);
  hash.Add(rules.time_limit_ticks);
  for (const RandomisedParameterSpec& parameter : spec.randomisation) {
    hash.Add(std::string_view(parameter.name));
    hash.Add(parameter.low);
    hash.Add(parameter.high);
  }
  return hash.value();
}

std::vector<InfoColumn> InfoColumns(const std::vector<RewardTermSpec>& reward) {
  std::vector<InfoColumn> columns = {
      {"ticks", InfoType::kInt32, "1", false},
      {"race_time", InfoType::kInt32, "ms", false},
      {"progress", InfoType::kFloat32, "m", false},
      {"checkpoint", InfoType::kInt32, "1", false},
      {"valid", InfoType::kInt32, "1", false},
      {"end_reason", InfoType::kInt32, "1", false},
      {"episode_length", InfoType::kInt32, "1", true},
      {"episode_return", InfoType::kFloat32, "1", true},
      {"finish_time", InfoType::kInt32, "ms", true},
      {"full_lap", InfoType::kInt32, "1", true},
  };
  for (const RewardTermSpec& term : reward) {
    columns.push_back({"episode_reward." + term.name, InfoType::kFloat32, "1", true});
  }
  for (const RewardTermSpec& term : reward) {
    columns.push_back({"reward." + term.name, InfoType::kFloat32, "1", false});
  }
  return columns;
}

}  // namespace

EnvironmentSpec MakeSpec(const EnvironmentConfig& config) {
  EnvironmentSpec spec;
  spec.ticks_per_step = config.ticks_per_step;
  std::set<std::string, std::less<>> names;
  for (const ObservationTerm& term : config.observation) {
    for (ObservationColumn& column : ColumnsOf(term)) {
      if (!names.insert(column.name).second) {
        throw std::invalid_argument("the observation has two columns '" + column.name + "'");
      }
      spec.observation.push_back(std::move(column));
    }
  }
  spec.action = SpecOf(config.actions);
  spec.reward = SpecOf(config.reward);
  spec.info = InfoColumns(spec.reward);
  spec.rules = SpecOf(config.rules);
  spec.randomisation = SpecOf(config.randomisation);
  spec.policy_hash = PolicyHash(config, spec);
  spec.task_hash = TaskHash(config, spec);
  return spec;
}

const char* EndReasonName(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return "none";
    case EndReason::kFinish:
      return "finish";
    case EndReason::kNoProgress:
      return "no_progress";
    case EndReason::kOffRoad:
      return "off_road";
    case EndReason::kFall:
      return "fall";
    case EndReason::kRoof:
      return "roof";
    case EndReason::kTimeLimit:
      return "time_limit";
    case EndReason::kGameLost:
      return "game_lost";
  }
  return "unknown";
}

}  // namespace hotlap
