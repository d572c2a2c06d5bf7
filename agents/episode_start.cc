#include "agents/episode_start.h"

#include <algorithm>

#include "env/random.h"

namespace hotlap::agents {

std::vector<EpisodeStart> DrawStarts(int episodes, std::uint64_t seed,
                                     const Perturbation& perturbation, const EnvironmentSpec& spec,
                                     bool is_sampled) {
  constexpr std::uint64_t kSeedDraw = 0, kIdleDraw = 1;
  const bool all_differ = is_sampled || !spec.randomisation.empty() ||
                          perturbation.kind == PerturbationKind::kObservationNoise;
  const auto most_steps = static_cast<std::uint64_t>(perturbation.most_ticks / spec.ticks_per_step);
  std::vector<EpisodeStart> starts;
  for (int episode = 0; episode < episodes; ++episode) {
    const RandomStream stream(seed, static_cast<std::uint64_t>(episode),
                              RandomPurpose::kEvaluation);
    const EpisodeStart start = {episode, stream.Bits(kSeedDraw) | kFirstEvaluationSeed,
                                static_cast<int>(stream.Bits(kIdleDraw) % (most_steps + 1))};
    const auto same = std::ranges::find(starts, start.idle_steps, &EpisodeStart::idle_steps);
    if (all_differ || same == starts.end()) starts.push_back(start);
  }
  return starts;
}

}  // namespace hotlap::agents
