// Points from NumPy's .npy files, for recorded lines.
#pragma once

#include <filesystem>
#include <vector>

#include "env/vec3.h"

namespace hotlap {

// An [n, 3] array of little-endian float64 or float32 in C order, of .npy format 1.0 or 2.0, n >=
// 1, every number finite. Throws std::runtime_error naming the file, the field and what is allowed.
std::vector<Vec3> ReadNpyPoints(const std::filesystem::path& path);

}  // namespace hotlap
