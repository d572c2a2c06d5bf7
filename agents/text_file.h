// A whole text file of a user's, of bounded size.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace hotlap::agents {

// Throws std::invalid_argument that names the file when it cannot be read or has more bytes.
std::string ReadTextFile(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace hotlap::agents
