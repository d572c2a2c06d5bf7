// What benchmarks do with a refusal: they end, and say why.
#pragma once

#include <stdexcept>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "transport/status.h"

namespace hotlap::transport {

template <typename T>
T Unwrap(tl::expected<T, Refusal> result) {
  if (!result) throw std::runtime_error(result.error().text);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace hotlap::transport
