// Runs as files: a head of lines "# name: value", then a table with a line per point.
#pragma once

#include <filesystem>
#include <ostream>
#include <string_view>

#include "agents/run.h"

namespace hotlap::agents {

// docs/evaluation.md has the form. Numbers are as short as they stay exact: what is read again is
// equal. REQUIRES: a track and a kind without control characters.
void WriteRun(std::ostream& out, const Run& run);

// Takes nothing but what WriteRun writes, and only runs that can be: finite numbers, inputs within
// their channels, race times that go up by a step. Throws std::invalid_argument that names `name`,
// the line, the column, what is there and what is allowed. At most 16 MiB.
Run ParseRun(std::string_view text, std::string_view name);
// Likewise of a file; std::runtime_error where it cannot be read.
Run ReadRun(const std::filesystem::path& path);

}  // namespace hotlap::agents
