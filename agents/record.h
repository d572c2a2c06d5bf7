// Files of one msgpack map each, of a kind and a version: {hotlap: "weights", version: 1, ..}.
// Arrays of numbers are binary values in it, little-endian. What is read may come from anywhere:
// each function throws std::runtime_error that names the field which is missing, of another type or
// out of range.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
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
// longer than 256 MiB or of more than two million values. Errors name the file.
nlohmann::json ReadRecord(const std::filesystem::path& path, const char* kind, int version);

// object[key].
const nlohmann::json& Field(const nlohmann::json& object, const char* key);
// The whole number object[key] in [low, high].
std::int64_t UnpackInt(const nlohmann::json& object, const char* key, std::int64_t low,
                       std::int64_t high);
// Finite.
double UnpackNumber(const nlohmann::json& object, const char* key);
// In [low, high].
double UnpackNumber(const nlohmann::json& object, const char* key, double low, double high);
std::string UnpackString(const nlohmann::json& object, const char* key);
// 64 bits as 16 hexadecimal digits.
std::string Hex(std::uint64_t value);
std::uint64_t UnpackHex(const nlohmann::json& object, const char* key);

// Throws where the value of the field is not in [low, high].
void CheckWithin(const char* key, double value, double low, double high);
// Whether object[key] is an array of exactly so many bytes.
void CheckArray(const nlohmann::json& object, const char* key, std::size_t size);
// The array object[key] of exactly so many values.
template <typename T>
std::vector<T> UnpackArray(const nlohmann::json& object, const char* key, std::size_t size) {
  CheckArray(object, key, size * sizeof(T));
  const auto& bytes = object[key].get_binary();
  std::vector<T> values(size);
  if (size > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}
// Likewise; none may be infinite or no number.
template <typename T>
std::vector<T> UnpackFinite(const nlohmann::json& object, const char* key, std::size_t size) {
  std::vector<T> values = UnpackArray<T>(object, key, size);
  if (!std::ranges::all_of(values, [](T value) { return std::isfinite(value); })) {
    throw std::runtime_error(std::string("the field '") + key + "' has values that are not finite");
  }
  return values;
}

// Likewise; all are in [low, high].
template <typename T>
std::vector<T> UnpackWithin(const nlohmann::json& object, const char* key, std::size_t size,
                            double low, double high) {
  std::vector<T> values = UnpackFinite<T>(object, key, size);
  for (const T value : values) CheckWithin(key, static_cast<double>(value), low, high);
  return values;
}

}  // namespace hotlap::agents
