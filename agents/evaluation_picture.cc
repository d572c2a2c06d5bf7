#include "agents/evaluation_picture.h"

#include <algorithm>
#include <cmath>

namespace hotlap::agents {

PicturePanel MakePanel(std::span<const TrackReport> reports, const Centreline& centreline) {
  PicturePanel panel;
  panel.outline = OutlineOf(centreline);
  std::size_t episodes = 0, finished = 0;
  double best_s = 0;
  for (const TrackReport& report : reports) {
    panel.title = report.track;
    for (std::size_t e = 0; e < report.episodes.size(); ++e) {
      const EpisodeReport& episode = report.episodes[e];
      ++episodes;
      if (episode.finished()) {
        best_s = finished == 0 ? episode.finish_time_s : std::min(best_s, episode.finish_time_s);
        ++finished;
      }
      DrivenLine line;
      line.finished = episode.finished();
      for (const LinePlace& place : report.driven[e]) {
        const LinePoint at = centreline.At(centreline.start_s_m() + place.progress_m);
        line.points.push_back({at.position_m + at.left * place.lateral_m, place.speed_mps});
      }
      panel.lines.push_back(std::move(line));
    }
  }
  const float lap_m = centreline.closed() ? centreline.length_m()
                                          : centreline.finish_s_m() - centreline.start_s_m();
  panel.remarks.push_back(std::to_string(std::lround(lap_m)) + " m");
  panel.remarks.push_back(std::to_string(finished) + " of " + std::to_string(episodes) +
                          " finished");
  if (finished > 0) panel.remarks.push_back("best time " + FormatTime(best_s));
  return panel;
}

}  // namespace hotlap::agents
