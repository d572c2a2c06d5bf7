// Reads settings from YAML, strictly: whatever is not asked for, of the wrong type or out of range
// is an error that names file, line, key path and what is allowed. Hostile text is refused early:
// files are at most kMaxConfigBytes, nested at most kMaxConfigDepth deep, and have no aliases.
//
//   const ConfigMap config = ConfigMap::Load("configs/servers/local.yaml");
//   settings.rows = config.Int("rows", 1, 4096, settings.rows);  // else the struct's default
//   settings.lease = config.Milliseconds("lease_s", 1, 3600, settings.lease);
//   config.Finish();  // refuses what nobody read, in nested maps too
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "env/vec3.h"

namespace hotlap {

inline constexpr std::size_t kMaxConfigBytes = 4 << 20;
inline constexpr int kMaxConfigDepth = 16;
inline constexpr std::size_t kMaxConfigValues = 400'000;

// what(): `configs/tracks/oval.yaml:12: reward.progress: 'fast' is no number; allowed: a number in
// [-1000, 1000]`.
class ConfigError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One mapping of a file, by value (it shares the text behind it). A getter without a fallback wants
// the key to be there; every getter throws ConfigError. Ranges include both ends. Not thread-safe.
class ConfigMap {
 public:
  static ConfigMap Load(const std::filesystem::path& file);
  // `name` stands for the file in errors.
  static ConfigMap Parse(std::string_view text, std::string_view name);

  bool Has(std::string_view key) const;
  float Float(std::string_view key, float low, float high,
              std::optional<float> fallback = {}) const;
  int Int(std::string_view key, int low, int high, std::optional<int> fallback = {}) const;
  bool Bool(std::string_view key, std::optional<bool> fallback = {}) const;
  std::string String(std::string_view key, std::optional<std::string> fallback = {}) const;
  // The index of the value among `allowed`.
  std::size_t Choice(std::string_view key, std::span<const std::string_view> allowed,
                     std::optional<std::size_t> fallback = {}) const;
  std::size_t Choice(std::string_view key, std::initializer_list<std::string_view> allowed,
                     std::optional<std::size_t> fallback = {}) const {
    return Choice(key, std::span(allowed.begin(), allowed.size()), fallback);
  }
  // A duration in seconds as whole ticks of 10 ms; what is no multiple of 10 ms is an error. Range
  // in seconds, fallback in ticks.
  int Ticks(std::string_view key, double low_s, double high_s,
            std::optional<int> fallback = {}) const;
  // A duration in seconds as whole milliseconds, for waits on the wall clock.
  std::chrono::milliseconds Milliseconds(
      std::string_view key, double low_s, double high_s,
      std::optional<std::chrono::milliseconds> fallback = {}) const;
  // A path; relative ones start at the folder of this file.
  std::filesystem::path Path(std::string_view key) const;

  // Lists, of at least min_count and at most max_count elements.
  std::vector<float> Floats(std::string_view key, std::size_t min_count, std::size_t max_count,
                            float low, float high) const;
  std::vector<std::string> Strings(std::string_view key, std::size_t min_count,
                                   std::size_t max_count) const;
  // [[x, y, z], ...], each within +-limit.
  std::vector<Vec3> Points(std::string_view key, std::size_t min_count, std::size_t max_count,
                           float limit) const;
  std::vector<ConfigMap> Maps(std::string_view key, std::size_t min_count,
                              std::size_t max_count) const;

  // A nested map; empty when the key is missing or has no value, so that its defaults hold.
  ConfigMap Map(std::string_view key) const;

  // Throws on the first key, here or deeper, that nobody asked for. Call it once, on the outermost
  // map, when all is read.
  void Finish() const;

  // Refuses the value of `key` (or this map, when there is none) for a reason of the caller's.
  [[noreturn]] void Fail(std::string_view key, const std::string& message) const;

 private:
  struct Entry;
  struct Document;
  class Builder;
  ConfigMap(std::shared_ptr<Document> document, Entry* entry);

  static ConfigMap ParseText(std::string_view text, const std::filesystem::path& file);
  Entry* Find(std::string_view key) const;
  Entry& Required(std::string_view key) const;
  // The value, or null when there is none and the caller has a fallback.
  Entry* Value(std::string_view key, bool has_fallback) const;
  Entry& List(std::string_view key, std::size_t min_count, std::size_t max_count) const;
  [[noreturn]] void FailAt(const Entry& entry, const std::string& message) const;

  std::shared_ptr<Document> document_;
  Entry* entry_;  // in document_
};

}  // namespace hotlap
