#include "agents/progress_line.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace hotlap::agents {
namespace {

constexpr std::chrono::milliseconds kTerminalPeriod{100}, kPlainPeriod{5000};

}  // namespace

ProgressLine::ProgressLine(std::ostream& out, bool is_terminal, Clock::time_point now)
    : out_(out), is_terminal_(is_terminal), next_(is_terminal ? now : now + kPlainPeriod) {}

void ProgressLine::Show(Clock::time_point now, const std::string& text) {
  next_ = now + (is_terminal_ ? kTerminalPeriod : kPlainPeriod);
  is_shown_ = true;
  if (is_terminal_) {
    out_ << "\r\x1b[K" << text << std::flush;
  } else {
    out_ << text << '\n' << std::flush;
  }
}

void ProgressLine::Clear() {
  if (is_terminal_ && is_shown_) out_ << "\r\x1b[K" << std::flush;
  is_shown_ = false;
}

std::string ProgressBar(double share, int cells) {
  const int full = std::clamp(static_cast<int>(std::lround(share * cells)), 0, cells);
  return '[' + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(cells - full), '-') + ']';
}

}  // namespace hotlap::agents
