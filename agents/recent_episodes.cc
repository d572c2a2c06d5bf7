#include "agents/recent_episodes.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "agents/record.h"

namespace hotlap::agents {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

RecentEpisodes::RecentEpisodes(int rows)
    : capacity_(static_cast<std::size_t>(std::max(kLeastCapacity, rows))) {}

void RecentEpisodes::Add(const EpisodeEnd& end) {
  if (end.reason == EndReason::kGameLost) return;
  ends_.push_back(end);
  if (ends_.size() > capacity_) ends_.pop_front();
}

double RecentEpisodes::finish_rate() const {
  if (ends_.empty()) return kUnknown;
  const auto finishes = std::ranges::count(ends_, EndReason::kFinish, &EpisodeEnd::reason);
  return static_cast<double>(finishes) / static_cast<double>(ends_.size());
}

double RecentEpisodes::mean_return() const {
  if (ends_.empty()) return kUnknown;
  double sum = 0;
  for (const EpisodeEnd& end : ends_) sum += end.episode_return;
  return sum / static_cast<double>(ends_.size());
}

nlohmann::json RecentEpisodes::Save() const {
  nlohmann::json ends = nlohmann::json::array();
  for (const EpisodeEnd& end : ends_) {
    ends.push_back({{"end_reason", static_cast<int>(end.reason)}, {"return", end.episode_return}});
  }
  return ends;
}

void RecentEpisodes::Load(const nlohmann::json& ends) {
  if (!ends.is_array()) throw std::runtime_error("the field 'recent' is no list");
  for (const nlohmann::json& saved : ends) {
    EpisodeEnd end;
    end.reason = UnpackEndReason(saved);
    end.episode_return = UnpackNumber(saved, "return");
    Add(end);
  }
}

EndReason UnpackEndReason(const nlohmann::json& object) {
  constexpr auto kLast = static_cast<std::int64_t>(EndReason::kGameLost);
  return static_cast<EndReason>(UnpackInt(object, "end_reason", 0, kLast));
}

}  // namespace hotlap::agents
