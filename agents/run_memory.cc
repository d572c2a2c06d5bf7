#include "agents/run_memory.h"

#include <climits>
#include <tuple>
#include <utility>

namespace hotlap::agents {
namespace {

// The least is the best.
auto Rank(const EpisodeReport& episode) {
  return std::tuple(episode.finish_time_ms.value_or(INT_MAX), -episode.progress_m, episode.episode);
}

}  // namespace

void RunMemory::Take(EpisodeReport& episode) {
  if (episode.episode < first_episodes_) return;
  EpisodeReport* worse = &episode;
  if (best_ == nullptr || Rank(episode) < Rank(*best_)) worse = std::exchange(best_, &episode);
  if (worse != nullptr) worse->run = {};
}

}  // namespace hotlap::agents
