#include "agents/whole_file.h"

#include <array>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace hotlap::agents {

void WriteWholeFile(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::filesystem::path beside = path;
  beside += ".new";
  {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) throw std::runtime_error("cannot write " + beside.string());
  }
  std::error_code error;
  std::filesystem::rename(beside, path, error);
  if (error) throw std::runtime_error("cannot write " + path.string() + ": " + error.message());
}

void WriteWholeFile(const std::filesystem::path& path, std::string_view text) {
  WriteWholeFile(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string ReadWholeFile(const std::filesystem::path& path, std::size_t max_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw std::runtime_error(path.string() + ": cannot be read");
  }
  // A pipe or a device has no size to ask for.
  std::string bytes;
  std::array<char, 65536> piece;
  do {
    file.read(piece.data(), piece.size());
    bytes.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    if (bytes.size() > max_bytes) {
      throw std::runtime_error(path.string() + ": has more than the " +
                               std::to_string(max_bytes >> 20) + " MiB that are allowed");
    }
  } while (file);
  if (file.bad()) throw std::runtime_error(path.string() + ": cannot be read");
  return bytes;
}

}  // namespace hotlap::agents
