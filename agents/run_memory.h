// Which runs of a track an evaluation keeps in memory: a run has some 50 bytes for each step, and
// an evaluation may have a hundred thousand of them.
#pragma once

#include "agents/evaluation_report.h"

namespace hotlap::agents {

// Of the episodes whose number is below `first_episodes` all, and of the others the best one: the
// fastest, or without a finish the one that came farthest; of equals the first. Does not depend on
// the order in which they end.
class RunMemory {
 public:
  explicit RunMemory(int first_episodes) : first_episodes_(first_episodes) {}

  // The episode, of this track, has ended. It must stay where it is. Empties its run, or that of
  // another one for which there was none better until now.
  void Take(EpisodeReport& episode);

 private:
  int first_episodes_;
  EpisodeReport* best_ = nullptr;  // of the others
};

}  // namespace hotlap::agents
