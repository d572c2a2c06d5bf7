// The curves of a training over its steps, as an SVG: return, finish rate, times.
#pragma once

#include <filesystem>

#include "agents/training_log.h"

namespace hotlap::agents {

// Throws std::runtime_error naming the file.
void WriteTrainingPicture(const std::filesystem::path& path, const TrainingLog& log);

}  // namespace hotlap::agents
