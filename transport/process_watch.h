// Tells when another process has ended, however it ended: for a server that belongs to a learner.
#pragma once

#include <sys/types.h>

#include <functional>
#include <thread>

#include "transport/event_fd.h"

namespace hotlap::transport {

class ProcessWatch {
 public:
  // `on_end` is called once, on a thread of its own, when the process has ended, also when there is
  // none to begin with. Throws std::system_error when the kernel cannot watch it.
  ProcessWatch(pid_t process, std::function<void()> on_end);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

 private:
  int process_fd_;  // readable once it has ended; -1: there was none
  EventFd stopping_;
  std::thread thread_;
};

}  // namespace hotlap::transport
