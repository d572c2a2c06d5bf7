// Files of one msgpack map each, of a kind and a version: {hotlap: "weights", version: 1, ..}.
// Arrays of numbers are binary values in it, little-endian. What is read may come from anywhere:
// each function throws std::runtime_error that names the field which is missing, of another type or
// out of range.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace hotlap::agents {

static_assert(std::endian::native == std::endian::little);

template <typename T>
nlohmann::json PackArray(std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<std::uint8_t> bytes(values.size_bytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return nlohmann::json::binary(std::move(bytes));
}
template <typename T>
nlohmann::json PackArray(const std::vector<T>& values) {
  return PackArray(std::span<const T>(values));
}

// Adds `hotlap` and `version` and writes the file as WriteWholeFile does.
void WriteRecord(const std::filesystem::path& path, const char* kind, int version,
                 nlohmann::json object);
// Of this kind and version, else throws; likewise where it is no msgpack, nested deeper than 8 or
// longer than 256 MiB. Errors name the file.
nlohmann::json ReadRecord(const std::filesystem::path& path, const char* kind, int version);

// object[key].
const nlohmann::json& Field(const nlohmann::json& object, const char* key);
// The whole number object[key] in [low, high].
std::int64_t UnpackInt(const nlohmann::json& object, const char* key, std::int64_t low,
                       std::int64_t high);
double UnpackNumber(const nlohmann::json& object, const char* key);
std::string UnpackString(const nlohmann::json& object, const char* key);
// 64 bits as 16 hexadecimal digits.
std::string Hex(std::uint64_t value);
std::uint64_t UnpackHex(const nlohmann::json& object, const char* key);

// The array object[key] of exactly so many values.
template <typename T>
std::vector<T> UnpackArray(const nlohmann::json& object, const char* key, std::size_t size) {
  const nlohmann::json& field = Field(object, key);
  if (!field.is_binary()) {
    throw std::runtime_error(std::string("the field '") + key + "' is no array of bytes");
  }
  const auto& bytes = field.get_binary();
  if (bytes.size() != size * sizeof(T)) {
    throw std::runtime_error(std::string("the field '") + key + "' has " +
                             std::to_string(bytes.size()) + " bytes instead of " +
                             std::to_string(size * sizeof(T)));
  }
  std::vector<T> values(size);
  if (size > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace hotlap::agents
