// What the episodes of an evaluation draw: docs/evaluation.md is the normative text.
#pragma once

#include <cstdint>
#include <vector>

#include "agents/perturbation.h"
#include "env/spec.h"

namespace hotlap::agents {

// Base seeds of evaluated episodes lie from here on, those that people type and learners draw
// below.
inline constexpr std::uint64_t kFirstEvaluationSeed = std::uint64_t{1} << 63;

struct EpisodeStart {
  int episode = 0;         // its number, from 0
  std::uint64_t seed = 0;  // the base seed of its row
  int idle_steps = 0;      // without input before the policy drives
  friend bool operator==(const EpisodeStart&, const EpisodeStart&) = default;
};

// Of so many episodes of an evaluation with this seed those that are not the same run again, in
// order: without a policy that samples, an environment that draws or observation noise, one for
// each number of idle steps.
std::vector<EpisodeStart> DrawStarts(int episodes, std::uint64_t seed,
                                     const Perturbation& perturbation, const EnvironmentSpec& spec,
                                     bool is_sampled);

}  // namespace hotlap::agents
