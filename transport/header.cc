#include "transport/header.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <cstring>
#include <exception>
#include <msgpack.hpp>
#include <optional>

#include "transport/status.h"

namespace hotlap::transport {
namespace {

constexpr std::size_t kMaxNameLength = 64;
constexpr std::size_t kShortHeaderBytes = 48;  // holds the header of a batch or a ping

// Receives the parser's calls and stops it (by returning false, with a reason) at the first thing
// that a header must not have. Sizes are checked before anything is kept.
class FlatMapVisitor : public msgpack::null_visitor {
 public:
  struct Field {
    std::string_view name;
    bool is_list = false;
    std::size_t first = 0, count = 0;
  };

  bool visit_nil() { return Value(std::monostate{}); }
  bool visit_boolean(bool v) { return Value(v); }
  bool visit_positive_integer(std::uint64_t v) { return Value(v); }
  bool visit_negative_integer(std::int64_t v) {
    return v < 0 ? Value(v) : Value(static_cast<std::uint64_t>(v));
  }
  bool visit_float32(float v) { return Value(static_cast<double>(v)); }
  bool visit_float64(double v) { return Value(v); }
  bool visit_str(const char* v, std::uint32_t size) {
    const std::string_view text(size == 0 ? "" : v, size);
    if (!in_key_) return Value(text);
    if (size > kMaxNameLength) return Fail("a field name is longer than 64 bytes");
    for (const Field& field : fields) {
      if (field.name == text) return Fail("field " + Quoted(text) + " is given twice");
    }
    fields.push_back({text, false, values.size(), 0});
    return true;
  }
  bool visit_bin(const char* v, std::uint32_t size) {
    return Value(std::as_bytes(std::span(v, size)));
  }
  bool visit_ext(const char*, std::uint32_t) { return Fail("extension types are not allowed"); }

  bool start_map(std::uint32_t size) {
    if (in_map_) return FailField("is a map; only scalars and lists of scalars are allowed");
    if (size > kMaxHeaderFields) return Fail("the header has more than 32 fields");
    in_map_ = true;
    return true;
  }
  bool start_map_key() { return in_key_ = true; }
  bool end_map_key() {
    in_key_ = false;
    return true;
  }
  bool start_array(std::uint32_t size) {
    if (!in_map_) return Fail("the header is not a map");
    if (in_key_) return Fail("a field name is not a string");
    if (in_list_) return FailField("is a list of lists");
    if (size > kMaxListElements) return FailField("has more than 4096 elements");
    in_list_ = true;
    fields.back().is_list = true;
    return true;
  }
  bool end_array() {
    in_list_ = false;
    return true;
  }

  std::vector<Scalar> values;
  std::vector<Field> fields;
  std::string error;

 private:
  bool Fail(std::string text) {
    error = std::move(text);
    return false;
  }
  bool FailField(std::string_view text) {
    if (in_key_ || fields.empty()) return Fail("a field name is not a string");
    return Fail("field " + Quoted(fields.back().name) + " " + std::string(text));
  }
  bool Value(Scalar value) {
    if (!in_map_) return Fail("the header is not a map");
    if (in_key_) return Fail("a field name is not a string");
    values.push_back(value);
    ++fields.back().count;
    return true;
  }

  bool in_map_ = false, in_key_ = false, in_list_ = false;
};

struct StringStream {
  std::string& out;
  void write(const char* data, std::size_t size) { out.append(data, size); }
};

void PackString(msgpack::packer<StringStream>& packer, std::string_view text) {
  packer.pack_str(static_cast<std::uint32_t>(text.size()));
  packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

tl::unexpected<std::string> Wrong(std::string_view name, const std::string& wanted) {
  return tl::make_unexpected("field '" + std::string(name) + "' must be " + wanted);
}

std::string Range(const std::string& low, const std::string& high) {
  return "an integer in [" + low + ", " + high + "]";
}

std::string Plain(float number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%g", static_cast<double>(number));
  return text.data();
}

std::optional<float> FloatOf(const Scalar& scalar) {
  if (const auto* value = std::get_if<double>(&scalar)) return static_cast<float>(*value);
  if (const auto* positive = std::get_if<std::uint64_t>(&scalar)) {
    return static_cast<float>(*positive);
  }
  if (const auto* negative = std::get_if<std::int64_t>(&scalar)) {
    return static_cast<float>(*negative);
  }
  return std::nullopt;
}

}  // namespace

Header::Result<Header> Header::Parse(std::span<const std::byte> frame) {
  FlatMapVisitor visitor;
  visitor.fields.reserve(8);
  visitor.values.reserve(8);
  std::size_t end = 0;
  bool complete = false;
  try {
    complete =
        msgpack::parse(reinterpret_cast<const char*>(frame.data()), frame.size(), end, visitor);
  } catch (const std::exception& error) {  // the library throws for some impossible sizes
    return tl::make_unexpected("the header is not msgpack: " + std::string(error.what()));
  }
  if (!visitor.error.empty()) return tl::make_unexpected(std::move(visitor.error));
  if (!complete) return tl::make_unexpected("the header is cut short or not msgpack");
  if (end != frame.size()) return tl::make_unexpected("bytes follow the header's map");
  Header header;
  header.values_ = std::move(visitor.values);
  header.fields_.reserve(visitor.fields.size());
  for (const auto& field : visitor.fields) {
    header.fields_.push_back(
        {field.name, field.is_list, std::span(header.values_).subspan(field.first, field.count)});
  }
  return header;
}

const HeaderField* Header::Find(std::string_view name) const {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [&](const auto& f) { return f.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

const Scalar* Header::FindScalar(std::string_view name) const {
  const HeaderField* field = Find(name);
  return field == nullptr || field->is_list ? nullptr : &field->values[0];
}

Header::Result<std::uint64_t> Header::Unsigned(std::string_view name, std::uint64_t low,
                                               std::uint64_t high) const {
  const Scalar* scalar = FindScalar(name);
  const auto* value = scalar == nullptr ? nullptr : std::get_if<std::uint64_t>(scalar);
  if (value == nullptr || *value < low || *value > high) {
    return Wrong(name, Range(std::to_string(low), std::to_string(high)));
  }
  return *value;
}

Header::Result<std::int64_t> Header::Signed(std::string_view name, std::int64_t low,
                                            std::int64_t high) const {
  const Scalar* scalar = FindScalar(name);
  std::int64_t value = 0;
  bool good = false;
  if (scalar != nullptr) {
    if (const auto* negative = std::get_if<std::int64_t>(scalar)) {
      value = *negative;
      good = true;
    } else if (const auto* positive = std::get_if<std::uint64_t>(scalar)) {
      good = *positive <= static_cast<std::uint64_t>(INT64_MAX);
      if (good) value = static_cast<std::int64_t>(*positive);
    }
  }
  if (!good || value < low || value > high) {
    return Wrong(name, Range(std::to_string(low), std::to_string(high)));
  }
  return value;
}

Header::Result<float> Header::Float(std::string_view name, float low, float high) const {
  const Scalar* scalar = FindScalar(name);
  const auto value = scalar == nullptr ? std::nullopt : FloatOf(*scalar);
  if (!value || !(*value >= low && *value <= high)) {
    return Wrong(name, "a number in [" + Plain(low) + ", " + Plain(high) + "]");
  }
  return *value;
}

Header::Result<bool> Header::Bool(std::string_view name) const {
  const Scalar* scalar = FindScalar(name);
  const auto* value = scalar == nullptr ? nullptr : std::get_if<bool>(scalar);
  if (value == nullptr) return Wrong(name, "a boolean");
  return *value;
}

Header::Result<std::string_view> Header::String(std::string_view name,
                                                std::size_t max_length) const {
  const Scalar* scalar = FindScalar(name);
  const auto* value = scalar == nullptr ? nullptr : std::get_if<std::string_view>(scalar);
  if (value == nullptr || value->size() > max_length) {
    return Wrong(name, "a string of at most " + std::to_string(max_length) + " bytes");
  }
  return *value;
}

Header::Result<std::span<const std::byte>> Header::Bytes(std::string_view name,
                                                         std::size_t length) const {
  const Scalar* scalar = FindScalar(name);
  const auto* value = scalar == nullptr ? nullptr : std::get_if<std::span<const std::byte>>(scalar);
  if (value == nullptr || value->size() != length) {
    return Wrong(name, "binary of " + std::to_string(length) + " bytes");
  }
  return *value;
}

Header::Result<std::vector<std::string>> Header::Strings(std::string_view name,
                                                         std::size_t max_length) const {
  const HeaderField* field = Find(name);
  const std::string wanted =
      "a list of strings of at most " + std::to_string(max_length) + " bytes";
  if (field == nullptr || !field->is_list) return Wrong(name, wanted);
  std::vector<std::string> out;
  out.reserve(field->values.size());
  for (const Scalar& scalar : field->values) {
    const auto* value = std::get_if<std::string_view>(&scalar);
    if (value == nullptr || value->size() > max_length) return Wrong(name, wanted);
    out.emplace_back(*value);
  }
  return out;
}

Header::Result<std::vector<std::uint64_t>> Header::UnsignedList(std::string_view name) const {
  const HeaderField* field = Find(name);
  if (field == nullptr || !field->is_list) return Wrong(name, "a list of unsigned integers");
  std::vector<std::uint64_t> out;
  out.reserve(field->values.size());
  for (const Scalar& scalar : field->values) {
    const auto* value = std::get_if<std::uint64_t>(&scalar);
    if (value == nullptr) return Wrong(name, "a list of unsigned integers");
    out.push_back(*value);
  }
  return out;
}

Header::Result<std::vector<float>> Header::FloatList(std::string_view name) const {
  const HeaderField* field = Find(name);
  if (field == nullptr || !field->is_list) return Wrong(name, "a list of numbers");
  std::vector<float> out;
  out.reserve(field->values.size());
  for (const Scalar& scalar : field->values) {
    const auto value = FloatOf(scalar);
    if (!value) return Wrong(name, "a list of numbers");
    out.push_back(*value);
  }
  return out;
}

HeaderWriter::HeaderWriter() {
  frame_.reserve(kShortHeaderBytes);
  frame_.push_back('\0');
}

void HeaderWriter::Name(std::string_view name) {
  StringStream stream{frame_};
  msgpack::packer<StringStream> packer(stream);
  PackString(packer, name);
  ++num_fields_;
  assert(num_fields_ <= kMaxHeaderFields);
}

HeaderWriter& HeaderWriter::Unsigned(std::string_view name, std::uint64_t value) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream>(stream).pack_uint64(value);
  return *this;
}

HeaderWriter& HeaderWriter::Signed(std::string_view name, std::int64_t value) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream>(stream).pack_int64(value);
  return *this;
}

HeaderWriter& HeaderWriter::Float(std::string_view name, float value) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream>(stream).pack_float(value);
  return *this;
}

HeaderWriter& HeaderWriter::Bool(std::string_view name, bool value) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream> packer(stream);
  value ? packer.pack_true() : packer.pack_false();
  return *this;
}

HeaderWriter& HeaderWriter::String(std::string_view name, std::string_view value) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream> packer(stream);
  PackString(packer, value);
  return *this;
}

HeaderWriter& HeaderWriter::Bytes(std::string_view name, std::span<const std::byte> value) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream> packer(stream);
  packer.pack_bin(static_cast<std::uint32_t>(value.size()));
  packer.pack_bin_body(reinterpret_cast<const char*>(value.data()),
                       static_cast<std::uint32_t>(value.size()));
  return *this;
}

HeaderWriter& HeaderWriter::Strings(std::string_view name, std::span<const std::string> values) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream> packer(stream);
  packer.pack_array(static_cast<std::uint32_t>(values.size()));
  for (const std::string& value : values) PackString(packer, value);
  return *this;
}

HeaderWriter& HeaderWriter::UnsignedList(std::string_view name,
                                         std::span<const std::uint64_t> values) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream> packer(stream);
  packer.pack_array(static_cast<std::uint32_t>(values.size()));
  for (const std::uint64_t value : values) packer.pack_uint64(value);
  return *this;
}

HeaderWriter& HeaderWriter::FloatList(std::string_view name, std::span<const float> values) {
  Name(name);
  StringStream stream{frame_};
  msgpack::packer<StringStream> packer(stream);
  packer.pack_array(static_cast<std::uint32_t>(values.size()));
  for (const float value : values) packer.pack_float(value);
  return *this;
}

std::string HeaderWriter::Finish() {
  std::string head;  // more than one byte when the fields are many
  StringStream stream{head};
  msgpack::packer<StringStream>(stream).pack_map(num_fields_);
  frame_.replace(0, 1, head);
  return std::move(frame_);
}

}  // namespace hotlap::transport
