// Episodes made by hand: the same as those of tests/python/test_evaluation_report.py.
#pragma once

#include <string>
#include <vector>

#include "agents/evaluation_report.h"

namespace hotlap::agents {

inline EpisodeReport NumberedEpisode(int number, std::vector<int> splits_ms,
                                     const std::string& track) {
  EpisodeReport e;
  e.track = track;
  e.episode = number;
  e.seed = (std::uint64_t{1} << 63) + static_cast<std::uint64_t>(number);
  e.checkpoints = static_cast<int>(splits_ms.size());
  e.splits_ms = std::move(splits_ms);
  return e;
}

inline EpisodeReport FinishedEpisode(int number, int time_ms, std::vector<int> splits_ms,
                                     std::vector<double> reward = {20, -1},
                                     const std::string& track = "oval") {
  EpisodeReport e = NumberedEpisode(number, std::move(splits_ms), track);
  e.idle_ticks = 5 * number;
  e.end_reason = EndReason::kFinish;
  e.finish_time_ms = time_ms;
  e.ticks = time_ms / 10;
  e.progress_m = 1000.5;
  e.episode_return = reward[0] + reward[1];
  e.reward = std::move(reward);
  return e;
}

inline EpisodeReport FailedEpisode(int number, EndReason reason, std::vector<int> splits_ms = {}) {
  EpisodeReport e = NumberedEpisode(number, std::move(splits_ms), "oval");
  e.end_reason = reason;
  e.ticks = 700;
  e.progress_m = 250.5;
  e.invalid_steps = 1;
  e.reward = {5, -2};
  e.episode_return = 3;
  return e;
}

inline EpisodeReport BrokenEpisode(int number, EpisodeError error, const std::string& message = "",
                                   const std::string& track = "oval") {
  EpisodeReport e = NumberedEpisode(number, {}, track);
  e.error = error;
  e.message = message;
  e.ticks = 35;
  e.progress_m = 1.25;
  return e;
}

inline std::vector<EpisodeReport> SomeEpisodes() {
  return {FinishedEpisode(0, 17'230, {8'000, 17'230}),
          FinishedEpisode(1, 75'500, {40'000, 75'500}, {20, -4}),
          FailedEpisode(2, EndReason::kOffRoad, {9'000}),
          FailedEpisode(3, EndReason::kTimeLimit),
          BrokenEpisode(4, EpisodeError::kGameLost),
          BrokenEpisode(5, EpisodeError::kServerLost, "it said \"no\", twice")};
}

}  // namespace hotlap::agents
