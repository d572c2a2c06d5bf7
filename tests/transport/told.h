// A reply that tells something, with verbs for tests.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "tests/transport/serving.h"
#include "transport/header.h"

namespace hotlap::transport {

class Told {
 public:
  explicit Told(const RawReply& reply)
      : reply_(reply), header_(Header::Parse(std::as_bytes(std::span(reply_.frames[0]))).value()) {
    EXPECT_EQ(reply_.header.status, Status::kOk) << reply_.header.error;
  }
  std::vector<std::string> Texts(const char* name) const {
    return header_.Strings(name, 1 << 20).value();
  }
  std::vector<std::uint64_t> Numbers(const char* name) const {
    return header_.UnsignedList(name).value();
  }
  std::vector<float> Floats(const char* name) const { return header_.FloatList(name).value(); }
  std::uint64_t Number(const char* name) const {
    return header_.Unsigned(name, 0, UINT64_MAX).value();
  }
  float Float(const char* name) const { return header_.Float(name, -1e30f, 1e30f).value(); }
  std::string Text(const char* name) const { return std::string(header_.String(name, 64).value()); }
  template <typename T>
  std::vector<T> Array(std::size_t index) const {
    const std::string& frame = reply_.frames[index + 1];
    std::vector<T> values(frame.size() / sizeof(T));
    std::memcpy(values.data(), frame.data(), frame.size());
    return values;
  }
  std::size_t num_arrays() const { return reply_.frames.size() - 1; }

 private:
  RawReply reply_;
  Header header_;
};

}  // namespace hotlap::transport
