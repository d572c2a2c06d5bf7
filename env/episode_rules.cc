#include "env/episode_rules.h"

#include <algorithm>
#include <string_view>

namespace hotlap {
namespace {

constexpr double kLongestS = 24 * 3600;

RuleFlag ReadFlag(const ConfigMap& rule, RuleFlag fallback) {
  return static_cast<RuleFlag>(
      rule.Choice("flag", {"terminate", "truncate", "off"}, static_cast<std::size_t>(fallback)));
}

bool OffRoad(const EpisodeRules& rules, const RowView& row) {
  const float lateral = row.record.place.lateral_m;
  return lateral > row.here.half_width_left_m + rules.off_road_margin_m ||
         -lateral > row.here.half_width_right_m + rules.off_road_margin_m;
}

bool OnRoof(const RowView& row) {
  return Dot(row.state.rotation.Column(1), row.here.normal) < 0 &&
         std::ranges::none_of(row.state.wheels, &WheelState::has_contact);
}

// Time goes on only as long as the condition holds.
void Count(bool holds, int ticks, std::int32_t& clock) { clock = holds ? clock + ticks : 0; }

}  // namespace

EpisodeRules ReadEpisodeRules(const ConfigMap& config, const EpisodeRules& base) {
  EpisodeRules rules = base;
  const ConfigMap finish = config.Map("finish");
  rules.finish = static_cast<RuleFlag>(
      finish.Choice("flag", {"terminate", "truncate"}, static_cast<std::size_t>(rules.finish)));

  const ConfigMap no_progress = config.Map("no_progress");
  rules.no_progress = ReadFlag(no_progress, rules.no_progress);
  rules.no_progress_ticks = no_progress.Ticks("after_s", 0.01, kLongestS, rules.no_progress_ticks);
  rules.no_progress_gain_m = no_progress.Float("gain_m", 0.01f, 1000, rules.no_progress_gain_m);

  const ConfigMap off_road = config.Map("off_road");
  rules.off_road = ReadFlag(off_road, rules.off_road);
  rules.off_road_ticks = off_road.Ticks("after_s", 0, kLongestS, rules.off_road_ticks);
  rules.off_road_margin_m = off_road.Float("margin_m", -100, 1000, rules.off_road_margin_m);

  const ConfigMap fall = config.Map("fall");
  rules.fall = ReadFlag(fall, rules.fall);
  rules.fall_drop_m = fall.Float("drop_m", 0, 1000, rules.fall_drop_m);

  const ConfigMap roof = config.Map("roof");
  rules.roof = ReadFlag(roof, rules.roof);
  rules.roof_ticks = roof.Ticks("after_s", 0, kLongestS, rules.roof_ticks);

  const ConfigMap time_limit = config.Map("time_limit");
  rules.time_limit = ReadFlag(time_limit, rules.time_limit);
  rules.time_limit_ticks = time_limit.Ticks("after_s", 0.01, kLongestS, rules.time_limit_ticks);
  return rules;
}

std::vector<EpisodeRuleSpec> SpecOf(const EpisodeRules& rules) {
  std::vector<EpisodeRuleSpec> spec;
  const auto add = [&spec](EndReason reason, RuleFlag flag) {
    if (flag != RuleFlag::kOff) {
      spec.push_back({EndReasonName(reason), flag == RuleFlag::kTerminate});
    }
  };
  add(EndReason::kFinish, rules.finish);
  add(EndReason::kFall, rules.fall);
  add(EndReason::kRoof, rules.roof);
  add(EndReason::kOffRoad, rules.off_road);
  add(EndReason::kNoProgress, rules.no_progress);
  add(EndReason::kTimeLimit, rules.time_limit);
  add(EndReason::kGameLost, RuleFlag::kTruncate);
  return spec;
}

Verdict Judge(const EpisodeRules& rules, bool finished, int ticks, const RowView& row,
              RowRecord& record) {
  const bool gained = record.place.s_m >= record.best_m + rules.no_progress_gain_m;
  if (gained) record.best_m = record.place.s_m;
  record.ticks += ticks;
  Count(!gained, ticks, record.ticks_without_progress);
  const bool off_road = OffRoad(rules, row);
  const bool on_roof = OnRoof(row);
  const bool fell = row.here.position_m.y - row.state.position_m.y > rules.fall_drop_m;
  Count(off_road, ticks, record.ticks_off_road);
  Count(on_roof, ticks, record.ticks_on_roof);

  struct Rule {
    EndReason reason;
    RuleFlag flag;
    bool holds;
    bool is_failure;
  };
  const Rule in_order[] = {
      {EndReason::kFinish, rules.finish, finished, false},
      {EndReason::kFall, rules.fall, fell, true},
      {EndReason::kRoof, rules.roof, on_roof && record.ticks_on_roof >= rules.roof_ticks, true},
      {EndReason::kOffRoad, rules.off_road,
       off_road && record.ticks_off_road >= rules.off_road_ticks, true},
      {EndReason::kNoProgress, rules.no_progress,
       record.ticks_without_progress >= rules.no_progress_ticks, true},
      {EndReason::kTimeLimit, rules.time_limit, record.ticks >= rules.time_limit_ticks, false},
  };
  for (const Rule& rule : in_order) {
    if (!rule.holds || rule.flag == RuleFlag::kOff) continue;
    const bool terminates = rule.flag == RuleFlag::kTerminate;
    return {rule.reason, terminates, !terminates, rule.is_failure};
  }
  return {};
}

}  // namespace hotlap
