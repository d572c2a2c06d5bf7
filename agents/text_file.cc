#include "agents/text_file.h"

#include <array>
#include <fstream>
#include <stdexcept>

namespace hotlap::agents {

std::string ReadTextFile(const std::filesystem::path& path, std::size_t max_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw std::invalid_argument(path.string() + ": cannot be read");
  }
  // A pipe or a device has no size to ask for.
  std::string text;
  std::array<char, 65536> piece;
  do {
    file.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > max_bytes) {
      throw std::invalid_argument(path.string() + ": is larger than the " +
                                  std::to_string(max_bytes >> 20) + " MiB that are allowed");
    }
  } while (file);
  return text;
}

}  // namespace hotlap::agents
