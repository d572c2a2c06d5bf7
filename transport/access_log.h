// A file that says who came, went and was refused: a line of JSON each, for programs that watch
// over a server. Writing a line waits for no disk.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "transport/status.h"

namespace hotlap::transport {

// Texts of ours or ZeroMQ's; those that are empty are left out.
struct AccessEvent {
  std::string_view event;        // opened, resumed, dropped, closed, expired, refused, ..
                                 // .. turned_away, cut
  std::string_view address{};    // of the peer
  std::string_view client{};     // name of its key
  std::string_view session{};    // public id
  std::string_view operation{};  // that was refused
  Status status = Status::kOk;   // why; kOk is left out
};

// Lines are written by a thread of its own. What comes faster than kMaxPerSecond, or than the disk
// takes it, is counted instead: {"event": "left_out", "count": n}. Refusals and the coming and
// going of sessions are counted apart, so that a flood of the former hides none of the latter. From
// any thread.
class AccessLog {
 public:
  static constexpr int kMaxPerSecond = 200;

  // Goes on at the end of the file. Throws std::runtime_error when it cannot be written.
  explicit AccessLog(std::filesystem::path file);
  ~AccessLog();  // writes what there is
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void Write(const AccessEvent& event);
  // The file may have been moved away: goes on in one of the old name.
  void Reopen();

 private:
  void Run();
  void LeaveOutLocked();

  const std::filesystem::path file_;
  int fd_;  // of the thread

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::time_t second_ = 0;          // that in_second_ counts
  std::array<int, 2> in_second_{};  // refusals, all others
  std::uint64_t left_out_ = 0;
  bool reopens_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace hotlap::transport
