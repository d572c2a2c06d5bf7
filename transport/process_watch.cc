#include "transport/process_watch.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace hotlap::transport {
namespace {

// Names the process itself: its number may be another's once it has ended.
int OpenProcess(pid_t process) {
  const auto fd = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  if (fd < 0 && errno != ESRCH) {
    throw std::system_error(errno, std::generic_category(),
                            "watching process " + std::to_string(process));
  }
  return fd;
}

}  // namespace

ProcessWatch::ProcessWatch(pid_t process, std::function<void()> on_end)
    : process_fd_(OpenProcess(process)) {
  thread_ = std::thread([this, on_end = std::move(on_end)] {
    pollfd items[] = {{process_fd_, POLLIN, 0}, {stopping_.fd(), POLLIN, 0}};
    while (process_fd_ >= 0 && items[0].revents == 0) {
      if (poll(items, 2, -1) < 0) continue;
      if (items[1].revents != 0) return;
    }
    on_end();
  });
}

ProcessWatch::~ProcessWatch() {
  stopping_.Wake();
  thread_.join();
  if (process_fd_ >= 0) close(process_fd_);
}

}  // namespace hotlap::transport
