// The header frame of a message: a flat msgpack map from names to scalars or lists of scalars.
// Nothing nests deeper, so a reader needs a bounded amount of memory for any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

namespace hotlap::transport {

inline constexpr std::size_t kMaxHeaderFields = 32;
inline constexpr std::size_t kMaxListElements = 4096;

// Non-negative integers are uint64_t whatever their encoding, negative ones int64_t. Strings and
// bytes point into the frame.
using Scalar = std::variant<std::monostate, bool, std::uint64_t, std::int64_t, double,
                            std::string_view, std::span<const std::byte>>;

struct HeaderField {
  std::string_view name;
  bool is_list = false;
  std::span<const Scalar> values;  // one when not a list
};

// A parsed header frame. The frame must outlive it. Each typed reader gives an error that names the
// field and what it must be.
class Header {
 public:
  template <typename T>
  using Result = tl::expected<T, std::string>;

  static Result<Header> Parse(std::span<const std::byte> frame);
  Header(Header&&) = default;
  Header& operator=(Header&&) = default;

  std::span<const HeaderField> fields() const { return fields_; }
  const HeaderField* Find(std::string_view name) const;  // nullptr when absent

  // An absent field is an error of these. Floats that are whole may be encoded as integers.
  Result<std::uint64_t> Unsigned(std::string_view name, std::uint64_t low,
                                 std::uint64_t high) const;
  Result<std::int64_t> Signed(std::string_view name, std::int64_t low, std::int64_t high) const;
  Result<float> Float(std::string_view name, float low, float high) const;
  Result<bool> Bool(std::string_view name) const;
  Result<std::string_view> String(std::string_view name, std::size_t max_length) const;
  Result<std::span<const std::byte>> Bytes(std::string_view name, std::size_t length) const;
  Result<std::vector<std::string>> Strings(std::string_view name, std::size_t max_length) const;
  Result<std::vector<std::uint64_t>> UnsignedList(std::string_view name) const;
  Result<std::vector<float>> FloatList(std::string_view name) const;

 private:
  Header() = default;
  const Scalar* FindScalar(std::string_view name) const;

  std::vector<Scalar> values_;
  std::vector<HeaderField> fields_;
};

// Writes a header frame, field by field.
class HeaderWriter {
 public:
  HeaderWriter();
  HeaderWriter& Unsigned(std::string_view name, std::uint64_t value);
  HeaderWriter& Signed(std::string_view name, std::int64_t value);
  HeaderWriter& Float(std::string_view name, float value);
  HeaderWriter& Bool(std::string_view name, bool value);
  HeaderWriter& String(std::string_view name, std::string_view value);
  HeaderWriter& Bytes(std::string_view name, std::span<const std::byte> value);
  HeaderWriter& Strings(std::string_view name, std::span<const std::string> values);
  HeaderWriter& UnsignedList(std::string_view name, std::span<const std::uint64_t> values);
  HeaderWriter& FloatList(std::string_view name, std::span<const float> values);

  std::string Finish();  // the frame; the writer is used up

 private:
  void Name(std::string_view name);

  std::string frame_;  // one byte for the map's head, then its fields
  std::uint32_t num_fields_ = 0;
};

}  // namespace hotlap::transport
