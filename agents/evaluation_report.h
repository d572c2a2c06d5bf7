// What an evaluation found: episodes, and their figures by track. docs/evaluation.md is the
// normative text: what each field is, and how each figure is computed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agents/perturbation.h"
#include "agents/run.h"
#include "env/spec.h"

namespace hotlap::agents {

inline constexpr int kReportVersion = 2;

// What kept the harness from bringing an episode to its end.
enum class EpisodeError : std::uint8_t { kNone, kGameLost, kRowRefused, kServerLost };
const char* EpisodeErrorName(EpisodeError error);  // "game_lost", "row_refused", "server_lost"

// One run on one track.
struct EpisodeReport {
  std::string track;
  int episode = 0;         // number, from 0; equal numbers drew the same on every track
  std::uint64_t seed = 0;  // base seed of its row
  int idle_ticks = 0;      // without input at the start
  EndReason end_reason = EndReason::kNone;  // kNone after an error
  EpisodeError error = EpisodeError::kNone;
  std::string message;                   // more about the error
  std::optional<int> finish_time_ms;     // race time, exact to 10 ms
  std::int64_t ticks = 0;                // of the game that it lasted, 10 ms each
  double progress_m = 0;                 // along the reference line
  int checkpoints = 0;                   // taken, the finish included
  std::vector<int> splits_ms;            // race time at each of them, after the step that took it
  int invalid_steps = 0;                 // in which the game missed inputs
  std::optional<double> episode_return;  // undiscounted; none after an error
  std::vector<double> reward;            // the part of each term; empty after an error
  Run run;                               // what was driven; not part of the written report

  bool finished() const { return end_reason == EndReason::kFinish; }
  bool failed() const { return error == EpisodeError::kNone && !finished(); }
  friend bool operator==(const EpisodeReport&, const EpisodeReport&) = default;
};

// A share of some episodes and the ends of its Wilson interval of 95 %.
struct FinishRate {
  double value = 0, low = 0, high = 0;
};
FinishRate FinishRateOf(int finished, int n);  // REQUIRES: n > 0

// The least of some times and their quartiles, which lie between two of them where none is in the
// place.
struct TimeFigures {
  int best = 0;
  double lower_quartile = 0, median = 0, upper_quartile = 0;
};
TimeFigures FiguresOf(std::vector<int> times_ms);  // REQUIRES: one time at least

struct SplitFigures {
  int checkpoint = 0;  // from 1, over all laps
  int passes = 0;
  int best_ms = 0;
  double median_ms = 0;
};

// Over the episodes without an error.
struct EpisodeMeans {
  double progress_m = 0, checkpoints = 0, episode_return = 0;
  std::vector<double> reward;  // by term
};

struct TrackReport {
  std::string track;
  int episodes = 0, finished = 0, failed = 0, errors = 0;  // the first is the sum of the others
  std::map<std::string, int> end_reasons;                  // episodes by name of the reason
  std::optional<FinishRate> finish_rate;                   // none of errors alone
  std::optional<TimeFigures> finish_time_ms;               // none without a finish
  std::optional<std::uint64_t> lower_bound_ms;             // none where it is not this car's
  std::optional<double> best_over_bound, median_over_bound;
  std::vector<SplitFigures> splits;
  std::optional<EpisodeMeans> means;  // none of errors alone
};

// `episodes` are those of this track among others, in the order of their numbers; all have as many
// rewards as there are terms.
TrackReport Summarise(const std::string& track, std::span<const EpisodeReport> episodes,
                      std::size_t num_terms, std::optional<std::uint64_t> lower_bound_ms);

struct EvaluationReport {
  std::string policy;       // what the caller calls it
  std::string environment;  // its name
  std::string kind;         // of all rows' games: "simulated" or "tminterface"
  std::uint64_t policy_hash = 0, task_hash = 0;
  // Of the environment without what the evaluation lays over it; not part of the written report.
  std::uint64_t own_task_hash = 0;
  int ticks_per_step = 0;
  std::optional<int> max_ticks;  // whole steps; none: the environment's own limit
  std::uint64_t seed = 0;
  int episodes_per_track = 0;  // asked for
  Perturbation perturbation;
  std::optional<std::uint64_t> policy_seed;  // none: the policy does not sample
  std::vector<std::string> reward_terms;
  std::vector<TrackReport> tracks;      // in the order asked for
  std::vector<EpisodeReport> episodes;  // by track and number

  int errors() const;
};

}  // namespace hotlap::agents
