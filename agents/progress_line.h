// What a long job is doing right now: one line that updates itself on a terminal, plain lines now
// and then elsewhere.
#pragma once

#include <ostream>
#include <string>

#include "env/deadline.h"

namespace hotlap::agents {

class ProgressLine {
 public:
  // `now` is when the job begins: a job that is done within seconds writes no plain line.
  ProgressLine(std::ostream& out, bool is_terminal, Clock::time_point now);

  // True when it is time for another text, so that making one costs nothing in between.
  bool IsDue(Clock::time_point now) const { return now >= next_; }
  void Show(Clock::time_point now, const std::string& text);
  // Takes the line away on a terminal, before other output.
  void Clear();

 private:
  std::ostream& out_;
  bool is_terminal_;
  bool is_shown_ = false;
  Clock::time_point next_;
};

// [######----] of this many cells.
std::string ProgressBar(double share, int cells);

}  // namespace hotlap::agents
