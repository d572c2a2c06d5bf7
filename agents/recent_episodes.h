// Episodes that ended lately, enough to say something of the policy as it is: they decide when a
// training moves on to its next stage.
#pragma once

#include <deque>
#include <nlohmann/json_fwd.hpp>

#include "agents/episode_end.h"

namespace hotlap::agents {

class RecentEpisodes {
 public:
  static constexpr int kLeastCapacity = 200;

  // Keeps as many as there are rows, but at least kLeastCapacity.
  explicit RecentEpisodes(int rows);

  // One whose game was lost says nothing, and is passed over.
  void Add(const EpisodeEnd& end);
  void Clear() { ends_.clear(); }

  bool is_full() const { return ends_.size() == capacity_; }
  double finish_rate() const;  // [0, 1]; NaN of none
  double mean_return() const;  // NaN of none

  // For a checkpoint.
  nlohmann::json Save() const;
  // Adds what was saved. Throws std::runtime_error that names the field which does not fit.
  void Load(const nlohmann::json& ends);

 private:
  std::size_t capacity_;
  std::deque<EpisodeEnd> ends_;
};

// The end reason of a record. Throws likewise.
EndReason UnpackEndReason(const nlohmann::json& object);

}  // namespace hotlap::agents
