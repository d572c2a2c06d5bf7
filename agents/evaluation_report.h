// What an evaluation found: episodes, their table and their CSV.
#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "env/spec.h"

namespace hotlap::agents {

struct EpisodeReport {
  int row = 0;
  std::uint64_t seed = 0;
  EndReason end_reason = EndReason::kNone;
  double finish_time_s = 0;  // race time, exact to the hundredth; 0 unless finished
  std::int64_t ticks = 0;
  double progress_m = 0;               // along the reference line since the reset
  int checkpoints = 0;                 // passes, the finish included
  double episode_return = 0;           // undiscounted
  double discounted_return = 0;        // by EvaluationSettings::discount per step
  std::vector<double> reward_by_term;  // in the order of TrackReport::reward_terms

  bool finished() const { return end_reason == EndReason::kFinish; }
  bool lost() const { return end_reason == EndReason::kGameLost; }
  friend bool operator==(const EpisodeReport&, const EpisodeReport&) = default;
};

// Sampled at the reset and after each step.
struct LinePlace {
  float progress_m = 0;  // along the reference line since the reset
  float lateral_m = 0;   // left positive
  float speed_mps = 0;
  friend bool operator==(const LinePlace&, const LinePlace&) = default;
};

struct TrackReport {
  std::string track, kind;
  std::vector<std::string> reward_terms;
  std::vector<EpisodeReport> episodes;
  std::vector<std::vector<LinePlace>> driven;  // of each episode
  double steps_per_s = 0;  // over the wall time of all kinds; differs between runs
};

// One line per track; games that were lost are counted apart, and means leave their episodes out.
void PrintTable(std::ostream& out, std::span<const TrackReport> reports);

// One row per episode. The columns of reward terms are those of all reports, empty where a report
// lacks one.
void WriteCsv(std::ostream& out, std::span<const TrackReport> reports);

// 1:14.10 or 17.23.
std::string FormatTime(double seconds);

}  // namespace hotlap::agents
