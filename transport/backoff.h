// How long to wait before each attempt to reach somebody who does not answer.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

namespace hotlap::transport {

struct BackoffSettings {
  std::chrono::milliseconds first{100}, longest{5000};  // REQUIRES: 0 < first <= longest
};

// Waits double from the first to the longest. Each is shortened by up to a half of it, by the seed,
// so that many who lost one server do not come back at the same moment.
class Backoff {
 public:
  Backoff(const BackoffSettings& settings, std::uint64_t seed)
      : longest_(settings.longest), whole_(settings.first), random_(seed) {}

  std::chrono::milliseconds Next() {
    const std::chrono::milliseconds whole =
        std::exchange(whole_, std::min(longest_, whole_ + whole_));
    const auto half = static_cast<std::uint64_t>(whole.count() / 2);
    return whole - std::chrono::milliseconds(random_() % (half + 1));
  }

 private:
  const std::chrono::milliseconds longest_;
  std::chrono::milliseconds whole_;  // of the next wait
  std::mt19937_64 random_;
};

}  // namespace hotlap::transport
