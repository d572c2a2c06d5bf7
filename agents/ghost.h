// What runs are compared with: another run, or a line through the track.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agents/reference_line.h"
#include "agents/run.h"
#include "env/centreline.h"
#include "env/vec3.h"

namespace hotlap::agents {

struct Ghost {
  std::string name;              // of its file, without the extension
  std::optional<Run> run;        // of its own track; or
  std::vector<Vec3> points_m{};  // of a line that does not say on which track it is

  // Whether it is to be seen on a track of this name.
  bool IsOn(const std::string& track) const { return !run || run->track == track; }
  // Its line over the track: that of the run, or the points themselves.
  std::vector<Vec3> LineOver(const Centreline& centreline) const;
};

// *.csv is a run (run_csv.h), *.npy a line (env/npy.h). Throws std::exception that names the file
// and what is wrong with it.
Ghost ReadGhost(const std::filesystem::path& path);

// Throws std::invalid_argument where the run cannot be on this track: it goes on beyond the finish,
// or has finished somewhere else.
void CheckOnTrack(const std::string& name, const Run& run, const Centreline& centreline);

// The line of a run over its track.
std::vector<Vec3> LineOf(const Run& run, const Centreline& centreline);

}  // namespace hotlap::agents
