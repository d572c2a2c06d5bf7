// Highway's instruction sets on this machine, for tests that hold their bits equal.
#pragma once

#include <hwy/targets.h>

#include <cstdint>
#include <vector>

namespace hotlap {

// Puts back what Highway may choose from.
class Targets {
 public:
  ~Targets() { hwy::SetSupportedTargetsForTest(0); }
  static std::vector<std::int64_t> All() {
    std::vector<std::int64_t> all;
    for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
      all.push_back(left & -left);
    }
    return all;
  }
  static void Only(std::int64_t target) { hwy::SetSupportedTargetsForTest(target); }
};

}  // namespace hotlap
