#include "env/config.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <utility>

#include "env/sim/floating_point_guard.h"

namespace hotlap {
namespace {

enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "no value";
    case Kind::kScalar:
      return "a single value";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "";
}

// The shortest text that reads back as the number.
template <class T>
std::string Text(T value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, result.ptr};
}

template <class T>
std::string Range(T low, T high) {
  return "[" + Text(low) + ", " + Text(high) + "]";
}

// What an error may repeat of a value: one short line.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string result = "'";
  for (const char c : text.substr(0, kLongest)) result += c < ' ' ? '?' : c;
  return result + (text.size() > kLongest ? "...'" : "'");
}

std::string Joined(std::span<const std::string_view> words) {
  std::string result;
  for (const std::string_view word : words) {
    result += (result.empty() ? "" : ", ") + std::string(word);
  }
  return result;
}

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
  const sim::FloatingPointGuard guard;
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

}  // namespace

struct ConfigMap::Entry {
  const Entry* parent = nullptr;
  std::size_t place = 0;  // among the children of a list
  std::string key;        // in a map
  Kind kind = Kind::kNull;
  int line = 0;        // from 1
  bool plain = false;  // a scalar without quotes
  std::string scalar;
  std::vector<std::string> keys;  // of a map, beside its children
  std::vector<std::unique_ptr<Entry>> children;
  std::vector<std::string> asked;  // keys that somebody knows

  // "reward.progress", "observation[3].scale"; made when an error needs it.
  std::string Path() const {
    if (parent == nullptr) return "";
    const std::string before = parent->Path();
    if (parent->kind == Kind::kList) return before + "[" + std::to_string(place) + "]";
    return before + (before.empty() ? "" : ".") + key;
  }
};

struct ConfigMap::Document {
  std::filesystem::path file;
  Entry root;
  std::vector<std::unique_ptr<Entry>> absent;  // stand for maps that are not there
};

// Builds the tree from the parser's events, so that nothing is stored beyond the limits.
class ConfigMap::Builder : public YAML::EventHandler {
 public:
  explicit Builder(Document& document) : document_(document) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Add(mark, Kind::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "aliases (*name) are not allowed; write the value out");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    Fail(mark, "anchors (&name) are not allowed; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    if (tag != "?" && tag != "!" && !tag.empty()) Fail(mark, "tags (!type) are not allowed");
    if (!open_.empty() && open_.back()->kind == Kind::kMap && !key_) {
      if (std::ranges::find(open_.back()->keys, value) != open_.back()->keys.end()) {
        Fail(mark, "the key " + Quoted(value) + " is given twice");
      }
      if (open_.back()->keys.size() >= kMaxKeys) {
        Fail(mark, "more than " + std::to_string(kMaxKeys) + " keys in one map");
      }
      key_ = value;
      key_line_ = mark.line + 1;
      return;
    }
    Entry& entry = Add(mark, Kind::kScalar);
    entry.plain = tag != "!";
    entry.scalar = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  [[noreturn]] void Fail(const YAML::Mark& mark, const std::string& message) const {
    throw ConfigError(document_.file.string() + ":" + std::to_string(mark.line + 1) + ": " +
                      message);
  }

  void Open(const YAML::Mark& mark, Kind kind) {
    if (open_.size() >= static_cast<std::size_t>(kMaxConfigDepth)) {
      Fail(mark, "nested deeper than " + std::to_string(kMaxConfigDepth) + " levels");
    }
    open_.push_back(&Add(mark, kind));
  }

  Entry& Add(const YAML::Mark& mark, Kind kind) {
    if (++count_ > kMaxConfigValues) {
      Fail(mark, "more than " + std::to_string(kMaxConfigValues) + " values");
    }
    Entry* entry = &document_.root;
    int line = mark.line + 1;
    if (!open_.empty()) {
      Entry& parent = *open_.back();
      auto child = std::make_unique<Entry>();
      entry = child.get();
      entry->parent = &parent;
      entry->place = parent.children.size();
      if (parent.kind == Kind::kMap) {
        if (!key_) Fail(mark, "a key must be a single value");
        entry->key = *std::exchange(key_, std::nullopt);
        parent.keys.push_back(entry->key);
        line = key_line_;
      }
      parent.children.push_back(std::move(child));
    }
    entry->kind = kind;
    entry->line = line;
    return *entry;
  }

  static constexpr std::size_t kMaxKeys = 1000;  // found by looking through them
  Document& document_;
  std::vector<Entry*> open_;
  std::optional<std::string> key_;
  int key_line_ = 0;
  std::size_t count_ = 0;
};

ConfigMap::ConfigMap(std::shared_ptr<Document> document, Entry* entry)
    : document_(std::move(document)), entry_(entry) {}

ConfigMap ConfigMap::Load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    throw ConfigError(file.string() + ": cannot be read; give the path of a YAML file");
  }
  std::string text(kMaxConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return ParseText(text, file);
}

ConfigMap ConfigMap::Parse(std::string_view text, std::string_view name) {
  return ParseText(text, std::filesystem::path(name));
}

ConfigMap ConfigMap::ParseText(std::string_view text, const std::filesystem::path& file) {
  if (text.size() > kMaxConfigBytes) {
    throw ConfigError(file.string() + ": larger than " + std::to_string(kMaxConfigBytes) +
                      " bytes");
  }
  auto document = std::make_shared<Document>();
  document->file = file;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    Builder builder(*document);
    parser.HandleNextDocument(builder);
    if (parser) throw ConfigError(file.string() + ": more than one document");
  } catch (const YAML::Exception& e) {
    throw ConfigError(file.string() + ":" + std::to_string(e.mark.line + 1) + ": " + e.msg);
  }
  Entry* const root = &document->root;
  if (root->kind == Kind::kNull) root->kind = Kind::kMap;
  ConfigMap map(std::move(document), root);
  if (root->kind != Kind::kMap) map.FailAt(*root, "must be a map of keys and values");
  return map;
}

ConfigMap::Entry* ConfigMap::Find(std::string_view key) const {
  if (std::ranges::find(entry_->asked, key) == entry_->asked.end()) entry_->asked.emplace_back(key);
  const auto found = std::ranges::find(entry_->keys, key);
  if (found == entry_->keys.end()) return nullptr;
  return entry_->children[static_cast<std::size_t>(found - entry_->keys.begin())].get();
}

ConfigMap::Entry& ConfigMap::Required(std::string_view key) const {
  Entry* const entry = Find(key);
  if (entry == nullptr) FailAt(*entry_, "the key '" + std::string(key) + "' is missing");
  if (entry->kind == Kind::kNull) FailAt(*entry, "has no value");
  return *entry;
}

ConfigMap::Entry* ConfigMap::Value(std::string_view key, bool has_fallback) const {
  return has_fallback && Find(key) == nullptr ? nullptr : &Required(key);
}

ConfigMap::Entry& ConfigMap::List(std::string_view key, std::size_t min_count,
                                  std::size_t max_count) const {
  Entry& entry = Required(key);
  const std::size_t count = entry.children.size();
  if (entry.kind != Kind::kList || count < min_count || count > max_count) {
    FailAt(entry, (entry.kind == Kind::kList ? "has " + std::to_string(count) + " elements"
                                             : std::string("is ") + KindName(entry.kind)) +
                      "; allowed: a list of " + std::to_string(min_count) + " to " +
                      std::to_string(max_count) + " elements");
  }
  return entry;
}

void ConfigMap::FailAt(const Entry& entry, const std::string& message) const {
  std::string text = document_->file.string();
  if (entry.line > 0) text += ":" + std::to_string(entry.line);
  text += ": ";
  const std::string path = entry.Path();
  if (!path.empty()) text += path + ": ";
  throw ConfigError(text + message);
}

void ConfigMap::Fail(std::string_view key, const std::string& message) const {
  const Entry* const entry = Find(key);
  FailAt(entry != nullptr ? *entry : *entry_, message);
}

bool ConfigMap::Has(std::string_view key) const { return Find(key) != nullptr; }

namespace {

// Empty when the text is no such number in the range; then `allowed` says what would be.
template <class T>
std::optional<T> NumberIn(std::string_view text, bool plain, T low, T high) {
  const std::optional<T> value = plain ? ParseNumber<T>(text) : std::nullopt;
  return value && *value >= low && *value <= high ? value : std::nullopt;
}

template <class T>
std::string AllowedNumber(T low, T high) {
  return std::string("; allowed: ") + (std::is_integral_v<T> ? "an integer" : "a number") + " in " +
         Range(low, high);
}

}  // namespace

float ConfigMap::Float(std::string_view key, float low, float high,
                       std::optional<float> fallback) const {
  const Entry* const entry = Value(key, fallback.has_value());
  if (entry == nullptr) return *fallback;
  const auto value = NumberIn(entry->scalar, entry->plain, low, high);
  if (!value) FailAt(*entry, Quoted(entry->scalar) + AllowedNumber(low, high));
  return *value;
}

int ConfigMap::Int(std::string_view key, int low, int high, std::optional<int> fallback) const {
  const Entry* const entry = Value(key, fallback.has_value());
  if (entry == nullptr) return *fallback;
  const auto value = NumberIn(entry->scalar, entry->plain, low, high);
  if (!value) FailAt(*entry, Quoted(entry->scalar) + AllowedNumber(low, high));
  return *value;
}

bool ConfigMap::Bool(std::string_view key, std::optional<bool> fallback) const {
  const Entry* const entry = Value(key, fallback.has_value());
  if (entry == nullptr) return *fallback;
  const bool is_true = entry->plain && entry->scalar == "true";
  if (!is_true && !(entry->plain && entry->scalar == "false")) {
    FailAt(*entry, Quoted(entry->scalar) + "; allowed: true, false");
  }
  return is_true;
}

std::string ConfigMap::String(std::string_view key, std::optional<std::string> fallback) const {
  const Entry* const entry = Value(key, fallback.has_value());
  if (entry == nullptr) return *fallback;
  if (entry->kind != Kind::kScalar) {
    FailAt(*entry, std::string("is ") + KindName(entry->kind) + "; allowed: a text");
  }
  return entry->scalar;
}

std::size_t ConfigMap::Choice(std::string_view key, std::span<const std::string_view> allowed,
                              std::optional<std::size_t> fallback) const {
  const Entry* const entry = Value(key, fallback.has_value());
  if (entry == nullptr) return *fallback;
  const auto found = std::ranges::find(allowed, entry->scalar);
  if (entry->kind != Kind::kScalar || found == allowed.end()) {
    FailAt(*entry, Quoted(entry->scalar) + "; allowed: " + Joined(allowed));
  }
  return static_cast<std::size_t>(found - allowed.begin());
}

int ConfigMap::Ticks(std::string_view key, double low_s, double high_s,
                     std::optional<int> fallback) const {
  const Entry* const entry = Value(key, fallback.has_value());
  if (entry == nullptr) return *fallback;
  const std::string allowed = AllowedNumber(low_s, high_s) + " s, a multiple of 0.01 s";
  const auto seconds = NumberIn(entry->scalar, entry->plain, low_s, high_s);
  if (!seconds) FailAt(*entry, Quoted(entry->scalar) + allowed);
  const double ticks = std::round(*seconds * 100);
  if (std::abs(*seconds * 100 - ticks) > 1e-6) {
    FailAt(*entry, Quoted(entry->scalar) + " is no multiple of 10 ms" + allowed);
  }
  return static_cast<int>(ticks);
}

std::chrono::milliseconds ConfigMap::Milliseconds(
    std::string_view key, double low_s, double high_s,
    std::optional<std::chrono::milliseconds> fallback) const {
  const Entry* const entry = Value(key, fallback.has_value());
  if (entry == nullptr) return *fallback;
  const auto seconds = NumberIn(entry->scalar, entry->plain, low_s, high_s);
  if (!seconds) FailAt(*entry, Quoted(entry->scalar) + AllowedNumber(low_s, high_s) + " s");
  return std::chrono::milliseconds(std::llround(*seconds * 1000));
}

std::filesystem::path ConfigMap::Path(std::string_view key) const {
  return document_->file.parent_path() / String(key);
}

std::vector<float> ConfigMap::Floats(std::string_view key, std::size_t min_count,
                                     std::size_t max_count, float low, float high) const {
  std::vector<float> values;
  for (const auto& child : List(key, min_count, max_count).children) {
    const auto value = NumberIn(child->scalar, child->plain, low, high);
    if (!value) FailAt(*child, Quoted(child->scalar) + AllowedNumber(low, high));
    values.push_back(*value);
  }
  return values;
}

std::vector<std::string> ConfigMap::Strings(std::string_view key, std::size_t min_count,
                                            std::size_t max_count) const {
  std::vector<std::string> values;
  for (const auto& child : List(key, min_count, max_count).children) {
    if (child->kind != Kind::kScalar) {
      FailAt(*child, std::string("is ") + KindName(child->kind) + "; allowed: a text");
    }
    values.push_back(child->scalar);
  }
  return values;
}

std::vector<Vec3> ConfigMap::Points(std::string_view key, std::size_t min_count,
                                    std::size_t max_count, float limit) const {
  std::vector<Vec3> values;
  for (const auto& child : List(key, min_count, max_count).children) {
    if (child->kind != Kind::kList || child->children.size() != 3) {
      FailAt(*child, "must be a point [x, y, z]");
    }
    float point[3];
    for (std::size_t i = 0; i < 3; ++i) {
      const Entry& number = *child->children[i];
      const auto value = NumberIn(number.scalar, number.plain, -limit, limit);
      if (!value) FailAt(number, Quoted(number.scalar) + AllowedNumber(-limit, limit));
      point[i] = *value;
    }
    values.push_back({point[0], point[1], point[2]});
  }
  return values;
}

std::vector<ConfigMap> ConfigMap::Maps(std::string_view key, std::size_t min_count,
                                       std::size_t max_count) const {
  std::vector<ConfigMap> maps;
  for (const auto& child : List(key, min_count, max_count).children) {
    if (child->kind != Kind::kMap) {
      FailAt(*child, std::string("is ") + KindName(child->kind) + "; allowed: a map");
    }
    maps.push_back(ConfigMap(document_, child.get()));
  }
  return maps;
}

ConfigMap ConfigMap::Map(std::string_view key) const {
  Entry* entry = Find(key);
  if (entry == nullptr) {
    document_->absent.push_back(std::make_unique<Entry>());
    entry = document_->absent.back().get();
    entry->line = entry_->line;
    entry->parent = entry_;
    entry->key = key;
  }
  if (entry->kind == Kind::kNull) entry->kind = Kind::kMap;
  if (entry->kind != Kind::kMap) {
    FailAt(*entry, std::string("is ") + KindName(entry->kind) + "; allowed: a map");
  }
  return ConfigMap(document_, entry);
}

void ConfigMap::Finish() const {
  for (std::size_t i = 0; i < entry_->children.size(); ++i) {
    Entry& child = *entry_->children[i];
    if (entry_->kind == Kind::kMap) {
      if (std::ranges::find(entry_->asked, entry_->keys[i]) == entry_->asked.end()) {
        const std::vector<std::string_view> allowed(entry_->asked.begin(), entry_->asked.end());
        FailAt(child, "unknown key; allowed: " + Joined(allowed));
      }
    }
    ConfigMap(document_, &child).Finish();
  }
}

}  // namespace hotlap
