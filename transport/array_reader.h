// Reads the arrays of a reply one after the other and keeps the first error, as HeaderReader does
// with the fields.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>
#include <vector>
#include <zmq.hpp>

namespace hotlap::transport {

class ArrayReader {
 public:
  // All frames of the reply, at least that of the header; they outlive it.
  explicit ArrayReader(std::span<const zmq::message_t> frames) : arrays_(frames.subspan(1)) {}

  // Of the next array, as far as it is there.
  template <typename T>
  std::size_t Count() const {
    return next_ < arrays_.size() ? arrays_[next_].size() / sizeof(T) : 0;
  }
  // The next array. T is sent as it is; zeros when there is an error.
  template <typename T>
  std::vector<T> Read(std::string_view name, std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> values(count);
    if (next_ == arrays_.size()) {
      Fail(name, "is missing");
      return values;
    }
    const zmq::message_t& array = arrays_[next_++];
    const std::size_t bytes = count * sizeof(T);
    if (array.size() != bytes) {
      Fail(name,
           "has " + std::to_string(array.size()) + " bytes, must have " + std::to_string(bytes));
    } else if (count > 0) {
      std::memcpy(values.data(), array.data(), bytes);
    }
    return values;
  }
  // One of floats, which must be finite.
  template <typename T>
  std::vector<T> ReadFinite(std::string_view name, std::size_t count) {
    static_assert(sizeof(T) % sizeof(float) == 0);
    std::vector<T> values = Read<T>(name, count);
    const std::size_t bytes = count * sizeof(T);
    std::vector<float> floats(bytes / sizeof(float));
    if (count > 0) std::memcpy(floats.data(), values.data(), bytes);
    if (!std::ranges::all_of(floats, [](float value) { return std::isfinite(value); })) {
      Fail(name, "has a value that is not finite");
    }
    return values;
  }
  void Fail(std::string_view name, std::string_view text) {
    if (error_.empty()) error_ = "array '" + std::string(name) + "' " + std::string(text);
  }

  template <typename T>
  tl::expected<T, std::string> Finish(T value) {
    if (error_.empty() && next_ < arrays_.size()) error_ = "it has more arrays than it should";
    if (!error_.empty()) return tl::make_unexpected(std::move(error_));
    return value;
  }

 private:
  const std::span<const zmq::message_t> arrays_;
  std::size_t next_ = 0;
  std::string error_;
};

}  // namespace hotlap::transport
