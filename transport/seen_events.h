// Which events a client has had already, so that one that is sent again counts once.
#pragma once

#include <bitset>
#include <cstdint>

#include "transport/outbox.h"

namespace hotlap::transport {

class SeenEvents {
 public:
  // Whether it is the first of its number; one older than what is looked back on is none.
  bool Add(std::uint64_t number) {
    if (number + kEventMemory <= newest_) return false;
    for (; newest_ < number && is_behind(number); ++newest_) seen_.reset(Place(newest_ + 1));
    if (newest_ < number) {  // a leap: nothing of before is looked back on
      seen_.reset();
      newest_ = number;
    }
    const bool is_new = !seen_.test(Place(number));
    seen_.set(Place(number));
    return is_new;
  }

 private:
  static std::size_t Place(std::uint64_t number) {
    return static_cast<std::size_t>(number % kEventMemory);
  }
  bool is_behind(std::uint64_t number) const { return number - newest_ < kEventMemory; }

  std::uint64_t newest_ = 0;
  std::bitset<kEventMemory> seen_;  // of the newest number and those before
};

}  // namespace hotlap::transport
