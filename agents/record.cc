#include "agents/record.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = std::size_t{256} << 20;
constexpr int kMaxDepth = 8;

// Stops the parser, which calls itself, before the stack ends.
class DepthLimit : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_ <= kMaxDepth; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return --depth_ >= 0; }
  bool start_array(std::size_t) override { return ++depth_ <= kMaxDepth; }
  bool end_array() override { return --depth_ >= 0; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return false;
  }

 private:
  int depth_ = 0;
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
  const std::vector<std::uint8_t> bytes = ReadWholeFile(path, kMaxBytes);
  try {
    DepthLimit limit;
    if (!json::sax_parse(bytes, &limit, json::input_format_t::msgpack)) {
      throw std::runtime_error("it is no msgpack, or nested too deep");
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
  if (!field.is_number()) Fail(key, "is no number");
  return field.get<double>();
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
