// Reads the fields of a header one after the other and keeps the first error, so that a decoder is
// a list of fields.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "transport/header.h"

namespace hotlap::transport {

class HeaderReader {
 public:
  explicit HeaderReader(const Header& header) : header_(header) {}

  bool Has(std::string_view name) const { return header_.Find(name) != nullptr; }

  // What one of Header's typed readers has read.
  template <typename T, typename Out>
  void Keep(Header::Result<T> read, Out& out) {
    if (read) {
      out = static_cast<Out>(*std::move(read));
    } else if (error_.empty()) {
      error_ = std::move(read.error());
    }
  }
  // Binary of the size of `out`.
  template <typename Bytes>
  void Binary(std::string_view name, Bytes& out) {
    const auto read = header_.Bytes(name, out.size());
    if (read) {
      std::copy(read->begin(), read->end(), out.begin());
    } else if (error_.empty()) {
      error_ = read.error();
    }
  }
  void Fail(std::string_view name, std::string_view text) {
    if (error_.empty()) error_ = "field '" + std::string(name) + "' " + std::string(text);
  }

  const std::string& error() const { return error_; }  // empty: none
  template <typename T>
  tl::expected<T, std::string> Finish(T value) {
    if (!error_.empty()) return tl::make_unexpected(std::move(error_));
    return value;
  }

 protected:
  const Header& header_;

 private:
  std::string error_;
};

}  // namespace hotlap::transport
