// What was counted for one session.
#pragma once

#include <cstdint>

#include "transport/traffic.h"

namespace hotlap::transport {

struct SessionStats {
  Traffic traffic;
  std::uint64_t steps = 0;  // of its rows
  std::uint64_t requests_pending = 0;
  std::uint64_t events_pending = 0, events_acknowledged = 0;
  std::uint64_t events_timed_out = 0;  // and other ones given up
  double latency_us = 0;
};

}  // namespace hotlap::transport
