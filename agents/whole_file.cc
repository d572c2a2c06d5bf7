#include "agents/whole_file.h"

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

std::vector<std::uint8_t> ReadWholeFile(const std::filesystem::path& path, std::size_t max_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::vector<std::uint8_t> bytes;
  std::vector<char> part(std::size_t{1} << 16);
  while (file.read(part.data(), static_cast<std::streamsize>(part.size())), file.gcount() > 0) {
    bytes.insert(bytes.end(), part.begin(), part.begin() + file.gcount());
    if (bytes.size() > max_bytes) {
      throw std::runtime_error(path.string() + " is longer than " + std::to_string(max_bytes) +
                               " bytes");
    }
  }
  if (file.bad()) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

}  // namespace hotlap::agents
