// How much a test does: HOTLAP_TEST_SIZE is small (sanitizers), quick (the default) or long (before
// a release).
#pragma once

#include <cstdlib>
#include <string_view>

namespace hotlap {

inline int TestCount(int small, int quick, int full) {
  const char* size = std::getenv("HOTLAP_TEST_SIZE");
  const std::string_view name = size == nullptr ? "quick" : size;
  return name == "small" ? small : name == "long" ? full : quick;
}

}  // namespace hotlap
