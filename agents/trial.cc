#include "agents/trial.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "agents/episode_end.h"
#include "agents/info_reader.h"
#include "agents/mlp_policy.h"

namespace hotlap::agents {

tl::expected<std::vector<TrialLap>, transport::Refusal> DriveTrial(
    transport::LearnerEnvironment& environment, const ActorCritic& network, const Weights& weights,
    std::chrono::milliseconds timeout, const std::function<bool()>& gives_up) {
  const InfoReader end_reason(environment, "end_reason"), finish_time(environment, "finish_time"),
      progress(environment, "progress");
  const int rows = environment.num_rows();
  std::vector<TrialLap> laps(static_cast<std::size_t>(rows));
  std::vector<float> observations;
  ActionBuffer actions(environment.spec().action, rows);
  MlpPolicy policy(network, weights);
  std::vector<std::uint64_t> seeds(laps.size());
  std::iota(seeds.begin(), seeds.end(), std::uint64_t{0});
  auto batch =
      environment.Reset({.mask = {}, .seeds = seeds, .snapshots = {}}, DeadlineIn(timeout));
  std::size_t num_left = laps.size();
  while (true) {
    if (!batch) return tl::unexpected(batch.error());
    // What an ended row shows is nothing: zeros do as well.
    observations.assign(batch->observations.begin(), batch->observations.end());
    for (std::size_t row = 0; row < laps.size(); ++row) {
      TrialLap& lap = laps[row];
      if (lap.reason != EndReason::kNone) continue;
      if (auto fine = CheckRow(*batch, row, static_cast<int>(row)); !fine) {
        return tl::unexpected(fine.error());
      }
      lap.progress_m = progress(*batch, row);
      if (batch->terminated[row] == 0 && batch->truncated[row] == 0) continue;
      lap.reason = static_cast<EndReason>(std::lround(end_reason(*batch, row)));
      lap.finish_time_ms = static_cast<int>(finish_time(*batch, row));
      --num_left;
    }
    if (num_left == 0) return laps;
    if (gives_up()) return std::vector<TrialLap>();
    policy.Act(observations, actions);
    batch = environment.Step(actions.view(), DeadlineIn(timeout));
  }
}

bool IsBetter(const std::vector<TrialLap>& trial, const std::vector<TrialLap>& other) {
  std::int64_t more_finishes = 0, less_time_ms = 0;
  double further_m = 0;
  for (std::size_t track = 0; track < trial.size(); ++track) {
    const bool finished = trial[track].reason == EndReason::kFinish;
    const bool other_finished = other[track].reason == EndReason::kFinish;
    more_finishes += (finished ? 1 : 0) - (other_finished ? 1 : 0);
    if (finished && other_finished) {
      less_time_ms += other[track].finish_time_ms - trial[track].finish_time_ms;
    }
    further_m += trial[track].progress_m - other[track].progress_m;
  }
  return std::tuple(more_finishes, less_time_ms, further_m) > std::tuple(0, 0, 0.0);
}

}  // namespace hotlap::agents
