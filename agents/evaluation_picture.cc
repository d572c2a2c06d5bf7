#include "agents/evaluation_picture.h"

#include <algorithm>
#include <cmath>

#include "agents/evaluation_text.h"

namespace hotlap::agents {

PicturePanel MakePanel(const std::string& track, std::span<const EvaluationReport> reports,
                       const Centreline& centreline, const Ghost* ghost) {
  PicturePanel panel;
  panel.title = track;
  panel.outline = OutlineOf(centreline);
  int episodes = 0, finished = 0, best_ms = 0;
  for (const EvaluationReport& report : reports) {
    for (const EpisodeReport& episode : report.episodes) {
      if (episode.track != track) continue;
      ++episodes;
      if (episode.finish_time_ms) {
        best_ms =
            finished == 0 ? *episode.finish_time_ms : std::min(best_ms, *episode.finish_time_ms);
        ++finished;
      }
      DrivenLine line;
      line.finished = episode.finished();
      const std::vector<Vec3> places_m = LineOf(episode.run, centreline);
      for (std::size_t i = 0; i < places_m.size(); ++i) {
        line.points.push_back({places_m[i], episode.run.points[i].speed_mps.value_or(0)});
      }
      panel.lines.push_back(std::move(line));
    }
  }
  const float lap_m = centreline.closed() ? centreline.length_m()
                                          : centreline.finish_s_m() - centreline.start_s_m();
  panel.remarks.push_back(std::to_string(std::lround(lap_m)) + " m");
  panel.remarks.push_back(std::to_string(finished) + " of " + std::to_string(episodes) +
                          " finished");
  if (finished > 0) panel.remarks.push_back("best time " + FormatTime(best_ms));
  if (ghost != nullptr) {
    panel.remarks.push_back("dashed: " + ghost->name);
    panel.references = {ghost->LineOver(centreline)};
  }
  return panel;
}

}  // namespace hotlap::agents
