#include "agents/record.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = std::size_t{256} << 20;
constexpr int kMaxDepth = 8, kMaxValues = 2'000'000;

// Stops the parser, which calls itself, before the stack ends, and before a file of small values
// becomes a tree of many times its size.
class Limits : public nlohmann::json_sax<json> {
 public:
  bool null() override { return Count(); }
  bool boolean(bool) override { return Count(); }
  bool number_integer(number_integer_t) override { return Count(); }
  bool number_unsigned(number_unsigned_t) override { return Count(); }
  bool number_float(number_float_t, const string_t&) override { return Count(); }
  bool string(string_t&) override { return Count(); }
  bool binary(binary_t&) override { return Count(); }
  bool start_object(std::size_t) override { return Count() && ++depth_ <= kMaxDepth; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return --depth_ >= 0; }
  bool start_array(std::size_t) override { return Count() && ++depth_ <= kMaxDepth; }
  bool end_array() override { return --depth_ >= 0; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return false;
  }

 private:
  bool Count() { return ++count_ <= kMaxValues; }
  int depth_ = 0, count_ = 0;
};

[[noreturn]] void Fail(const char* key, const std::string& what) {
  throw std::runtime_error(std::string("the field '") + key + "' " + what);
}

}  // namespace

void WriteRecord(const std::filesystem::path& path, const char* kind, int version, json object) {
  object["hotlap"] = kind;
  object["version"] = version;
  WriteWholeFile(path, json::to_msgpack(object));
}

json ReadRecord(const std::filesystem::path& path, const char* kind, int version) {
  const std::string bytes = ReadWholeFile(path, kMaxBytes);
  try {
    Limits limits;
    if (!json::sax_parse(bytes, &limits, json::input_format_t::msgpack)) {
      throw std::runtime_error("it is no msgpack, nested too deep or of too many values");
    }
    json object = json::from_msgpack(bytes);
    if (UnpackString(object, "hotlap") != kind) Fail("hotlap", std::string("is not ") + kind);
    UnpackInt(object, "version", version, version);
    return object;
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

const json& Field(const json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) Fail(key, "is missing");
  return object[key];
}

std::int64_t UnpackInt(const json& object, const char* key, std::int64_t low, std::int64_t high) {
  const json& field = Field(object, key);
  const bool is_too_large =
      field.is_number_unsigned() && field.get<std::uint64_t>() > static_cast<std::uint64_t>(high);
  if (!field.is_number_integer() || is_too_large || field.get<std::int64_t>() < low ||
      field.get<std::int64_t>() > high) {
    Fail(key, "is no whole number in [" + std::to_string(low) + ", " + std::to_string(high) + "]");
  }
  return field.get<std::int64_t>();
}

double UnpackNumber(const json& object, const char* key) {
  const json& field = Field(object, key);
  if (!field.is_number() || !std::isfinite(field.get<double>())) Fail(key, "is no finite number");
  return field.get<double>();
}

double UnpackNumber(const json& object, const char* key, double low, double high) {
  const double value = UnpackNumber(object, key);
  CheckWithin(key, value, low, high);
  return value;
}

void CheckWithin(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) Fail(key, "is out of range");
}

void CheckArray(const json& object, const char* key, std::size_t size) {
  const json& field = Field(object, key);
  if (!field.is_binary()) Fail(key, "is no array of bytes");
  if (const std::size_t found = field.get_binary().size(); found != size) {
    Fail(key, "has " + std::to_string(found) + " bytes instead of " + std::to_string(size));
  }
}

std::string UnpackString(const json& object, const char* key) {
  const json& field = Field(object, key);
  if (!field.is_string()) Fail(key, "is no text");
  return field.get<std::string>();
}

std::string Hex(std::uint64_t value) {
  std::array<char, 17> text;
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

std::uint64_t UnpackHex(const json& object, const char* key) {
  const std::string text = UnpackString(object, key);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || text.size() != 16 || end != text.data() + text.size()) {
    Fail(key, "is no 16 hexadecimal digits");
  }
  return value;
}

}  // namespace hotlap::agents
