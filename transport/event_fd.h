// What wakes a thread that polls: an eventfd and its owner.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace hotlap::transport {

class EventFd {
 public:
  // Throws std::system_error.
  EventFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~EventFd() { close(fd_); }
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;

  int fd() const { return fd_; }  // readable once it was woken
  // From any thread and from signal handlers.
  void Wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
  }
  // False when nobody has woken it since the last time.
  bool Take() const {
    std::uint64_t count = 0;
    return read(fd_, &count, sizeof(count)) > 0;
  }

 private:
  int fd_;
};

}  // namespace hotlap::transport
