// The latest lines of a server's log, for whoever asks from afar. Safe to use from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "transport/protocol.h"

namespace hotlap::transport {

inline constexpr std::size_t kMaxLogLines = 1000;     // as many as one reply holds
inline constexpr std::size_t kMaxLogLineBytes = 512;  // longer ones are cut

struct LogLine {
  std::uint64_t number = 0;  // from 1, growing by one, whatever is dropped
  std::int64_t time_ms = 0;  // since 1970
  LogLevel level = LogLevel::kInfo;
  std::string text{};  // printable
};

class LogLines {
 public:
  // Keeps the latest `capacity`, at most kMaxLogLines.
  explicit LogLines(std::size_t capacity = kMaxLogLines) : capacity_(capacity) {}

  void Add(LogLevel level, std::chrono::system_clock::time_point time, std::string_view text);
  // Those with a greater number and at least that severe, oldest first.
  std::vector<LogLine> Since(std::uint64_t number, LogLevel least) const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::uint64_t last_number_ = 0;
  std::deque<LogLine> lines_;
};

}  // namespace hotlap::transport
