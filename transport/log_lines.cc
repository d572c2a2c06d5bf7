#include "transport/log_lines.h"

#include <utility>

#include "transport/printable.h"

namespace hotlap::transport {

void LogLines::Add(LogLevel level, std::chrono::system_clock::time_point time,
                   std::string_view text) {
  const auto since_1970 =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  LogLine line{
      .time_ms = since_1970.count(), .level = level, .text = MadePrintable(text, kMaxLogLineBytes)};
  const std::lock_guard lock(mutex_);
  line.number = ++last_number_;
  lines_.push_back(std::move(line));
  if (lines_.size() > capacity_) lines_.pop_front();
}

std::vector<LogLine> LogLines::Since(std::uint64_t number, LogLevel least) const {
  std::vector<LogLine> found;
  const std::lock_guard lock(mutex_);
  for (const LogLine& line : lines_) {
    if (line.number > number && line.level >= least) found.push_back(line);
  }
  return found;
}

}  // namespace hotlap::transport
