#include "transport/access_log.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace hotlap::transport {
namespace {

constexpr std::size_t kMaxWaiting = 4096;  // lines

int OpenFile(const std::filesystem::path& file) {
  return open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

// In JSON's quotes. The texts are ours, but a name of a file may be anything.
std::string JsonText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c < ' ' || c == 0x7F ? '?' : c;
  }
  return out + '"';
}

void Append(std::string& line, const char* name, std::string_view text) {
  if (!text.empty()) line += std::string(", \"") + name + "\": " + JsonText(text);
}

// {"time": "2026-01-31T12:00:00.123Z", without the end.
std::string LineBegin(std::chrono::system_clock::time_point now) {
  const std::time_t second = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  std::tm utc{};
  gmtime_r(&second, &utc);
  char text[48];
  const std::size_t size = std::strftime(text, sizeof(text), "{\"time\": \"%FT%T", &utc);
  std::snprintf(text + size, sizeof(text) - size, ".%03dZ\"", static_cast<int>(ms.count() % 1000));
  return text;
}

// How much of it there was room for.
std::size_t WriteAll(int fd, std::string_view text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
  return done;
}

}  // namespace

AccessLog::AccessLog(std::filesystem::path file) : file_(std::move(file)), fd_(OpenFile(file_)) {
  if (fd_ < 0) {
    throw std::runtime_error(file_.string() +
                             ": this access log cannot be written: " + std::strerror(errno));
  }
  thread_ = std::thread([this] { Run(); });
}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    LeaveOutLocked();
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  close(fd_);
}

void AccessLog::Write(const AccessEvent& event) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t second = std::chrono::system_clock::to_time_t(now);
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(second_, second) != second) {
      in_second_ = {};
      LeaveOutLocked();
    }
    if (++in_second_[event.session.empty() || event.status != Status::kOk ? 0 : 1] >
            kMaxPerSecond ||
        lines_.size() >= kMaxWaiting) {
      ++left_out_;
      return;
    }
    std::string line = LineBegin(now);
    Append(line, "event", event.event);
    Append(line, "address", event.address);
    Append(line, "client", event.client);
    Append(line, "session", event.session);
    Append(line, "operation", event.operation);
    if (event.status != Status::kOk) Append(line, "status", StatusName(event.status));
    lines_.push_back(line + "}\n");
  }
  changed_.notify_one();
}

// The line about what was left out before this moment.
void AccessLog::LeaveOutLocked() {
  if (left_out_ == 0) return;
  lines_.push_back(LineBegin(std::chrono::system_clock::now()) +
                   R"(, "event": "left_out", "count": )" +
                   std::to_string(std::exchange(left_out_, 0)) + "}\n");
}

void AccessLog::Reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopens_ = true;
  }
  changed_.notify_one();
}

void AccessLog::Run() {
  bool is_cut = false;  // the last line in the file
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || reopens_ || !lines_.empty(); });
    std::string text = is_cut ? "\n" : "";
    for (const std::string& line : lines_) text += line;
    lines_.clear();
    const bool reopens = std::exchange(reopens_, false), stops = stopping_;
    lock.unlock();
    // A full disk costs lines, which are counted, and may cut one, which then ends there.
    const std::size_t written = WriteAll(fd_, text);
    std::int64_t lost =
        std::count(text.begin() + static_cast<std::ptrdiff_t>(written), text.end(), '\n');
    if (is_cut && written == 0) --lost;
    if (written > 0) is_cut = text[written - 1] != '\n';
    if (reopens) {
      if (const int fd = OpenFile(file_); fd >= 0) {
        close(std::exchange(fd_, fd));
        is_cut = false;
      } else {
        spdlog::error("{}: the access log cannot be opened again: {}", file_.string(),
                      std::strerror(errno));
      }
    }
    if (stops) return;
    lock.lock();
    left_out_ += static_cast<std::uint64_t>(lost);
  }
}

}  // namespace hotlap::transport
