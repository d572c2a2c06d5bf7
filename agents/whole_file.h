// Files that are read and written as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace hotlap::agents {

// Written beside and renamed: under that name there is the old file or the new one, whole, also
// after a crash of the program. Throws std::runtime_error naming the file.
void WriteWholeFile(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
void WriteWholeFile(const std::filesystem::path& path, std::string_view text);

// Its bytes. Throws std::runtime_error naming the file, also when it is longer than max_bytes or a
// folder. Reads pipes and devices too.
std::string ReadWholeFile(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace hotlap::agents
