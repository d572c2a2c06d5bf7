// Episode rules: what ends an episode, and whether that terminates or truncates it.
#pragma once

#include <cstdint>
#include <vector>

#include "env/config.h"
#include "env/row_record.h"
#include "env/spec.h"

namespace hotlap {

enum class RuleFlag : std::uint8_t { kTerminate, kTruncate, kOff };

// Settings. Durations are in ticks of 10 ms and hold without interruption; 0 ends at once.
struct EpisodeRules {
  RuleFlag finish = RuleFlag::kTerminate;  // never off: the race is over

  RuleFlag no_progress = RuleFlag::kTerminate;
  int no_progress_ticks = 500;
  float no_progress_gain_m = 1;  // beyond the farthest place so far; what counts as progress

  RuleFlag off_road = RuleFlag::kTerminate;
  int off_road_ticks = 100;
  float off_road_margin_m = 2;  // beyond the road's edge

  RuleFlag fall = RuleFlag::kTerminate;
  float fall_drop_m = 6;  // below the line

  RuleFlag roof = RuleFlag::kTerminate;  // upside down to the road, no wheel touching anything
  int roof_ticks = 100;

  RuleFlag time_limit = RuleFlag::kTruncate;
  int time_limit_ticks = 30000;  // since the reset
};

struct Verdict {
  EndReason reason = EndReason::kNone;
  bool terminated = false;
  bool truncated = false;
  bool failed = false;  // no_progress, off_road, fall or roof, whatever its flag
};

// What is left out is that of `base`.
EpisodeRules ReadEpisodeRules(const ConfigMap& config, const EpisodeRules& base = {});
std::vector<EpisodeRuleSpec> SpecOf(const EpisodeRules& rules);

// Moves the clocks of the record (row.record) on by a step of `ticks` and judges the state after
// it: finish, then failure, then time limit.
Verdict Judge(const EpisodeRules& rules, bool finished, int ticks, const RowView& row,
              RowRecord& record);

}  // namespace hotlap
